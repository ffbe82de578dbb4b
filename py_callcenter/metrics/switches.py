"""What the switches say of themselves, and how the way to them is."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from py_callcenter.metrics.snapshot import MetricsSnapshot
from py_callcenter.stats import LAG_BOUNDS_US, Histogram


def metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """By node; those of a HEARTBEAT are absent until the first one."""
    yield from _way(snapshot)
    yield from _heartbeat(snapshot)
    yield from _limits(snapshot)


def _way(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    lag = HistogramMetricFamily(
        "callcenter_esl_event_lag_seconds",
        "Once a second: from a command of ours until the event that it makes the switch send is here.",
        labels=["node"],
    )
    backlog = GaugeMetricFamily(
        "callcenter_esl_backlog_events", "Events that arrived and wait to be handled.", labels=["node"]
    )
    durations: dict[str, Histogram] = {}
    for name, node in snapshot.nodes.items():
        lag.add_metric([name], node.event_lag.cumulative(), node.event_lag.sum_us / 1e6)
        backlog.add_metric([name], node.backlog)
        for command, found in node.durations.items():
            durations.setdefault(command, Histogram(LAG_BOUNDS_US)).add(found)
    yield lag
    yield backlog
    took = HistogramMetricFamily(
        "callcenter_esl_command_duration_seconds",
        "From a command until the switch's reply, which isn't yet what the command is to do.",
        labels=["command"],
    )
    for command, found in sorted(durations.items()):
        took.add_metric([command], found.cumulative(), found.sum_us / 1e6)
    yield took


def _heartbeat(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    at = GaugeMetricFamily(
        "callcenter_switch_heartbeat_timestamp_seconds",
        "When the switch's last HEARTBEAT came, by the controller's clock.",
        labels=["node"],
    )
    sessions = GaugeMetricFamily(
        "callcenter_switch_sessions", "Channels on the switch, other people's too.", labels=["node"]
    )
    begun = CounterMetricFamily(
        "callcenter_switch_sessions_begun",
        "Channels that began on the switch since it started.",
        labels=["node"],
    )
    idle = GaugeMetricFamily(
        "callcenter_switch_idle_cpu_ratio",
        "Share of its machine's processors that is idle, 0 to 1, as the switch sees it.",
        labels=["node"],
    )
    started = GaugeMetricFamily(
        "callcenter_switch_start_timestamp_seconds", "When the switch started, by its clock.", labels=["node"]
    )
    for name, node in snapshot.nodes.items():
        heard = node.heard
        if heard is None:
            continue
        at.add_metric([name], heard.at_us / 1e6)
        sessions.add_metric([name], heard.sessions)
        begun.add_metric([name], heard.sessions_begun)
        idle.add_metric([name], heard.idle_cpu)
        if heard.started_us:
            started.add_metric([name], heard.started_us / 1e6)
    yield from (at, sessions, begun, idle, started)


def _limits(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    most = GaugeMetricFamily(
        "callcenter_switch_sessions_limit",
        "Channels that the switch takes at most (`max-sessions`); absent while not known.",
        labels=["node"],
    )
    rate = GaugeMetricFamily(
        "callcenter_switch_sessions_per_second_limit",
        "Channels that may begin there in a second (`sessions-per-second`); absent while not known.",
        labels=["node"],
    )
    for name, node in snapshot.nodes.items():
        if node.max_sessions:
            most.add_metric([name], node.max_sessions)
        if node.sessions_per_second:
            rate.add_metric([name], node.sessions_per_second)
    yield from (most, rate)
