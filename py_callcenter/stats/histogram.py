"""Counts of durations in fixed buckets."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

SECOND_US: Final = 1_000_000

WAIT_BOUNDS_US: Final = tuple(
    seconds * SECOND_US for seconds in (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200)
)
"""For waiting and talking: the usual thresholds of service levels are bucket bounds, so that a service
level read from the buckets is exact."""

FAST_BOUNDS_US: Final = tuple(
    milliseconds * 1000 for milliseconds in (10, 20, 50, 100, 150, 200, 300, 500, 1000, 2000, 5000)
)
"""For what a person notices as a pause."""

ERROR_BOUNDS_US: Final = tuple(seconds * SECOND_US for seconds in (5, 15, 30, 60, 120, 300, 600))
"""For how far an announced wait was off."""

LAG_BOUNDS_US: Final = (
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000,
)  # fmt: skip
"""For delays inside the controller."""

DECISION_BOUNDS_US: Final = (2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000)
"""For decisions of the core."""

ONE: Final = SECOND_US
"""What to observe for each of a number of things, which a histogram then shows as a number."""
CANDIDATE_BOUNDS: Final = tuple(number * ONE for number in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000))
"""For numbers of agents."""


class Histogram:
    """Durations in microseconds, counted per bucket; the last bucket has no upper bound.

    A duration equal to a bound counts as within it, as Prometheus's `le` does.
    """

    __slots__ = ("bounds_us", "counts", "sum_us")

    def __init__(self, bounds_us: tuple[int, ...]) -> None:
        self.bounds_us = bounds_us
        self.counts = [0] * (len(bounds_us) + 1)
        self.sum_us = 0

    def observe(self, us: int) -> None:
        self.counts[bisect_left(self.bounds_us, us)] += 1
        self.sum_us += us

    def add(self, other: Histogram) -> None:
        """Take another one's counts along; it must have the same bounds."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum_us += other.sum_us

    @property
    def count(self) -> int:
        return sum(self.counts)

    def copy(self) -> Histogram:
        other = Histogram.__new__(Histogram)
        other.bounds_us = self.bounds_us
        other.counts = self.counts.copy()
        other.sum_us = self.sum_us
        return other

    def cumulative(self) -> list[tuple[str, int]]:
        """Upper bound in seconds as Prometheus writes it, and how many lie within; `+Inf` last."""
        out: list[tuple[str, int]] = []
        total = 0
        for bound, count in zip(self.bounds_us, self.counts, strict=False):
            total += count
            out.append((repr(bound / SECOND_US), total))
        out.append(("+Inf", total + self.counts[-1]))
        return out
