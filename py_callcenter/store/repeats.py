"""Callers who come again: repeated calls and first-call resolution, in a window chosen when reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, case, func, literal, select, tuple_

from py_callcenter.stats import Intervals
from py_callcenter.stats.columns import Ratio
from py_callcenter.store.places import at_most, gathered, place
from py_callcenter.store.schema import call_slots, calls

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


def of_rows(connection: Connection, intervals: Intervals, window_us: int, *where: Any) -> Any:
    """Number of the interval, queue and the columns of `KNOWN`, from calls that no slot tells of."""
    story = gaps(*where)
    again = func.coalesce(story.c.since_us <= window_us, literal(value=False))
    followed = func.coalesce(story.c.until_us <= window_us, literal(value=False))
    first = (story.c.outcome == "answered") & ~again
    return select(
        place(connection, story.c.offered_us, intervals).label("place"),
        story.c.queue.label("key"),
        func.count(),
        func.count().filter(again),
        func.count().filter(first),
        func.count().filter(first & ~followed),
    ).group_by("key", "place")


def of_slots(connection: Connection, window_us: int, added: Callable[[Any], Any]) -> Iterator[Any]:
    """The columns of `KNOWN` from what is kept of slots. `added`: how several slots become one figure."""

    def within(name: str) -> Any:
        return func.coalesce(at_most(connection, call_slots.c[name], window_us), 0)

    yield added(call_slots.c.known)
    yield added(within("gaps_before"))
    yield added(call_slots.c.known_answered - within("answered_gaps_before"))
    yield added(call_slots.c.known_answered - within("answered_gaps"))
