"""Metrics of the expected wait, by queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from py_callcenter.metrics import text
from py_callcenter.metrics.snapshot import ExpectedWait, MetricsSnapshot

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


def lines(snapshot: MetricsSnapshot, head: Callable[[str, str, str], str]) -> Iterator[str]:
    """Text of all of them, a metric at a time."""
    queues = [(text.labels(queue=name), found) for name, found in sorted(snapshot.expected.items())]
    name = "callcenter_queue_expected_wait_seconds"
    help_text = "Wait of somebody who came now; absent while it isn't known or past answers were too wrong."
    yield head(name, "gauge", help_text)
    yield text.gauge(
        name,
        [
            (f'{shown},quantile="{quantile}"', us / 1e6)
            for shown, found in queues
            for quantile, us in (("0.5", found.half_us), ("0.8", found.most_us))
            if us is not None
        ],
    )
    name = "callcenter_queue_expected_wait_answers"
    yield head(name, "counter", "Expected waits that were judged by the wait that came.")
    yield text.counter(name, [(shown, found.answers) for shown, found in queues])
    every = [(text.labels(queue=name), found) for name, found in sorted(snapshot.stats.queues.items())]
    name = "callcenter_queue_expected_wait_error_seconds"
    help_text = "How much later or sooner than expected callers were answered who were kept waiting."
    yield head(name, "histogram", help_text)
    yield text.histogram(
        name,
        (
            (f'{shown},direction="{way}"', found)
            for shown, queue in every
            for way, found in queue.expected_error.items()
        ),
    )
    name = "callcenter_queue_expected_wait_covered"
    yield head(name, "counter", "Those of them who waited within the range that should hold 0.8 of them.")
    yield text.counter(name, [(shown, queue.expected_covered) for shown, queue in every])
    judged = [(shown, found) for shown, found in queues if found.answers]
    for name, help_text, value in _JUDGED:
        yield head(name, "gauge", help_text)
        yield text.gauge(name, [(shown, value(found)) for shown, found in judged])
