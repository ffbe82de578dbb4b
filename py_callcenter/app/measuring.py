"""What the process measures of itself: decisions, and how late the hub turns and the switches' events are."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import gevent

from py_callcenter._router import Proposal, Router
from py_callcenter.app.clock import Clock
from py_callcenter.esl.node import NodeLink
from py_callcenter.stats import CANDIDATE_BOUNDS, DECISION_BOUNDS_US, LAG_BOUNDS_US, ONE, Histogram

HUB_PROBE_S: Final = 0.05
EVENT_LAG_EVERY_US: Final = 1_000_000


class TimedRouter:
    """The core with a stopwatch on `decide`, where a slow decision would show; all else is the core.

    Offers are counted here too: whatever isn't one costs nothing more.
    """

    def __init__(self, router: Router, histogram: Histogram) -> None:
        self._decide = router.decide
        self._histogram = histogram
        self._put_queue, self._can_serve = router.put_queue, router.can_serve
        self._strategies: dict[int, str] = {}
        self.offers: Counter[str] = Counter()
        """How many the decisions led to, by the queue's strategy."""
        self.candidates = Histogram(CANDIDATE_BOUNDS)
        """Agents among whom each was chosen."""
        for name in dir(router):
            if not name.startswith("_") and name not in {"decide", "put_queue"}:
                setattr(self, name, getattr(router, name))

    def put_queue(self, now_us: int, name: str, strategy: str, **settings: Any) -> int:
        queue = self._put_queue(now_us, name, strategy, **settings)
        self._strategies[queue] = strategy
        return queue

    def decide(self, now_us: int) -> list[Proposal]:
        begun_ns = time.perf_counter_ns()
        proposals = self._decide(now_us)
        self._histogram.observe((time.perf_counter_ns() - begun_ns) // 1000)
        for proposal in proposals:
            self.offers[self._strategies[proposal.queue]] += 1
            self.candidates.observe((self._can_serve(proposal.queue) + 1) * ONE)
        return proposals


class Figures:
    """Histograms, and when the hub last turned."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat_us = clock.now_us()
        self.decision = Histogram(DECISION_BOUNDS_US)
        self.hub_lag = Histogram(LAG_BOUNDS_US)
        self.event_lag: dict[str, Histogram] = {}
        """By node."""

    def seconds_since_beat(self) -> float:
        """How long ago the hub last turned, for other threads to ask."""
        return (self._clock.now_us() - self._beat_us) / 1e6

    def measure(self, links: Mapping[str, NodeLink]) -> None:
        """On and on, in a greenlet of its own."""
        measured_us = 0
        while True:
            begun = time.perf_counter()
            gevent.sleep(HUB_PROBE_S)
            late_s = time.perf_counter() - begun - HUB_PROBE_S
            self.hub_lag.observe(max(0, round(late_s * 1e6)))
            self._beat_us = self._clock.now_us()
            if self._beat_us - measured_us >= EVENT_LAG_EVERY_US:
                measured_us = self._beat_us
                for name, link in links.items():
                    if link.event_lag_s is not None:
                        lag = self.event_lag.setdefault(name, Histogram(LAG_BOUNDS_US))
                        lag.observe(round(link.event_lag_s * 1e6))
