"""A whole call centre in virtual time: engine, builder, wire, decoder and the simulated switch, no sockets.

Bytes travel as they do in production: actions are encoded by the one builder, events are decoded by the
compiled parser. An hour takes as long as its events take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from py_callcenter._router import Event, FrameParser, Router
from py_callcenter.config import Agent, Config, Queue, Tier
from py_callcenter.engine import Engine, Outcome
from py_callcenter.engine.actions import Action, AskApplication, AskMark, Look, Probe
from py_callcenter.engine.memory import Memory
from py_callcenter.esl import commands
from py_callcenter.esl.errors import CommandError
from py_callcenter.sim import Behaviour, Call, Dialplan, Phone, Step, Switch

SECOND = 1_000_000
START_US = 1_800_000_000 * SECOND
NODE = "fs1"
KEY = b"a key for tests, 32 bytes long.."

MANUAL = Behaviour(outcome="manual")
ANSWERS = Behaviour(outcome="answer", answer_after_us=2 * SECOND)
IGNORES = Behaviour(outcome="no_answer")
BUSY = Behaviour(outcome="busy")
REFUSES = Behaviour(outcome="reject")


def queue(name: str = "support", **settings: Any) -> Queue:
    return Queue(name=name, **{"moh_sound": "local_stream://moh", **settings})


def agent(name: str, **settings: Any) -> Agent:
    return Agent(
        name=name,
        **{"contacts": (f"sofia/internal/{name}@127.0.0.1:5085",), "status": "Available", **settings},
    )


def everybody(queues: list[Queue], agents: list[Agent]) -> Config:
    tiers = tuple(Tier(queue=q.name, agent=a.name) for q in queues for a in agents)
    return Config(queues=tuple(queues), agents=tuple(agents), tiers=tiers)


def voicemail_plan() -> Dialplan:
    plan = Dialplan()
    plan.add(
        "voicemail", Step("answer"), Step("playback", "/tones/voicemail.wav", seconds=30), Step("hangup")
    )
    plan.add("outside", Step("bridge", "sofia/internal/outside@127.0.0.1:5099"), Step("hangup"))
    return plan


class World:
    """One controller, one switch, and the people around them."""

    def __init__(
        self,
        config: Config,
        *,
        seed: int = 1,
        poked: bool = True,
        make_router: Callable[[], Any] = Router,
        dialplan: Dialplan | None = None,
        statuses: dict[str, str] | None = None,
        start_us: int = START_US,
    ) -> None:
        self.switch = Switch(seed=seed, start_us=start_us, poked=poked, dialplan=dialplan or voicemail_plan())
        self.now_us = start_us
        self.config = config
        self.make_router = make_router
        self.records: list[Any] = []
        self.actions: list[Action] = []
        self.failures: list[tuple[Action, str | None]] = []
        self.phones: dict[str, Phone] = {}
        self.drop: Callable[[Event], bool] = lambda _event: False
        """Events that the network loses."""
        self.swallow: Callable[[Action], bool] = lambda _action: False
        """Actions that never reach the switch and whose outcome stays unknown."""
        self.doubts: set[str] = set()
        self.looks = 0
        """How often the engine asked for a fresh look."""
        self.bears_faults = False
        """Whether faults of ours are what the test is about."""
        self.epoch = 0
        self.last_known_us = 0
        """When the last controller died."""
        self.keys = [KEY]
        """What stamps are sealed with, and what earlier ones were."""
        self.start(statuses)

    # The controller.

    def start(self, statuses: dict[str, str] | None = None) -> None:
        """Start a controller (again): a fresh engine that connects and looks at what is there.

        It knows the records of the runs before, or, with `statuses`, only how agents' statuses were.
        """
        self.epoch += 1
        memory = None
        if statuses is None and self.epoch > 1:
            memory = Memory()
            for record in self.records:
                memory.fold(record)
        self.engine = Engine(
            self.config,
            self.make_router(),
            key=self.keys[0],
            old_keys=self.keys[1:],
            epoch=self.epoch,
            start_us=self.now_us,
            statuses=statuses or {},
            memory=memory,
            last_known_us=self.last_known_us,
        )
        self.connect()
        self.carry_out(self.engine.start())
        if self.epoch > 1:
            self.resync()

    def connect(self) -> None:
        self.events = self._log_in()
        self.commands = self._log_in()
        self.event_parser, self.reply_parser = FrameParser(), FrameParser()
        self.unanswered: deque[Action | None] = deque()
        self.switch.receive(self.events, commands.subscribe())
        self._settle()

    def _log_in(self) -> int:
        number = self.switch.connect()
        self.switch.receive(number, commands.auth("ClueCon"))
        self.switch.run_until(self.now_us)
        self.switch.take_output(number)
        return number

    def kill_controller(self) -> None:
        """`kill -9`: the connections break, the channels don't."""
        for number in (self.events, self.commands):
            self.switch.disconnect(number)
        self.last_known_us = self.now_us
        del self.engine

    def rest(self, seconds: float) -> None:
        """Nobody controls anything for a while."""
        self.now_us += round(seconds * SECOND)
        self.switch.run_until(self.now_us)

    def restart(self, after: float = 1.0) -> None:
        """`kill -9`, and a new controller after some seconds."""
        self.kill_controller()
        self.rest(after)
        self.start()

    def resync(self) -> None:
        """Look at every channel, as the link does after a reconnect."""
        dumps = []
        number = self._log_in()
        for uuid in list(self.switch.legs):
            self.switch.receive(number, commands.uuid_dump(uuid))
            self.switch.run_until(self.now_us)
            dumps += [
                Event.from_plain(frame.body)
                for frame in FrameParser().feed(self.switch.take_output(number))
                if not frame.body.startswith(b"-ERR")
            ]
        self.switch.disconnect(number)
        self.carry_out(self.engine.resync(NODE, dumps, self.now_us))
        self._settle()

    def cut(self) -> None:
        """The network drops both connections; they come back after a second, with a resynchronisation."""
        for number in (self.events, self.commands):
            self.switch.disconnect(number)
        lost = [action for action in self.unanswered if action is not None]
        self.switch.run_until(self.now_us + SECOND)
        self.now_us += SECOND
        self.connect()
        for action in lost:
            self.carry_out(self.engine.on_failure(action, None, self.now_us))
        self.resync()

    # Time.

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_us = self.now_us + round(seconds * SECOND)
        while True:
            self._settle()
            due = (self.switch.next_due_us(), self.engine.next_deadline_us(), until_us)
            self.now_us = max(self.now_us, min(moment for moment in due if moment is not None))
            self.switch.run_until(self.now_us)
            deadline_us = self.engine.next_deadline_us()
            if deadline_us is not None and deadline_us <= self.now_us:
                self.carry_out(self.engine.tick(self.now_us))
            self._settle()
            if self.doubts:
                self.doubts.clear()
                self.looks += 1
                self.resync()
            if self.now_us >= until_us:
                return

    def _settle(self) -> None:
        """Carry bytes both ways until nobody has anything to say at this moment."""
        self.switch.run_until(self.now_us)
        while True:
            replies = self.switch.take_output(self.commands)
            events = self.switch.take_output(self.events)
            if not replies and not events:
                return
            # With pokes an event usually comes before the reply of the command that caused it.
            for frame in self.event_parser.feed(events):
                if frame.content_type == "text/event-plain":
                    event = frame.event()
                    if not self.drop(event):
                        self.carry_out(self.engine.on_event(NODE, event, self.now_us))
            for frame in self.reply_parser.feed(replies):
                if frame.content_type in ("api/response", "command/reply"):
                    self._answered(frame)
            self.switch.run_until(self.now_us)

    def _answered(self, frame: Any) -> None:
        action = self.unanswered.popleft()
        text = (frame.body.decode() or frame.header("Reply-Text") or "").strip()
        if isinstance(action, Probe):
            self.carry_out(self.engine.on_probe(action, text == "true", self.now_us))
        elif isinstance(action, Look):
            dump = None if text.startswith("-ERR") else Event.from_plain(frame.body)
            self.carry_out(self.engine.on_look(action, dump, self.now_us))
        elif isinstance(action, AskApplication) and not text.startswith("-ERR"):
            self.carry_out(self.engine.on_application(action, text, self.now_us))
        elif isinstance(action, AskMark) and not text.startswith("-ERR"):
            self.carry_out(self.engine.on_mark(action, text, self.now_us))
        elif action is not None and text.startswith(("-ERR", "-USAGE")):
            self.failures.append((action, text))
            self.carry_out(self.engine.on_failure(action, text, self.now_us))

    def carry_out(self, outcome: Outcome) -> None:
        if outcome.faults and not self.bears_faults:
            raise outcome.faults[0]
        self.records += outcome.records
        self.doubts |= outcome.doubts
        for action in outcome.actions:
            self.actions.append(action)
            if self.swallow(action):
                continue
            try:
                data = commands.encode(action)
            except CommandError as error:
                self.failures.append((action, str(error)))
                self.carry_out(self.engine.on_failure(action, str(error), self.now_us))
                continue
            self.unanswered.append(action)
            self.switch.receive(self.commands, data)

    # People.

    def phone(self, name: str, behaviour: Behaviour = ANSWERS, contact: str = "") -> Phone:
        found = self.switch.add_phone(contact or f"sofia/internal/{name}@127.0.0.1:5085", behaviour)
        self.phones[name] = found
        return found

    def call(self, destination: str = "queue_support", number: str = "15551", **more: Any) -> Call:
        placed = self.switch.place_call(number, more.pop("name", "Caller"), destination, **more)
        self._settle()
        return placed

    def does(self, act: Callable[[], Any]) -> Any:
        """A person acts now."""
        result = act()
        self._settle()
        return result

    def does_alone(self, act: Callable[[], Any]) -> Any:
        """A person acts while no controller lives."""
        result = act()
        self.switch.run_until(self.now_us)
        return result

    def console(self, command: str) -> None:
        """Somebody types at the switch's console."""
        number = self._log_in()
        self.switch.receive(number, f"api {command}\n\n".encode())
        self.switch.run_until(self.now_us)
        self.switch.disconnect(number)

    # What can be seen.

    def agent(self, name: str) -> Any:
        return next(line for line in self.engine.view(self.now_us).agents if line.name == name)

    def kinds(self, call: Call | None = None) -> list[str]:
        """What happened, in words, optionally of one call."""
        return [
            record.kind
            for record in self.records
            if call is None or getattr(record, "call", None) == call.uuid
        ]

    def the(self, kind: str) -> Any:
        """The one record of a kind."""
        found = self.all(kind)
        assert len(found) == 1, f"{len(found)} records of kind {kind}: {found}"
        return found[0]

    def all(self, kind: str) -> list[Any]:
        return [record for record in self.records if record.kind == kind]

    def sent(self, kind: type) -> list[Any]:
        return [action for action in self.actions if isinstance(action, kind)]

    def talks_with(self, call: Call) -> str:
        """The agent whose phone the caller is bridged with on the switch; empty for nobody."""
        for name, phone in self.phones.items():
            if any(leg.uuid == call.partner for leg in phone.legs):
                return name
        return ""

    def ringing(self, name: str) -> bool:
        return any(leg.alive and leg.answer_state != "answered" for leg in self.phones[name].legs)

    def assert_quiet(self) -> None:
        """Everybody went home: no channel, no offer, no reservation, no stray timer of a call."""
        assert not self.switch.legs
        state = self.engine._state
        assert not state.calls
        assert not state.offers
        assert not state.legs
        assert not state.waiting
        assert not self.all("invariant-violated")
        held = ("reserved", "receiving", "in_a_queue_call")
        assert not [line for line in self.engine.view(self.now_us).agents if line.state in held]
