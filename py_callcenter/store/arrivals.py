"""Calls that entered queues in past stretches of time."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from py_callcenter.store.schema import legs


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
