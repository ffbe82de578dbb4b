"""The staffing hint of every queue, worked out beside the calls: once a minute while somebody looks."""

from __future__ import annotations

from typing import Final

import structlog

from py_callcenter.app.live import LiveFigures
from py_callcenter.config import Config
from py_callcenter.stats import HALF_HOUR_US, WEEKS, Hint, QueueStats, Workload, hint
from py_callcenter.store import Store, StoreError

WEEK_US: Final = 7 * 86_400 * 1_000_000
ENOUGH_ABANDONED: Final = 10
"""Callers who gave up whose mean patience says something."""

_log = structlog.get_logger(__name__)

Past = list[dict[str, int] | None]


def hints(config: Config, live: LiveFigures, store: Store, now_us: int) -> dict[str, Hint]:
    """By queue; queues of which too little is known are left out. Blocks: not for the hub."""
    past = _past(store, now_us)
    work = {}
    with live.reading() as figures:
        for queue in config.queues:
            found = figures.stats.queues.get(queue.name)
            handle_us = None if found is None else found.recent.handle_us(now_us)
            if found is not None and handle_us is not None:
                calls = found.recent.calls(now_us)
                work[queue.name] = Workload(calls, handle_us / 1e6, _patience_s(found))
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
    """Mean patience: all waiting over those who gave up, which is right for exponential patience."""
    abandoned = sum(queue.abandoned.values())
    if abandoned < ENOUGH_ABANDONED:
        return None
    waited_us = sum(found.sum_us for found in queue.wait.values())
    return max(1.0, waited_us / abandoned / 1e6)
