"""The picture that the HTTP side keeps: everything page and API show, brought up to date piece by piece.

The hub gives what changed (`engine.watch`); everything that costs by the size of the call centre is done
here, in the thread that asks. Rows are made when somebody wants them, and stay the same objects until they
change: so the live feed sees at a glance what is new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from py_callcenter.api.port import (
    AgentRow,
    CallRow,
    QueueRow,
    ServiceLevelRow,
    StaffingRow,
    WaitErrorRow,
    WaitRow,
)
from py_callcenter.app.rows import agent_row, call_row, wait_error_row, wait_row
from py_callcenter.config import Config
from py_callcenter.engine.view import AgentLine, CallView
from py_callcenter.engine.watch import Changes, QueueLine
from py_callcenter.metrics import ExpectedWait
from py_callcenter.stats import FORMULA, WINDOW_SECONDS, QueueStats

EXPECTED_AT_ONCE: Final = 500
"""Expected waits of waiting callers looked at anew at each turn, who waited longest for it first; those who
moved in the queue are looked at anyway."""


class QueueFigures(NamedTuple):
    """What the fold of the records says of a queue. `percent`: the service level of the last half hour."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    overflowed: int = 0
    lost: int = 0
    percent: float | None = None
    staffing: StaffingRow | None = None


def queue_figures(queue: QueueStats, now_us: int, staffing: StaffingRow | None) -> QueueFigures:
    """A queue's figures as the page shows them."""
    return QueueFigures(
        offered=queue.offered,
        answered=queue.answered,
        abandoned=sum(queue.abandoned.values()),
        overflowed=sum(queue.left.values()),
        lost=queue.lost,
        percent=queue.window.percent(now_us),
        staffing=staffing,
    )


class Picture:
    """`take` every piece; when there is no more, the other methods tell of one moment. Not thread-safe."""

    def __init__(self) -> None:
        self.at_us = 0
        self._begin(Config())

    def _begin(self, config: Config) -> None:
        self._config = config
        self._queues: dict[str, QueueLine] = {}
        self._calls: dict[str, CallView] = {}
        self._agents: dict[str, AgentLine] = {}
        self._scores: dict[str, tuple[int, float, float, float]] = {}
        """Of each queue's answers: how many were judged, bias, error and coverage."""
        self._unreachable: set[str] = set()
        """Agents who are Available though none of their phones is registered."""
        self._targets = {queue.name: queue.service_level for queue in config.queues}
        self._by_caller: dict[int, str] = {}
        """Calls by the core's id of the caller."""
        self._places: dict[int, int] = {}
        """Places in the queue by the core's id."""
        self._beside: dict[str, dict[str, None]] = {}
        """Calls of a queue that are in it no longer."""
        self._with: dict[str, dict[str, None]] = {}
        """Calls that an agent is rung for or talks on."""
        self._states: dict[str, dict[str, int]] = {queue.name: {} for queue in config.queues}
        """Agents of a queue by state."""
        self._turn: deque[str] = deque()
        """Waiting calls, in the order of their turn to be asked for the expected wait."""
        self._in_turn: set[str] = set()
        # Changed since the rows were made.
        self._new_queues: set[str] = set()
        self._new_calls: set[str] = set()
        self._new_agents: set[str] = set()
        self._new_states: set[str] = set()
        self._call_rows: dict[str, CallRow] = {}
        self._queue_rows: dict[str, QueueRow] = {}
        self._agent_rows: dict[str, AgentRow] = {}
        self._errors: dict[str, WaitErrorRow] = {}
        self._oldest: dict[str, float | None] = {}
        self._lists: dict[str, list[str]] = {}
        """Calls of a queue in the order they are shown."""
        self._figures: Mapping[str, QueueFigures] = {}

    # What the hub tells.

    def take(self, changes: Changes, config: Config) -> None:
        """`config`: the one in force at that moment."""
        if changes.fresh:
            self._begin(config)
        self.at_us = changes.at_us
        for agent in changes.agents:
            self._take_agent(agent)
        for call in changes.calls:
            self._take_call(call)
        for uuid in changes.gone:
            self._forget_call(uuid)
        for queue in changes.queues:
            self._queues[queue.name] = queue
            score = queue.view.score
            self._scores[queue.name] = score.answers, score.bias, score.relative_error, score.coverage
            self._new_queues.add(queue.name)

    def _take_agent(self, line: AgentLine) -> None:
        before = self._agents.get(line.name)
        if before is None or before.state != line.state:
            for queue in line.queues:
                counts = self._states.setdefault(queue, {})
                if before is not None:
                    counts[before.state] -= 1
                counts[line.state] = counts.get(line.state, 0) + 1
                self._new_states.add(queue)
        if not line.reachable and line.status.startswith("Available"):
            self._unreachable.add(line.name)
        else:
            self._unreachable.discard(line.name)
        self._agents[line.name] = line
        self._new_agents.add(line.name)

    def _take_call(self, call: CallView) -> None:
        self._drop_links(call.id)
        self._calls[call.id] = call
        self._new_calls.add(call.id)
        if call.caller_id:
            self._by_caller[call.caller_id] = call.id
        else:
            self._beside.setdefault(call.queue, {})[call.id] = None
        self._new_queues.add(call.queue)
        for agent in _agents_of(call):
            self._with.setdefault(agent, {})[call.id] = None
            self._new_agents.add(agent)
        if _waits(call) and call.id not in self._in_turn:
            self._in_turn.add(call.id)
            self._turn.append(call.id)

    def _forget_call(self, call_id: str) -> None:
        self._drop_links(call_id)
        self._calls.pop(call_id, None)
        self._call_rows.pop(call_id, None)
        self._new_calls.discard(call_id)

    def _drop_links(self, call_id: str) -> None:
        before = self._calls.get(call_id)
        if before is None:
            return
        self._new_queues.add(before.queue)
        if before.caller_id:
            self._by_caller.pop(before.caller_id, None)
            self._places.pop(before.caller_id, None)
        self._beside.get(before.queue, {}).pop(call_id, None)
        for agent in _agents_of(before):
            calls = self._with.get(agent, {})
            calls.pop(call_id, None)
            if not calls:
                self._with.pop(agent, None)
            self._new_agents.add(agent)

    # What is shown.

    def settle(self, figures: Mapping[str, QueueFigures]) -> None:
        """Make the rows of what changed."""
        for name in self._new_queues:
            self._arrange(name)
        self._ask_again()
        for call_id in self._new_calls:
            self._call_rows[call_id] = self._call_row(self._calls[call_id])
        for name in self._new_agents:
            line = self._agents.get(name)
            if line is not None:
                self._agent_rows[name] = agent_row(line, self._call_of(name))
        for name, queue in self._queues.items():
            self._settle_queue(name, queue, figures.get(name, QueueFigures()))
        self._figures = figures
        for changed in (self._new_queues, self._new_calls, self._new_agents, self._new_states):
            changed.clear()

    def queues(self) -> tuple[QueueRow, ...]:
        rows = self._queue_rows
        return tuple(rows[queue.name] for queue in self._config.queues if queue.name in rows)

    def calls(self) -> tuple[CallRow, ...]:
        """In order of service within their queue, those who are in it no longer behind."""
        rows = self._call_rows
        return tuple(rows[call_id] for name in sorted(self._lists) for call_id in self._lists[name])

    def agents(self) -> tuple[AgentRow, ...]:
        rows = self._agent_rows
        return tuple(rows[agent.name] for agent in self._config.agents if agent.name in rows)

    def queue(self, name: str) -> QueueRow | None:
        return self._queue_rows.get(name)

    def call(self, call_id: str) -> CallRow | None:
        return self._call_rows.get(call_id)

    def agent(self, name: str) -> AgentRow | None:
        return self._agent_rows.get(name)

    def expected(self) -> dict[str, ExpectedWait]:
        """By queue, what somebody who came now is told."""
        found = {}
        at_us = self.at_us
        for name, queue in self._queues.items():
            answer = queue.view.expected_wait(at_us)
            half_us, most_us = (None, None) if answer is None else (answer.p50_us, answer.p80_us)
            found[name] = ExpectedWait(half_us, most_us, *self._scores[name])
        return found

    def unreachable(self) -> int:
        """How many agents are Available though none of their phones is registered."""
        return len(self._unreachable)

    # Inside.

    def _arrange(self, name: str) -> None:
        """Places of a queue's callers, who came first, and the order that its calls are shown in."""
        queue = self._queues.get(name)
        shown: list[str] = []
        oldest_us = 0
        for place, caller in enumerate(() if queue is None else queue.order, 1):
            call_id = self._by_caller.get(caller)
            if call_id is None:
                continue
            shown.append(call_id)
            entered_us = self._calls[call_id].entered_us
            oldest_us = min(oldest_us or entered_us, entered_us)
            if self._places.get(caller) != place:
                self._places[caller] = place
                self._new_calls.add(call_id)
        beside = self._beside.get(name)
        if beside:
            shown += sorted(beside, key=lambda call_id: (self._calls[call_id].entered_us, call_id))
        if queue is not None:
            self._oldest[name] = oldest_us / 1e6 if oldest_us else None
            self._errors[name] = wait_error_row(queue.view.score)
        self._lists[name] = shown
        if not shown and queue is None:
            del self._lists[name]

    def _ask_again(self) -> None:
        for _ in range(min(EXPECTED_AT_ONCE, len(self._turn))):
            call_id = self._turn.popleft()
            call = self._calls.get(call_id)
            if call is None or not _waits(call):
                self._in_turn.discard(call_id)
                continue
            self._turn.append(call_id)
            row = self._call_rows.get(call_id)
            if row is not None and self._expected(call) != row.expected_wait:
                self._new_calls.add(call_id)

    def _expected(self, call: CallView) -> WaitRow | None:
        queue, place = self._queues.get(call.queue), self._places.get(call.caller_id)
        if queue is None or place is None or not _waits(call):
            return None
        return wait_row(queue.view.expected_wait_behind(self.at_us, place - 1))

    def _call_row(self, call: CallView) -> CallRow:
        return call_row(call, self._places.get(call.caller_id, 0), self._expected(call))

    def _call_of(self, agent: str) -> CallView | None:
        """The call that an agent answered, or else is rung for."""
        calls = [self._calls[call_id] for call_id in self._with.get(agent, ())]
        return next((call for call in calls if call.agent == agent), calls[-1] if calls else None)

    def _settle_queue(self, name: str, queue: QueueLine, figures: QueueFigures) -> None:
        expected = wait_row(queue.view.expected_wait(self.at_us))
        row = self._queue_rows.get(name)
        if (
            row is not None
            and name not in self._new_queues
            and name not in self._new_states
            and row.expected_wait == expected
            and self._figures.get(name) == figures
        ):
            return
        target = self._targets[name]
        self._queue_rows[name] = QueueRow(
            name=name,
            strategy=queue.strategy,
            waiting=queue.view.waiting,
            oldest_at=self._oldest[name],
            service_level=ServiceLevelRow(
                seconds=target.seconds,
                percent=target.percent,
                now_percent=figures.percent,
                window_seconds=WINDOW_SECONDS,
                formula=FORMULA,
            ),
            agents={state: count for state, count in self._states[name].items() if count},
            offered=figures.offered,
            answered=figures.answered,
            abandoned=figures.abandoned,
            overflowed=figures.overflowed,
            lost=figures.lost,
            expected_wait=expected,
            expected_wait_error=self._errors[name],
            staffing=figures.staffing,
            divert=queue.divert or None,
        )


def _waits(call: CallView) -> bool:
    """In the queue, and nobody has answered."""
    return call.caller_id != 0 and call.phase == "waiting"


def _agents_of(call: CallView) -> Iterable[str]:
    return (call.agent, *call.ringing) if call.agent else call.ringing
