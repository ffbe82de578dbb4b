"""The staffing hint of every queue, worked out beside the calls: once a minute while somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

from py_callcenter.app.live import LiveFigures
from py_callcenter.config import Config
from py_callcenter.stats import (
    HALF_HOUR_US,
    WEEKS,
    Hint,
    QueueStats,
    Worked,
    Workload,
    hint,
    mean_patience_s,
)
from py_callcenter.store import Store, StoreError

DAY_US: Final = 86_400 * 1_000_000
WEEK_US: Final = 7 * DAY_US

_log = structlog.get_logger(__name__)

NOTHING: Final = Worked(0, 0, 0, 0, 0)

Past = list[dict[str, int] | None]


def hints(config: Config, live: LiveFigures, store: Store, now_us: int) -> dict[str, Hint]:
    """By queue; queues of which too little is known are left out. Blocks: not for the hub."""
    past = _past(store, now_us)
    lately = _worked(store, now_us, HALF_HOUR_US)
    with live.reading() as figures:
        seen = {queue.name: figures.stats.queues.get(queue.name) or QueueStats() for queue in config.queues}
        known = {
            name: (found.recent.calls(now_us), found.recent.handle_us(now_us), _patience_s(found))
            for name, found in seen.items()
        }
    day = _worked(store, now_us, DAY_US) if any(None in found for found in known.values()) else {}
    work = {}
    for name, (calls, handle_us, patience_s) in known.items():
        before = day.get(name, NOTHING)
        mean_us = before.handle_us if handle_us is None else handle_us
        if mean_us is not None:
            work[name] = Workload(
                max(calls, lately.get(name, NOTHING).calls),
                mean_us / 1e6,
                before.patience_s if patience_s is None else patience_s,
            )
    levels = {queue.name: queue.service_level for queue in config.queues}
    return {
        name: hint(
            what,
            levels[name].seconds,
            levels[name].percent / 100,
            *([week.get(name, 0) for week in weeks if week is not None] for weeks in past),
        )
        for name, what in work.items()
    }


def _worked(store: Store, now_us: int, for_us: int) -> Mapping[str, Worked]:
    """What an earlier run of the controller saw too; nothing while the database is away."""
    try:
        return store.database.worked(now_us - for_us, now_us)
    except StoreError:
        return {}


def _past(store: Store, now_us: int) -> tuple[Past, Past]:
    """The last half hour and the next one in each of the past weeks. Weeks are of seven times 24 hours: for
    four weeks after clocks change they are an hour off.
    """
    moments = [now_us - week * WEEK_US for week in range(1, WEEKS + 1)]
    stretches = [(at_us - HALF_HOUR_US, at_us) for at_us in moments]
    stretches += [(at_us, at_us + HALF_HOUR_US) for at_us in moments]
    try:
        found = store.database.arrivals(stretches)
    except StoreError as error:
        _log.warning("no_past_for_the_staffing_hint", reason=str(error), hint="the last half hour is used")
        return [], []
    return found[:WEEKS], found[WEEKS:]


def _patience_s(queue: QueueStats) -> float | None:
    return mean_patience_s(sum(found.sum_us for found in queue.wait.values()), sum(queue.abandoned.values()))
