"""The controller as the HTTP thread sees it: questions carried into the hub, answers and snapshots back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar

import structlog

from py_callcenter.api.port import (
    AgentRow,
    CallRow,
    Health,
    NodeRow,
    PortError,
    QueueRow,
    Snapshot,
    StaffingRow,
    TraceStep,
    WhyAgent,
    WhyRow,
)
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub, IntoLoop
from py_callcenter.app.picture import Picture, QueueFigures, queue_figures
from py_callcenter.app.rows import WHY_DOWN, node_row, staffing_row
from py_callcenter.app.scrape import measure
from py_callcenter.app.secrets import rotate_seal
from py_callcenter.app.staffing import hints
from py_callcenter.app.story import tell
from py_callcenter.config import Change, Config, Exit
from py_callcenter.engine import EngineError
from py_callcenter.engine.errors import NotNow, UnknownAgent, UnknownCall, UnknownNode, UnknownQueueName
from py_callcenter.engine.transfers import Destination, TargetKind
from py_callcenter.engine.watch import Changes
from py_callcenter.metrics import MetricsSnapshot, Target
from py_callcenter.stats import Hint
from py_callcenter.store.errors import StoreError
from py_callcenter.store.store import Store

ANSWER_S: Final = 5.0
WRITE_S: Final = 4.0
STUCK_S: Final = 10.0
STAFFING_EVERY_S: Final = 60.0

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class HubPort:
    """`api.ControllerPort` over a `Controller` in the hub."""

    def __init__(self, controller: Controller, store: Store, into_hub: IntoHub) -> None:
        self._controller = controller
        self._store = store
        self._into_hub = into_hub
        self._version = 0
        self._picture = Picture()
        self._looking = asyncio.Lock()
        self._lost_piece = False
        self._tiers_of: tuple[Config, dict[str, list[str]]] = (Config(), {})
        """Queues of each agent, and the configuration that says so."""
        self._staffing: dict[str, Hint] = {}
        self._staffing_rows: dict[str, StaffingRow] = {}
        self._staffing_at = -STAFFING_EVERY_S
        self._staffing_task: asyncio.Task[None] | None = None
        self._listening = False
        self._pages: set[asyncio.Event] = set()
        self._told = False
        """All pages know of news, and none has looked since: more news needn't wake the loop."""
        self._applying = asyncio.Lock()
        self._keeping = asyncio.Lock()
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="orders")
        """Apart from all threads that ask the database, which may stand still just when orders are given."""

    async def _ask(self, question: Callable[[], T]) -> T:
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self._into_hub.call(question)), ANSWER_S)
        except EngineError as error:
            raise PortError(_status_of(error), str(error), error.hint) from error
        except (TimeoutError, RuntimeError) as error:
            raise PortError(503, "the controller doesn't answer", "see its log; try again") from error

    async def _order(self, wish: Callable[[], object]) -> None:
        """Have something done, and what it led to on disk: a "yes" must be right after a crash too (I16)."""
        await self._ask(wish)
        try:
            kept = await asyncio.wait_for(asyncio.wrap_future(self._store.kept()), WRITE_S)
        except (StoreError, TimeoutError):
            kept = False
        if not kept:
            raise PortError(
                503,
                "the order is in force, but not kept for the next start: the disk takes nothing",
                "see to the controller's state folder and repeat the order",
            )

    async def snapshot(self) -> Snapshot:
        async with self._looking:
            nodes = await self._bring_up_to_date()
            self._look_at_staffing()
            picture = self._picture
            picture.settle(self._figures())
            self._version += 1
            return Snapshot(
                version=self._version,
                at=picture.at_us / 1e6,
                queues=picture.queues(),
                calls=picture.calls(),
                agents=picture.agents(),
                nodes=nodes,
            )

    async def _bring_up_to_date(self) -> tuple[NodeRow, ...]:
        """Have all changes told, in pieces, so that calls wait for a moment only."""
        while True:
            # Whoever is cancelled here, or waits too long, may lose a piece that the hub has told.
            anew, self._lost_piece = self._lost_piece, True
            changes, nodes, config = await self._ask(partial(self._look, anew=anew))
            self._picture.take(changes, config)
            self._lost_piece = False
            if not changes.more:
                return nodes

    def _look_at_staffing(self) -> None:
        """Have the staffing hints worked out anew when they are old; nobody waits for that."""
        now = asyncio.get_running_loop().time()
        busy = self._staffing_task is not None and not self._staffing_task.done()
        if not busy and now - self._staffing_at >= STAFFING_EVERY_S:
            self._staffing_at = now
            self._staffing_task = asyncio.create_task(self._work_out_staffing(), name="staffing")

    async def _work_out_staffing(self) -> None:
        controller = self._controller
        try:
            self._staffing = await asyncio.to_thread(
                hints, controller.config, controller.live, self._store, controller.clock.now_us()
            )
        except Exception:  # noqa: BLE001 - a hint that can't be given must not take the page with it
            _log.exception("staffing_hint_failed")
            return
        self._staffing_rows = {name: staffing_row(hint) for name, hint in self._staffing.items()}
        self._changed()

    def _figures(self) -> dict[str, QueueFigures]:
        now_us = self._controller.clock.now_us()
        with self._controller.live.reading() as live:
            return {
                name: queue_figures(queue, now_us, self._staffing_rows.get(name))
                for name, queue in live.stats.queues.items()
            }

    def _look(self, *, anew: bool) -> tuple[Changes, tuple[NodeRow, ...], Config]:
        controller = self._controller
        changes = controller.look(anew=anew)
        if changes.more:
            return changes, (), controller.config
        paces = {pace.name: pace for pace in controller.engine.nodes()}
        nodes = tuple(
            node_row(
                link,
                controller.node_states.get(name, (link.state, controller.started_us))[1],
                paces.get(name),
            )
            for name, link in controller.links.items()
        )
        return changes, nodes, controller.config

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
                self._told = False  # before the look, so that whatever it misses is told
                yield await self.snapshot()
                await change.wait()
        finally:
            self._pages.discard(change)

    def _listen(self, tell_loop: IntoLoop) -> None:
        def changed() -> None:
            if not self._told:
                self._told = True
                tell_loop.call(self._changed)

        self._controller.changed = changed

    def _changed(self) -> None:
        for page in self._pages:
            page.set()

    async def set_agent_status(
        self, agent: str, status: str, *, reason: str = "", force: bool = False
    ) -> AgentRow:
        await self._order(
            partial(self._controller.set_agent_status, agent, status, reason=reason, force=force)
        )
        return await self._agent(agent)

    async def withdraw_break(self, agent: str) -> AgentRow:
        await self._order(partial(self._controller.withdraw_break, agent))
        return await self._agent(agent)

    async def end_wrap_up(self, agent: str) -> AgentRow:
        await self._order(partial(self._controller.end_wrap_up, agent))
        return await self._agent(agent)

    async def set_wrap_up(self, agent: str, seconds: float) -> AgentRow:
        await self._order(partial(self._controller.set_wrap_up, agent, seconds))
        return await self._agent(agent)

    async def hold_agent(self, agent: str, seconds: float) -> AgentRow:
        await self._order(partial(self._controller.hold_agent, agent, seconds))
        return await self._agent(agent)

    async def set_external_calls(self, agent: str, count: int) -> AgentRow:
        await self._order(partial(self._controller.set_external_calls, agent, count))
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

    async def rotate_key(self) -> int:
        """In the file before it is used: what it seals must count after a crash too."""
        state = Path(self._controller.config.controller.state)
        try:
            keys = await self._write(partial(rotate_seal, state, self._controller.clock.now_us()))
        except ValueError as error:
            raise PortError(409, str(error), "wait until some of the calls have ended") from error
        except OSError as error:
            raise PortError(
                503, f"the key can't be kept: {error.strerror}", "look at the state folder"
            ) from error
        await self._ask(partial(self._controller.use_keys, keys))
        return len(keys.old_seals)

    async def _call(self, name: str) -> CallRow:
        await self.snapshot()
        row = self._picture.call(name)
        if row is not None:
            return row
        raise PortError(404, f"call `{name[:64]}` is over", "`callcenter call list` shows the calls")

    async def _agent(self, name: str) -> AgentRow:
        await self.snapshot()
        row = self._picture.agent(name)
        if row is not None:
            return row
        raise PortError(404, f"there is no agent `{name[:64]}`", "`callcenter agent list` shows the agents")

    async def transfer_call(self, call: str, kind: TargetKind, name: str, *, keep_wait: bool) -> None:
        await self._ask(
            partial(self._controller.transfer_call, call, Destination(kind, name), keep_wait=keep_wait)
        )

    async def consult(self, call: str, kind: TargetKind, name: str) -> None:
        await self._ask(partial(self._controller.consult, call, Destination(kind, name)))

    async def complete_consult(self, call: str) -> None:
        await self._ask(partial(self._controller.complete_consult, call))

    async def end_consult(self, call: str) -> None:
        await self._ask(partial(self._controller.end_consult, call))

    async def hang_up(self, call: str) -> None:
        await self._ask(partial(self._controller.hang_up, call))

    async def divert(self, queue: str | None, to: Exit | None) -> list[QueueRow]:
        await self._ask(partial(self._controller.divert, queue, to))
        await self._keep_orders()
        return [row for row in (await self.snapshot()).queues if queue in (None, row.name)]

    async def drain(self, node: str, *, on: bool) -> NodeRow:
        await self._ask(partial(self._controller.drain, node, on=on))
        await self._keep_orders()
        return next(row for row in (await self.snapshot()).nodes if row.name == node)

    async def _keep_orders(self) -> None:
        """In a thread, for such orders are given when things are on fire, and a disk may be what burns."""
        async with self._keeping:
            orders = await self._ask(lambda: self._controller.orders)
            try:
                await self._write(partial(self._controller.keep_orders, orders))
            except OSError as error:
                raise PortError(
                    503,
                    f"the order is in force, but not kept for the next start: {error.strerror}",
                    "see to the controller's state folder and repeat the order",
                ) from error

    async def _write(self, what: Callable[[], T]) -> T:
        """To the state folder."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, what)

    async def trace(self, call: str) -> list[TraceStep]:
        story = await self._ask(partial(self._controller.traces.of, call))
        if not story:
            raise PortError(
                404,
                f"nothing is known of call `{call[:64]}`",
                "`callcenter call list` shows the calls; only recent ones are kept",
            )
        return [tell(record) for record in story]

    async def why(self, call: str) -> WhyRow:
        found = await self._ask(partial(self._controller.why, call))
        return WhyRow(
            call=found.call,
            queue=found.queue,
            at=found.at_us / 1e6,
            closed=found.closed,
            wanted=found.wanted,
            agents=tuple(
                WhyAgent(
                    agent=one.agent,
                    reason=one.reason,
                    until=None if one.until_us is None else one.until_us / 1e6,
                    other_call=one.other_call,
                    refused_before=one.refused,
                )
                for one in found.agents
            ),
            more_agents=found.more_agents,
        )

    async def configuration(self) -> Config:
        return self._controller.config

    async def apply(self, config: Config, *, dry_run: bool) -> list[Change]:
        """Written down first: what is in force must be so after the next start too."""
        async with self._applying:
            before = self._controller.config
            wanted, changes = await self._ask(partial(self._controller.plan, config))
            if not changes or dry_run:
                return changes
            await self._write_down(wanted)
            try:
                await self._ask(partial(self._controller.take_up, wanted))
            except PortError:
                await self._take_back(before)
                raise
            return changes

    async def _write_down(self, config: Config) -> None:
        """Raises `PortError` 503 while the database takes nothing."""
        hint = "nothing was changed; calls go on with what is in force; repeat it when the database is back"
        if not self._store.working:
            raise PortError(503, f"the database is away: {self._store.why_not_working}", hint)
        writing = self._store.apply(config)
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(writing)), WRITE_S)
        except TimeoutError as error:
            if writing.cancel():
                raise PortError(503, "the database doesn't answer", hint) from error
            self._store.apply(self._controller.config)  # after it, should it still be written
            raise PortError(503, "the database doesn't answer", hint) from error
        except StoreError as error:
            raise PortError(503, str(error), hint) from error

    async def _take_back(self, before: Config) -> None:
        """Who is told that nothing was changed must be right after the next start too (I16)."""
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._store.apply(before)), WRITE_S)
        except (StoreError, TimeoutError):
            await self._ask(partial(self._controller.violated, "I16"))

    async def health(self) -> Health:
        stuck_s = self._controller.figures.seconds_since_beat()
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
                f"{name}: {WHY_DOWN.get(link.state, 'not in step yet')}" for name, link in links.items()
            ]
        notes: list[str] = []
        if not self._store.keeping:
            reasons.append("records can be kept neither in the database nor on disk")
        elif not self._store.working:
            notes.append(
                f"the database is away ({self._store.why_not_working}): records are kept on disk until it is"
                " back, and changes of the configuration are refused"
            )
        return Health(ok=not reasons, reasons=tuple(reasons), notes=tuple(notes))

    async def metrics(self) -> MetricsSnapshot:
        """The hub gives a handful of numbers and what changed; all else is read beside it."""
        async with self._looking:
            await self._bring_up_to_date()
            expected = self._picture.expected()
            unreachable = self._picture.unreachable()
            self._look_at_staffing()
        taken, config = await self._ask(self._measure)
        taken = replace(taken, expected=expected, agents_unreachable=unreachable, staffing=self._staffing)
        return await asyncio.to_thread(self._complete, taken, config)

    def _measure(self) -> tuple[MetricsSnapshot, Config]:
        return measure(self._controller, self._store), self._controller.config

    def _complete(self, taken: MetricsSnapshot, config: Config) -> MetricsSnapshot:
        if config is not self._tiers_of[0]:
            queues_of: dict[str, list[str]] = {}
            for tier in config.tiers:
                queues_of.setdefault(tier.agent, []).append(tier.queue)
            self._tiers_of = config, queues_of
        with self._controller.live.reading() as live:
            agents = live.agents(self._controller.clock.now_us(), self._tiers_of[1])
            stats = live.stats.copy()
        targets = {q.name: Target(q.service_level.us, q.service_level.percent) for q in config.queues}
        return replace(taken, stats=stats, live_agents=agents, targets=targets)


def _status_of(error: EngineError) -> Literal[400, 404, 409]:
    if isinstance(error, UnknownAgent | UnknownCall | UnknownQueueName | UnknownNode):
        return 404
    return 409 if isinstance(error, NotNow) else 400
