"""Hours counted beforehand, so that a report on a year needs not look at millions of calls.

Counted are the rows of `cc_legs`, `cc_calls` and `cc_agent_slots`, which are folded from the records; so
these tables may be thrown away at any time and come back. Limits and windows stay free: of every time that
one is compared with, each single value is kept, sorted (`stats.definitions.SORTED`).

Whatever changes a row of an hour takes the hour's mark out of `cc_counted` in the same transaction. Reports
then count that hour from its rows until it is counted again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Table,
    and_,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    true,
    union_all,
)

from py_callcenter.stats.definitions import (
    CALLS,
    LEGS,
    OFFERED,
    SORTED,
    TALKS,
    Family,
    Limits,
)
from py_callcenter.store import repeats, rows
from py_callcenter.store.places import HOUR_US, gathered
from py_callcenter.store.schema import (
    REPEAT_COUNTS,
    agent_hours,
    agent_slots,
    call_slots,
    calls,
    counted,
    leg_slots,
    legs,
    talk_slots,
)

AFTER_US: Final = HOUR_US
"""An hour is counted when it is over for so long: until then its calls still change."""
_MINUTE_US: Final = 60_000_000
AT_ONCE: Final = 4
"""Hours in one transaction: records that are written meanwhile wait for them."""

_SOURCES: Final[dict[str, tuple[Any, tuple[Table, ...]]]] = {
    "legs": (legs.c.entered_us, (leg_slots,)),
    "talks": (legs.c.entered_us, (talk_slots,)),
    "calls": (calls.c.offered_us, (call_slots,)),
    "times": (agent_slots.c.slot_us, (agent_hours,)),
}
WHATS: Final = tuple(_SOURCES)


def hour(at_us: int) -> int:
    return at_us - at_us % HOUR_US


class Counting:
    """Which hours are counted, known by heart while nobody else writes (`Database`)."""

    def __init__(self, connection: Connection) -> None:
        self._done: dict[str, set[int]] = {what: set() for what in WHATS}
        for row in connection.execute(select(counted)):
            self._done[row.what].add(row.hour_us)

    def changed(self, connection: Connection, what: str, moments_us: Iterable[int]) -> None:
        """Something of these moments is other than it was."""
        stale = {hour(at_us) for at_us in moments_us} & self._done[what]
        for hour_us in stale:
            connection.execute(delete(counted).where(counted.c.what == what, counted.c.hour_us == hour_us))
        self._done[what] -= stale

    def calls_change(self, connection: Connection, names: Sequence[str], moments_us: Sequence[int]) -> None:
        """Rows of these calls are going to be replaced by rows with these moments."""
        newest_us = max(map(max, filter(None, self._done.values())), default=0)
        if min(moments_us, default=newest_us) < newest_us + HOUR_US:
            old = select(legs.c.entered_us).where(legs.c.call.in_(names))
            touched = [*moments_us, *connection.scalars(old)]
            touched += connection.scalars(select(calls.c.offered_us).where(calls.c.call.in_(names)))
            for what in ("legs", "talks", "calls"):
                self.changed(connection, what, touched)

    def came_again(self, connection: Connection, new: Sequence[str]) -> None:
        """These calls are new: what is known of the same callers' calls before and after changes."""
        if not self._done["calls"]:
            return
        for start in range(0, len(new), rows.BATCH):
            query = select(*repeats.neighbours()).where(
                calls.c.call.in_(new[start : start + rows.BATCH]), calls.c.caller.is_not(None)
            )
            found = connection.execute(query).all()
            self.changed(connection, "calls", [at_us for row in found for at_us in row if at_us is not None])

    def missing(self, connection: Connection, now_us: int) -> Iterator[tuple[str, int, int]]:
        """What is to be counted, newest first: what, from and until, some hours at a time."""
        until_us = hour(now_us - AFTER_US)
        for what, (at, _) in _SOURCES.items():
            oldest_us = connection.scalar(select(func.min(at)))
            if oldest_us is None:
                continue
            done = self._done[what]
            end_us = until_us
            while end_us > oldest_us:
                if end_us - HOUR_US in done:
                    end_us -= HOUR_US
                    continue
                begin_us = end_us - HOUR_US
                while (
                    end_us - begin_us < AT_ONCE * HOUR_US
                    and begin_us > oldest_us
                    and begin_us - HOUR_US not in done
                ):
                    begin_us -= HOUR_US
                yield what, begin_us, end_us
                end_us = begin_us

    def count(self, connection: Connection, what: str, from_us: int, until_us: int) -> None:
        """Count whole hours; what was counted of them goes."""
        if connection.dialect.name == "postgresql":  # compiling takes longer than counting some hours
            connection.execute(text("SET LOCAL jit = off"))
        for table in _SOURCES[what][1]:
            connection.execute(delete(table).where(table.c.slot_us >= from_us, table.c.slot_us < until_us))
        match what:
            case "legs":
                _Slots(legs, leg_slots, LEGS).count(connection, from_us, until_us)
            case "calls":
                _Slots(calls, call_slots, CALLS).count(connection, from_us, until_us)
            case "talks":
                _Slots(legs, talk_slots, TALKS).count(connection, from_us, until_us)
            case _:
                _sum_times(connection, from_us, until_us)
        hours = range(from_us, until_us, HOUR_US)
        done = (counted.c.what == what) & (counted.c.hour_us >= from_us) & (counted.c.hour_us < until_us)
        connection.execute(delete(counted).where(done))
        connection.execute(insert(counted), [{"what": what, "hour_us": hour_us} for hour_us in hours])
        self._done[what].update(hours)


def forget(connection: Connection) -> None:
    """Everything is going to change."""
    connection.execute(delete(counted))


@dataclass(frozen=True, slots=True)
class _Slots:
    """Counts one table's rows into hours, and quarters where they are kept."""

    table: Table
    into: Table
    family: Family

    def count(self, connection: Connection, from_us: int, until_us: int) -> None:
        """Write the slots of a range."""
        of_calls, by = self.table is calls, "agent" if self.into is talk_slots else "queue"
        at = calls.c.offered_us if of_calls else legs.c.entered_us
        name = self.table.c[by]
        during = (at >= from_us, at < until_us, name != "")
        sizes, keys = self._sizes(), ("minutes", "slot_us", by)
        columns = {**_key(sizes, at, name, by), **self._columns(connection)}
        query = select(*columns.values()).select_from(self.table.join(sizes, true()))
        plain = query.where(*during).group_by(*keys).subquery()
        if not of_calls:
            wanted = [key for key in columns if key in self.into.c]
            these = select(*(plain.c[key] for key in wanted)).order_by(*_in_place(plain))
            connection.execute(insert(self.into).from_select(wanted, these))
            return
        story = repeats.gaps(*during)
        kept = repeats.stored(connection, story)
        key = _key(sizes, story.c.offered_us, story.c.queue, by)
        values = (value.label(figure) for figure, value in kept.items())
        each = select(*key.values(), *values).select_from(story.join(sizes, true()))
        again = each.group_by(*keys).subquery()
        same = and_(*(plain.c[key] == again.c[key] for key in keys))
        more = (
            func.coalesce(again.c[figure], 0) if figure in REPEAT_COUNTS else again.c[figure]
            for figure in kept
        )
        full = select(*plain.c, *more).select_from(plain.outerjoin(again, same)).order_by(*_in_place(plain))
        connection.execute(insert(self.into).from_select([*columns, *kept], full))

    def _sizes(self) -> Any:
        """Each row counts in each of these."""
        hour = select(literal(60).label("minutes"))
        if "minutes" not in self.into.c:
            return hour.subquery("sizes")
        return union_all(select(literal(15).label("minutes")), hour).subquery("sizes")

    def _columns(self, connection: Connection) -> dict[str, Any]:
        row, free = self.table.c, Limits()
        columns: dict[str, Any] = {OFFERED: func.count()}
        for figure in self.family.beforehand:
            columns[figure] = func.count().filter(self.family.counts[figure](row, free))
        for figure, (column, condition) in self.family.sums.items():
            columns[figure] = func.coalesce(func.sum(row[column]).filter(condition(row, free)), 0)
        for figure, (column, condition) in self.family.maxima.items():
            columns[figure] = func.coalesce(func.max(row[column]).filter(condition(row, free)), 0)
        for figure in self.family.times:
            column, condition = SORTED[figure]
            columns[figure] = gathered(connection, row[column], condition(row, free))
        return {figure: column.label(figure) for figure, column in columns.items()}


def _key(sizes: Any, at: Any, name: Any, by: str) -> dict[str, Any]:
    slot_us = at - at % (cast(sizes.c.minutes, BigInteger) * _MINUTE_US)
    return {"minutes": sizes.c.minutes, "slot_us": slot_us.label("slot_us"), by: name.label(by)}


def _in_place(slots: Any) -> tuple[Any, ...]:
    """The order in which slots are written: what a report reads together lies together on the disk."""
    return slots.c.minutes, slots.c.slot_us


def _sum_times(connection: Connection, from_us: int, until_us: int) -> None:
    at = agent_slots.c.slot_us
    keys = {"slot_us", "agent"}
    summed = [column.name for column in agent_hours.c if column.name not in keys]
    query = (
        select(
            (at - at % HOUR_US).label("hour_us"),
            agent_slots.c.agent,
            *(func.sum(agent_slots.c[name]) for name in summed),
        )
        .where(at >= from_us, at < until_us)
        .group_by("hour_us", agent_slots.c.agent)
    )
    connection.execute(insert(agent_hours).from_select(["slot_us", "agent", *summed], query))


__all__ = ["AFTER_US", "WHATS", "Counting", "forget", "hour"]
