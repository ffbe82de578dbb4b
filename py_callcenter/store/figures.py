"""Counting in the database: the definitions of `stats.definitions` as SQL, by queue or agent and interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ARRAY, BigInteger, Connection, Table, case, cast, func, literal, select, text

from py_callcenter.stats import (
    LOGGED_IN_STATES,
    OFFER_OUTCOMES,
    Figures,
    Intervals,
    Limits,
    open_spans,
    quarters,
)
from py_callcenter.stats.agents import SLOT_US, AgentLine
from py_callcenter.stats.definitions import COUNTS, LEG_COUNTS, LEG_SUMS, MAXIMA, OFFERED, SUMS
from py_callcenter.store.schema import agent_slots, agents, calls, legs

Key = tuple[str, int]
"""Name of a queue or an agent, and the number of the interval."""


class _SqlLimits(Limits):
    """The same limits, with the thresholds of the queues as an expression."""

    def threshold(self, row: Any) -> Any:
        by_value: dict[int, list[str]] = {}
        for queue, threshold_us in sorted(self.thresholds_us.items()):
            if threshold_us != self.threshold_us:
                by_value.setdefault(threshold_us, []).append(queue)
        if not by_value:
            return self.threshold_us
        return case(
            *((row.queue.in_(queues), threshold_us) for threshold_us, queues in by_value.items()),
            else_=self.threshold_us,
        )


def leg_figures(
    connection: Connection,
    intervals: Intervals,
    limits: Limits,
    *,
    by: Literal["queue", "agent"] = "queue",
    only: Sequence[str] = (),
) -> dict[Key, Figures]:
    """Queue legs that were entered in an interval, by queue or by the agent who answered."""
    return _count(connection, legs, intervals, limits, by=by, only=only)


def call_figures(
    connection: Connection, intervals: Intervals, limits: Limits, *, only: Sequence[str] = ()
) -> dict[Key, Figures]:
    """Calls that were offered in an interval, by the queue that they reached first."""
    return _count(connection, calls, intervals, limits, by="queue", only=only)


def _count(
    connection: Connection,
    table: Table,
    intervals: Intervals,
    limits: Limits,
    *,
    by: str,
    only: Sequence[str],
) -> dict[Key, Figures]:
    of_legs = table is legs
    at = legs.c.entered_us if of_legs else calls.c.offered_us
    in_sql = _SqlLimits(
        limits.threshold_us, limits.short_abandon_us, limits.short_answer_us, limits.thresholds_us
    )
    columns: list[Any] = [func.count().label(OFFERED)]
    for name, condition in {**COUNTS, **(LEG_COUNTS if of_legs else {})}.items():
        columns.append(func.count().filter(condition(table.c, in_sql)).label(name))
    for name, (column, condition) in {**SUMS, **(LEG_SUMS if of_legs else {})}.items():
        columns.append(func.sum(table.c[column]).filter(condition(table.c, in_sql)).label(name))
    for name, (column, condition) in MAXIMA.items():
        columns.append(func.max(table.c[column]).filter(condition(table.c, in_sql)).label(name))
    key = table.c[by]
    place = _place(connection, at, intervals)
    query = (
        select(key.label("key"), place.label("place"), *columns)
        .where(at >= intervals.from_us, at < intervals.until_us, key != "")
        .group_by("key", "place")
    )
    if only:
        query = query.where(key.in_(only))
    _sort_rows(connection, wanted=False)
    out: dict[Key, Figures] = {}
    for row in connection.execute(query):
        values = row._asdict()
        name, number = str(values.pop("key")), int(values.pop("place"))
        out[name, number] = Figures({column: int(value or 0) for column, value in values.items()})
    return out


def _place(connection: Connection, at: Any, intervals: Intervals) -> Any:
    """The number of the interval that a moment belongs to."""
    if len(intervals) == 1:
        return literal(0)
    if connection.dialect.name == "postgresql":
        begins = cast(list(intervals.bounds_us[:-1]), ARRAY(BigInteger))
        return func.width_bucket(at, begins) - 1
    driver: Any = connection.connection.driver_connection
    driver.create_function("cc_interval", 1, intervals.index, deterministic=True)
    return func.cc_interval(at)


def _sort_rows(connection: Connection, *, wanted: bool) -> None:
    """PostgreSQL can't guess how few the groups are and would sort millions of rows on disk to make them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL enable_sort = {'on' if wanted else 'off'}"))


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
    """Agents' time by interval, by quarters of an hour; what goes on counts up to now."""
    place = _place(connection, agent_slots.c.slot_us, intervals)
    states = [func.sum(agent_slots.c[f"{state}_us"]).label(state) for state in LOGGED_IN_STATES]
    offers = [
        func.sum(agent_slots.c[f"offers_{outcome}"]).label(f"offers_{outcome}") for outcome in OFFER_OUTCOMES
    ]
    query = (
        select(agent_slots.c.agent.label("key"), place.label("place"), *states, *offers)
        .where(agent_slots.c.slot_us >= intervals.from_us, agent_slots.c.slot_us < intervals.until_us)
        .group_by("key", "place")
    )
    lines = select(agents)
    _sort_rows(connection, wanted=False)
    if only:
        query = query.where(agent_slots.c.agent.in_(only))
        lines = lines.where(agents.c.agent.in_(only))
    out: dict[Key, AgentFigures] = {}
    for row in connection.execute(query):
        values = row._asdict()
        out[str(values["key"]), int(values["place"])] = AgentFigures(
            {state: int(values[state]) for state in LOGGED_IN_STATES},
            {outcome: int(values[f"offers_{outcome}"]) for outcome in OFFER_OUTCOMES},
        )
    for row in connection.execute(lines):
        _add_open(out, AgentLine(**row._asdict()), intervals, now_us)
    return out


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


@dataclass(frozen=True, slots=True)
class Repeats:
    """Callers who came again. Only calls with a caller known by pseudonym are counted here."""

    calls: int
    repeated: int
    """Calls whose caller had called within the window before."""
    first_answered: int
    """Answered calls that were no repeated ones."""
    resolved: int
    """Of these, the ones that no further call of the caller followed within the window (so far)."""

    def plus(self, other: Repeats) -> Repeats:
        return Repeats(
            self.calls + other.calls,
            self.repeated + other.repeated,
            self.first_answered + other.first_answered,
            self.resolved + other.resolved,
        )

    @property
    def first_call_resolution(self) -> float | None:
        return self.resolved / self.first_answered if self.first_answered else None


def repeat_calls(
    connection: Connection, intervals: Intervals, *, window_us: int, only: Sequence[str] = ()
) -> dict[Key, Repeats]:
    """Repeated calls and first-call resolution by the queue of the call; the caller may come to any queue."""
    order: Any = {"partition_by": calls.c.caller, "order_by": (calls.c.offered_us, calls.c.call)}
    story = (
        select(
            calls.c.queue,
            calls.c.offered_us,
            calls.c.outcome,
            (calls.c.offered_us - func.lag(calls.c.offered_us).over(**order)).label("since_us"),
            (func.lead(calls.c.offered_us).over(**order) - calls.c.offered_us).label("until_us"),
        )
        .where(
            calls.c.caller.is_not(None),
            calls.c.offered_us >= intervals.from_us - window_us,
            calls.c.offered_us < intervals.until_us + window_us,
        )
        .subquery()
    )
    again = func.coalesce(story.c.since_us <= window_us, literal(value=False))
    followed = func.coalesce(story.c.until_us <= window_us, literal(value=False))
    first = (story.c.outcome == "answered") & ~again
    query = (
        select(
            story.c.queue.label("key"),
            _place(connection, story.c.offered_us, intervals).label("place"),
            func.count().label("calls"),
            func.count().filter(again).label("repeated"),
            func.count().filter(first).label("first_answered"),
            func.count().filter(first & ~followed).label("resolved"),
        )
        .where(story.c.offered_us >= intervals.from_us, story.c.offered_us < intervals.until_us)
        .group_by("key", "place")
    )
    _sort_rows(connection, wanted=True)
    if only:
        query = query.where(story.c.queue.in_(only))
    found: dict[Key, Repeats] = {}
    for row in connection.execute(query):
        values: Mapping[str, Any] = row._asdict()
        counts = {name: int(values[name]) for name in ("calls", "repeated", "first_answered", "resolved")}
        found[str(values["key"]), int(values["place"])] = Repeats(**counts)
    return found
