"""Requests to the page and the API."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from py_callcenter.metrics.snapshot import MetricsSnapshot


def metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """A route has a series once it was asked."""
    requests = CounterMetricFamily(
        "callcenter_http_requests",
        "Requests by the template of their route (none: there is none, or turned away) and class of status.",
        labels=["route", "status"],
    )
    for (route, status), count in sorted(snapshot.http_requests.items()):
        requests.add_metric([route, status], count)
    yield requests
    took = HistogramMetricFamily(
        "callcenter_http_request_duration_seconds",
        "From a request until its answer is sent, the live feed left out.",
        labels=[],
    )
    took.add_metric([], snapshot.http_took.cumulative(), snapshot.http_took.sum_us / 1e6)
    yield took
