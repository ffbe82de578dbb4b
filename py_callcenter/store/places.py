"""Which interval a moment belongs to, in SQL, and which rows tell of it.

Where an hour was counted beforehand (`counting`), the row of the hour tells; where an interval begins or ends
within that hour, the rows of its quarters; everywhere else each call's own row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Connection, cast, func, literal, or_, select, text

from py_callcenter.stats import SLOT_US, Intervals
from py_callcenter.store.schema import counted

HOUR_US: Final = 3_600_000_000
RANGES_AT_ONCE: Final = 200
"""Ranges in one query: SQLite's expressions may be a thousand deep."""

Range = tuple[int, int]
"""From, until; microseconds."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Ranges of the time that a report is about; together they are all of it, and none overlaps another."""

    hours: list[Range]
    quarters: list[Range]
    rows: list[Range]


def pieces(intervals: Intervals, counted: Sequence[int], *, by_quarters: bool = True) -> Pieces:
    """Cut the time up by what tells of it. `counted`: hours counted beforehand, in order.

    Without quarters, each call's own rows tell of the hours in which an interval begins.
    """
    inside = [at_us for at_us in intervals.bounds_us if at_us % HOUR_US]
    split = {at_us - at_us % HOUR_US for at_us in inside}
    odd = {at_us - at_us % HOUR_US for at_us in inside if at_us % SLOT_US or not by_quarters}
    out = Pieces([], [], [])
    done_us = intervals.from_us
    for hour_us in counted:
        begin_us, end_us = max(hour_us, intervals.from_us), min(hour_us + HOUR_US, intervals.until_us)
        if begin_us >= end_us or hour_us in odd:
            continue
        _append(out.rows, (done_us, begin_us))
        _append(out.quarters if hour_us in split else out.hours, (begin_us, end_us))
        done_us = end_us
    _append(out.rows, (done_us, intervals.until_us))
    return out


def pieces_of(connection: Connection, what: str, intervals: Intervals) -> Pieces:
    """Cut the time up by what is counted beforehand at this moment. `what`: see `counting`."""
    query = (
        select(counted.c.hour_us)
        .where(
            counted.c.what == what,
            counted.c.hour_us > intervals.from_us - HOUR_US,
            counted.c.hour_us < intervals.until_us,
        )
        .order_by(counted.c.hour_us)
    )
    return pieces(intervals, list(connection.scalars(query)), by_quarters=what in {"legs", "calls"})


def _append(ranges: list[Range], more: Range) -> None:
    """Put a range at the end; one that goes on where the last one ended becomes part of it."""
    if more[0] >= more[1]:
        return
    if ranges and ranges[-1][1] == more[0]:
        ranges[-1] = (ranges[-1][0], more[1])
    else:
        ranges.append(more)


def conditions(at: Any, ranges: Sequence[Range]) -> Iterator[Any]:
    """That a moment is in one of the ranges; some of them at a time."""
    for start in range(0, len(ranges), RANGES_AT_ONCE):
        part = ranges[start : start + RANGES_AT_ONCE]
        yield or_(*((at >= from_us) & (at < until_us) for from_us, until_us in part))


def place(connection: Connection, at: Any, intervals: Intervals) -> Any:
    """The number of the interval that a moment belongs to."""
    if len(intervals) == 1:
        return literal(0)
    if connection.dialect.name == "postgresql":
        begins = cast(list(intervals.bounds_us[:-1]), ARRAY(BigInteger))
        return func.width_bucket(at, begins) - 1
    driver: Any = connection.connection.driver_connection
    driver.create_function("cc_interval", 1, intervals.index, deterministic=True)
    return func.cc_interval(at)


def sort_rows(connection: Connection, *, wanted: bool) -> None:
    """PostgreSQL can't guess how few the groups are and would sort millions of rows on disk to make them."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL enable_sort = {'on' if wanted else 'off'}"))


# Sorted times in one column: an array of PostgreSQL's, or their bytes in SQLite.


def at_most(connection: Connection, times: Any, limit: Any) -> Any:
    """How many of a row's sorted times are at most `limit`; NULL where there are none."""
    if connection.dialect.name == "postgresql":
        return func.width_bucket(cast(limit, BigInteger), times)
    return func.cc_within(limit, times)


def gathered(connection: Connection, times: Any, condition: Any) -> Any:
    """The times of the rows that meet a condition, sorted."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import aggregate_order_by  # noqa: PLC0415 - of this branch only

        return func.array_agg(aggregate_order_by(times, times)).filter(condition)
    return func.cc_sorted(times).filter(condition)


def add_functions(connection: Any) -> None:
    """Give a connection of SQLite what PostgreSQL has."""
    connection.create_function("cc_within", 2, _within, deterministic=True)
    connection.create_aggregate("cc_sorted", 1, _Sorted)


def _within(limit: int, times: bytes | None) -> int | None:
    if times is None:
        return None
    numbers = array("q")
    numbers.frombytes(times)
    return bisect_right(numbers, limit)


class _Sorted:
    def __init__(self) -> None:
        self._times = array("q")

    def step(self, time: int | None) -> None:
        if time is not None:
            self._times.append(time)

    def finalize(self) -> bytes | None:
        return array("q", sorted(self._times)).tobytes() or None
