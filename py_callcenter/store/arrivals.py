"""Calls that entered queues in past stretches of time, and what they asked of agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Connection, case, cast, func, select

from py_callcenter.store.schema import legs

if TYPE_CHECKING:
    from py_callcenter.stats import Worked


def worked(connection: Connection, from_us: int, until_us: int) -> dict[str, Worked]:
    """What queue legs that began in a stretch of time came to so far, by queue."""
    from py_callcenter.stats import Worked  # noqa: PLC0415 - a start doesn't need it

    over = legs.c.ended_by != ""
    held = case((over, legs.c.ring_us + legs.c.talk_us + legs.c.wrap_up_us), else_=0)
    rows = connection.execute(
        select(
            legs.c.queue,
            func.count(),
            func.count().filter(over),
            cast(func.sum(held), BigInteger),
            func.count().filter(legs.c.outcome == "abandoned"),
            cast(func.sum(legs.c.wait_us), BigInteger),
        )
        .where(legs.c.entered_us >= from_us, legs.c.entered_us < until_us, legs.c.queue != "")
        .group_by(legs.c.queue)
    )
    return {row[0]: Worked(*row[1:]) for row in rows}


def arrivals(connection: Connection, stretches: Sequence[tuple[int, int]]) -> list[dict[str, int] | None]:
    """Queue legs that began in each stretch (from, until; microseconds), by queue; None for a stretch that
    began before there were any.
    """
    first_us = connection.scalar(select(func.min(legs.c.entered_us)))
    found: list[dict[str, int] | None] = []
    for from_us, until_us in stretches:
        if first_us is None or from_us < first_us:
            found.append(None)
            continue
        rows = connection.execute(
            select(legs.c.queue, func.count())
            .where(legs.c.entered_us >= from_us, legs.c.entered_us < until_us, legs.c.queue != "")
            .group_by(legs.c.queue)
        )
        found.append({row[0]: row[1] for row in rows})
    return found
