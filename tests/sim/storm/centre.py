"""A whole call centre in virtual time: production's controller, switches, the cables between, the people.

One agenda moves everything: the switches' own, the cables', the controller's deadlines. `Centre.run` jumps
from moment to moment. What decides is production's `app.Controller` with its engine, core, builder, parsers
and figures; its sockets, its threads and its clock are replaced (`link`, `books`, `VirtualClock`).
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from sim.storm.books import Books
from sim.storm.health import Health
from sim.storm.link import Link
from sim.storm.network import Line, Network
from sim.storm.people import People
from sim.storm.plan import Plan
from sim.storm.switches import make_switch

from py_callcenter._router import FrameParser
from py_callcenter.app.alive import EVERY_S
from py_callcenter.app.controller import Controller
from py_callcenter.app.secrets import Keys
from py_callcenter.config import Tier
from py_callcenter.engine import Action
from py_callcenter.esl import commands
from py_callcenter.esl.port import State
from py_callcenter.esl.settings import Timings
from py_callcenter.sim import Switch

SECOND = 1_000_000
START_US = 1_800_000_000 * SECOND
KEYS = Keys(b"a key for tests, 32 bytes long..", (), b"another for the callers' numbers")
PASSWORD = "ClueCon"
BEAT_US = round(EVERY_S * SECOND)
OUT_OF_SIGHT_US = round(Timings().out_of_sight_s * SECOND)


class Crash(BaseException):
    """The controller dies here and now; no handler of its own may catch it."""


class VirtualClock:
    """`app.clock.Clock` on the centre's time; `offset_us`: how far the wall clock was off at the start."""

    def __init__(self, centre: Centre, offset_us: int) -> None:
        self._centre = centre
        self._offset_us = offset_us

    def now_us(self) -> int:
        return self._centre.now_us + self._offset_us


class Centre:
    """The world of one run. `spy` is told what happens (`truth.Truth`); it decides nothing."""

    make_link = Link

    def __init__(self, plan: Plan, spy: Any) -> None:
        self.plan = plan
        self.spy = spy
        self.now_us = self.start_us = START_US
        self.config = plan.config()
        self.tiers: dict[str, dict[str, Tier]] = {}
        self.queues_of: dict[str, set[str]] = {}
        for tier in self.config.tiers:
            self.tiers.setdefault(tier.queue, {})[tier.agent] = tier
            self.queues_of.setdefault(tier.agent, set()).add(tier.queue)
        self._agenda: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self.health = Health(plan.nodes, START_US)
        self.restless = any(fault.fault not in QUIET for fault in plan.faults)
        """Something may go wrong with cables or events, so the canaries fly; they change nothing else."""
        self.skews_us = [round(plan.skew_s[node] * SECOND) for node in range(plan.nodes)]
        self.switches: list[Switch] = []
        self.networks: list[Network] = []
        self.lines: list[dict[int, Line]] = []
        self.down = [False] * plan.nodes
        self.stalled_us = [0] * plan.nodes
        for node in range(plan.nodes):
            self.switches.append(make_switch(self, node))
            self.networks.append(Network(self, node, random.Random(f"network {plan.seed} {node}")))
            self.lines.append({})
        self.books = Books(self)
        self.controller: Any = None
        self.links: list[Link] = []
        self.epoch = 0
        self.paused = 0
        self.clock_offset_us = 0
        self.crash_after_actions: int | None = None
        """Die when so many more commands are written (F36)."""
        self.before_input: Callable[[], None] | None = None
        self._inbox: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._tick_us: int | None = None
        self.starts = 0
        self.last_known_us = 0
        """What the last controller left in its state folder (`app.alive`)."""
        self.awake_us = START_US
        """When the process was last awake, while it stands still."""
        spy.attach(self)
        self.people = People(self)

    # Time.

    def at(self, due_us: int, run: Callable[..., object], *arguments: Any) -> None:
        """Do something at a moment; the same moment keeps the order of asking."""
        self._order += 1
        if due_us < self.now_us:
            due_us = self.now_us
        heapq.heappush(self._agenda, (due_us, self._order, run, arguments))

    def after(self, seconds: float, run: Callable[..., object], *arguments: Any) -> None:
        """Do something later."""
        self.at(self.now_us + round(seconds * SECOND), run, *arguments)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        until_us = self.now_us + round(seconds * SECOND)
        agenda, switches, skews = self._agenda, self.switches, self.skews_us
        agendas = [(node, switch._agenda, skews[node]) for node, switch in enumerate(switches)]
        take = heapq.heappop
        while True:
            due_us = agenda[0][0] if agenda else until_us
            which = -1
            for node, own, skew_us in agendas:
                if own and (theirs_us := own[0][0] - skew_us) < due_us:
                    due_us, which = theirs_us, node
            if due_us > until_us:
                self.now_us = until_us
                return
            if due_us > self.now_us:
                self.now_us = due_us
            if which >= 0:
                switches[which].run_until(self.now_us + skews[which])
                self.collect(which)
            else:
                _due, _order, run, arguments = take(agenda)
                run(*arguments)

    # The switches.

    def switch_input(self, node: int, act: Callable[..., object], *arguments: Any) -> None:
        """Something reaches a switch; nothing does while it is down."""
        if self.down[node]:
            return
        switch, now_us = self.switches[node], self.now_us + self.skews_us[node]
        switch.run_until(now_us)
        act(switch, *arguments)
        switch.run_until(now_us)
        self.collect(node)

    def collect(self, node: int) -> None:
        """Let what the switch wrote begin its way."""
        for line in self.lines[node].values():
            if line.written:
                line.collect()

    def connect(self, node: int) -> int:
        """A connection that is let in."""
        switch = self.switches[node]
        switch.run_until(self.now_us + self.skews_us[node])
        number = switch.connect()
        switch.receive(number, commands.auth(PASSWORD))
        switch.take_output(number)
        return number

    def ask_switch(self, node: int, questions: list[bytes]) -> list[bytes]:
        """Answers to `api` commands at this moment, on a connection that is not kept."""
        switch = self.switches[node]
        number = self.connect(node)
        for question in questions:
            switch.receive(number, question)
        answers = [frame.body for frame in FrameParser().feed(switch.take_output(number))]
        switch.disconnect(number)
        self.collect(node)
        return [answer.rstrip(b"\n") if len(answer) < 200 else answer for answer in answers]

    def cut_node(self, node: int) -> None:
        """Every connection of a node breaks, at both ends."""
        for number in list(self.switches[node].connections):
            self.switches[node].disconnect(number)
        for link in self.links:
            if link.node == node:
                self.when_awake(link.cut)

    def restart_node(self, node: int, after_s: float) -> None:
        """A switch dies with all its calls, unless it is down already, and another run of it begins."""
        if self.down[node]:
            return
        self.cut_node(node)
        self.down[node] = True
        self.spy.switch_died(node)
        self.switches[node].restart()
        self.health.begin(node)
        self.feel()
        self.after(after_s, self._node_is_back, node)

    def _node_is_back(self, node: int) -> None:
        self.down[node] = False
        self.health.end(node, self.now_us)
        self.feel()

    # The controller.

    def start(self) -> None:
        """Start a controller (again)."""
        if self.controller is not None:
            return
        self.epoch += 1
        self.starts += 1
        self.crash_after_actions = None
        controller = Controller(
            self.config,
            self.books,  # type: ignore[arg-type]
            keys=KEYS,
            epoch=self.epoch,
            memory=self.books.memory(),
            last_known_us=self.last_known_us,
            clock=VirtualClock(self, self.clock_offset_us),  # type: ignore[arg-type]
            seed=self.epoch,
        )
        self.controller = controller
        self.links = [
            self.make_link(
                self,
                node,
                self.node_name(node),
                controller,
                random.Random(f"{self.plan.seed} {self.epoch} {node}"),
            )
            for node in range(self.plan.nodes)
        ]
        controller.links.update({link.name: link for link in self.links})
        self.spy.controller_started(controller)
        # As `Controller.start` does.
        self.controller_input(lambda: controller._carry_out(controller.engine.start()))
        for link in self.links:
            self.controller_input(controller._input, controller.engine.on_node, link.name, False)
        for link in self.links:
            link.start()
        self.feel()

    def kill(self) -> None:
        """`kill -9`: the channels don't notice."""
        if self.controller is None:
            return
        self._note_alive(self.controller)
        self.controller = None
        self.paused = 0
        self._inbox.clear()
        self._tick_us = None
        for link in self.links:
            link.stop()
        self.links = []
        self.books.process_died()
        self.spy.controller_died()
        self.feel()

    def _note_alive(self, controller: Any) -> None:
        """The last moment that `app.alive` kept of a process that ends now, on the clock of that process."""
        awake_us = self.awake_us if self.paused else self.now_us
        if controller.in_step.is_set():  # or this start came to nothing
            now_us = awake_us + controller.clock._offset_us
            self.last_known_us = now_us - now_us % BEAT_US

    def leave(self) -> None:
        """A planned stop, as for an upgrade: the nodes are told, then all is as after `kill`."""
        if self.controller is not None and not self.paused:
            for link in self.links:
                link.say_goodbye()
        self.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        if self.controller is not None:
            if not self.paused:
                self.awake_us = self.now_us
            self.paused += 1
            self.feel()

    def go_on(self) -> None:
        """SIGCONT: everything that came meanwhile is read now."""
        if self.controller is None or not self.paused:
            return
        self.paused -= 1
        if self.paused:
            return
        for node in range(self.plan.nodes):  # it may have stood still for longer than the fault was planned
            self.health.touch(node, self.now_us)
        inbox, self._inbox = self._inbox, deque()
        while inbox:
            if self.paused:
                self._inbox.extend(inbox)
                return
            run, arguments = inbox.popleft()
            run(*arguments)
        self.feel()

    def when_awake(self, run: Callable[..., object], *arguments: Any) -> None:
        """Have the controller's process do something, once it runs."""
        if self.controller is None:
            return
        if self.paused:
            self._inbox.append((run, arguments))
        else:
            run(*arguments)

    def controller_input(self, take: Callable[..., object], *arguments: object) -> object:
        """Give the controller one input, as the hub does."""
        controller = self.controller
        if controller is None:
            return None
        if self.before_input is not None:
            self.before_input()
            if self.controller is not controller:
                return None
        try:
            result = take(*arguments)
        except Crash:
            self.kill()
            self.after(self.plan_restart_s(), self.start)
            return None
        self._plan_tick()
        return result

    def plan_restart_s(self) -> float:
        """How long the supervisor takes."""
        return 0.3 + (self.epoch * 7 % 5) * 0.4

    def _plan_tick(self) -> None:
        controller = self.controller
        if controller._due_us is None:
            return
        due_us = controller._due_us - controller.clock._offset_us
        if self._tick_us is None or due_us < self._tick_us:
            self._tick_us = due_us
            self.at(due_us, self._tick, due_us, controller)

    def _tick(self, due_us: int, controller: Any) -> None:
        if controller is self.controller and self._tick_us == due_us:
            self._tick_us = None
            self.when_awake(self._run_tick, controller)

    def _run_tick(self, controller: Any) -> None:
        """What `Controller._keep_time` does when a deadline is reached."""
        now_us = controller.clock.now_us()
        if controller._due_us is not None and controller._due_us <= now_us:
            controller._due_us = None
            self.controller_input(controller._input, controller.engine.tick)
        if self.controller is controller:
            self._plan_tick()

    def node_name(self, node: int) -> str:
        """Name of a node in the configuration."""
        return f"fs{node + 1}"

    def wish(self, wish: Callable[[Any], object]) -> object:
        """Somebody asks the controller for something through the API. None when it can't answer."""
        if self.controller is None or self.paused:
            return None
        return self.controller_input(wish, self.controller)

    # What is told about it.

    @property
    def answers(self) -> bool:
        """Whether the controller's API would answer."""
        return self.controller is not None and not self.paused

    @property
    def disturbed(self) -> bool:
        """Whether anything went wrong with cables, switches, events or the controller."""
        return self.health.ever

    def out_of_sight(self, node: int) -> bool:
        """Nothing got through for so long that the controller has given the node's calls up: then agents who
        may still be in them get others.
        """
        watch = self.health.nodes[node]
        unseen_us = min(self.now_us - watch._since_us, self.now_us - self.stalled_us[node])
        return not watch.well and unseen_us >= OUT_OF_SIGHT_US

    def feel(self) -> None:
        """Update who is well."""
        here = self.controller is not None and not self.paused
        well_all = here
        for node in range(self.plan.nodes):
            well = (
                here
                and not self.networks[node].stalled
                and not self.networks[node].late_us
                and not self.down[node]
                and self.links[node].state is State.UP
            )
            self.health.nodes[node].set(self.now_us, well=well)
            well_all = well_all and well
        self.health.all.set(self.now_us, well=well_all)

    def trace(self, *parts: bytes) -> None:
        """Something that makes this run what it is."""
        self._hash.update(b"".join((self.now_us.to_bytes(8, "big"), *parts)))

    def fingerprint(self) -> str:
        """The same for the same seed."""
        return self._hash.hexdigest()

    def action_written(self, _action: Action) -> None:
        """A command leaves; F36 dies here."""
        if self.crash_after_actions is not None:
            self.crash_after_actions -= 1
            if self.crash_after_actions <= 0:
                self.crash_after_actions = None
                raise Crash


QUIET = frozenset({19, 20, 22, 23, 24, 27, 28, 30, 31, 32, 33, 40})
"""Faults that touch neither cables nor events nor the controller."""
