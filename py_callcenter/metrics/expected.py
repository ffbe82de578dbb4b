"""Metrics of the expected wait, by queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from py_callcenter._router import SeriesText
from py_callcenter.metrics import text
from py_callcenter.metrics.snapshot import ExpectedWait, MetricsSnapshot
from py_callcenter.stats import DIRECTIONS, QueueStats

_JUDGED: Final[tuple[tuple[str, str, Callable[[ExpectedWait], float]], ...]] = (
    (
        "callcenter_queue_expected_wait_bias_ratio",
        "Mean of (expected - wait) / mean wait, of the last few hundred answers.",
        lambda found: found.bias,
    ),
    (
        "callcenter_queue_expected_wait_error_ratio",
        "Root mean square of (expected - wait) / mean wait, likewise.",
        lambda found: found.error,
    ),
    (
        "callcenter_queue_expected_wait_inside_ratio",
        "Share of waits within the range that should hold 0.8 of them, likewise.",
        lambda found: found.inside,
    ),
)


def lines(
    snapshot: MetricsSnapshot, counted: SeriesText, queues: list[QueueStats], head: text.Head
) -> Iterator[bytes]:
    """Text of all of them, a metric at a time. `counted`: of the queues that the records tell of."""
    names = sorted(snapshot.expected)
    found = [snapshot.expected[name] for name in names]
    series = SeriesText([text.labels(queue=name) for name in names])
    name = "callcenter_queue_expected_wait_seconds"
    help_text = "Wait of somebody who came now; absent while it isn't known or past answers were too wrong."
    yield head(name, "gauge", help_text)
    told = [
        ('quantile="0.5"', [_seconds(wait.half_us) for wait in found]),
        ('quantile="0.8"', [_seconds(wait.most_us) for wait in found]),
    ]
    yield from series.samples(name, told)
    name = "callcenter_queue_expected_wait_answers"
    yield head(name, "counter", "Expected waits that were judged by the wait that came.")
    yield from series.samples(f"{name}_total", [("", [wait.answers for wait in found])])
    name = "callcenter_queue_expected_wait_error_seconds"
    help_text = "How much later or sooner than expected callers were answered who were kept waiting."
    yield head(name, "histogram", help_text)
    errors = [(f'direction="{way}"', [queue.expected_error[way] for queue in queues]) for way in DIRECTIONS]
    yield from counted.histograms(name, errors)
    name = "callcenter_queue_expected_wait_covered"
    yield head(name, "counter", "Those of them who waited within the range that should hold 0.8 of them.")
    yield from counted.samples(f"{name}_total", [("", [queue.expected_covered for queue in queues])])
    for name, help_text, value in _JUDGED:
        yield head(name, "gauge", help_text)
        yield from series.samples(name, [("", [value(wait) if wait.answers else None for wait in found])])


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6
