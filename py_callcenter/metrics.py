"""Prometheus exposition of one consistent snapshot.

The hub takes a `MetricsSnapshot` (plain copies, no locks); `render` turns it into text in any thread.
No label takes a value from a caller, a call or an agent.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from py_callcenter.stats import DECISION_BOUNDS_US, LAG_BOUNDS_US, Histogram, Stats

AGENT_STATES: Final = (
    "waiting", "reserved", "receiving", "in_a_queue_call", "wrap_up", "idle", "busy_elsewhere", "on_break",
    "logged_out",
)  # fmt: skip
COMMAND_OUTCOMES: Final = ("ok", "error", "unknown")
RECONNECT_REASONS: Final = (
    "network", "goodbye", "canary", "framing", "protocol", "sync", "backlog", "write-stall", "frame-timeout",
    "command-timeout", "no-greeting", "no-login", "name", "access-list", "wrong-password",
)  # fmt: skip
"""Words of `esl.errors.ConnectionFailed`; others would show as soon as they are counted."""
VIOLATION_RULES: Final = ("I3",)
"""Rules of the engine's watchdogs."""


@dataclass(frozen=True, slots=True)
class NodeMetrics:
    """Counters of one switch since the controller started."""

    up: bool = False
    events: Mapping[str, int] = field(default_factory=dict)
    """By event name; of the events that the controller subscribes to, so the set is bounded."""
    commands: Mapping[str, int] = field(default_factory=dict)
    """By outcome: `ok`, `error`, `unknown` (no reply in time)."""
    reconnects: Mapping[str, int] = field(default_factory=dict)
    """By reason."""


@dataclass(frozen=True, slots=True)
class ExpectedWait:
    """What a queue tells somebody who comes now, and how good such answers were."""

    half_us: int | None
    """Half of such callers wait less; None: not known."""
    most_us: int | None
    """Four fifths wait less."""
    answers: int
    bias: float
    error: float
    inside: float


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Everything /metrics shows, taken at one moment. Nothing in it may change afterwards."""

    stats: Stats
    waiting: Mapping[str, int]
    """Callers in each queue right now."""
    oldest_entered_us: Mapping[str, int]
    """When the longest waiting caller of a queue came, epoch microseconds; queues with callers only."""
    agents: Mapping[str, int]
    """Agents by state."""
    expected: Mapping[str, ExpectedWait] = field(default_factory=dict)
    """By queue."""
    nodes: Mapping[str, NodeMetrics] = field(default_factory=dict)
    event_lag: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    hub_lag: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    decision: Histogram = field(default_factory=lambda: Histogram(DECISION_BOUNDS_US))
    records_dropped: int = 0
    records_pending: int = 0
    sse_clients: int = 0
    version: str = ""
    build_profile: str = ""
    started_us: int = 0


def render(snapshot: MetricsSnapshot, accept: str = "") -> tuple[bytes, str]:
    """Text and content type, in OpenMetrics when the scraper accepts it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(snapshot))
    encoder, content_type = choose_encoder(accept)
    return encoder(registry), content_type


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: MetricsSnapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        begun = time.perf_counter()
        yield from _queue_metrics(self._snapshot)
        yield from _expected_metrics(self._snapshot)
        yield from _agent_metrics(self._snapshot)
        yield from _node_metrics(self._snapshot)
        yield from _process_metrics(self._snapshot)
        yield _gauge(
            "callcenter_collector_duration_seconds",
            "Time taken to put these metrics together.",
            time.perf_counter() - begun,
        )


def _queue_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    stats = snapshot.stats
    queues = {name: stats.queues[name] for name in sorted(stats.queues)}
    names = sorted(queues.keys() | snapshot.waiting.keys())
    waiting = GaugeMetricFamily(
        "callcenter_queue_calls_waiting", "Callers in the queue now.", labels=["queue"]
    )
    oldest = GaugeMetricFamily(
        "callcenter_queue_oldest_joined_timestamp_seconds",
        "When the longest waiting caller came; absent while nobody waits.",
        labels=["queue"],
    )
    for name in names:
        waiting.add_metric([name], snapshot.waiting.get(name, 0))
        if name in snapshot.oldest_entered_us:
            oldest.add_metric([name], snapshot.oldest_entered_us[name] / 1e6)
    yield waiting
    yield oldest
    for metric, text, values in (
        ("offered", "Calls that reached this queue first, counted at their first PARK.", "offered"),
        ("entered", "Queue legs: first arrivals and transfers into this queue.", "entered"),
        ("answered", "Queue legs bridged with an agent.", "answered"),
        (
            "answered_within_service_level",
            "Queue legs bridged with an agent within the queue's service-level time.",
            "answered_in_time",
        ),
        ("lost", "Queue legs whose caller vanished with the switch.", "lost"),
    ):
        yield _counter(
            f"callcenter_queue_calls_{metric}",
            text,
            ["queue"],
            (((name,), getattr(queue, values)) for name, queue in queues.items()),
        )
    yield _counter(
        "callcenter_queue_calls_abandoned",
        "Queue legs whose caller hung up: at once (short), waiting (queued) or as a phone rang (ringing).",
        ["queue", "phase"],
        (((name, phase), n) for name, queue in queues.items() for phase, n in queue.abandoned.items()),
    )
    yield _counter(
        "callcenter_queue_calls_overflowed",
        "Queue legs ended by a rule or by hand, the caller living on elsewhere.",
        ["queue", "reason"],
        (((name, reason), n) for name, queue in queues.items() for reason, n in queue.left.items()),
    )
    yield _histogram(
        "callcenter_queue_wait_seconds",
        "Wait of a queue leg, from its PARK to the bridge or to its other end.",
        ["queue", "outcome"],
        (((name, out), h) for name, queue in queues.items() for out, h in queue.wait.items()),
    )
    yield _histogram(
        "callcenter_talk_seconds",
        "Conversation with an agent, hold included.",
        ["queue"],
        (((name,), queue.talk) for name, queue in queues.items()),
    )


def _expected_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    queues = sorted(snapshot.expected.items())
    wait = GaugeMetricFamily(
        "callcenter_queue_expected_wait_seconds",
        "Wait of somebody who came now; absent while it isn't known or past answers were too wrong.",
        labels=["queue", "quantile"],
    )
    for name, expected in queues:
        for quantile, us in (("0.5", expected.half_us), ("0.8", expected.most_us)):
            if us is not None:
                wait.add_metric([name, quantile], us / 1e6)
    yield wait
    yield _counter(
        "callcenter_queue_expected_wait_answers",
        "Expected waits that were judged by the wait that came.",
        ["queue"],
        (((name,), expected.answers) for name, expected in queues),
    )
    judged = [(name, expected) for name, expected in queues if expected.answers]
    for metric, text, values in (
        ("bias_ratio", "Mean of (expected - wait) / mean wait, of the last few hundred answers.", "bias"),
        ("error_ratio", "Root mean square of (expected - wait) / mean wait, likewise.", "error"),
        ("inside_ratio", "Share of waits within the range that should hold 0.8 of them, likewise.", "inside"),
    ):
        gauge = GaugeMetricFamily(f"callcenter_queue_expected_wait_{metric}", text, labels=["queue"])
        for name, expected in judged:
            gauge.add_metric([name], getattr(expected, values))
        yield gauge


def _agent_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    agents = GaugeMetricFamily("callcenter_agents", "Agents by state.", labels=["state"])
    for state in AGENT_STATES:
        agents.add_metric([state], snapshot.agents.get(state, 0))
    yield agents
    yield _counter(
        "callcenter_agent_offers",
        "Offers to agents that are over, by outcome.",
        ["outcome"],
        (((outcome,), n) for outcome, n in snapshot.stats.offers.items()),
    )


def _node_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    nodes = snapshot.nodes
    up = GaugeMetricFamily(
        "callcenter_esl_up", "1 while the node's event socket is connected and in step.", labels=["node"]
    )
    for name, node in nodes.items():
        up.add_metric([name], int(node.up))
    yield up
    yield _counter(
        "callcenter_esl_events",
        "Events received.",
        ["node", "event"],
        (((name, event), n) for name, node in nodes.items() for event, n in sorted(node.events.items())),
    )
    yield _counter(
        "callcenter_esl_commands",
        "Commands sent, by outcome; unknown = no reply in time.",
        ["node", "outcome"],
        (
            ((name, outcome), n)
            for name, node in nodes.items()
            for outcome, n in _with_zeros(node.commands, COMMAND_OUTCOMES)
        ),
    )
    yield _counter(
        "callcenter_esl_reconnects",
        "Connections to the event socket that had to be made again, by reason.",
        ["node", "reason"],
        (
            ((name, reason), n)
            for name, node in nodes.items()
            for reason, n in _with_zeros(node.reconnects, RECONNECT_REASONS)
        ),
    )


def _process_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    yield _histogram(
        "callcenter_esl_event_lag_seconds",
        "From an event's stamp by the switch to its handling here; needs clocks in step.",
        [],
        [((), snapshot.event_lag)],
    )
    yield _histogram(
        "callcenter_hub_lag_seconds",
        "How late the controller's main loop woke up for a timer of its own.",
        [],
        [((), snapshot.hub_lag)],
    )
    yield _histogram(
        "callcenter_router_decision_seconds", "One run of the decision.", [], [((), snapshot.decision)]
    )
    yield _counter(
        "callcenter_unknown_queue_calls",
        "Calls that asked for a queue that isn't configured.",
        [],
        [((), snapshot.stats.unknown_queue)],
    )
    yield _counter(
        "callcenter_invariant_violations",
        "Things that must not happen, found and repaired; anything above 0 is a bug.",
        ["rule"],
        (((rule,), n) for rule, n in _with_zeros(snapshot.stats.violations, VIOLATION_RULES)),
    )
    yield _counter("callcenter_records", "Records of what happened.", [], [((), snapshot.stats.records)])
    yield _counter(
        "callcenter_records_dropped",
        "Records that did not get into the database and are gone.",
        [],
        [((), snapshot.records_dropped)],
    )
    yield _gauge(
        "callcenter_records_pending", "Records on their way into the database.", snapshot.records_pending
    )
    yield _gauge("callcenter_sse_clients", "Pages and programs on the live feed.", snapshot.sse_clients)
    yield _gauge(
        "callcenter_start_timestamp_seconds", "When this controller started.", snapshot.started_us / 1e6
    )
    yield InfoMetricFamily(
        "callcenter_build",
        "Version of the controller.",
        value={"version": snapshot.version, "profile": snapshot.build_profile},
    )


def _with_zeros(counts: Mapping[str, int], known: tuple[str, ...]) -> list[tuple[str, int]]:
    """Known values first and always, so that a series exists before its first event."""
    return list({**dict.fromkeys(known, 0), **counts}.items())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], int]]) -> Metric:
    metric = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows:
        metric.add_metric(values, count)
    return metric


def _histogram(
    name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], Histogram]]
) -> Metric:
    metric = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in rows:
        metric.add_metric(values, histogram.cumulative(), histogram.sum_us / 1e6)
    return metric
