"""Metrics of agents, switches and the process itself, as prometheus_client's families."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, get_args

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from py_callcenter.config import Strategy
from py_callcenter.engine.records import StatusReason
from py_callcenter.metrics import http, switches
from py_callcenter.metrics.snapshot import MetricsSnapshot
from py_callcenter.stats import AGENT_STATES, LOGGED_IN_STATES, BreakCount, Histogram

COMMAND_OUTCOMES: Final = ("ok", "error", "unknown")
EMAIL_OUTCOMES: Final = ("sent", "retried", "failed", "unknown")
"""Words of `reports.mail.courier`."""
HOLD_REASONS: Final = ("away", "drained", "pressure", "starting")
"""Words of `engine.holds.HoldReason`."""
RECONNECT_REASONS: Final = (
    "network", "nobody-listens", "goodbye", "canary", "framing", "protocol", "sync", "backlog", "write-stall",
    "frame-timeout", "command-timeout", "no-greeting", "no-login", "name", "access-list", "wrong-password",
    "restart", "silent", "heartbeat", "not-connected", "internal", "stopped",
)  # fmt: skip
"""Words of `esl.errors.ConnectionFailed`."""
STATUS_REASONS: Final[tuple[str, ...]] = tuple(r for r in get_args(StatusReason) if r != "initial")
STRATEGIES: Final[tuple[str, ...]] = get_args(Strategy)
WISHES: Final = ("cc_skills", "cc_language", "cc_preferred_agent", "cc_outbound_announce")
VIOLATION_RULES: Final = (
    *("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I13", "I14", "I16", "I17"),
)
"""Rules of the engine's watchdogs."""


class SnapshotCollector(Collector):
    """`begun_s`: when the work on this exposition began, by `time.perf_counter`."""

    def __init__(self, snapshot: MetricsSnapshot, begun_s: float) -> None:
        self._snapshot = snapshot
        self._begun_s = begun_s

    def collect(self) -> Iterator[Metric]:
        yield from _agent_metrics(self._snapshot)
        yield from _node_metrics(self._snapshot)
        yield from switches.metrics(self._snapshot)
        yield from http.metrics(self._snapshot)
        yield from _process_metrics(self._snapshot)
        yield _gauge(
            "callcenter_collector_duration_seconds",
            "Time taken to put these metrics together.",
            time.perf_counter() - self._begun_s,
        )
        failed = self._snapshot.http_requests.get(("/metrics", "5xx"), 0)
        yield _counter(
            "callcenter_collector_errors", "Scrapes that failed; the log says why.", [], [((), failed)]
        )


def _agent_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    agents = GaugeMetricFamily("callcenter_agents", "Agents by state.", labels=["state"])
    for state in AGENT_STATES:
        agents.add_metric([state], snapshot.agents.get(state, 0))
    yield agents
    yield _gauge(
        "callcenter_agents_unreachable",
        "Agents who are Available though none of their phones is registered; they get no offers.",
        snapshot.agents_unreachable,
    )
    yield _histogram(
        "callcenter_agent_idle_seconds",
        "How long an agent had waited for a call when one was offered.",
        [],
        [((), snapshot.stats.idle)],
    )
    yield _counter(
        "callcenter_agent_offers",
        "Offers to agents that are over, by outcome.",
        ["outcome"],
        (((outcome,), n) for outcome, n in snapshot.stats.offers.items()),
    )
    yield _histogram(
        "callcenter_agent_ring_seconds",
        "How long agents' phones rang, by what came of it.",
        ["outcome"],
        (((outcome,), found) for outcome, found in snapshot.stats.ring.items()),
    )
    yield _counter(
        "callcenter_agent_status_changes",
        "Changes of agents' statuses by why: set by somebody, removed from the configuration, or a limit of "
        "failed offers or of a break; statuses at a start are none.",
        ["reason"],
        (((reason,), n) for reason, n in _with_zeros(snapshot.stats.status_changes, STATUS_REASONS)),
    )
    spent = CounterMetricFamily(
        "callcenter_agent_state_seconds",
        "Time that agents spent in each state while logged in; a ringing offer counts when it is over.",
        labels=["state"],
    )
    for state in LOGGED_IN_STATES:
        spent.add_metric([state], snapshot.live_agents.spent_us.get(state, 0) / 1e6)
    yield spent
    yield from _break_metrics(snapshot)


def _break_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    """Of the reasons that the configuration names."""
    for number, name, text in (
        (0, "callcenter_agents_resting", "Agents on a break with this reason."),
        (1, "callcenter_agents_resting_overdue", "Those of them whose break has lasted longer than it may."),
        (2, "callcenter_agents_asking_for_break", "Agents who have asked for such a break and aren't on it."),
    ):
        gauge = GaugeMetricFamily(name, text, labels=["reason"])
        for reason, counts in snapshot.breaks.items():
            gauge.add_metric([reason], counts[number])
        yield gauge
    breaks = snapshot.live_agents.breaks
    rows = [(reason, breaks.get(reason, BreakCount())) for reason in snapshot.breaks]
    yield _counter(
        "callcenter_breaks",
        "Breaks that began.",
        ["reason"],
        (((reason,), count.begun) for reason, count in rows),
    )
    yield _counter(
        "callcenter_breaks_overdue",
        "Breaks that lasted longer than they may.",
        ["reason"],
        (((reason,), count.overdue) for reason, count in rows),
    )
    yield _counter(
        "callcenter_break_seconds",
        "Time that agents spent on such breaks.",
        ["reason"],
        (((reason,), count.spent_us / 1e6) for reason, count in rows),
    )


def _node_metrics(snapshot: MetricsSnapshot) -> Iterator[Metric]:
    nodes = snapshot.nodes
    up = GaugeMetricFamily(
        "callcenter_esl_up", "1 while the node's event socket is connected and in step.", labels=["node"]
    )
    for name, node in nodes.items():
        up.add_metric([name], int(node.up))
    yield up
    held = GaugeMetricFamily(
        "callcenter_node_offers_held",
        "1 while the node's callers get no offers: no connection, drained, full, or not all nodes seen yet.",
        labels=["node", "reason"],
    )
    line = GaugeMetricFamily(
        "callcenter_node_originates_waiting", "Phones that wait their turn to be rung.", labels=["node"]
    )
    for name, node in nodes.items():
        for reason in HOLD_REASONS:
            held.add_metric([name, reason], int(reason in node.held))
        line.add_metric([name], node.originates_waiting)
    yield held
    yield line
    yield _counter(
        "callcenter_node_originates_refused",
        "Originates that the switch refused because it was full or throttled.",
        ["node"],
        (((name,), node.originates_refused) for name, node in nodes.items()),
    )
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
        "callcenter_esl_parse_errors",
        "Frames or events that could not be read; each costs the connection.",
        ["node"],
        (((name,), node.parse_errors) for name, node in nodes.items()),
    )
    yield _counter(
        "callcenter_esl_shed_events",
        "Informative events put aside because too many were waiting.",
        ["node"],
        (((name,), node.shed) for name, node in nodes.items()),
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
        "callcenter_hub_lag_seconds",
        "How late the controller's main loop woke up for a timer of its own.",
        [],
        [((), snapshot.hub_lag)],
    )
    yield _histogram(
        "callcenter_router_decision_seconds", "One run of the decision.", [], [((), snapshot.decision)]
    )
    yield _counter(
        "callcenter_router_offers",
        "Offers to agents that decisions led to, by the queue's strategy.",
        ["strategy"],
        (((strategy,), n) for strategy, n in _with_zeros(snapshot.offers, STRATEGIES)),
    )
    yield _histogram(
        "callcenter_router_candidates",
        "Agents who were ready for a call of the queue when one was offered, whoever got it included.",
        [],
        [((), snapshot.candidates)],
    )
    yield _counter(
        "callcenter_unknown_queue_calls",
        "Calls that asked for a queue that isn't configured.",
        [],
        [((), snapshot.stats.unknown_queue)],
    )
    yield _counter(
        "callcenter_wishes_ignored",
        "Variables of the dialplan that couldn't be read or granted; the queue's default was used.",
        ["wish"],
        (((wish,), n) for wish, n in _with_zeros(snapshot.stats.ignored_wishes, WISHES)),
    )
    yield _counter(
        "callcenter_invariant_violations",
        "Things that must not happen, found and repaired; anything above 0 is a bug. Not counted here: I12, "
        "which the database's key makes impossible, and I15, which callcenter_hub_lag_seconds shows.",
        ["rule"],
        (((rule,), n) for rule, n in _with_zeros(snapshot.stats.violations, VIOLATION_RULES)),
    )
    yield _counter(
        "callcenter_recoveries",
        "Taken up after a start (caller, conversation, ringing); orphaned legs that were hung up; ends of "
        "channels that a lost event hid.",
        ["what"],
        (((what,), n) for what, n in snapshot.stats.recoveries.items()),
    )
    yield _counter(
        "callcenter_engine_faults",
        "Inputs that the engine failed on; the log says why. Anything above 0 is a bug.",
        [],
        [((), snapshot.engine_faults)],
    )
    yield _counter("callcenter_records", "Records of what happened.", [], [((), snapshot.stats.records)])
    yield _counter(
        "callcenter_records_dropped",
        "Records that did not get into the database and are gone.",
        [],
        [((), snapshot.records_dropped)],
    )
    yield _counter(
        "callcenter_record_write_failures",
        "Attempts to write to the database that failed; they are made again.",
        [],
        [((), snapshot.record_write_failures)],
    )
    yield _counter(
        "callcenter_report_emails",
        "Attempts to send a report by e-mail: sent, retried (not taken, tried again later), failed (refused "
        "or given up) or unknown (it may have arrived; an operator decides).",
        ["outcome"],
        (((outcome,), n) for outcome, n in _with_zeros(snapshot.report_emails, EMAIL_OUTCOMES)),
    )
    yield _gauge(
        "callcenter_records_pending", "Records on their way into the database.", snapshot.records_pending
    )
    yield _gauge(
        "callcenter_spool_bytes",
        "Size of the records that are on this machine's disk and not yet in the database.",
        snapshot.spooled_bytes,
    )
    yield _gauge(
        "callcenter_spool_age_seconds",
        "Age of the oldest record that is not in the database; 0 when all are.",
        snapshot.spool_age_s,
    )
    yield _gauge(
        "callcenter_database_up",
        "1 while the database takes what is to be written; calls don't need it.",
        int(snapshot.database_up),
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


def _counter(
    name: str, text: str, labels: list[str], rows: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
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
