"""All connections to one FreeSWITCH, kept alive: the only door between the application and a switch.

One connection for events, which is never sent a command (while FreeSWITCH reads a command it sends no
events) but is poked; some for quick commands; some for background jobs, so that a quick command never
queues behind an originate (1 ms each). After each new events connection the link subscribes, holds events
back, asks the switch what is there, tells the application (`on_sync`) and then replays what it held.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from functools import partial

import gevent
import gevent.event
import structlog

from py_callcenter._router import Event
from py_callcenter.engine.actions import Action
from py_callcenter.engine.capacity import Capacity
from py_callcenter.esl import commands, dead_man, pulse
from py_callcenter.esl.canary import Canaries
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import (
    AuthRefused,
    CommandRefused,
    ConnectionFailed,
    EslError,
    RudeRejection,
    UnknownOutcome,
)
from py_callcenter.esl.hands import Hands, Slot
from py_callcenter.esl.heartbeat import Heartbeat
from py_callcenter.esl.poking import Poking
from py_callcenter.esl.port import App, State
from py_callcenter.esl.settings import BackOff, NodeSettings, Timings
from py_callcenter.esl.sight import Sight
from py_callcenter.esl.sync import Picture, take_picture
from py_callcenter.esl.values import Counters, Limits, Reply


class _NobodyThereError(Exception):
    """There is still no application."""


_SLICE_S = 0.005
"""Held events are replayed for so long before others may run."""

log = structlog.get_logger(__name__)


class NodeLink:
    """The link to one node. `start()`, then `perform` actions; everything else comes through the application.

    It may be started before there is one (`app` None): it connects and asks what is there meanwhile.
    """

    _app: App

    def __init__(
        self,
        settings: NodeSettings,
        app: App | None,
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
        self.living: frozenset[str] = frozenset()
        """The channels of the last picture."""
        self.synced = False
        self.announced = False
        """The node's dialplan knows that we serve it (`cc_alive`), so its callers come to us."""
        self.patient = False
        """Whoever waits stays, though there is no application yet. Set by who makes one ready."""
        self.canaries = Canaries(source, clock)
        self._served = gevent.event.Event()
        """There is an application."""
        self._served_at = 0.0
        # Jitter isn't a secret.
        self._rng = rng if rng is not None else random.Random()  # noqa: S311
        self._timings = timings or Timings()
        self._limits = limits or Limits()
        self._clock = clock
        self._events = Slot("events")
        self._hands = Hands(settings, self.counters, clock, self._tell)
        self._held: deque[Event] | None = None
        self._armed_at: float | None = None
        """When the dead man was last put off."""
        self._let_in = gevent.event.Event()
        self._up = gevent.event.Event()
        self._came_up = gevent.event.Event()
        self._resync_wanted = gevent.event.Event()
        self._pulse = pulse.Pulse(clock)
        self._sight = Sight(self._timings, clock)
        self._leaving = False
        self._poking = Poking(self._timings)
        self._tasks: list[gevent.Greenlet[..., None]] = []
        if app is not None:
            self.serve(app)

    def __repr__(self) -> str:
        return f"<NodeLink {self.name} {self.state}>"

    # --- For the application ---------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, if it hasn't. Returns at once."""
        if self._tasks:
            return
        slots = [self._events, *self._hands.quick, *self._hands.background]
        self._tasks = [gevent.spawn(self._keep, slot) for slot in slots]
        self._tasks.append(gevent.spawn(self._watch))
        if self.settings.dead_man_s:
            self._tasks.append(gevent.spawn(self._renew_dead_man))

    def serve(self, app: App) -> None:
        """Whom everything is told from now on."""
        self._app = self._hands.app = app
        self._served_at = self._clock()
        self._served.set()
        if self.state is not State.CONNECTING:
            self._tell(app.on_state, self.name, self.state)

    def stop(self) -> None:
        """Close all connections and forget the node. Channels are left as they are."""
        for task in self._tasks:
            task.kill(block=False)
        self._tasks.clear()
        self._poking.stop()
        for slot in (self._events, *self._hands.quick, *self._hands.background):
            if slot.connection is not None:
                slot.connection.stop()
        self._set_state(State.DOWN)

    def perform(self, action: Action) -> None:
        """Send what carries out `action`, without waiting. Failures come later, by `on_failure`."""
        self._hands.perform(action)

    def ask(self, data: bytes, timeout_s: float | None = None) -> Reply:
        """Send a command of the builder on a quick connection and wait in the calling greenlet.

        Raises `ConnectionFailed` (nothing was sent), `UnknownOutcome` or `CommandRefused`.
        """
        return self._hands.quick_one().send(data, timeout_s).accepted()

    def say_goodbye(self, after_s: int, timeout_s: float = 1.0) -> None:
        """A planned stop: new callers get the fallback at once, those who wait have `after_s` seconds
        until the node sees to them. Raises as `ask` does.
        """
        self._leaving = True
        dead_man.say_goodbye(self._hands.quick_one(), after_s, timeout_s)

    def request_resync(self) -> None:
        """Take a new picture of the node's channels soon; for lost events and doubts."""
        self._resync_wanted.set()

    def keep_callers(self, after_s: int, timeout_s: float | None = None) -> None:
        """Those who wait have `after_s` seconds from now; nothing is said about new ones, whom another
        controller may serve. Raises as `ask` does.
        """
        dead_man.arm(self._hands.quick_one(), after_s, timeout_s)

    @property
    def poke_wanted(self) -> bool:
        """Whether each millisecond counts: an agent is ready or a caller waits. Set by the application."""
        return self._poking.wanted

    @poke_wanted.setter
    def poke_wanted(self, wanted: bool) -> None:
        self._poking.want(wanted)

    @property
    def heartbeat(self) -> Heartbeat | None:
        """The switch's last word about itself, of this connection or an earlier one."""
        return self._pulse.heartbeat

    @property
    def heartbeat_age_s(self) -> float | None:
        """Seconds since the switch's last HEARTBEAT (each 20 s by default); None before the first."""
        return self._pulse.age_s

    @property
    def event_lag_s(self) -> float | None:
        """Round trip of the latest canary: our command connection, the switch, our events connection."""
        return self.canaries.lag_s

    @property
    def backlog(self) -> int:
        """Events that wait for the application."""
        connection = self._events.connection
        return (connection.backlog if connection is not None else 0) + len(self._held or ())

    # --- Keeping connections ---------------------------------------------------------------------------

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception:
            # The application's fault must not end the link.
            self.counters.handler_errors += 1
            log.exception("esl_handler_failed", node=self.name)

    def _keep(self, slot: Slot) -> None:
        back_off = BackOff(self._rng, self._timings, self._clock)
        while True:
            if slot is not self._events:
                # One connection finds out whether the node lets us in; the others follow it.
                self._let_in.wait()
            started = self._clock()
            error = self._live(slot)
            if slot is self._events:
                self._poking.stop()
                self._let_in.clear()
                self.synced = False
                self._held = None
                self._judge(error)
            else:
                self._doubt(error)
            if slot is self._events or self.state is State.UP:
                self.reason = f"{error.reason}: {error.hint}"
            refused = isinstance(error, RudeRejection | AuthRefused)
            self.counters.reconnects[error.reason] = self.counters.reconnects.get(error.reason, 0) + 1
            pause_s = back_off.pause_s(self._clock() - started)
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
                say = log.warning if back_off.attempts <= 1 else log.debug
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
        """Tell the application once when the switch is gone; while there is none, the next attempt tells."""
        self._sight.lost(error.reason)
        if not self._served.is_set() or not self._sight.newly_gone():
            return
        if self.core_uuid:
            log.error(
                "esl_node_gone", node=self.name, ended=self._sight.ended, hint="its calls end in the books"
            )
        else:
            log.warning(
                "esl_node_not_there",
                node=self.name,
                hint="start that FreeSWITCH, or correct the node's host and port; "
                "it is taken up as soon as it answers; what an earlier run left there ends in the books",
            )
        self._tell(self._app.on_gone, self.name)

    def _doubt(self, error: ConnectionFailed) -> None:
        """Another connection has ended: does the switch still say anything on that for events?"""
        events = self._events.open
        if events is not None and pulse.is_dead(events, error):
            log.error("esl_switch_silent", node=self.name, hint="it takes connections and answers nothing")
            events.cut("silent")

    def _live(self, slot: Slot) -> ConnectionFailed:
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
        except Exception:
            # Whatever it is, the node must be connected to again: nothing else would.
            log.exception("esl_connection_failed", node=self.name, connection=slot.name)
            return ConnectionFailed("internal")
        finally:
            connection.stop()
        return connection.closed.get() or ConnectionFailed("stopped")

    def _serve_events(self, connection: Connection) -> None:
        begun = self._clock()
        self.canaries.forget()
        self._pulse.begin()
        self._hold()
        connection.send(commands.subscribe()).accepted()
        if connection.closed.ready():  # right behind the answer
            return
        self._poking.start(connection)
        # What the picture leads to must find connections to go out by.
        gevent.wait([connection.closed, self._hands.there], self._timings.hands_s, count=1)
        self._sync(connection)
        if self.synced:
            # What an application takes to be made ready is no fault of the link's.
            self._tell(self._app.on_resumed, self.name, self._clock() - max(begun, self._served_at))
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
        try:
            picture: Picture = take_picture(self.settings, self._limits, self._known_legs)
        except _NobodyThereError:
            # Minutes of events would fill the memory, and what they tell is in the next picture.
            self._held = deque(maxlen=0)
            gevent.wait([connection.closed, self._served], count=1)
            self._held = deque()
            if connection.closed.ready():
                return
            picture = take_picture(self.settings, self._limits, self._known_legs)
        if connection.closed.ready():
            return
        restarted = self.core_uuid not in {"", picture.core_uuid}
        self.core_uuid, self.version = picture.core_uuid, picture.version
        self.capacity, self.living = Capacity.from_status(picture.status), picture.living
        log.info(
            "esl_synchronised",
            node=self.name,
            channels=len(picture.living),
            ours=len(picture.dumps),
            held=len(self._held or ()),
            restarted=restarted,
        )
        if not self.synced and not self._leaving:
            # A caller who is sent on now, to another queue perhaps, must not meet a dialplan that turns them
            # away because nobody lives. What prevents it is told of when the node is up.
            with suppress(EslError):
                self._vouch()
        self._tell(self._app.on_sync, self.name, picture.dumps, picture.core_uuid, restarted)
        slice_ends = self._clock() + _SLICE_S
        while self._held:
            self._tell(self._app.on_event, self.name, self._held.popleft())
            if self._clock() >= slice_ends:
                gevent.sleep(0)
                slice_ends = self._clock() + _SLICE_S
        self._held = None
        self._sight.regained()
        self.synced = True
        self._update_state()

    def _known_legs(self, seen: Container[str]) -> Iterable[str]:
        if not self._served.wait(self._timings.picture_keeps_s):
            raise _NobodyThereError
        return self._app.known_legs(self.name, seen)

    def _set_announced(self) -> None:
        if not self.announced and self.state is State.UP:
            self.announced = True
            self._tell(self._app.on_state, self.name, self.state)

    def _update_state(self, *, refused: bool = False) -> None:
        hands = self._hands.update()
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
            if self._served.is_set():
                self._tell(self._app.on_state, self.name, state)

    # --- Events ----------------------------------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        name = event.name
        if name == "CUSTOM" and event.subclass == commands.CANARY_SUBCLASS:
            self.canaries.arrived(event)
            return
        if name != "CHANNEL_PARK":
            self._poking.heard(name, event)
        if name == "HEARTBEAT":
            self._pulse.beat(event)
            core = event.get("Core-UUID")
            if self.synced and core and core != self.core_uuid and self._events.connection is not None:
                # Something between us and the switch has changed the switch under an open connection.
                self._events.connection.cut("restart")
        if self._held is not None:
            self._held.append(event)
        else:
            self._app.on_event(self.name, event)
        if name == "CHANNEL_PARK":  # what it leads to comes first
            self._poking.heard(name, event)

    # --- Proof of life ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        overdue_s = self._timings.canary_s * self._timings.canaries_missed
        shed = 0
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
            if events is not None and self._pulse.stopped(events):
                log.error("esl_heartbeats_missing", node=self.name)
                events.cut("heartbeat")
                continue
            quick = next((slot.open for slot in self._hands.quick if slot.open), None)
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
            elif self.counters.shed != shed:  # among them perhaps the only one that told of a transfer
                self.request_resync()
            shed = self.counters.shed
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

    def _vouch(self) -> None:
        """Tell the node that we live: its dead man's task, then its dialplan. Raises `EslError`."""
        dead_man.arm(self._hands.quick_one(), self.settings.dead_man_s)
        armed_at, self._armed_at = self._armed_at, self._clock()
        if armed_at is not None and self._armed_at - armed_at >= self.settings.dead_man_s:
            self.request_resync()  # it has gone off, perhaps, and let go of everybody who talks
        if not self._leaving:
            dead_man.renew_lease(self._hands.quick_one(), self.settings.lease_s)

    def _renew_dead_man(self) -> None:
        while not self._served.wait(self._timings.dead_man_every_s):
            if self.patient and not self._leaving:
                with suppress(EslError):  # why it isn't connected is told elsewhere; a refusal, once it is up
                    self.keep_callers(self.settings.dead_man_s)
        while True:
            self._up.wait()
            self._came_up.clear()
            if self._leaving:
                return
            try:
                self._vouch()
            except EslError as error:
                log.warning("esl_dead_man_not_armed", node=self.name, problem=str(error))
            else:
                self._set_announced()
            # A node that comes back is told at once: until then its dialplan turns callers away.
            self._came_up.wait(self._timings.dead_man_every_s)
