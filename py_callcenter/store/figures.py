"""Counting in the database: the definitions of `stats.definitions` as SQL, by queue or agent and interval.

Each figure comes from the hours that were counted beforehand and, for the rest of the time, from the rows of
the calls themselves (`places.Pieces`); both ways count the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Table, case, cast, func, select

from py_callcenter.stats import Figures, Intervals, Limits
from py_callcenter.stats.definitions import CALLS, LEGS, OFFERED, TALKS, WITHIN, Family
from py_callcenter.store.errors import TooManyRowsError
from py_callcenter.store.places import Pieces, at_most, conditions, pieces_of, place, sort_rows
from py_callcenter.store.schema import call_slots, calls, leg_slots, legs, talk_slots

MAX_ROWS: Final = 50_000

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
    connection: Connection, intervals: Intervals, limits: Limits, *, only: Sequence[str] = ()
) -> dict[Key, Figures]:
    """Queue legs that were entered in an interval, by queue."""
    where = pieces_of(connection, "legs", intervals)
    return _Counted(connection, intervals, limits, only, LEGS).all(legs, leg_slots, "queue", where)


def talk_figures(
    connection: Connection, intervals: Intervals, limits: Limits, *, only: Sequence[str] = ()
) -> dict[Key, Figures]:
    """Queue legs that were entered in an interval, by the agent who answered."""
    where = pieces_of(connection, "talks", intervals)
    return _Counted(connection, intervals, limits, only, TALKS).all(legs, talk_slots, "agent", where)


def call_figures(
    connection: Connection, intervals: Intervals, limits: Limits, *, only: Sequence[str] = ()
) -> dict[Key, Figures]:
    """Calls that were offered in an interval, by the queue that they reached first."""
    where = pieces_of(connection, "calls", intervals)
    return _Counted(connection, intervals, limits, only, CALLS).all(calls, call_slots, "queue", where)


class _Counted:
    """One report's figures, summed up from all pieces of its time."""

    def __init__(
        self,
        connection: Connection,
        intervals: Intervals,
        limits: Limits,
        only: Sequence[str],
        family: Family,
    ) -> None:
        self._connection = connection
        self._intervals = intervals
        self._only = only
        self._family = family
        self._limits = _SqlLimits(
            limits.threshold_us, limits.short_abandon_us, limits.short_answer_us, limits.thresholds_us
        )
        self._found: dict[Key, Figures] = {}
        sort_rows(connection, wanted=False)

    def all(self, table: Table, slots: Table, by: str, where: Pieces) -> dict[Key, Figures]:
        for minutes, ranges in ((60, where.hours), (15, where.quarters)):
            for condition in conditions(slots.c.slot_us, ranges):
                size = (slots.c.minutes == minutes,) if "minutes" in slots.c else ()
                self._count(slots.c.slot_us, slots.c[by], self._of_slots(slots), condition, *size)
        at = legs.c.entered_us if table is legs else calls.c.offered_us
        for condition in conditions(at, where.rows):
            self._count(at, table.c[by], self._of_rows(table), condition, table.c[by] != "")
        return self._found

    def _of_rows(self, table: Table) -> Iterator[Any]:
        row, limits = table.c, self._limits
        yield func.count()
        for condition in self._family.counts.values():
            yield func.count().filter(condition(row, limits))
        for column, condition in self._family.sums.values():
            yield _whole(func.sum(row[column]).filter(condition(row, limits)))
        for column, condition in self._family.maxima.values():
            yield func.coalesce(func.max(row[column]).filter(condition(row, limits)), 0)

    def _of_slots(self, slots: Table) -> Iterator[Any]:
        yield _whole(func.sum(slots.c[OFFERED]))
        for name in self._family.counts:
            if name in WITHIN:
                times, limit = WITHIN[name]
                number = at_most(self._connection, slots.c[times], limit(slots.c, self._limits))
                yield _whole(func.sum(number))
            else:
                yield _whole(func.sum(slots.c[name]))
        for name in self._family.sums:
            yield _whole(func.sum(slots.c[name]))
        for name in self._family.maxima:
            yield func.max(slots.c[name])

    def _count(self, at: Any, key: Any, columns: Iterator[Any], *where: Any) -> None:
        query = (
            select(key.label("key"), place(self._connection, at, self._intervals).label("place"), *columns)
            .where(*where)
            .group_by("key", "place")
            .limit(MAX_ROWS + 1)
        )
        if self._only:
            query = query.where(key.in_(self._only))
        names = (OFFERED, *self._family.counts, *self._family.sums, *self._family.maxima)
        found = self._found
        for name, number, *values in self._connection.execute(query).all():
            figures = dict(zip(names, values, strict=True))
            if (name, number) in found:
                found[name, number].add(figures)
            else:
                found[name, number] = Figures(figures)
        if len(found) > MAX_ROWS:
            raise TooManyRowsError(MAX_ROWS)


def _whole(value: Any) -> Any:
    """Sums are decimals otherwise, which take long to read."""
    return cast(func.coalesce(value, 0), BigInteger)
