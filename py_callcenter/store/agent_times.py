"""Agents' time and offers by interval, by quarters of an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, func, select

from py_callcenter.stats import LOGGED_IN_STATES, OFFER_OUTCOMES, Intervals, open_spans, quarters
from py_callcenter.stats.agents import SLOT_US, AgentLine, AgentState
from py_callcenter.stats.columns import Ratio
from py_callcenter.store.errors import TooManyRowsError
from py_callcenter.store.figures import one_each, whole_sum
from py_callcenter.store.places import conditions, pieces_of, place, sort_rows
from py_callcenter.store.schema import agent_hours, agent_slots, agents, break_slots
from py_callcenter.store.sheet import MAX_ROWS, Sheet

STATES: Final = tuple(f"state_{state}_us" for state in LOGGED_IN_STATES)
OFFERS: Final = tuple(f"offers_{outcome}" for outcome in OFFER_OUTCOMES)
"""Columns: microseconds in each state while logged in, and offers by how they ended."""

OCCUPANCY: Final = Ratio(
    ("state_in_a_queue_call_us", "state_wrap_up_us"),
    ("state_in_a_queue_call_us", "state_wrap_up_us", "state_waiting_us", "state_idle_us"),
)
"""Ringing counts in neither, breaks neither."""


def agent_figures(
    connection: Connection, intervals: Intervals, *, now_us: int, only: Sequence[str] = ()
) -> Sheet:
    """What goes on counts up to now."""
    where = pieces_of(connection, "times", intervals)
    sort_rows(connection, wanted=False)
    out = Sheet((*STATES, *OFFERS))
    for table, minutes, ranges in ((agent_hours, 60, where.hours), (agent_slots, 15, where.rows)):
        for condition in conditions(table.c.slot_us, ranges):
            query = _query(connection, table, intervals, single=one_each(intervals, minutes)).where(condition)
            if only:
                query = query.where(table.c.agent.in_(only))
            out.take(connection.execute(query).all())
    lines = select(agents)
    if only:
        lines = lines.where(agents.c.agent.in_(only))
    for row in connection.execute(lines):
        out.take(_open(AgentLine(**row._asdict()), intervals, now_us))
    return out


def break_figures(
    connection: Connection, intervals: Intervals, *, now_us: int, only: Sequence[str] = ()
) -> Sheet:
    """Breaks by reason, for each reason that there was: `break_REASON_us`, `breaks_REASON`, and of them
    `breaks_overdue_REASON`. What goes on counts up to now.
    """
    number = place(connection, break_slots.c.slot_us, intervals).label("place")
    sums = (whole_sum(func.sum(break_slots.c[name])).label(name) for name in ("spent_us", "begun", "overdue"))
    query = (
        select(number, break_slots.c.agent.label("key"), break_slots.c.reason, *sums)
        .where(break_slots.c.slot_us >= intervals.from_us, break_slots.c.slot_us < intervals.until_us)
        .group_by("key", "place", break_slots.c.reason)
        .limit(MAX_ROWS + 1)
    )
    lines = select(agents).where(agents.c.break_reason != "")
    if only:
        query, lines = query.where(break_slots.c.agent.in_(only)), lines.where(agents.c.agent.in_(only))
    rows = [
        (row.place, row.key, row.reason, (row.spent_us, row.begun, row.overdue))
        for row in connection.execute(query)
    ]
    if len(rows) > MAX_ROWS:
        raise TooManyRowsError(MAX_ROWS)
    for row in connection.execute(lines):
        line = AgentLine(**row._asdict())
        rows += [
            (place_, line.agent, line.break_reason, (spent_us, 0, 0))
            for state, place_, spent_us in _spent(line, intervals, now_us)
            if state == "on_break"
        ]
    reasons = sorted({reason for _, _, reason, _ in rows})
    names = [
        name
        for reason in reasons
        for name in (f"break_{reason}_us", f"breaks_{_apart(reason)}", f"breaks_overdue_{reason}")
    ]
    out = Sheet(names)
    for place_, agent, reason, counts in rows:
        values = [0] * len(names)
        first = 3 * reasons.index(reason)
        values[first : first + 3] = counts
        out.take([(place_, agent, *values)])
    return out


def _apart(reason: str) -> str:
    """A reason such as `overdue_lunch`, told from what is overdue for lunch."""
    return f"_{reason}" if reason.lstrip("_").startswith("overdue_") else reason


def _query(connection: Connection, table: Table, intervals: Intervals, *, single: bool) -> Select[Any]:
    names = (*(f"{state}_us" for state in LOGGED_IN_STATES), *OFFERS)
    number = place(connection, table.c.slot_us, intervals).label("place")
    key = table.c.agent.label("key")
    if single:
        return select(number, key, *(table.c[name] for name in names)).limit(MAX_ROWS + 1)
    sums = (whole_sum(func.sum(table.c[name])) for name in names)
    return select(number, key, *sums).group_by("key", "place").limit(MAX_ROWS + 1)


def _open(line: AgentLine, intervals: Intervals, now_us: int) -> Iterator[tuple[Any, ...]]:
    """Rows of what an agent is at."""
    for state, number, spent_us in _spent(line, intervals, now_us):
        spent = [0] * (len(STATES) + len(OFFERS))
        spent[LOGGED_IN_STATES.index(state)] = spent_us
        yield (number, line.agent, *spent)


def _spent(line: AgentLine, intervals: Intervals, now_us: int) -> Iterator[tuple[AgentState, int, int]]:
    """What an agent is at while logged in: state, number of the interval, and time."""
    for state, from_us, to_us in open_spans(line, min(now_us, intervals.until_us)):
        if state == "logged_out":
            continue
        first_us = intervals.from_us - intervals.from_us % SLOT_US
        for slot_us, spent_us in quarters(max(from_us, first_us), to_us):
            number = intervals.index(slot_us)
            if number is not None:
                yield state, number, spent_us
