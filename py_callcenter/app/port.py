"""The controller as the HTTP thread sees it: questions carried into the hub, answers and snapshots back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, Literal, TypeVar

from py_callcenter import __version__
from py_callcenter._router import BUILD_PROFILE, Estimate, Score
from py_callcenter.api.port import (
    AgentRow,
    CallRow,
    Health,
    NodeRow,
    PortError,
    QueueRow,
    ServiceLevelRow,
    Snapshot,
    TraceStep,
    WaitErrorRow,
    WaitRow,
)
from py_callcenter.api.views import mask_number
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub, IntoLoop
from py_callcenter.app.story import tell
from py_callcenter.config import Change, Config, Exit
from py_callcenter.engine import EngineError, View
from py_callcenter.engine.errors import NotNow, UnknownAgent, UnknownCall, UnknownNode, UnknownQueueName
from py_callcenter.engine.view import AgentLine, CallView, NodeView
from py_callcenter.esl.node import NodeLink, State
from py_callcenter.metrics import ExpectedWait, Heard, MetricsSnapshot, NodeMetrics, Target
from py_callcenter.stats import FORMULA, LAG_BOUNDS_US, WINDOW_SECONDS, Histogram, Stats
from py_callcenter.store import Store

ANSWER_S: Final = 5.0
STUCK_S: Final = 10.0
EXPECTED_AT_ONCE: Final = 20
"""Queues whose expected wait is asked for in one turn of the hub, so that calls wait for a moment only."""

T = TypeVar("T")


class HubPort:
    """`api.ControllerPort` over a `Controller` in the hub."""

    def __init__(self, controller: Controller, store: Store, into_hub: IntoHub) -> None:
        self._controller = controller
        self._store = store
        self._into_hub = into_hub
        self._version = 0
        self._listening = False
        self._pages: set[asyncio.Event] = set()

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._into_hub.call(question)), ANSWER_S)
        except EngineError as error:
            raise PortError(_status_of(error), str(error), error.hint) from error
        except (TimeoutError, RuntimeError) as error:
            raise PortError(503, "the controller doesn't answer", "see its log; try again") from error

    async def snapshot(self) -> Snapshot:
        view, links, config = await self._ask(self._look)
        self._version += 1
        return _snapshot(self._version, view, self._figures(), links, config)

    def _figures(self) -> dict[str, _QueueFigures]:
        now_us = self._controller.clock.now_us()
        with self._controller.live.reading() as live:
            return {
                name: _QueueFigures(
                    offered=queue.offered,
                    answered=queue.answered,
                    abandoned=sum(queue.abandoned.values()),
                    overflowed=sum(queue.left.values()),
                    lost=queue.lost,
                    percent=queue.window.percent(now_us),
                )
                for name, queue in live.stats.queues.items()
            }

    def _look(self) -> tuple[View, tuple[NodeRow, ...], Config]:
        controller = self._controller
        view = controller.view()
        paces = {pace.name: pace for pace in view.nodes}
        nodes = tuple(
            _node_row(
                link,
                controller.node_states.get(name, (link.state, controller.started_us))[1],
                paces.get(name),
            )
            for name, link in controller.links.items()
        )
        return view, nodes, controller.config

    async def subscribe(self) -> AsyncIterator[Snapshot]:
        if not self._listening:
            await self._ask(partial(self._listen, IntoLoop(asyncio.get_running_loop())))
            self._listening = True
        # One each: a page that clears a common one would take the news from the others.
        change = asyncio.Event()
        self._pages.add(change)
        try:
            while True:
                change.clear()
                yield await self.snapshot()
                await change.wait()
        finally:
            self._pages.discard(change)

    def _listen(self, tell_loop: IntoLoop) -> None:
        self._controller.changed = partial(tell_loop.call, self._changed)

    def _changed(self) -> None:
        for page in self._pages:
            page.set()

    async def set_agent_status(self, agent: str, status: str) -> AgentRow:
        await self._ask(partial(self._controller.set_agent_status, agent, status))
        return await self._agent(agent)

    async def end_wrap_up(self, agent: str) -> AgentRow:
        await self._ask(partial(self._controller.end_wrap_up, agent))
        return await self._agent(agent)

    async def set_wrap_up(self, agent: str, seconds: float) -> AgentRow:
        await self._ask(partial(self._controller.set_wrap_up, agent, seconds))
        return await self._agent(agent)

    async def hold_agent(self, agent: str, seconds: float) -> AgentRow:
        await self._ask(partial(self._controller.hold_agent, agent, seconds))
        return await self._agent(agent)

    async def set_external_calls(self, agent: str, count: int) -> AgentRow:
        await self._ask(partial(self._controller.set_external_calls, agent, count))
        return await self._agent(agent)

    async def move_call(self, call: str, queue: str, *, keep_wait: bool) -> CallRow:
        await self._ask(partial(self._controller.move_call, call, queue, keep_wait=keep_wait))
        return await self._call(call)

    async def rank_call(
        self, call: str, *, priority: int | None, base_score: int | None, skills: str | None
    ) -> CallRow:
        await self._ask(
            partial(self._controller.rank_call, call, priority=priority, base_score=base_score, skills=skills)
        )
        return await self._call(call)

    async def _call(self, name: str) -> CallRow:
        snapshot = await self.snapshot()
        for row in snapshot.calls:
            if row.id == name:
                return row
        raise PortError(404, f"call `{name[:64]}` is over", "`callcenter call list` shows the calls")

    async def _agent(self, name: str) -> AgentRow:
        snapshot = await self.snapshot()
        for row in snapshot.agents:
            if row.name == name:
                return row
        raise PortError(404, f"there is no agent `{name[:64]}`", "`callcenter agent list` shows the agents")

    async def hang_up(self, call: str) -> None:
        await self._ask(partial(self._controller.hang_up, call))

    async def divert(self, queue: str | None, to: Exit | None) -> list[QueueRow]:
        await self._ask(partial(self._controller.divert, queue, to))
        return [row for row in (await self.snapshot()).queues if queue in (None, row.name)]

    async def drain(self, node: str, *, on: bool) -> NodeRow:
        await self._ask(partial(self._controller.drain, node, on=on))
        return next(row for row in (await self.snapshot()).nodes if row.name == node)

    async def trace(self, call: str) -> list[TraceStep]:
        story = await self._ask(partial(self._controller.traces.of, call))
        if not story:
            raise PortError(
                404,
                f"nothing is known of call `{call[:64]}`",
                "`callcenter call list` shows the calls; only recent ones are kept",
            )
        return [tell(record) for record in story]

    async def configuration(self) -> Config:
        return self._controller.config

    async def apply(self, config: Config, *, dry_run: bool) -> list[Change]:
        return await self._ask(partial(self._controller.apply, config, dry_run=dry_run))

    async def health(self) -> Health:
        stuck_s = self._controller.seconds_since_beat()
        if stuck_s > STUCK_S:
            return Health(ok=False, reasons=(f"the main loop has not turned for {stuck_s:.0f} s",))
        return Health(ok=True)

    async def ready(self) -> Health:
        reasons: list[str] = []
        health = await self.health()
        reasons += health.reasons
        links = self._controller.links
        if not links:
            reasons.append("no node is configured")
        if links and not any(link.announced for link in links.values()):
            reasons.append("no switch is connected and in step")
            reasons += [
                f"{name}: {_REASONS.get(link.state, 'not in step yet')}" for name, link in links.items()
            ]
        if not self._store.working:
            reasons.append("records can't be written to the database")
        return Health(ok=not reasons, reasons=tuple(reasons))

    async def metrics(self) -> MetricsSnapshot:
        """The hub gives a handful of numbers; whatever grows with queues and agents is read beside it."""
        taken, config = await self._ask(self._measure)
        names = [queue.name for queue in config.queues]
        expected: dict[str, ExpectedWait] = {}
        for start in range(0, len(names), EXPECTED_AT_ONCE):
            some = names[start : start + EXPECTED_AT_ONCE]
            expected |= await self._ask(partial(self._expect, some))
        return await asyncio.to_thread(self._complete, replace(taken, expected=expected), config)

    def _expect(self, names: list[str]) -> dict[str, ExpectedWait]:
        now_us = self._controller.clock.now_us()
        return {
            name: ExpectedWait(
                half_us=None if expected is None else expected.p50_us,
                most_us=None if expected is None else expected.p80_us,
                answers=score.answers,
                bias=score.bias,
                error=score.relative_error,
                inside=score.coverage,
            )
            for name, expected, score in self._controller.engine.expected_waits(names, now_us)
        }

    def _complete(self, taken: MetricsSnapshot, config: Config) -> MetricsSnapshot:
        queues_of: dict[str, list[str]] = {}
        for tier in config.tiers:
            queues_of.setdefault(tier.agent, []).append(tier.queue)
        with self._controller.live.reading() as live:
            agents = live.agents(self._controller.clock.now_us(), queues_of)
            stats = live.stats.copy()
        targets = {q.name: Target(q.service_level.us, q.service_level.percent) for q in config.queues}
        return replace(taken, stats=stats, live_agents=agents, targets=targets)

    def _measure(self) -> tuple[MetricsSnapshot, Config]:
        controller = self._controller
        figures = controller.figures
        now_us = controller.clock.now_us()
        paces = {node.name: node for node in controller.engine.nodes()}
        taken = MetricsSnapshot(
            stats=Stats(),
            agents=dict(controller.engine.agents_by_state()),
            nodes={
                name: NodeMetrics(
                    up=link.state is State.UP,
                    events=dict(link.counters.events),
                    commands=_by_outcome(link.counters.commands),
                    reconnects=dict(link.counters.reconnects),
                    parse_errors=link.counters.parse_errors,
                    shed=link.counters.shed,
                    held=paces[name].held if name in paces else (),
                    originates_waiting=paces[name].backlog if name in paces else 0,
                    originates_refused=paces[name].refused if name in paces else 0,
                    backlog=link.backlog,
                    event_lag=figures.event_lag[name].copy()
                    if name in figures.event_lag
                    else Histogram(LAG_BOUNDS_US),
                    durations={word: found.copy() for word, found in link.counters.durations.items()},
                    heard=_heard(link, now_us),
                    max_sessions=paces[name].max_sessions if name in paces else 0,
                    sessions_per_second=paces[name].sessions_per_second if name in paces else 0,
                )
                for name, link in controller.links.items()
            },
            hub_lag=figures.hub_lag.copy(),
            decision=figures.decision.copy(),
            offers=controller.router.offers,
            agents_unreachable=controller.engine.agents_unreachable(),
            engine_faults=controller.faults,
            records_dropped=self._store.dropped,
            records_pending=self._store.pending,
            record_write_failures=self._store.failures,
            version=__version__,
            build_profile=BUILD_PROFILE,
            started_us=controller.started_us,
        )
        return taken, controller.config


_REASONS: Final = {
    State.CONNECTING: "connecting",
    State.DOWN: "no connection to the switch",
    State.REFUSED: "the switch refuses us: check the password and its access list",
}


def _heard(link: NodeLink, now_us: int) -> Heard | None:
    """The switch's last HEARTBEAT, with its moment by our clock."""
    heartbeat, age_s = link.heartbeat, link.heartbeat_age_s
    if heartbeat is None or age_s is None:
        return None
    return Heard(
        at_us=now_us - round(age_s * 1e6),
        started_us=heartbeat.started_us,
        sessions=heartbeat.sessions,
        sessions_begun=heartbeat.sessions_begun,
        idle_cpu=heartbeat.idle_cpu,
    )


def _by_outcome(commands: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Commands of all kinds by outcome: ok, error (refused or never sent), unknown."""
    counts = {"ok": 0, "error": 0, "unknown": 0}
    for (_word, outcome), count in commands.items():
        counts[outcome if outcome in ("ok", "unknown") else "error"] += count
    return counts


class _QueueFigures:
    __slots__ = ("abandoned", "answered", "lost", "offered", "overflowed", "percent")

    def __init__(
        self,
        *,
        offered: int = 0,
        answered: int = 0,
        abandoned: int = 0,
        overflowed: int = 0,
        lost: int = 0,
        percent: float | None = None,
    ) -> None:
        self.offered = offered
        self.answered = answered
        self.abandoned = abandoned
        self.overflowed = overflowed
        self.lost = lost
        self.percent = percent


def _node_row(link: NodeLink, since_us: int, pace: NodeView | None) -> NodeRow:
    held = pace.held if pace is not None else ()
    return NodeRow(
        name=link.name,
        up=link.state is State.UP,
        since=since_us / 1e6,
        reason=_REASONS.get(link.state, ""),
        drained="drained" in held,
        held=held,
        lag_seconds=link.event_lag_s,
        heartbeat_age_seconds=link.heartbeat_age_s,
        sessions_per_second=pace.sessions_per_second or None if pace is not None else None,
        max_sessions=pace.max_sessions or None if pace is not None else None,
        originates_waiting=pace.backlog if pace is not None else 0,
        originates_refused=pace.refused if pace is not None else 0,
    )


def _status_of(error: EngineError) -> Literal[400, 404, 409]:
    if isinstance(error, UnknownAgent | UnknownCall | UnknownQueueName | UnknownNode):
        return 404
    return 409 if isinstance(error, NotNow) else 400


def _snapshot(
    version: int,
    view: View,
    figures: dict[str, _QueueFigures],
    nodes: tuple[NodeRow, ...],
    config: Config,
) -> Snapshot:
    by_id = {call.id: call for call in view.calls}
    ringing = {agent: call for call in view.calls for agent in call.ringing}
    states: dict[str, dict[str, int]] = {queue.name: {} for queue in view.queues}
    for line in view.agents:
        for name in line.queues:
            counts = states.setdefault(name, {})
            counts[line.state] = counts.get(line.state, 0) + 1
    targets = {queue.name: queue.service_level for queue in config.queues}
    rows = []
    for queue in view.queues:
        counted = figures.get(queue.name) or _QueueFigures()
        target = targets[queue.name]
        rows.append(
            QueueRow(
                name=queue.name,
                strategy=queue.strategy,
                waiting=queue.waiting,
                oldest_at=queue.oldest_entered_us / 1e6 if queue.oldest_entered_us else None,
                service_level=ServiceLevelRow(
                    seconds=target.seconds,
                    percent=target.percent,
                    now_percent=counted.percent,
                    window_seconds=WINDOW_SECONDS,
                    formula=FORMULA,
                ),
                agents=states[queue.name],
                offered=counted.offered,
                answered=counted.answered,
                abandoned=counted.abandoned,
                overflowed=counted.overflowed,
                lost=counted.lost,
                expected_wait=_wait_row(queue.expected),
                expected_wait_error=_wait_error_row(queue.score),
                divert=queue.divert or None,
            )
        )
    return Snapshot(
        version=version,
        at=view.at_us / 1e6,
        queues=tuple(rows),
        calls=tuple(_call_row(call) for call in view.calls),
        agents=tuple(
            _agent_row(line, by_id.get(line.call) or ringing.get(line.name)) for line in view.agents
        ),
        nodes=nodes,
    )


def _call_row(call: CallView) -> CallRow:
    if call.phase == "talking":
        state, since_us = "talking", call.talk_since_us
    elif call.phase == "connecting":
        state, since_us = "connecting", call.ring_since_us or call.entered_us
    elif call.phase == "parted":
        state, since_us = "leaving", call.entered_us
    elif call.ring_since_us:
        state, since_us = "ringing", call.ring_since_us
    else:
        state, since_us = "waiting", call.entered_us
    return CallRow(
        id=call.id,
        queue=call.queue,
        state=state,  # type: ignore[arg-type]  # one of the literals above
        position=call.position or None,
        number=mask_number(call.number),
        priority=call.priority,
        entered_at=call.entered_us / 1e6,
        since=since_us / 1e6,
        agents=(call.agent,) if call.agent else call.ringing,
        node=call.node,
        expected_wait=_wait_row(call.expected),
    )


def _wait_row(answer: Estimate | None) -> WaitRow | None:
    if answer is None:
        return None
    return WaitRow(
        low=_rough(answer.p50_us),
        high=_rough(answer.p80_us),
        p10=_rough(answer.p10_us),
        p90=_rough(answer.p90_us),
    )


def _wait_error_row(score: Score) -> WaitErrorRow:
    judged = score.answers > 0
    return WaitErrorRow(
        answers=score.answers,
        bias=round(score.bias, 2) if judged else None,
        error=round(score.relative_error, 2) if judged else None,
        inside=round(score.coverage, 2) if judged else None,
    )


def _rough(us: int) -> float:
    """Seconds in two significant digits, none of them behind the point."""
    seconds = us / 1e6
    return float(round(seconds, 2 - len(str(int(seconds))) if seconds >= 100 else 0))


def _agent_row(line: AgentLine, call: CallView | None) -> AgentRow:
    return AgentRow(
        name=line.name,
        status=line.status,
        state=line.state,
        since=line.state_since_us / 1e6,
        ready_at=line.ready_at_us / 1e6 if line.ready_at_us else None,
        queue=call.queue if call else None,
        call=call.id if call else None,
        number=mask_number(call.number) if call else None,
        queues=line.queues,
        calls_answered=line.calls_answered,
        talk_seconds=line.talk_us / 1e6,
        no_answer_count=line.no_answer_count,
        reachable=line.reachable,
    )
