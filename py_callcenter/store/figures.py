"""Counting in the database: the definitions of `stats.definitions` as SQL, by queue or agent and interval.

Each figure comes from the hours that were counted beforehand and, for the rest of the time, from the rows of
the calls themselves (`places.Pieces`); both ways count the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Table, case, cast, func, literal, select

from py_callcenter.stats import Intervals, Limits
from py_callcenter.stats.definitions import AT_READING, CALLS, LEGS, OFFERED, TALKS, WITHIN, Family
from py_callcenter.store import repeats
from py_callcenter.store.places import Pieces, at_most, conditions, pieces_of, place, sort_rows
from py_callcenter.store.schema import call_slots, calls, leg_slots, legs, talk_slots
from py_callcenter.store.sheet import MAX_ROWS, Sheet

MINUTE_US: Final = 60_000_000


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
) -> Sheet:
    """Queue legs that were entered in an interval, by queue."""
    where = pieces_of(connection, "legs", intervals)
    return _Counted(connection, intervals, limits, only, LEGS).all(legs, leg_slots, "queue", where)


def talk_figures(
    connection: Connection, intervals: Intervals, limits: Limits, *, only: Sequence[str] = ()
) -> Sheet:
    """Queue legs that were entered in an interval, by the agent who answered."""
    where = pieces_of(connection, "talks", intervals)
    return _Counted(connection, intervals, limits, only, TALKS).all(legs, talk_slots, "agent", where)


def call_figures(
    connection: Connection, intervals: Intervals, limits: Limits, *, repeat_us: int, only: Sequence[str] = ()
) -> Sheet:
    """Calls that were offered in an interval, by the queue that they reached first, with the columns of
    `repeats.KNOWN`: the caller may have come to any queue within `repeat_us`, at most `MAX_WINDOW_US`.
    """
    where = pieces_of(connection, "calls", intervals)
    return _Calls(connection, intervals, limits, only, repeat_us).all(calls, call_slots, "queue", where)


class _Counted:
    """One report's figures, summed up from all pieces of its time."""

    more: tuple[str, ...] = ()
    """Figures that the family doesn't define."""

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
            limits.threshold_us,
            limits.short_abandon_us,
            limits.short_answer_us,
            limits.thresholds_us,
            limits.now_us,
        )
        names = (OFFERED, *family.counts, *family.sums, *self.more, *family.maxima)
        self._sheet = Sheet(names, len(family.maxima))
        sort_rows(connection, wanted=False)

    def all(self, table: Table, slots: Table, by: str, where: Pieces) -> Sheet:
        at = legs.c.entered_us if table is legs else calls.c.offered_us
        for minutes, ranges in ((60, where.hours), (15, where.quarters)):
            single = one_each(self._intervals, minutes)
            both = zip(conditions(slots.c.slot_us, ranges), conditions(at, ranges), strict=True)
            for condition, rows_too in both:
                these = [condition, *((slots.c.minutes == minutes,) if "minutes" in slots.c else ())]
                columns = self._of_slots(slots, single=single)
                rows = self._count(slots.c.slot_us, slots.c[by], columns, *these, single=single)
                if self._has_waiting(rows):
                    self._add_waiting_late(slots, table, at, *these, rows_too)
        for condition in conditions(at, where.rows):
            self._count(at, table.c[by], self._of_rows(table), condition, table.c[by] != "")
        return self._sheet

    def _of_rows(self, table: Table) -> Iterator[Any]:
        row, limits = table.c, self._limits
        yield func.count()
        for condition in self._family.counts.values():
            yield func.count().filter(condition(row, limits))
        for column, condition in self._family.sums.values():
            yield whole_sum(func.sum(row[column]).filter(condition(row, limits)))
        yield from (literal(0) for _ in self.more)
        for column, condition in self._family.maxima.values():
            yield func.coalesce(func.max(row[column]).filter(condition(row, limits)), 0)

    def _of_slots(self, slots: Table, *, single: bool) -> Iterator[Any]:
        def added(value: Any) -> Any:
            return value if single else whole_sum(func.sum(value))

        yield added(slots.c[OFFERED])
        for name in self._family.counts:
            if name in WITHIN:
                times, limit = WITHIN[name]
                number = at_most(self._connection, slots.c[times], limit(slots.c, self._limits))
                yield added(func.coalesce(number, 0))
            elif name == AT_READING:
                yield literal(0)  # see `_add_waiting_late`
            else:
                yield added(slots.c[name])
        for name in self._family.sums:
            yield added(slots.c[name])
        yield from self._more_of_slots(added)
        for name in self._family.maxima:
            yield slots.c[name] if single else func.max(slots.c[name])

    def _more_of_slots(self, _added: Callable[[Any], Any], /) -> Iterator[Any]:
        return iter(())

    def _has_waiting(self, rows: Sequence[Any]) -> bool:
        """Whether somebody waits since one of these hours, which is hardly ever so."""
        if AT_READING not in self._family.counts:
            return False
        number = 2 + self._sheet.names.index("waiting")
        return any(row[number] for row in rows)

    def _add_waiting_late(self, slots: Table, table: Table, at: Any, *where: Any) -> None:
        """Of those, how many do so for too long at the moment of reading. Asked for within the look at the
        slots, it seems so dear to PostgreSQL that one way to the slots is as good as another, and it reads
        all of them.
        """
        until_us = slots.c.slot_us + slots.c.minutes * literal(MINUTE_US, BigInteger)
        late = self._family.counts[AT_READING](table.c, self._limits)
        same = (table.c.queue == slots.c.queue) & (at >= slots.c.slot_us) & (at < until_us)
        number = place(self._connection, slots.c.slot_us, self._intervals).label("place")
        query = (
            select(number, slots.c.queue.label("key"), func.count())
            .select_from(slots.join(table, same))
            .where(slots.c.waiting > 0, late, *where)
            .group_by("key", "place")
        )
        if self._only:
            query = query.where(slots.c.queue.in_(self._only))
        before = self._sheet.names.index(AT_READING)
        after = len(self._sheet.names) - before - 1
        found = self._connection.execute(query).all()
        self._sheet.take((*row[:2], *(0,) * before, row[2], *(0,) * after) for row in found)

    def _count(
        self, at: Any, key: Any, columns: Iterator[Any], *where: Any, single: bool = False
    ) -> Sequence[Any]:
        number = place(self._connection, at, self._intervals).label("place")
        query = select(number, key.label("key"), *columns).where(*where).limit(MAX_ROWS + 1)
        if not single:
            query = query.group_by("key", "place")
        if self._only:
            query = query.where(key.in_(self._only))
        rows = self._connection.execute(query).all()
        self._sheet.take(rows)
        return rows


class _Calls(_Counted):
    """Likewise; the same look at the rows of the slots tells of repeats."""

    more = repeats.KNOWN

    def __init__(
        self,
        connection: Connection,
        intervals: Intervals,
        limits: Limits,
        only: Sequence[str],
        repeat_us: int,
    ) -> None:
        super().__init__(connection, intervals, limits, only, CALLS)
        self._repeat_us = repeat_us

    def all(self, table: Table, slots: Table, by: str, where: Pieces) -> Sheet:
        sheet = super().all(table, slots, by, where)
        before = (0,) * sheet.names.index(repeats.KNOWN[0])
        after = (0,) * len(self._family.maxima)
        for condition in conditions(calls.c.offered_us, where.rows):
            wanted = [calls.c.queue != "", *((calls.c.queue.in_(self._only),) if self._only else ())]
            query = repeats.of_rows(self._connection, self._intervals, self._repeat_us, condition, *wanted)
            found = self._connection.execute(query).all()
            sheet.take((*row[:2], *before, *row[2:], *after) for row in found)
        return sheet

    def _more_of_slots(self, added: Callable[[Any], Any], /) -> Iterator[Any]:
        return repeats.of_slots(self._connection, self._repeat_us, added)


def one_each(intervals: Intervals, minutes: int) -> bool:
    """Whether no two slots of so many minutes are in one interval: then there is nothing to be added up."""
    return all(
        until_us - from_us <= minutes * MINUTE_US for from_us, until_us in pairwise(intervals.bounds_us)
    )


def whole_sum(value: Any) -> Any:
    """Sums are decimals otherwise, which take long to read."""
    return cast(func.coalesce(value, 0), BigInteger)
