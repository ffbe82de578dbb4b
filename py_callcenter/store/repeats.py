"""Callers who come again: repeated calls and first-call resolution, in a window chosen when reading."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, case, cast, func, literal, select, tuple_

from py_callcenter.stats import Intervals
from py_callcenter.stats.columns import Ratio
from py_callcenter.store.places import at_most, conditions, gathered, pieces_of, place
from py_callcenter.store.schema import call_slots, calls
from py_callcenter.store.sheet import Sheet

MAX_WINDOW_US: Final = 90 * 86_400_000_000
"""Whoever comes later than that is new: so far back and ahead calls are compared."""


KNOWN: Final = ("known_callers", "repeated", "first_answered", "resolved")
"""Columns. Only calls with a caller known by pseudonym are in them. `repeated`: the caller had called within
the window before. `first_answered`: answered calls that were no repeated ones; `resolved`: those of them that
no further call of the caller followed within the window (so far).
"""
RESOLUTION: Final = Ratio(("resolved",), ("first_answered",))


def neighbours() -> tuple[Any, Any]:
    """When the caller of a row of `cc_calls` called before, and when next; NULL for never."""
    other = calls.alias("other")
    its, own = (other.c.offered_us, other.c.call), (calls.c.offered_us, calls.c.call)
    same = select(func.max(other.c.offered_us)).where(other.c.caller == calls.c.caller)
    before = same.where(
        other.c.offered_us <= calls.c.offered_us,
        other.c.offered_us >= calls.c.offered_us - MAX_WINDOW_US,
        tuple_(*its) < tuple_(*own),
    )
    later = select(func.min(other.c.offered_us)).where(other.c.caller == calls.c.caller)
    after = later.where(
        other.c.offered_us >= calls.c.offered_us,
        other.c.offered_us <= calls.c.offered_us + MAX_WINDOW_US,
        tuple_(*its) > tuple_(*own),
    )
    return before.scalar_subquery(), after.scalar_subquery()


def gaps(*where: Any) -> Any:
    """Calls of known callers: queue, moment, outcome, how long after and before the caller's other calls."""
    before, after = neighbours()
    return (
        select(
            calls.c.queue,
            calls.c.offered_us,
            calls.c.outcome,
            (calls.c.offered_us - before).label("since_us"),
            (after - calls.c.offered_us).label("until_us"),
        )
        .where(calls.c.caller.is_not(None), *where)
        .offset(0)  # or PostgreSQL looks the neighbours up again for each use of them
        .subquery()
    )


def stored(connection: Connection, story: Any) -> dict[str, Any]:
    """What is kept of the gaps (a subquery of `gaps`) of a slot, to be asked with any window later."""
    answered = story.c.outcome == "answered"
    nearest = case(
        (story.c.since_us.is_(None), story.c.until_us),
        (story.c.until_us < story.c.since_us, story.c.until_us),
        else_=story.c.since_us,
    )
    return {
        "known": func.count(),
        "known_answered": func.count().filter(answered),
        "gaps_before": gathered(connection, story.c.since_us, story.c.since_us.is_not(None)),
        "answered_gaps_before": gathered(
            connection, story.c.since_us, answered & story.c.since_us.is_not(None)
        ),
        "answered_gaps": gathered(connection, nearest, answered & nearest.is_not(None)),
    }


def repeat_calls(
    connection: Connection, intervals: Intervals, *, window_us: int, only: Sequence[str] = ()
) -> Sheet:
    """By the queue of the call; the caller may have come to any. The window is at most `MAX_WINDOW_US`."""
    where = pieces_of(connection, "calls", intervals)
    found = Sheet(KNOWN)
    for minutes, ranges in ((60, where.hours), (15, where.quarters)):
        for condition in conditions(call_slots.c.slot_us, ranges):
            query = _of_slots(connection, intervals, window_us).where(
                call_slots.c.minutes == minutes, condition
            )
            if only:
                query = query.where(call_slots.c.queue.in_(only))
            found.take(connection.execute(query).all())
    for condition in conditions(calls.c.offered_us, where.rows):
        named = (calls.c.queue.in_(only),) if only else ()
        query = _of_rows(connection, gaps(condition, *named), intervals, window_us)
        found.take(connection.execute(query).all())
    return found


def _of_rows(connection: Connection, story: Any, intervals: Intervals, window_us: int) -> Any:
    again = func.coalesce(story.c.since_us <= window_us, literal(value=False))
    followed = func.coalesce(story.c.until_us <= window_us, literal(value=False))
    first = (story.c.outcome == "answered") & ~again
    return select(
        place(connection, story.c.offered_us, intervals).label("place"),
        story.c.queue.label("key"),
        func.count().label("calls"),
        func.count().filter(again).label("repeated"),
        func.count().filter(first).label("first_answered"),
        func.count().filter(first & ~followed).label("resolved"),
    ).group_by("key", "place")


def _of_slots(connection: Connection, intervals: Intervals, window_us: int) -> Any:
    def total(value: Any) -> Any:
        return cast(func.coalesce(func.sum(value), 0), BigInteger)

    def within(name: str) -> Any:
        return total(at_most(connection, call_slots.c[name], window_us))

    answered = total(call_slots.c.known_answered)
    return select(
        place(connection, call_slots.c.slot_us, intervals).label("place"),
        call_slots.c.queue.label("key"),
        total(call_slots.c.known).label("calls"),
        within("gaps_before").label("repeated"),
        (answered - within("answered_gaps_before")).label("first_answered"),
        (answered - within("answered_gaps")).label("resolved"),
    ).group_by("key", "place")
