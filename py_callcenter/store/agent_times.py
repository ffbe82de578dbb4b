"""Agents' time and offers by interval, by quarters of an hour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Table, cast, func, select

from py_callcenter.stats import LOGGED_IN_STATES, OFFER_OUTCOMES, Intervals, open_spans, quarters
from py_callcenter.stats.agents import SLOT_US, AgentLine
from py_callcenter.store.errors import TooManyRowsError
from py_callcenter.store.figures import MAX_ROWS, Key
from py_callcenter.store.places import conditions, pieces_of, place, sort_rows
from py_callcenter.store.schema import agent_hours, agent_slots, agents


@dataclass(slots=True)
class AgentFigures:
    """Microseconds in each state while logged in, and offers by how they ended."""

    spent_us: dict[str, int] = field(default_factory=lambda: dict.fromkeys(LOGGED_IN_STATES, 0))
    offers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OFFER_OUTCOMES, 0))

    def add(self, other: AgentFigures) -> None:
        for state, spent_us in other.spent_us.items():
            self.spent_us[state] += spent_us
        for outcome, number in other.offers.items():
            self.offers[outcome] += number

    @classmethod
    def total(cls, parts: Collection[AgentFigures]) -> AgentFigures:
        """Of all parts together."""
        return cls(
            {state: sum(part.spent_us[state] for part in parts) for state in LOGGED_IN_STATES},
            {outcome: sum(part.offers[outcome] for part in parts) for outcome in OFFER_OUTCOMES},
        )

    @property
    def logged_in_us(self) -> int:
        return sum(self.spent_us.values())

    @property
    def occupancy(self) -> float | None:
        """(in a call + wrap-up) / (that + waiting + idle); ringing counts in neither, breaks neither."""
        busy = self.spent_us["in_a_queue_call"] + self.spent_us["wrap_up"]
        ready = self.spent_us["waiting"] + self.spent_us["idle"]
        return busy / (busy + ready) if busy + ready else None


def agent_figures(
    connection: Connection, intervals: Intervals, *, now_us: int, only: Sequence[str] = ()
) -> dict[Key, AgentFigures]:
    """What goes on counts up to now."""
    where = pieces_of(connection, "times", intervals)
    sort_rows(connection, wanted=False)
    out: dict[Key, AgentFigures] = {}
    for table, ranges in ((agent_hours, where.hours), (agent_slots, where.rows)):
        for condition in conditions(table.c.slot_us, ranges):
            query = _query(connection, table, intervals).where(condition)
            if only:
                query = query.where(table.c.agent.in_(only))
            _collect(connection.execute(query).all(), out)
    lines = select(agents)
    if only:
        lines = lines.where(agents.c.agent.in_(only))
    for row in connection.execute(lines):
        _add_open(out, AgentLine(**row._asdict()), intervals, now_us)
    if len(out) > MAX_ROWS:
        raise TooManyRowsError(MAX_ROWS)
    return out


def _query(connection: Connection, table: Table, intervals: Intervals) -> Select[Any]:
    names = (*(f"{state}_us" for state in LOGGED_IN_STATES), *(f"offers_{name}" for name in OFFER_OUTCOMES))
    return (
        select(
            table.c.agent.label("key"),
            place(connection, table.c.slot_us, intervals).label("place"),
            *(cast(func.sum(table.c[name]), BigInteger) for name in names),
        )
        .group_by("key", "place")
        .limit(MAX_ROWS + 1)
    )


def _collect(rows: Iterable[Any], out: dict[Key, AgentFigures]) -> None:
    states = len(LOGGED_IN_STATES)
    for name, number, *values in rows:
        figures = AgentFigures(
            dict(zip(LOGGED_IN_STATES, values[:states], strict=True)),
            dict(zip(OFFER_OUTCOMES, values[states:], strict=True)),
        )
        if (name, number) in out:
            out[name, number].add(figures)
        else:
            out[name, number] = figures


def _add_open(out: dict[Key, AgentFigures], line: AgentLine, intervals: Intervals, now_us: int) -> None:
    for state, from_us, to_us in open_spans(line, min(now_us, intervals.until_us)):
        if state == "logged_out":
            continue
        first_us = intervals.from_us - intervals.from_us % SLOT_US
        for slot_us, spent_us in quarters(max(from_us, first_us), to_us):
            number = intervals.index(slot_us)
            if number is not None:
                figures = out.setdefault((line.agent, number), AgentFigures())
                figures.spent_us[state] += spent_us
