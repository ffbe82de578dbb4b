"""Several simulated switches and one controller in virtual time, bytes on every wire, no sockets."""

from __future__ import annotations

from collections import deque
from typing import Any

from sim.world import ANSWERS, KEY, START_US, voicemail_plan

from py_callcenter._router import Event, FrameParser, Router
from py_callcenter.config import Config
from py_callcenter.engine import Engine, Outcome
from py_callcenter.engine.actions import Action, AskApplication, AskMark, Look, Probe
from py_callcenter.engine.capacity import Capacity
from py_callcenter.engine.memory import Memory
from py_callcenter.esl import commands
from py_callcenter.sim import Behaviour, Call, Phone, Switch

SECOND = 1_000_000
NOT_SENT = "not sent: no connection to the node"


class Site:
    """One switch and the connections to it."""

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.alive = True
        self.connected = False
        self.switch = Switch(seed=seed, start_us=START_US, poked=True, dialplan=voicemail_plan(), name=name)
        self.unanswered: deque[Action | None] = deque()

    def log_in(self, now_us: int) -> int:
        number = self.switch.connect()
        self.switch.receive(number, commands.auth("ClueCon"))
        self.switch.run_until(now_us)
        self.switch.take_output(number)
        return number

    def connect(self, now_us: int) -> None:
        self.events, self.commands = self.log_in(now_us), self.log_in(now_us)
        self.event_parser, self.reply_parser = FrameParser(), FrameParser()
        self.unanswered.clear()
        self.switch.receive(self.events, commands.subscribe())
        self.connected = True

    def dumps(self, now_us: int) -> list[Event]:
        number = self.log_in(now_us)
        found = []
        for uuid in list(self.switch.legs):
            self.switch.receive(number, commands.uuid_dump(uuid))
            self.switch.run_until(now_us)
            found += [
                Event.from_plain(frame.body)
                for frame in FrameParser().feed(self.switch.take_output(number))
                if not frame.body.startswith(b"-ERR")
            ]
        self.switch.disconnect(number)
        return found


class Cluster:
    """One controller over several switches."""

    def __init__(self, config: Config, *, seed: int = 1) -> None:
        self.now_us = START_US
        self.records: list[Any] = []
        self.actions: list[Action] = []
        self.doubts: set[str] = set()
        self.sites = {node.name: Site(node.name, seed + i) for i, node in enumerate(config.nodes)}
        self.engine = Engine(config, Router(), key=KEY, epoch=1, start_us=START_US)
        self.carry_out(self.engine.start())
        for name in self.sites:
            self.connect(name)

    def restart(self) -> None:
        """Another run of the controller, which knows the records."""
        memory = Memory()
        for record in self.records:
            memory.fold(record)
        self.engine = Engine(
            self.engine.config,
            Router(),
            key=KEY,
            epoch=2,
            start_us=self.now_us,
            memory=memory,
            last_known_us=self.now_us,
        )
        self.carry_out(self.engine.start())
        for name in self.sites:
            self.connect(name)

    # Nodes.

    def connect(self, name: str) -> None:
        """Connect and look at what is there."""
        site = self.sites[name]
        site.connect(self.now_us)
        up = Capacity(up_us=(self.now_us - site.switch.booted_us) // SECOND * SECOND)
        self.carry_out(self.engine.on_capacity(name, up, list(site.switch.legs), self.now_us))
        self.carry_out(self.engine.resync(name, site.dumps(self.now_us), self.now_us))
        self.carry_out(self.engine.on_node(name, True, self.now_us))
        self.settle()

    def lose(self, name: str) -> None:
        """The way to a switch breaks; calls go on there."""
        self.sites[name].connected = False
        self.carry_out(self.engine.on_node(name, False, self.now_us))
        for action in [a for a in self.sites[name].unanswered if a is not None]:
            self.carry_out(self.engine.on_failure(action, None, self.now_us))

    def kill(self, name: str) -> None:
        """`kill -9` of a switch, found out about at once."""
        self.lose(name)
        site = self.sites[name]
        site.alive = False
        site.switch.restart()
        self.carry_out(self.engine.on_node_gone(name, self.now_us))

    def revive(self, name: str) -> None:
        self.sites[name].alive = True
        self.connect(name)

    def bring_back(self, node: str, uuid: str) -> Call:
        """`sofia recover`: the switch has a caller again, as its own records have them: they know nothing of
        what was stamped since the answer. The dialplan runs once more.
        """
        again = self.sites[node].switch.place_call("15551", "Caller", "queue_support", uuid=uuid)
        self.settle()
        return again

    # Time.

    def run(self, seconds: float) -> None:
        until_us = self.now_us + round(seconds * SECOND)
        while True:
            self.settle()
            due = [until_us, self.engine.next_deadline_us()]
            due += [site.switch.next_due_us() for site in self.sites.values() if site.alive]
            self.now_us = max(self.now_us, min(moment for moment in due if moment is not None))
            for site in self.sites.values():
                site.switch.run_until(self.now_us)
            deadline_us = self.engine.next_deadline_us()
            if deadline_us is not None and deadline_us <= self.now_us:
                self.carry_out(self.engine.tick(self.now_us))
            self.settle()
            self._look_again()
            if self.now_us >= until_us:
                return

    def _look_again(self) -> None:
        """At nodes in doubt, as the link does."""
        while self.doubts:
            name = self.doubts.pop()
            if self.sites[name].connected:
                dumps = self.sites[name].dumps(self.now_us)
                self.carry_out(self.engine.resync(name, dumps, self.now_us))
                self.settle()

    def settle(self) -> None:
        busy = True
        while busy:
            busy = False
            for site in self.sites.values():
                busy = (site.connected and self._exchange(site)) or busy

    def _exchange(self, site: Site) -> bool:
        site.switch.run_until(self.now_us)
        replies = site.switch.take_output(site.commands)
        events = site.switch.take_output(site.events)
        for frame in site.event_parser.feed(events):
            if frame.content_type == "text/event-plain":
                self.carry_out(self.engine.on_event(site.name, frame.event(), self.now_us))
        for frame in site.reply_parser.feed(replies):
            if frame.content_type in ("api/response", "command/reply"):
                self._answered(site, frame)
        return bool(replies or events)

    def _answered(self, site: Site, frame: Any) -> None:
        action = site.unanswered.popleft()
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
            self.carry_out(self.engine.on_failure(action, text, self.now_us))

    def carry_out(self, outcome: Outcome) -> None:
        if outcome.faults:
            raise outcome.faults[0]
        self.records += outcome.records
        self.doubts |= outcome.doubts
        for action in outcome.actions:
            self.actions.append(action)
            site = self.sites[action.node]
            if site.connected:
                site.unanswered.append(action)
                site.switch.receive(site.commands, commands.encode(action))
            else:
                self.carry_out(self.engine.on_failure(action, NOT_SENT, self.now_us))

    # People.

    def phone(self, node: str, contact: str, behaviour: Behaviour = ANSWERS) -> Phone:
        """A phone that a switch reaches by a dial string."""
        return self.sites[node].switch.add_phone(contact, behaviour)

    def call(self, node: str, destination: str = "queue_support", number: str = "15551") -> Call:
        placed = self.sites[node].switch.place_call(number, "Caller", destination)
        self.settle()
        return placed

    # What can be seen.

    def agent(self, name: str) -> Any:
        return next(line for line in self.engine.view(self.now_us).agents if line.name == name)

    def all(self, kind: str) -> list[Any]:
        return [record for record in self.records if record.kind == kind]

    def sent(self, kind: type) -> list[Any]:
        return [action for action in self.actions if isinstance(action, kind)]
