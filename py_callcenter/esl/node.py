"""All connections to one FreeSWITCH, kept alive: the only door between the application and a switch.

One connection for events, which is never sent a command (while FreeSWITCH reads a command it sends no
events) but is poked; some for quick commands; some for background jobs, so that a quick command never
queues behind an originate (1 ms each). After each new events connection the link subscribes, holds events
back, asks the switch what is there, tells the application (`on_sync`) and then replays what it held.
"""

from __future__ import annotations

import random
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Protocol

import gevent
import gevent.event
import structlog

from py_callcenter._router import Event, EventError, Poker
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    Bridge,
    Look,
    Originate,
    Probe,
    StartRecording,
)
from py_callcenter.engine.pacing import Capacity
from py_callcenter.esl import commands
from py_callcenter.esl.canary import Canaries
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import (
    AuthRefused,
    CommandError,
    CommandRefused,
    ConnectionFailed,
    EslError,
    RudeRejection,
    UnknownOutcome,
)
from py_callcenter.esl.heartbeat import Heartbeat
from py_callcenter.esl.sync import Picture, take_picture
from py_callcenter.esl.values import Counters, Limits, Reply

_SLICE_S = 0.005
"""Held events are replayed for so long before others may run."""

log = structlog.get_logger(__name__)

NOT_SENT = "not sent: no connection to the node"
"""`on_failure`'s text for an action that never left: it certainly didn't happen."""


class State(StrEnum):
    """What a node can do for us."""

    CONNECTING = "connecting"
    """Nothing known yet, or the picture of its channels is being taken."""
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"
    """It is there but doesn't let us in: wrong password or access list. A person has to act."""


class App(Protocol):
    """What the link tells the application; always in the hub's thread. Nothing here may block for long."""

    def on_event(self, node: str, event: Event) -> None:
        """An event in its order; canaries excepted."""

    def on_failure(self, action: Action, error: str | None) -> None:
        """The action was refused (the switch's or our builder's words), or nobody knows (None)."""

    def on_probe(self, action: Probe, alive: bool) -> None:
        """The answer to a `Probe`."""

    def on_look(self, action: Look, dump: Event | None) -> None:
        """The answer to a `Look`; None: there is no such channel."""

    def on_application(self, action: AskApplication, application: str) -> None:
        """The answer to an `AskApplication`."""

    def on_sync(self, node: str, dumps: list[Event], core_uuid: str, restarted: bool) -> None:
        """All channels that could concern us. `restarted`: the switch is another run, all others are gone."""

    def on_state(self, node: str, state: State) -> None:
        """The state has changed."""

    def on_gone(self, node: str) -> None:
        """The switch isn't there any more, or hasn't been seen for so long that it counts as that."""

    def known_legs(self, node: str) -> Iterable[str]:
        """Channels that the application holds for alive on this node."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Where a node is and how many connections it gets."""

    name: str
    host: str
    port: int
    password: str = field(repr=False)
    quick: int = 1
    """Connections for quick commands. One keeps all of them in order."""
    background: int = 2
    """Connections for originates and recordings."""
    dead_man_s: int = 0
    """After so many seconds without us the node runs `cc_deadman.lua`; 0 leaves the node alone."""
    lease_s: int = 10
    """After so many seconds without us the node's dialplan turns new callers away."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Periods in seconds."""

    poke_s: float = 0.001
    hurry_s: float = 0.00015
    """Between pokes when a caller has come or a leg was answered: a PARK follows within milliseconds."""
    canary_s: float = 1.0
    canaries_missed: int = 3
    back_off_first_s: float = 0.1
    back_off_soon_s: float = 1.0
    """Longest pause at first: a switch that restarts is back in seconds and has callers at once."""
    soon_for_s: float = 60.0
    back_off_most_s: float = 10.0
    """Longest pause when a node has been away for longer."""
    refused_s: float = 30.0
    steady_s: float = 10.0
    """A connection that lived so long starts again with the shortest back-off."""
    hands_s: float = 1.0
    """So long the first picture waits for the connections that commands go out by."""
    second_look_s: float = 1.0
    """After a reconnect the picture is taken again: `show channels` lags behind (freeswitch-esl.md 0.8)."""
    resync_every_s: float = 5.0
    """Lost events ask for a new picture at most so often."""
    dead_man_every_s: float = 1.0
    gone_after_s: float = 1.0
    """Its machine answers for so long that nobody listens: the switch has ended. A reload of its event socket
    is shorter."""
    out_of_sight_s: float = 60.0
    """Nothing is heard for so long: its calls may live, but nobody can tell, and the dead man has sent those
    who waited away."""


def back_off_s(attempt: int, rng: random.Random, timings: Timings, away_s: float = 0.0) -> float:
    """Seconds before attempt number `attempt` + 1, with full jitter so that nodes don't come back in step.

    `away_s`: how long the node has been away.
    """
    most_s = timings.back_off_soon_s if away_s < timings.soon_for_s else timings.back_off_most_s
    return rng.uniform(0.0, min(most_s, timings.back_off_first_s * 2.0 ** min(attempt, 20)))


@dataclass(slots=True, eq=False)
class _Slot:
    name: str
    connection: Connection | None = None

    @property
    def open(self) -> Connection | None:
        connection = self.connection
        return connection if connection is not None and connection.connected else None


class NodeLink:
    """The link to one node. `start()`, then `perform` actions; everything else comes through `app`."""

    def __init__(
        self,
        settings: NodeSettings,
        app: App,
        *,
        source: str = "callcenter",
        rng: random.Random | None = None,
        timings: Timings | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`source` names this controller in its canaries; `rng` is the seeded jitter of the back-off."""
        self.settings = settings
        self.name = settings.name
        self.counters = Counters()
        self.state = State.CONNECTING
        self.reason = "not connected yet"
        """Why the node isn't up, with a hint; empty while it is."""
        self.core_uuid = ""
        self.version = ""
        self.capacity = Capacity()
        """What the switch said that it takes, when it was last looked at."""
        self.synced = False
        self.announced = False
        """The node's dialplan knows that we serve it (`cc_alive`), so its callers come to us."""
        self.canaries = Canaries(source, clock)
        self._app = app
        # Jitter isn't a secret.
        self._rng = rng if rng is not None else random.Random()  # noqa: S311
        self._timings = timings or Timings()
        self._limits = limits or Limits()
        self._clock = clock
        self._events = _Slot("events")
        self._quick = [_Slot(f"quick-{i}") for i in range(settings.quick)]
        self._background = [_Slot(f"background-{i}") for i in range(settings.background)]
        self._held: deque[Event] | None = None
        self._let_in = gevent.event.Event()
        self._up = gevent.event.Event()
        self._came_up = gevent.event.Event()
        self._hands = gevent.event.Event()
        self._resync_wanted = gevent.event.Event()
        self.heartbeat: Heartbeat | None = None
        """The switch's last word about itself, of this connection or an earlier one."""
        self._heartbeat_at: float | None = None
        self._unseen_since: float | None = None
        self._refused_since: float | None = None
        self._told_gone = False
        self._leaving = False
        self._poke_wanted = False
        self._poker: Poker | None = None
        self._tasks: list[gevent.Greenlet[..., None]] = []

    def __repr__(self) -> str:
        return f"<NodeLink {self.name} {self.state}>"

    # --- For the application ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect. Returns at once."""
        slots = [self._events, *self._quick, *self._background]
        self._tasks = [gevent.spawn(self._keep, slot) for slot in slots]
        self._tasks.append(gevent.spawn(self._watch))
        if self.settings.dead_man_s:
            self._tasks.append(gevent.spawn(self._renew_dead_man))

    def stop(self) -> None:
        """Close all connections and forget the node. Channels are left as they are."""
        for task in self._tasks:
            task.kill(block=False)
        self._tasks.clear()
        self._stop_poker()
        for slot in (self._events, *self._quick, *self._background):
            if slot.connection is not None:
                slot.connection.stop()
        self._set_state(State.DOWN)

    def perform(self, action: Action) -> None:
        """Send what carries out `action`, without waiting. Failures come later, by `on_failure`."""
        word = commands.word(action)
        try:
            data = commands.encode(action)
        except CommandError as error:
            log.warning("esl_command_invalid", node=self.name, command=word, argument=error.argument)
            self._count(word, "invalid")
            gevent.spawn(self._tell, self._app.on_failure, action, str(error))
            return
        connection = self._connection_for(action)
        if connection is None:
            self._not_sent(action, word)
            return
        try:
            connection.submit(data, partial(self._replied, action, word, self._clock()))
        except ConnectionFailed:
            self._not_sent(action, word)

    def ask(self, data: bytes, timeout_s: float | None = None) -> Reply:
        """Send a command of the builder on a quick connection and wait in the calling greenlet.

        Raises `ConnectionFailed` (nothing was sent), `UnknownOutcome` or `CommandRefused`.
        """
        for slot in self._quick:
            if connection := slot.open:
                return connection.send(data, timeout_s).accepted()
        raise ConnectionFailed("not-connected", NOT_SENT)

    def arm_dead_man(self, after_s: int, timeout_s: float | None = None) -> None:
        """Let the node see to our callers itself after so many seconds without another word of ours.

        The old task is taken away and the new one set in one breath, so that at no moment none is armed.
        Raises as `ask` does.
        """
        for slot in self._quick:
            if connection := slot.open:
                # None may be armed yet, which the switch calls an error.
                connection.submit(commands.disarm_dead_man(), lambda _reply, _error: None)
                connection.send(commands.arm_dead_man(after_s), timeout_s).accepted()
                return
        raise ConnectionFailed("not-connected", NOT_SENT)

    def _renew_lease(self) -> None:
        """Tell the node's dialplan that we live, until we haven't said so for a while; not after goodbye."""
        if self._leaving:
            return
        for slot in self._quick:
            if connection := slot.open:
                connection.submit(commands.disarm_lease(), lambda _reply, _error: None)
                connection.submit(commands.arm_lease(self.settings.lease_s), lambda _reply, _error: None)
                connection.send(commands.set_global("cc_alive", "true")).accepted()
                return
        raise ConnectionFailed("not-connected", NOT_SENT)

    def say_goodbye(self, after_s: int, timeout_s: float = 1.0) -> None:
        """A planned stop: new callers get the fallback at once, those who wait have `after_s` seconds
        until the node sees to them. Raises as `ask` does.
        """
        self._leaving = True
        self.arm_dead_man(after_s, timeout_s)
        self.ask(commands.set_global("cc_alive", "false"), timeout_s)

    def request_resync(self) -> None:
        """Take a new picture of the node's channels soon; for lost events and doubts."""
        self._resync_wanted.set()

    @property
    def poke_wanted(self) -> bool:
        """Whether each millisecond counts: an agent is ready or a caller waits. Set by the application."""
        return self._poke_wanted

    @poke_wanted.setter
    def poke_wanted(self, wanted: bool) -> None:
        if wanted != self._poke_wanted:
            self._poke_wanted = wanted
            if self._poker is not None:
                self._poker.want(wanted)

    @property
    def heartbeat_age_s(self) -> float | None:
        """Seconds since the switch's last HEARTBEAT (each 20 s by default); None before the first."""
        return None if self._heartbeat_at is None else self._clock() - self._heartbeat_at

    @property
    def event_lag_s(self) -> float | None:
        """Round trip of the latest canary: our command connection, the switch, our events connection."""
        return self.canaries.lag_s

    @property
    def backlog(self) -> int:
        """Events that wait for the application."""
        connection = self._events.connection
        return (connection.backlog if connection is not None else 0) + len(self._held or ())

    # --- Commands --------------------------------------------------------------------------------------

    def _connection_for(self, action: Action) -> Connection | None:
        match action:
            case Originate():
                slots, key = self._background, action.job
            case StartRecording():
                slots, key = self._background, action.uuid
            case Bridge():
                slots, key = self._quick, action.caller
            case _:
                slots, key = self._quick, action.uuid
        first = zlib.crc32(key.encode()) % len(slots)
        for slot in (*slots[first:], *slots[:first]):
            if connection := slot.open:
                return connection
        return None

    def _not_sent(self, action: Action, word: str) -> None:
        self._count(word, "not-sent")
        # In a greenlet of its own: an application that answers with another action must not recurse.
        gevent.spawn(self._tell, self._app.on_failure, action, NOT_SENT)

    def _replied(
        self, action: Action, word: str, sent_at: float, reply: Reply | None, _error: EslError | None
    ) -> None:
        if reply is not None:
            self.counters.took(word, self._clock() - sent_at)
        if reply is None:
            self._count(word, "unknown")
            self._app.on_failure(action, None)
        elif not reply.ok:
            self._count(word, "refused")
            if isinstance(action, Look):
                self._app.on_look(action, None)
            else:
                self._app.on_failure(action, reply.text)
        else:
            self._count(word, "ok")
            if isinstance(action, Probe):
                self._app.on_probe(action, reply.text == "true")
            elif isinstance(action, Look):
                self._looked(action, reply)
            elif isinstance(action, AskApplication):
                self._app.on_application(action, reply.text)

    def _looked(self, action: Look, reply: Reply) -> None:
        try:
            dump = Event.from_plain(reply.body)
        except EventError:
            self._app.on_failure(action, None)
        else:
            self._app.on_look(action, dump)

    def _count(self, word: str, outcome: str) -> None:
        key = (word, outcome)
        self.counters.commands[key] = self.counters.commands.get(key, 0) + 1

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            # The application's fault must not end the link.
            self.counters.handler_errors += 1
            log.exception("esl_handler_failed", node=self.name)

    # --- Keeping connections ---------------------------------------------------------------------------

    def _keep(self, slot: _Slot) -> None:
        attempt = 0
        away_since: float | None = None
        while True:
            if slot is not self._events:
                # One connection finds out whether the node lets us in; the others follow it.
                self._let_in.wait()
            started = self._clock()
            error = self._live(slot)
            if slot is self._events:
                self._stop_poker()
                self._let_in.clear()
                self.synced = False
                self._held = None
                self._judge(error)
            if slot is self._events or self.state is State.UP:
                self.reason = f"{error.reason}: {error.hint}"
            refused = isinstance(error, RudeRejection | AuthRefused)
            self.counters.reconnects[error.reason] = self.counters.reconnects.get(error.reason, 0) + 1
            attempt = 0 if self._clock() - started >= self._timings.steady_s else attempt + 1
            if attempt == 0 or away_since is None:
                away_since = self._clock()
            away_s = self._clock() - away_since
            pause_s = back_off_s(attempt - 1 if attempt else 0, self._rng, self._timings, away_s)
            if refused:
                pause_s = self._timings.refused_s * self._rng.uniform(1.0, 1.5)
                log.error(
                    "esl_refused",
                    node=self.name,
                    reason=error.reason,
                    hint=error.hint,
                    retry_s=round(pause_s),
                )
            else:
                # Once aloud; the attempts that follow say nothing new.
                say = log.warning if attempt <= 1 else log.debug
                say(
                    "esl_connection_lost",
                    node=self.name,
                    connection=slot.name,
                    problem=str(error),
                    hint=error.hint,
                )
            self._update_state(refused=refused and slot is self._events)
            gevent.sleep(pause_s)

    def _judge(self, error: ConnectionFailed) -> None:
        """Is the switch gone, or only the way to it?"""
        now = self._clock()
        self._unseen_since = now if self._unseen_since is None else self._unseen_since
        if error.reason != "nobody-listens":
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        ended = self._refused_since is not None and now - self._refused_since >= self._timings.gone_after_s
        if not self._told_gone and (ended or now - self._unseen_since >= self._timings.out_of_sight_s):
            self._told_gone = True
            log.error("esl_node_gone", node=self.name, ended=ended, hint="its calls end in the books")
            self._tell(self._app.on_gone, self.name)

    def _live(self, slot: _Slot) -> ConnectionFailed:
        """One life of a connection; gives why it ended."""
        is_events = slot is self._events
        connection = Connection(
            self.settings.host,
            self.settings.port,
            self.settings.password,
            name=f"{self.name}/{slot.name}",
            on_event=self._on_event if is_events else None,
            limits=self._limits,
            counters=self.counters,
            clock=self._clock,
        )
        try:
            connection.connect()
            slot.connection = connection
            if is_events:
                self._let_in.set()
                self._update_state()
                self._serve_events(connection)
            else:
                self._update_state()
                connection.closed.wait()
        except ConnectionFailed as error:
            return error
        except (CommandRefused, UnknownOutcome) as error:
            return ConnectionFailed("sync", str(error))
        finally:
            connection.stop()
        return connection.closed.get() or ConnectionFailed("stopped")

    def _serve_events(self, connection: Connection) -> None:
        self.canaries.forget()
        self._hold()
        connection.send(commands.subscribe()).accepted()
        self._start_poker(connection)
        # What the picture leads to must find connections to go out by.
        gevent.wait([connection.closed, self._hands], self._timings.hands_s, count=1)
        self._sync(connection)
        # A leg that was parked just before we subscribed may not have been in the switch's table yet.
        connection.closed.wait(self._timings.second_look_s)
        while not connection.closed.ready():
            self._resync_wanted.clear()
            self._sync(connection)
            # The first wait bounds how often; the second is for the next reason.
            connection.closed.wait(self._timings.resync_every_s)
            gevent.wait([connection.closed, self._resync_wanted], count=1)
            # What was lost a moment ago may be about a channel that isn't in the switch's table yet either.
            connection.closed.wait(self._timings.second_look_s)

    def _hold(self) -> None:
        self._held = deque() if self._held is None else self._held

    def _sync(self, connection: Connection) -> None:
        """Take a picture of the node, hand it over, then let the held events go, in order."""
        self._hold()
        picture: Picture = take_picture(self.settings, self._limits, lambda: self._app.known_legs(self.name))
        if connection.closed.ready():
            return
        restarted = self.core_uuid not in {"", picture.core_uuid}
        self.core_uuid, self.version = picture.core_uuid, picture.version
        self.capacity = Capacity.from_status(picture.status)
        log.info(
            "esl_synchronised",
            node=self.name,
            channels=picture.channels,
            ours=len(picture.dumps),
            held=len(self._held or ()),
            restarted=restarted,
        )
        self._tell(self._app.on_sync, self.name, picture.dumps, picture.core_uuid, restarted)
        slice_ends = self._clock() + _SLICE_S
        while self._held:
            self._tell(self._app.on_event, self.name, self._held.popleft())
            if self._clock() >= slice_ends:
                gevent.sleep(0)
                slice_ends = self._clock() + _SLICE_S
        self._held = None
        self._unseen_since = self._refused_since = None
        self._told_gone = False
        self.synced = True
        self._update_state()

    def _set_announced(self) -> None:
        if not self.announced and self.state is State.UP:
            self.announced = True
            self._tell(self._app.on_state, self.name, self.state)

    def _update_state(self, *, refused: bool = False) -> None:
        hands = any(slot.open for slot in self._quick) and any(slot.open for slot in self._background)
        if hands:
            self._hands.set()
        else:
            self._hands.clear()
        if refused:
            self._set_state(State.REFUSED)
        elif self._events.open is None:
            if self.state is not State.REFUSED:
                self._set_state(State.DOWN)
        elif self.synced and hands:
            self._set_state(State.UP)
        else:
            self._set_state(State.CONNECTING)

    def _set_state(self, state: State) -> None:
        if state is State.UP:
            self.reason = ""
        if state is not self.state:
            self.state = state
            if state is State.UP:
                self._up.set()
                self._came_up.set()
            else:
                self._up.clear()
                self.announced = False
            log.info("esl_node_state", node=self.name, state=str(state))
            self._tell(self._app.on_state, self.name, state)

    # --- Events ----------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        name = event.name
        if name == "CUSTOM" and event.subclass == commands.CANARY_SUBCLASS:
            self.canaries.arrived(event)
            return
        if self._poker is not None:
            if name == "CHANNEL_ANSWER" or (
                # A leg of ours rings for seconds before its next event; a caller is parked in milliseconds.
                name == "CHANNEL_CREATE" and event.get("Call-Direction") == "inbound"
            ):
                self._poker.hurry()
            elif name == "CHANNEL_PARK":
                # What we hurried for is here; the switch now needs the cores to ring the phone.
                self._poker.hurry(0)
        if name == "HEARTBEAT":
            self._heartbeat_at = self._clock()
            self.heartbeat = Heartbeat.from_event(event)
            core = event.get("Core-UUID")
            if self.synced and core and core != self.core_uuid and self._events.connection is not None:
                # Something between us and the switch has changed the switch under an open connection.
                self._events.connection.cut("restart")
        if self._held is not None:
            self._held.append(event)
        else:
            self._app.on_event(self.name, event)

    def _start_poker(self, connection: Connection) -> None:
        """From now on nothing else is written to this connection."""
        self._stop_poker()
        self._poker = connection.make_poker(
            interval_us=round(self._timings.poke_s * 1e6), hurry_us=round(self._timings.hurry_s * 1e6)
        )
        self._poker.want(self._poke_wanted)

    def _stop_poker(self) -> None:
        if self._poker is not None:
            self.counters.pokes += self._poker.sent
            self._poker.stop()
            self._poker = None

    # --- Proof of life ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        overdue_s = self._timings.canary_s * self._timings.canaries_missed
        while True:
            slept_at = self._clock()
            gevent.sleep(self._timings.canary_s)
            if self._clock() - slept_at > self._timings.canary_s + overdue_s:
                # It was we who stood still (SIGSTOP, a paused machine): that is no silence of the switch's,
                # but what it had to say may have been too much for its queue.
                self.canaries.forget()
                self.request_resync()
                continue
            events = self._events.open
            quick = next((slot.open for slot in self._quick if slot.open), None)
            if events is None or quick is None or not self.synced:
                self.canaries.forget()
                continue
            if self.canaries.overdue(overdue_s) and not events.backlog:
                log.error("esl_events_silent", node=self.name, missed=self._timings.canaries_missed)
                events.cut("canary")
                continue
            if self.canaries.lost():
                log.warning("esl_events_lost", node=self.name)
                self.request_resync()
            number, data = self.canaries.next()
            try:
                quick.submit(data, partial(self._canary_replied, number))
            except ConnectionFailed:
                self.canaries.forget()

    def _canary_replied(self, number: int, reply: Reply | None, _error: EslError | None) -> None:
        if reply is not None and reply.ok:
            self.canaries.accepted(number)
        else:
            # Unknown or refused: it proves nothing about the events connection.
            self.canaries.drop(number)

    def _renew_dead_man(self) -> None:
        while True:
            self._up.wait()
            self._came_up.clear()
            if self._leaving:
                return
            try:
                self.arm_dead_man(self.settings.dead_man_s)
                self._renew_lease()
            except EslError as error:
                log.warning("esl_dead_man_not_armed", node=self.name, problem=str(error))
            else:
                self._set_announced()
            # A node that comes back is told at once: until then its dialplan turns callers away.
            self._came_up.wait(self._timings.dead_man_every_s)
