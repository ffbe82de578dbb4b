"""Prometheus exposition of one consistent snapshot.

`render` turns a `MetricsSnapshot` into text in any thread. No label takes a value from a caller, a call or an
agent.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder

from py_callcenter.metrics import queues
from py_callcenter.metrics.families import (
    COMMAND_OUTCOMES,
    RECONNECT_REASONS,
    VIOLATION_RULES,
    SnapshotCollector,
)
from py_callcenter.metrics.snapshot import ExpectedWait, Heard, MetricsSnapshot, NodeMetrics, Target
from py_callcenter.stats import AGENT_STATES

__all__ = [
    "AGENT_STATES",
    "COMMAND_OUTCOMES",
    "RECONNECT_REASONS",
    "VIOLATION_RULES",
    "ExpectedWait",
    "Heard",
    "MetricsSnapshot",
    "NodeMetrics",
    "Target",
    "pieces",
    "render",
]


def render(snapshot: MetricsSnapshot, accept: str = "") -> tuple[bytes, str]:
    """Text and content type, in OpenMetrics when the scraper accepts it."""
    found, content_type = pieces(snapshot, accept)
    return b"".join(found), content_type


def pieces(snapshot: MetricsSnapshot, accept: str = "") -> tuple[list[bytes], str]:
    """The same in pieces of some hundred kilobytes: copying all at once would keep other threads waiting."""
    begun_s = time.perf_counter()
    encoder, content_type = choose_encoder(accept)
    openmetrics = content_type.startswith("application/openmetrics-text")
    found = list(queues.lines(snapshot, openmetrics=openmetrics))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(ProcessCollector(namespace="callcenter", registry=None))
    registry.register(SnapshotCollector(snapshot, begun_s))
    found.append(encoder(registry))
    return found, content_type
