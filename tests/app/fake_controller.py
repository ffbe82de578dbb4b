"""A controller that only remembers what it was asked, for the HTTP side, the page and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from py_callcenter.api import (
    AgentRow,
    CallRow,
    Health,
    NodeRow,
    PortError,
    QueueRow,
    ServiceLevelRow,
    Snapshot,
    TraceStep,
    WhyAgent,
    WhyRow,
)
from py_callcenter.config import Agent, Change, Config, Exit, Queue, Tier, difference
from py_callcenter.engine.records import QueueEntered
from py_callcenter.metrics import MetricsSnapshot, NodeMetrics
from py_callcenter.stats import FORMULA, WINDOW_SECONDS, Stats

NOW = 1_795_000_000.0


def service_level(now_percent: float | None = 87.5) -> ServiceLevelRow:
    return ServiceLevelRow(
        seconds=20, percent=80, now_percent=now_percent, window_seconds=WINDOW_SECONDS, formula=FORMULA
    )


def queue_row(name: str, waiting: int = 0, oldest_at: float | None = None, **changes) -> QueueRow:
    row = QueueRow(
        name=name,
        strategy="longest-idle-agent",
        waiting=waiting,
        oldest_at=oldest_at,
        service_level=service_level(),
        agents={"waiting": 1, "in_a_queue_call": 1},
        offered=40,
        answered=34,
        abandoned=3,
        overflowed=1,
        lost=0,
    )
    return replace(row, **changes)


def call_row(call: str, queue: str = "support", position: int | None = 1, **changes) -> CallRow:
    row = CallRow(
        id=call,
        queue=queue,
        state="waiting",
        position=position,
        number="+49•••••••123",
        priority=0,
        entered_at=NOW - 12,
        since=NOW - 12,
        agents=(),
        node="fs1",
    )
    return replace(row, **changes)


def agent_row(name: str, state: str = "waiting", **changes) -> AgentRow:
    row = AgentRow(
        name=name,
        status={"logged_out": "Logged Out", "on_break": "On Break"}.get(state, "Available"),
        state=state,
        since=NOW - 61,
        ready_at=None,
        queue=None,
        call=None,
        number=None,
        queues=("support",),
        calls_answered=7,
        talk_seconds=1260.5,
        no_answer_count=0,
    )
    return replace(row, **changes)


def snapshot(version: int = 1, **changes) -> Snapshot:
    return replace(
        Snapshot(
            version=version,
            at=NOW,
            queues=(queue_row("support", 2, NOW - 12), queue_row("sales")),
            calls=(
                call_row("call-1"),
                call_row("call-2", position=2, entered_at=NOW - 4, since=NOW - 4),
                call_row("call-3", position=None, state="talking", since=NOW - 90, agents=("1001",)),
            ),
            agents=(
                agent_row("1000"),
                agent_row(
                    "1001",
                    "in_a_queue_call",
                    queue="support",
                    call="call-3",
                    number="+49•••••••456",
                    since=NOW - 90,
                ),
            ),
            nodes=(NodeRow(name="fs1", up=True, since=NOW - 3600),),
        ),
        **changes,
    )


def configuration() -> Config:
    return Config(
        queues=(Queue(name="support"), Queue(name="sales")),
        agents=(
            Agent(name="1000", contacts=("user/1000@example.org",)),
            Agent(name="1001", contacts=("user/1001@example.org",)),
        ),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="support", agent="1001")),
    )


class FakeController:
    def __init__(self, now: Snapshot | None = None) -> None:
        self.now = now or snapshot()
        self.config = configuration()
        self.asked: list[tuple[object, ...]] = []
        self.reasons: dict[str, WhyRow] = {}
        self.alive = Health(ok=True)
        self.routing = Health(ok=True)
        self.gone = False
        self.readers = 0
        self._changed: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def show(self, now: Snapshot) -> None:
        """From any thread: let the feed see another snapshot."""
        self.now = now
        if self._loop is not None and self._changed is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    async def snapshot(self) -> Snapshot:
        self._check()
        return self.now

    async def subscribe(self) -> AsyncIterator[Snapshot]:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self.readers += 1
        try:
            while True:
                self._check()
                self._changed.clear()
                yield self.now
                await self._changed.wait()
        finally:
            self.readers -= 1

    async def set_agent_status(
        self, agent: str, status: str, *, reason: str = "", force: bool = False
    ) -> AgentRow:
        self.asked.append(("set_agent_status", agent, status, *filter(None, [reason, force])))
        row = self._agent(agent)
        state = {"Logged Out": "logged_out", "On Break": "on_break"}.get(status, "waiting")
        row = replace(row, status=status, state=state)
        agents = tuple(row if old.name == agent else old for old in self.now.agents)
        self.show(replace(self.now, version=self.now.version + 1, agents=agents))
        return row

    async def withdraw_break(self, agent: str) -> AgentRow:
        self.asked.append(("withdraw_break", agent))
        return self._agent(agent)

    async def end_wrap_up(self, agent: str) -> AgentRow:
        self.asked.append(("end_wrap_up", agent))
        row = self._agent(agent)
        if row.state != "wrap_up":
            raise PortError(
                409, f'agent "{agent}" has no wrap-up that could end', "see `callcenter agent list`"
            )
        return replace(row, state="waiting")

    async def set_wrap_up(self, agent: str, seconds: float) -> AgentRow:
        self.asked.append(("set_wrap_up", agent, seconds))
        row = self._agent(agent)
        if row.state != "wrap_up":
            raise PortError(409, f'agent "{agent}" isn\'t in wrap-up')
        return replace(row, ready_at=NOW + seconds)

    async def hold_agent(self, agent: str, seconds: float) -> AgentRow:
        self.asked.append(("hold_agent", agent, seconds))
        return replace(self._agent(agent), ready_at=NOW + seconds if seconds else None)

    async def set_external_calls(self, agent: str, count: int) -> AgentRow:
        self.asked.append(("set_external_calls", agent, count))
        return replace(self._agent(agent), state="busy_elsewhere" if count else "waiting")

    async def move_call(self, call: str, queue: str, *, keep_wait: bool) -> CallRow:
        self.asked.append(("move_call", call, queue, keep_wait))
        if queue not in {row.name for row in self.now.queues}:
            raise PortError(404, "there is no such queue", "see `callcenter queue list`")
        return replace(self._waiting(call), queue=queue)

    async def rank_call(
        self, call: str, *, priority: int | None, base_score: int | None, skills: str | None
    ) -> CallRow:
        self.asked.append(("rank_call", call, priority, base_score, skills))
        return replace(self._waiting(call), priority=priority or 0)

    def _waiting(self, call: str) -> CallRow:
        for row in self.now.calls:
            if row.id == call:
                if row.position is None:
                    raise PortError(409, "this call doesn't wait in a queue")
                return row
        raise PortError(404, "there is no such call", "see `callcenter call list`")

    async def transfer_call(self, call: str, kind: str, name: str, *, keep_wait: bool) -> None:
        self.asked.append(("transfer_call", call, kind, name, keep_wait))
        if call not in {row.id for row in self.now.calls}:
            raise PortError(404, "there is no such call", "see `callcenter call list`")

    async def consult(self, call: str, kind: str, name: str) -> None:
        self.asked.append(("consult", call, kind, name))

    async def complete_consult(self, call: str) -> None:
        self.asked.append(("complete_consult", call))

    async def end_consult(self, call: str) -> None:
        self.asked.append(("end_consult", call))

    async def hang_up(self, call: str) -> None:
        self.asked.append(("hang_up", call))
        if call not in {row.id for row in self.now.calls}:
            raise PortError(404, "there is no such call", "see `callcenter call list`")

    async def divert(self, queue: str | None, to: Exit | None) -> list[QueueRow]:
        self.asked.append(("divert", queue, None if to is None else str(to)))
        if queue is not None and queue not in {row.name for row in self.now.queues}:
            raise PortError(404, "there is no such queue", "see `callcenter queue list`")
        rows = [row for row in self.now.queues if queue in (None, row.name)]
        return [replace(row, divert=None if to is None else str(to)) for row in rows]

    async def drain(self, node: str, *, on: bool) -> NodeRow:
        self.asked.append(("drain", node, on))
        for row in self.now.nodes:
            if row.name == node:
                return replace(row, drained=on, held=("drained",) if on else ())
        raise PortError(404, "there is no such node", "see `callcenter node list`")

    async def rotate_key(self) -> int:
        self.asked.append(("rotate_key",))
        return 1

    async def why(self, call: str) -> WhyRow:
        if call in self.reasons:
            return self.reasons[call]
        if call != "call-2":
            raise PortError(404, "nothing is known of this call", "see `callcenter call list`")
        resting = WhyAgent(agent="1000", reason="wrap_up", until=NOW + 7)
        return WhyRow(call=call, queue="support", at=NOW, wanted=1, agents=(resting,))

    async def trace(self, call: str) -> list[TraceStep]:
        if call != "call-1":
            raise PortError(404, "nothing is known of this call", "see `callcenter call list`")
        return [
            TraceStep(
                at=NOW - 12, kind="queue-entered", text="entered the queue", details={"queue": "support"}
            ),
            TraceStep(at=NOW - 11, kind="offer-made", text="rang an agent", details={"agent": "1000"}),
        ]

    async def configuration(self) -> Config:
        return self.config

    async def apply(self, config: Config, *, dry_run: bool) -> list[Change]:
        self.asked.append(("apply", dry_run))
        changes = difference(self.config.with_routing(self.config.routing()), config)
        busy = {row.queue for row in self.now.calls}
        for change in changes:
            if change.kind == "queue" and change.what == "removed" and change.name in busy:
                raise PortError(
                    409,
                    f'queue "{change.name}" still has callers',
                    "wait until it is empty, then apply again",
                )
        if not dry_run:
            self.config = config
        return changes

    async def health(self) -> Health:
        return self.alive

    async def ready(self) -> Health:
        self._check()
        return self.routing

    async def metrics(self) -> MetricsSnapshot:
        stats = Stats()
        stats.configure({queue.name: queue.service_level.us for queue in self.config.queues})
        for row in self.now.queues:
            for n in range(row.waiting):
                head = {"node": "fs1", "epoch": 1, "sequence": n, "at_us": int((NOW - 12) * 1e6)}
                call = f"{row.name}-{n}"
                stats.fold(QueueEntered(**head, call=call, queue=row.name, leg=1, priority=0))
        return MetricsSnapshot(
            stats=stats,
            agents={"waiting": 1, "in_a_queue_call": 1},
            nodes={"fs1": NodeMetrics(up=True, events={"CHANNEL_PARK": 3})},
            version="0.1.0",
            build_profile="release",
        )

    def _agent(self, name: str) -> AgentRow:
        for row in self.now.agents:
            if row.name == name:
                return row
        raise PortError(404, f'there is no agent "{name}"', "see `callcenter agent list`")

    def _check(self) -> None:
        if self.gone:
            raise PortError(503, "the controller is stopping", "try again in a moment")
