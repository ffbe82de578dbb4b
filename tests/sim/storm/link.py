"""`esl.node.NodeLink` in virtual time: the same connections, order of steps, deadlines and words, no sockets.

Production's link is woven into gevent. This one does step by step what its text says; the builder, the frame
and event parsers, the canaries, the back-off, the judgement whether a switch is gone and the reading of
`show channels` are production's own.
"""

from __future__ import annotations

import random
import zlib
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.storm.network import Line, Network

from py_callcenter._router import Event, EventError, FrameError, FrameParser
from py_callcenter.app.controller import DEAD_MAN_PLANNED_S
from py_callcenter.app.early import DEAD_MAN_S
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    AskMark,
    Bridge,
    Look,
    Originate,
    Probe,
    SetVariables,
    StartRecording,
)
from py_callcenter.engine.capacity import Capacity
from py_callcenter.esl import commands, sync
from py_callcenter.esl.canary import Canaries
from py_callcenter.esl.errors import CommandError
from py_callcenter.esl.port import NOT_SENT, State
from py_callcenter.esl.settings import BackOff, NodeSettings, Timings
from py_callcenter.esl.sight import Sight
from py_callcenter.esl.values import Limits, Reply

if TYPE_CHECKING:
    from sim.storm.centre import Centre

SECOND = 1_000_000
LEASE_S = NodeSettings("", "", 0, "").lease_s
DEAD_MAN_EVERY_US = 5 * SECOND
"""Production renews each second, which costs a third more time here and shows nothing else."""
DISARMED = (commands.disarm_dead_man(), commands.disarm_lease())
ARMED = (
    DISARMED[0],
    commands.arm_dead_man(DEAD_MAN_S),
    DISARMED[1],
    commands.arm_lease(LEASE_S),
    commands.set_global("cc_alive", "true"),
)
LIMITS = Limits()
TIMINGS = Timings()
KEEPALIVE_US = 19 * SECOND
"""10 s until the first probe, three of them 3 s apart (`esl.connection`)."""
STOOD_STILL_US = round(TIMINGS.canary_s * (1 + TIMINGS.canaries_missed) * SECOND)
CANARIES_US = 20 * SECOND
"""Canaries fly while a cable or its events have a fault, and so long after it; else each would come back."""

OnReply = Callable[[Reply | None], None]


class Slot:
    """A connection that is kept."""

    def __init__(self, name: str, back_off: BackOff) -> None:
        self.name = name
        self.back_off = back_off
        self.line: Line | None = None
        self.parser = FrameParser()
        self.began_us = 0
        self.dialling = False


class Link:
    """The link of one running controller to one node."""

    def __init__(self, centre: Centre, node: int, name: str, app: Any, rng: random.Random) -> None:
        self.centre = centre
        self.node = node
        self.name = name
        self.app = app
        self.rng = rng
        self.network: Network = centre.networks[node]
        self.stopped = False
        self.state = State.CONNECTING
        self.synced = False
        self.core_uuid = ""
        self.capacity = Capacity()
        self.living: frozenset[str] = frozenset()
        self.canaries = Canaries("callcenter", self._clock)
        self.events = self._slot("events")
        self.quick = [self._slot("quick-0")]
        self.background = [self._slot("background-0"), self._slot("background-1")]
        self._slots: tuple[Slot, ...] = (self.events, *self.quick, *self.background)
        self._held: deque[Event] | None = None
        self._let_in = False
        self._life = 0
        """Counts the lives of the events connection: steps of an older one are void."""
        self._looking = False
        self._look_wanted = False
        self._looked_us = 0
        self._poke_wanted = False
        self._armed = False
        self._armed_us = 0
        """The dead man's switch; it stays unarmed where nothing can happen to the controller."""
        self._watched_us = centre.now_us
        self._uneasy_us = 0
        """Until when the canaries fly."""
        self._sight = Sight(TIMINGS, self._clock)

    def _clock(self) -> float:
        return self.centre.now_us / SECOND

    def _slot(self, name: str) -> Slot:
        return Slot(name, BackOff(self.rng, TIMINGS, self._clock))

    # For the application.

    def start(self) -> None:
        """Begin to connect."""
        self._dial(self.events)
        self.centre.at(self.centre.now_us + SECOND, self._watch)
        self.centre.at(self.centre.now_us, self._renew_dead_man)

    def stop(self) -> None:
        """The process is gone."""
        self.stopped = True
        self._life += 1
        for slot in self._slots:
            if slot.line is not None:
                slot.line.close()
                slot.line = None

    def perform(self, action: Action) -> None:
        """Send what carries out `action`."""
        centre = self.centre
        try:
            data = commands.encode(action)
        except CommandError as error:
            centre.at(centre.now_us, self._told, self.app.on_failure, action, str(error))
            return
        line = self._line_for(action)
        if line is None:
            centre.at(centre.now_us, self._told, self.app.on_failure, action, NOT_SENT)
            return
        centre.trace(b">", data)
        if isinstance(action, Originate):
            centre.spy.chosen(self.node, action)
        elif isinstance(action, SetVariables):
            centre.spy.announced(self.node, action)
        self._ask(line, data, lambda reply: self._replied(action, reply))
        centre.action_written(action)

    @property
    def poke_wanted(self) -> bool:
        """Whether each millisecond counts."""
        return self._poke_wanted

    @poke_wanted.setter
    def poke_wanted(self, wanted: bool) -> None:
        if wanted != self._poke_wanted:
            self._poke_wanted = wanted
            if self.centre.plan.poked:
                self.centre.switches[self.node].poked = wanted

    def say_goodbye(self) -> None:
        """A planned stop, as `esl.dead_man.say_goodbye` words it."""
        quick = next((slot.line for slot in self.quick if slot.line), None)
        if quick is not None and self.state is State.UP:
            words = (
                commands.disarm_dead_man(),
                commands.arm_dead_man(DEAD_MAN_PLANNED_S),
                commands.set_global("cc_alive", "false"),
            )
            quick.send(b"".join(words))

    def request_resync(self) -> None:
        """Take a new picture soon."""
        self._look_wanted = True
        self._look_again()

    def cut(self) -> None:
        """The network resets every connection (F6)."""
        for slot in self._slots:
            if slot.line is not None:
                self._lost(slot)

    # Commands.

    def _line_for(self, action: Action) -> Line | None:
        match action:
            case Originate():
                slots, key = self.background, action.job
            case StartRecording():
                slots, key = self.background, action.uuid
            case Bridge():
                slots, key = self.quick, action.caller
            case _:
                slots, key = self.quick, action.uuid
        first = zlib.crc32(key.encode()) % len(slots)
        line = slots[first].line
        if line is not None:
            return line
        return next((slot.line for slot in (*slots[first:], *slots[:first]) if slot.line is not None), None)

    def _ask(self, line: Line, data: bytes, callback: OnReply) -> None:
        line.pending.append((callback, data, self.centre.now_us))
        line.send(data)

    def _replied(self, action: Action, reply: Reply | None) -> None:
        if reply is None:
            self._tell(self.app.on_failure, action, None)
        elif isinstance(action, Look):
            dump = Event.from_plain(reply.body) if reply.ok else None
            self._tell(self.app.on_look, action, dump)
        elif not reply.ok:
            self._tell(self.app.on_failure, action, reply.text)
        elif isinstance(action, Probe):
            self._tell(self.app.on_probe, action, reply.text == "true")
        elif isinstance(action, AskApplication):
            self._tell(self.app.on_application, action, reply.text)
        elif isinstance(action, AskMark):
            self._tell(self.app.on_mark, action, reply.text)

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        if not self.stopped:
            self.centre.controller_input(callback, *arguments)

    def _told(self, callback: Callable[..., None], *arguments: object) -> None:
        self.centre.when_awake(self._tell, callback, *arguments)

    # Keeping connections.

    def _dial(self, slot: Slot) -> None:
        if self.stopped or slot.line is not None or slot.dialling:
            return
        if slot is not self.events and not self._let_in:
            return
        slot.dialling = True
        slot.began_us = self.centre.now_us
        way_us = self.network.latency_us()
        if self.network.stalled:
            self.centre.at(self.centre.now_us + round(LIMITS.connect_s * SECOND), self._failed, slot)
        else:
            self.network.carry(self.centre.now_us + way_us, lambda: self._reach(slot, way_us))

    def _reach(self, slot: Slot, way_us: int) -> None:
        centre = self.centre
        if self.stopped:
            return
        if centre.down[self.node]:
            self.centre.at(centre.now_us + way_us, self._refused, slot)
            return
        number = centre.connect(self.node)
        self.network.carry(centre.now_us + way_us, lambda: self._opened(slot, number))

    def _refused(self, slot: Slot) -> None:
        self._failed(slot, "nobody-listens")

    def _opened(self, slot: Slot, number: int) -> None:
        if self.stopped:
            self.centre.switch_input(self.node, lambda switch: switch.disconnect(number))
            return
        self.centre.when_awake(self._live, slot, number)

    def _live(self, slot: Slot, number: int) -> None:
        if self.stopped or number not in self.centre.switches[self.node].connections:
            self._failed(slot)
            return
        slot.dialling = False
        slot.parser = FrameParser()
        line = Line(self.network, number, self._took)
        slot.line = line
        self.centre.lines[self.node][number] = line
        if slot is self.events:
            line.is_events = True
            self._let_in = True
            for other in (*self.quick, *self.background):
                self._dial(other)
            self._serve_events(line)
        self._update_state()

    def _judge(self, reason: str) -> None:
        """Is the switch gone, or only the way to it?"""
        self._sight.lost(reason)
        if self._sight.newly_gone():
            self.centre.spy.given_up(self.node)
            self._tell(self.app.on_gone, self.name)

    def _failed(self, slot: Slot, reason: str = "") -> None:
        slot.dialling = False
        if self.stopped:
            return
        if slot is self.events:
            self.centre.when_awake(self._judge, reason)
        now_us = self.centre.now_us
        pause_s = slot.back_off.pause_s((now_us - slot.began_us) / SECOND)
        self.centre.at(now_us + round(pause_s * SECOND), self._dial, slot)

    def _lost(self, slot: Slot) -> None:
        """A connection has ended: whoever waits for a reply on it will never know."""
        line = slot.line
        if line is None:
            return
        slot.line = None
        line.close()
        if slot is self.events:
            self._life += 1
            self._let_in = False
            self.synced = False
            self._held = None
            self._looking = False
        pending, line.pending = line.pending, []
        for callback, _data, _at in pending:
            callback(None)
        self._update_state()
        self._failed(slot)

    def _update_state(self) -> None:
        hands = self._hands
        if self.events.line is None:
            state = State.DOWN
        elif self.synced and hands:
            state = State.UP
        else:
            state = State.CONNECTING
        if state is not self.state and not self.stopped:
            self.state = state
            self._tell(self.app.on_state, self.name, state)
            if state is State.UP:
                self.centre.at(self.centre.now_us, self._arm_dead_man)
        self.centre.feel()

    @property
    def _hands(self) -> bool:
        return any(slot.line for slot in self.quick) and any(slot.line for slot in self.background)

    def _slot_of(self, line: Line) -> Slot | None:
        for slot in self._slots:
            if slot.line is line:
                return slot
        return None

    # What arrives.

    def _took(self, line: Line, data: bytes) -> None:
        self.centre.when_awake(self._read, line, data)

    def _read(self, line: Line, data: bytes) -> None:
        slot = self._slot_of(line)
        if slot is None:
            return
        try:
            frames = slot.parser.feed(data)
        except FrameError:
            self._lost(slot)
            return
        events: list[Event] = []
        for frame in frames:
            kind = frame.content_type
            if kind == "text/event-plain":
                try:
                    events.append(frame.event())
                except EventError:
                    self._lost(slot)
                    return
            elif kind in ("api/response", "command/reply"):
                text = frame.header("Reply-Text") if kind == "command/reply" else None
                if text is None:
                    text = frame.body.decode("utf-8", "replace").rstrip("\n")
                if line.pending:
                    callback, _data, _at = line.pending.pop(0)
                    callback(Reply(text, frame.body))
                if not line.open:
                    return
        if not events:
            return
        if self.network.lossy:
            events = self.network.mangle(events)
        life = self._life
        for event in events:
            if life != self._life or self.stopped:
                return
            self._on_event(event)

    def _on_event(self, event: Event) -> None:
        name = event.name
        if name == "CUSTOM":
            self.canaries.arrived(event)
            return
        if name == "HEARTBEAT":
            core = event.get("Core-UUID")
            if self.synced and core and core != self.core_uuid:
                self._lost(self.events)
                return
        if self._held is not None:
            self._held.append(event)
        else:
            self.centre.trace(b"<", name.encode(), event.unique_id.encode())
            self._tell(self.app.on_event, self.name, event)

    # The picture.

    def _serve_events(self, line: Line) -> None:
        self.canaries.forget()
        self._held = deque()
        life = self._life
        self._ask(line, commands.subscribe(), lambda reply: self._subscribed(life, reply))

    def _subscribed(self, life: int, reply: Reply | None) -> None:
        if reply is None or life != self._life:
            return
        self._wait_for_hands(life, self.centre.now_us + round(TIMINGS.hands_s * SECOND))

    def _wait_for_hands(self, life: int, until_us: int) -> None:
        if life != self._life or self.stopped:
            return
        if self._hands or self.centre.now_us >= until_us:
            self._look(life, first=True)
        else:
            self.centre.at(min(until_us, self.centre.now_us + 1_000), self._wait_for_hands, life, until_us)

    def _look(self, life: int, *, first: bool = False) -> None:
        """Take a picture: three round trips on a connection of its own."""
        if life != self._life or self.stopped or self._looking:
            return
        self._looking = True
        self._look_wanted = False
        self._looked_us = self.centre.now_us
        self._held = deque() if self._held is None else self._held
        self._step(life, lambda: self._list(life, first=first), round_trips=2)

    def _step(self, life: int, then: Callable[[], None], *, round_trips: int = 1) -> None:
        """Something that the picture's own connection does next, if it lives."""
        if self.network.stalled:
            self.centre.at(self.centre.now_us + round(LIMITS.connect_s * SECOND), self._no_picture, life)
            return
        way_us = sum(self.network.latency_us() for _ in range(2 * round_trips))
        self.network.carry(self.centre.now_us + way_us, lambda: self._next_step(life, then))

    def _next_step(self, life: int, then: Callable[[], None]) -> None:
        if life == self._life and not self.stopped:
            self.centre.when_awake(then)

    def _no_picture(self, life: int) -> None:
        if life == self._life and not self.stopped:
            self._lost(self.events)

    def _list(self, life: int, *, first: bool) -> None:
        if self.centre.down[self.node]:
            self._no_picture(life)
            return
        core, status, table = self.centre.ask_switch(
            self.node, [commands.get_global("core_uuid"), commands.status(), commands.show_channels()]
        )
        self.capacity = Capacity.from_status(status.decode())
        rows = sync._candidates(Reply(table.decode("utf-8", "replace").rstrip("\n"), table))
        # Asked for after the table, as production does.
        ours = set(self.app.known_legs(self.name, set(rows)))
        wanted = [*rows, *sorted(ours.difference(rows))]
        self._step(life, lambda: self._dump(life, core.decode(), wanted, ours, first=first))

    def _dump(self, life: int, core: str, wanted: list[str], ours: set[str], *, first: bool) -> None:
        if life != self._life or self.stopped:
            return
        if self.centre.down[self.node]:
            self._no_picture(life)
            return
        questions = []
        for uuid in wanted:
            try:
                questions.append(commands.uuid_dump(uuid))
            except CommandError:
                continue
        dumps = [
            Event.from_plain(body)
            for body in self.centre.ask_switch(self.node, questions)
            if not body.startswith((b"-ERR", b"-USAGE"))
        ]
        self.living = frozenset(dump.unique_id for dump in dumps)
        dumps = [dump for dump in dumps if sync._concerns_us(dump, ours)]
        self._step(life, lambda: self._synced(life, core, dumps, first=first))

    def _synced(self, life: int, core: str, dumps: list[Event], *, first: bool) -> None:
        if life != self._life or self.stopped:
            return
        self._looking = False
        restarted = self.core_uuid not in {"", core}
        self.core_uuid = core
        self.centre.trace(b"=", self.name.encode(), str(len(dumps)).encode())
        if not self.synced:
            self._vouch()
        self._tell(self.app.on_sync, self.name, dumps, core, restarted)
        while self._held and life == self._life:
            self._tell(self.app.on_event, self.name, self._held.popleft())
        if life != self._life or self.stopped:
            return
        self._held = None
        self.synced = True
        self._sight.regained()
        self._update_state()
        if first:
            self.centre.at(self.centre.now_us + round(TIMINGS.second_look_s * SECOND), self._look, life)
        else:
            self._look_again()

    def _look_again(self) -> None:
        if not self._look_wanted or self._looking or self.stopped or not self.synced:
            return
        due_us = self._looked_us + round(TIMINGS.resync_every_s * SECOND)
        after_us = round(TIMINGS.second_look_s * SECOND)
        self.centre.at(max(due_us, self.centre.now_us) + after_us, self._look_if_wanted, self._life)

    def _look_if_wanted(self, life: int) -> None:
        if self._look_wanted:
            self._look(life)

    # Proof of life.

    def _watch(self) -> None:
        if self.stopped:
            return
        self.centre.at(self.centre.now_us + SECOND, self._watch)
        now_us = self.centre.now_us
        if self.centre.paused:
            return
        stood_still = now_us - self._watched_us > STOOD_STILL_US
        self._watched_us = now_us
        if not self.centre.restless:
            return
        if stood_still:  # our own silence is none of the switch's, but it may have had too much to say
            self._arm_dead_man()  # production does so each second, and so at once
            self.canaries.forget()
            self.request_resync()
            return
        for slot in self._slots:
            line = slot.line
            if line is None:
                continue
            overdue = line.pending and now_us - line.pending[0][2] >= LIMITS.command_s * SECOND
            dead = self.network.stalled and now_us - self.network.centre.stalled_us[self.node] >= KEEPALIVE_US
            if overdue or dead:
                line.given_up = bool(dead)
                self._lost(slot)
        quick = next((slot.line for slot in self.quick if slot.line), None)
        if self.events.line is None or quick is None or not self.synced:
            self.canaries.forget()
            return
        if self.canaries.overdue(TIMINGS.canary_s * TIMINGS.canaries_missed):
            self._lost(self.events)
            return
        if self.canaries.lost():
            self.request_resync()
        if self.network.uneasy:
            self._uneasy_us = now_us + CANARIES_US
        if now_us > self._uneasy_us:
            return
        number, data = self.canaries.next()
        self._ask(quick, data, lambda reply: self._canary_replied(number, reply))

    def _canary_replied(self, number: int, reply: Reply | None) -> None:
        if reply is not None and reply.ok:
            self.canaries.accepted(number)
        else:
            self.canaries.drop(number)

    def _renew_dead_man(self) -> None:
        if self.stopped:
            return
        self.centre.at(self.centre.now_us + DEAD_MAN_EVERY_US, self._renew_dead_man)
        self._arm_dead_man()

    def _arm_dead_man(self) -> None:
        if self.state is State.UP:
            self._vouch()

    def _vouch(self) -> None:
        quick = next((slot.line for slot in self.quick if slot.line), None)
        if self.stopped or self.centre.paused or quick is None:
            return
        if not self.centre.restless and not self._armed:
            return
        words = ARMED if self.centre.restless else DISARMED
        self._armed = self.centre.restless
        now_us = self.centre.now_us
        quick.pending += [(_no_matter, data, now_us) for data in words[:-1]]
        quick.pending.append((self._vouched, words[-1], now_us))
        quick.send(b"".join(words))

    def _vouched(self, reply: Reply | None) -> None:
        """It may have gone off before, and let go of everybody who talks."""
        if reply is None or not reply.ok or self.stopped:
            return
        before_us, self._armed_us = self._armed_us, self.centre.now_us
        if before_us and self._armed_us - before_us >= DEAD_MAN_S * SECOND:
            self.request_resync()


def _no_matter(_reply: Reply | None) -> None:
    """What comes of it is looked at nowhere."""
