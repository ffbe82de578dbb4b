"""Everything /metrics shows, taken at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from py_callcenter.stats import (
    CANDIDATE_BOUNDS,
    DECISION_BOUNDS_US,
    LAG_BOUNDS_US,
    Hint,
    Histogram,
    LiveAgents,
    Stats,
)


@dataclass(frozen=True, slots=True)
class Heard:
    """The last HEARTBEAT of a switch."""

    at_us: int
    """When it came, by the controller's clock."""
    started_us: int
    """When the switch started, by its own; 0 = not said."""
    sessions: int
    sessions_begun: int
    idle_cpu: float
    """0 to 1."""


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
    parse_errors: int = 0
    shed: int = 0
    """Informative events put aside because too much was waiting."""
    held: tuple[str, ...] = ()
    """Why the node's callers get no offers; words of `engine.holds.HoldReason`."""
    originates_waiting: int = 0
    originates_refused: int = 0
    backlog: int = 0
    """Events that wait to be handled."""
    event_lag: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    durations: Mapping[str, Histogram] = field(default_factory=dict)
    """From a command to its reply, by FreeSWITCH's word for the command."""
    heard: Heard | None = None
    max_sessions: int = 0
    """0 = not known, as the next."""
    sessions_per_second: int = 0


class ExpectedWait(NamedTuple):
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
class Target:
    """Service level that a queue is to reach."""

    threshold_us: int
    percent: float


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """Nothing in it may change afterwards."""

    stats: Stats
    agents: Mapping[str, int]
    """Agents by state, as the core has them."""
    at_us: int = 0
    """The moment."""
    live_agents: LiveAgents = field(default_factory=lambda: LiveAgents({}, {}))
    targets: Mapping[str, Target] = field(default_factory=dict)
    """Of the configured queues."""
    expected: Mapping[str, ExpectedWait] = field(default_factory=dict)
    """By queue."""
    staffing: Mapping[str, Hint] = field(default_factory=dict)
    """By queue; of those of which enough is known."""
    nodes: Mapping[str, NodeMetrics] = field(default_factory=dict)
    hub_lag: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    decision: Histogram = field(default_factory=lambda: Histogram(DECISION_BOUNDS_US))
    offers: Mapping[str, int] = field(default_factory=dict)
    """Offers that the core's decisions led to, by strategy."""
    candidates: Histogram = field(default_factory=lambda: Histogram(CANDIDATE_BOUNDS))
    """Ready agents at each of them."""
    breaks: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    """By configured reason: who rests, who of them for too long, and who has asked."""
    agents_unreachable: int = 0
    """Agents who are Available though none of their phones is registered."""
    engine_faults: int = 0
    records_dropped: int = 0
    records_pending: int = 0
    record_write_failures: int = 0
    spooled_bytes: int = 0
    """What only the spool on disk has."""
    spool_age_s: float = 0.0
    """Age of the oldest record that the database has not got."""
    database_up: bool = True
    sse_clients: int = 0
    http_requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By template of the route and class of the status."""
    http_took: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    report_emails: Mapping[str, int] = field(default_factory=dict)
    """Attempts to send a report by outcome."""
    version: str = ""
    build_profile: str = ""
    started_us: int = 0
