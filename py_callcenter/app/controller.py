"""The shell around the engine: carries events in and actions out, in one greenlet's turn each.

Everything here runs in the hub's thread. It decides nothing: it reads the clock, asks the engine and
does what the engine says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from pathlib import Path
from typing import Any, Final

import gevent
import structlog
from gevent.event import Event as Signal

from py_callcenter._router import Event, Router
from py_callcenter.app.clock import Clock
from py_callcenter.app.decisions import DecisionLog
from py_callcenter.app.early import DEAD_MAN_PLANNED_S, GOODBYE_S, links_to
from py_callcenter.app.live import LiveFigures, as_left
from py_callcenter.app.measuring import Figures, TimedRouter
from py_callcenter.app.notable import log_if_notable
from py_callcenter.app.orders import Orders
from py_callcenter.app.queue_log import QueueLogFile
from py_callcenter.app.registrations import Registrations
from py_callcenter.app.secrets import Keys, forget_seals
from py_callcenter.app.traces import Traces
from py_callcenter.config import Change, Config, Exit, difference
from py_callcenter.engine import Action, AnyRecord, Engine, Outcome, View
from py_callcenter.engine.actions import AskApplication, AskMark, Look, Probe
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.transfers import Destination
from py_callcenter.engine.watch import Changes
from py_callcenter.engine.why import Why
from py_callcenter.esl.errors import EslError
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.store.store import Store

_log = structlog.get_logger(__name__)

IDLE_TICK_S: Final = 1.0
RESUMES_WITHIN_S: Final = 5.0
"""Promised from a switch that answers again to its callers being routed, with 100 000 legs (I14)."""
KEYS_EVERY_S: Final = 60.0
KEYS_MARGIN_US: Final = 60_000_000
"""More than any two clocks of ours differ, and than a stamp may be on its way."""
FAULT_PAUSE_US: Final = 100_000


class Controller:
    """One engine and its switches."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        keys: Keys,
        epoch: int,
        memory: Memory,
        last_known_us: int = 0,
        clock: Clock | None = None,
        seed: int | None = None,
        orders_in: Path | None = None,
        links: Mapping[str, NodeLink] | None = None,
    ) -> None:
        """`orders_in`: the folder that keeps operators' standing orders; None keeps them in mind only.
        `last_known_us`: when a controller was last there, 0 when nobody knows (`alive`).
        `links`: to the nodes, perhaps started (`early`); made here when not given.
        """
        self.clock = clock or Clock()
        self.figures = Figures(self.clock)
        names = (agent.name for agent in config.agents)
        self.live = LiveFigures(as_left(memory, names, self.clock.now_us()))
        path = config.controller.queue_log
        self._queue_log = None if path is None else QueueLogFile(Path(path), memory)
        self.traces = Traces()
        self.started_us = self.clock.now_us()
        self.faults = 0
        """Inputs that the engine failed on."""
        self.changed: Callable[[], None] = lambda: None
        """Called after each input that may show on the page."""
        self._store = store
        self._keys = keys
        self._orders_in = orders_in
        self._config = config
        # Lots are drawn from the epoch unless the file names a seed: either way they can be drawn again.
        lots = config.controller.seed if config.controller.seed is not None else epoch
        core = Router(seed=lots)
        self._decisions = None
        if config.controller.decision_log:
            self._decisions = DecisionLog(core, Path(config.controller.state) / "decisions")
            self._decisions.write()
        self.router = router = TimedRouter(core, self.figures.decision)
        self.engine = Engine(
            config,
            router,  # type: ignore[arg-type]  # the core itself but for the stopwatch
            key=keys.seal,
            old_keys=keys.old_seals,
            caller_key=keys.caller,
            epoch=epoch,
            start_us=self.started_us,
            memory=memory,
            last_known_us=last_known_us,
        )
        self._set_targets(config)
        self._wake = Signal()
        self.in_step = Signal()
        """Set when all switches were in step for the first time."""
        self._due_us: int | None = None
        self._greenlets: list[Any] = []
        self.node_states: dict[str, tuple[State, int]] = {}
        """State of each node and since when."""
        self.links: dict[str, NodeLink] = dict(links_to(config.nodes, seed) if links is None else links)
        self._registrations = Registrations(self.links, self._on_phones)
        self._registrations.configure(config)

    # Life.

    def start(self) -> None:
        """Connect to every node; route from the moment that each is in step."""
        self.live.start()
        self._carry_out(self.engine.start())
        for name in self.links:
            self._input(self.engine.on_node, name, False)  # until it is in step
        self._take_up_orders()
        for link in self.links.values():
            link.serve(self)
            link.start()
        self._registrations.start()
        self._greenlets = [gevent.spawn(one) for one in (self._keep_time, self._mind_keys)]
        self._greenlets.append(gevent.spawn(self.figures.measure, self.links))
        if self._decisions is not None:
            self._greenlets.append(gevent.spawn(self._decisions.run))
        _log.info(
            "controller_started",
            nodes=len(self.links),
            queues=len(self._config.queues),
            processor_s=round(time.process_time(), 3),  # what the start cost, however busy the machine is
        )

    def stop(self) -> None:
        """Leave: every caller stays where they are, for the next start to find."""
        # To all at once: one that doesn't answer must not cost the others' callers their time. Also to one
        # that is being looked at anew, for its dead man is set.
        gevent.joinall([gevent.spawn(_say_goodbye, link) for link in self.links.values()], GOODBYE_S)
        for link in self.links.values():
            link.stop()
        self._registrations.stop()
        gevent.killall(self._greenlets, block=True, timeout=1)
        if self._decisions is not None:
            self._decisions.stop()
        self.live.stop()
        if self._queue_log is not None:
            self._queue_log.stop()
        _log.info("controller_stopped")

    # From the switches (esl.node.App).

    def on_event(self, node: str, event: Event) -> None:
        self._input(self.engine.on_event, node, event)
        if event.name == "CUSTOM":
            self._registrations.on_event(node, event)

    def on_failure(self, action: Action, error: str | None) -> None:
        self._input(self.engine.on_failure, action, error)

    def on_probe(self, action: Probe, alive: bool) -> None:
        self._input(self.engine.on_probe, action, alive)

    def on_look(self, action: Look, dump: Event | None) -> None:
        self._input(self.engine.on_look, action, dump)

    def on_application(self, action: AskApplication, application: str) -> None:
        self._input(self.engine.on_application, action, application)

    def on_mark(self, action: AskMark, mark: str) -> None:
        self._input(self.engine.on_mark, action, mark)

    def on_sync(self, node: str, dumps: list[Event], _core_uuid: str, restarted: bool) -> None:
        """A restarted switch has none of our channels, or has brought them back; its dumps say which."""
        link = self.links[node]
        self._input(self.engine.on_capacity, node, link.capacity, link.living)
        if restarted:
            self._input(self.engine.on_restart, node)
        self._input(self.engine.resync, node, dumps)
        self._registrations.synchronised(node)
        self.changed()

    def _on_phones(self, node: str, contact: str, phones: tuple[str, ...]) -> None:
        self._input(self.engine.on_phones, node, contact, phones)

    def on_state(self, node: str, state: State) -> None:
        self.node_states[node] = (state, self.clock.now_us())
        if state is State.UP and all(link.state is State.UP for link in self.links.values()):
            self.in_step.set()
        self._input(self.engine.on_node, node, state is State.UP)
        self.changed()

    def on_gone(self, node: str) -> None:
        self._input(self.engine.on_node_gone, node)
        self.changed()

    def on_resumed(self, node: str, took_s: float) -> None:
        if took_s > RESUMES_WITHIN_S:
            self.violated("I14", node)

    def on_harmful(self, node: str, uuid: str) -> None:
        self.violated("I17", node, self.engine.call_of(uuid))

    def violated(self, rule: str, node: str = "", call: str = "") -> None:
        """A promise was broken that the engine can't see."""
        self._input(self.engine.violated, rule, node, call)

    def known_legs(self, node: str, seen: Container[str]) -> list[str]:
        return self.engine.known_legs(node, seen)

    # From people.

    def set_agent_status(self, agent: str, status: str, *, reason: str = "", force: bool = False) -> None:
        now_us = self.clock.now_us()
        self._carry_out(self.engine.set_agent_status(agent, status, now_us, break_reason=reason, force=force))

    def withdraw_break(self, agent: str) -> None:
        self._carry_out(self.engine.withdraw_break(agent, self.clock.now_us()))

    def end_wrap_up(self, agent: str) -> None:
        now_us = self.clock.now_us()
        self._carry_out(self.engine.set_wrap_up_end(agent, now_us, now_us))

    def set_wrap_up(self, agent: str, seconds: float) -> None:
        """Let a wrap-up that runs end so many seconds from now."""
        now_us = self.clock.now_us()
        self._carry_out(self.engine.set_wrap_up_end(agent, now_us + round(seconds * 1e6), now_us))

    def hold_agent(self, agent: str, seconds: float) -> None:
        """Offer an agent nothing for so many seconds; 0 ends that."""
        now_us = self.clock.now_us()
        self._carry_out(self.engine.hold_agent(agent, now_us + round(seconds * 1e6), now_us))

    def set_external_calls(self, agent: str, count: int) -> None:
        self._carry_out(self.engine.set_external_calls(agent, count, self.clock.now_us()))

    def move_call(self, call: str, queue: str, *, keep_wait: bool) -> None:
        self._carry_out(self.engine.move_call(call, queue, self.clock.now_us(), keep_wait=keep_wait))

    def rank_call(
        self, call: str, *, priority: int | None, base_score: int | None, skills: str | None
    ) -> None:
        now_us = self.clock.now_us()
        self._carry_out(
            self.engine.rank_call(call, now_us, priority=priority, base_score=base_score, skills=skills)
        )

    def why(self, call: str) -> Why:
        """Where a waiting caller stands with each agent."""
        return self.engine.why(call)

    def transfer_call(self, call: str, target: Destination, *, keep_wait: bool) -> None:
        self._carry_out(self.engine.transfer(call, target, self.clock.now_us(), keep_wait=keep_wait))

    def consult(self, call: str, to: Destination) -> None:
        self._carry_out(self.engine.consult(call, to, self.clock.now_us()))

    def complete_consult(self, call: str) -> None:
        self._carry_out(self.engine.complete_consult(call, self.clock.now_us()))

    def end_consult(self, call: str) -> None:
        self._carry_out(self.engine.end_consult(call, self.clock.now_us()))

    def hang_up(self, call: str) -> None:
        self._carry_out(self.engine.hang_up(call, self.clock.now_us()))

    def divert(self, queue: str | None, to: Exit | None) -> None:
        """Divert a queue, or all (None), or take it back (`to` None). Raises `UnknownQueueName`."""
        self._carry_out(self.engine.divert(queue, to, self.clock.now_us()))
        self.changed()

    def drain(self, node: str, *, on: bool) -> None:
        """No new offers for a node's callers, or offers again. Raises `UnknownNode`."""
        self._carry_out(self.engine.drain(node, on, self.clock.now_us()))
        self.changed()

    def _take_up_orders(self) -> None:
        if self._orders_in is None:
            return
        orders = Orders.load(self._orders_in)
        self._input(self.engine.restore_diverts, orders.diverts)
        for node in sorted(orders.drained & self.links.keys()):
            self._input(self.engine.drain, node, True)

    @property
    def orders(self) -> Orders:
        """Operators' standing orders, which hold now."""
        return Orders(self.engine.diverts, self.engine.drained)

    def keep_orders(self, orders: Orders) -> None:
        """For the next start. Blocks: not for the hub. Raises `OSError`."""
        if self._orders_in is not None:
            orders.save(self._orders_in)

    def plan(self, config: Config) -> tuple[Config, list[Change]]:
        """What it would be with queues, agents and tiers of `config`, and what differs; nodes and controller
        stay as they were at the start. Raises `EngineError` when something that would go is in use.
        """
        wanted = self._config.with_routing(config.routing())
        self.engine.check(wanted)
        return wanted, difference(self._config, wanted)

    def take_up(self, wanted: Config) -> None:
        """Make what `plan` gave be in force. Raises `EngineError`, and changes nothing, as that does."""
        self._carry_out(self.engine.apply(wanted, self.clock.now_us()))
        self._config = wanted
        self._set_targets(wanted)
        self._registrations.configure(wanted)
        self.changed()

    def use_keys(self, keys: Keys) -> None:
        """Seal stamps with another key from now on."""
        self._keys = keys
        self._carry_out(self.engine.use_keys(keys.seal, keys.old_seals, self.clock.now_us()))
        _log.info("stamps_sealed_with_another_key", earlier_keys=len(keys.old_seals))

    def _mind_keys(self) -> None:
        while True:
            gevent.sleep(KEYS_EVERY_S)
            self.forget_keys()

    def forget_keys(self) -> None:
        """Let earlier keys count no more that nobody who is there can carry."""
        state, keys = self._orders_in, self._keys
        if state is None or not keys.old_seals:
            return
        if any(link.state is not State.UP for link in self.links.values()):
            return  # somebody may be on a switch that can't be asked
        oldest_us = self.engine.oldest_call_us()
        before_us = (self.clock.now_us() if oldest_us is None else oldest_us) - KEYS_MARGIN_US
        if min(keys.replaced_us) >= before_us:
            return
        try:
            kept = gevent.get_hub().threadpool.apply(forget_seals, (state, before_us))
        except (OSError, ValueError) as error:
            _log.warning("old_key_not_forgotten", reason=str(error))
        else:
            self.use_keys(kept)

    # Questions.

    @property
    def config(self) -> Config:
        return self._config

    def look(self, *, anew: bool = False) -> Changes:
        """A piece of what changed since the last look; see `Engine.look`."""
        return self.engine.look(self.clock.now_us(), anew=anew)

    def view(self) -> View:
        return self.engine.view(self.clock.now_us())

    # Inside.

    def _set_targets(self, config: Config) -> None:
        self.live.configure({queue.name: queue.service_level.us for queue in config.queues})

    def _input(self, take: Callable[..., Outcome], *arguments: object) -> None:
        """Give the engine one input. A fault of ours in it costs that input, not the calls of all others:
        what the engine had decided until then is carried out, its deadlines go on, and a fresh look at the
        switches tells what the lost input would have said.
        """
        now_us = self.clock.now_us()
        try:
            outcome = take(*arguments, now_us)
        except Exception:  # noqa: BLE001 - whatever it was, it is logged and the calls go on
            self._failed(getattr(take, "__name__", ""))
            try:
                outcome = self.engine.tick(now_us)
            except Exception:  # noqa: BLE001 - likewise
                _log.exception("engine_fault", input="tick")
                self._due_us = now_us + FAULT_PAUSE_US
                self._wake.set()
                return
        self._carry_out(outcome)

    def _failed(self, what: str) -> None:
        """A fault of ours, while it is handled."""
        self.faults += 1
        _log.exception("engine_fault", input=what)
        for link in self.links.values():
            link.request_resync()

    def _carry_out(self, outcome: Outcome) -> None:
        for fault in outcome.faults:  # nothing of the switches was lost by it, so there is nothing to look at
            self.faults += 1
            _log.error("engine_fault", input="ring", exc_info=fault)
        if not outcome.quiet:
            self._send(outcome)
        due_us = self.engine.next_deadline_us()
        if due_us is not None and (self._due_us is None or due_us < self._due_us):
            self._due_us = due_us
            self._wake.set()
        if outcome.quiet:
            return
        attention = self.engine.wants_attention()
        for link in self.links.values():
            link.poke_wanted = attention
        try:
            records = outcome.records
        except Exception:  # noqa: BLE001 - as for inputs
            self._failed("records")
            return
        if records:
            self._keep(records)

    def _send(self, outcome: Outcome) -> None:
        for action in outcome.actions:
            link = self.links.get(action.node)
            if link is not None:
                link.perform(action)
        for node in outcome.doubts:
            link = self.links.get(node)
            if link is not None:
                link.request_resync()

    def _keep(self, records: list[AnyRecord]) -> None:
        for record in records:
            self.traces.add(record)
            log_if_notable(record)
            self._registrations.on_record(record)
        self._store.put(records)
        self.live.put(records)
        if self._queue_log is not None:
            self._queue_log.put(records)
        self.changed()

    def _keep_time(self) -> None:
        """Give the engine its deadlines."""
        while True:
            due_us = self._due_us
            wait_s = IDLE_TICK_S
            if due_us is not None:
                wait_s = min(IDLE_TICK_S, max(0.0, (due_us - self.clock.now_us()) / 1e6))
            self._wake.wait(wait_s)
            self._wake.clear()
            now_us = self.clock.now_us()
            if self._due_us is not None and self._due_us <= now_us:
                self._due_us = None
                self._input(self.engine.tick)
                self.changed()


def _say_goodbye(link: NodeLink) -> None:
    try:
        link.say_goodbye(DEAD_MAN_PLANNED_S)
    except EslError as error:
        _log.warning(
            "goodbye_not_said",
            node=link.name,
            problem=str(error),
            hint="who waits there is kept for half a minute, not for two",
        )
