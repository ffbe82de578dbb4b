"""What `/metrics` is told of switches, hub and store."""

from __future__ import annotations

from collections.abc import Mapping

from py_callcenter import __version__
from py_callcenter._router import BUILD_PROFILE
from py_callcenter.app.controller import Controller
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.metrics import Heard, MetricsSnapshot, NodeMetrics
from py_callcenter.stats import LAG_BOUNDS_US, Histogram, Stats
from py_callcenter.store.store import Store


def measure(controller: Controller, store: Store) -> MetricsSnapshot:
    """Numbers of the hub and of the store; for the hub's thread. Queues and agents are added beside it."""
    figures = controller.figures
    now_us = controller.clock.now_us()
    paces = {node.name: node for node in controller.engine.nodes()}
    oldest_us = store.oldest_us
    return MetricsSnapshot(
        stats=Stats(),
        at_us=now_us,
        agents=dict(controller.engine.agents_by_state()),
        breaks=controller.engine.break_counts(),
        nodes={
            name: NodeMetrics(
                up=link.state is State.UP,
                events=dict(link.counters.events),
                commands=_by_outcome(link.counters.commands),
                reconnects=dict(link.counters.reconnects),
                parse_errors=link.counters.parse_errors,
                shed=link.counters.shed,
                held=paces[name].held if name in paces else (),
                originates_waiting=paces[name].backlog if name in paces else 0,
                originates_refused=paces[name].refused if name in paces else 0,
                backlog=link.backlog,
                event_lag=figures.event_lag[name].copy()
                if name in figures.event_lag
                else Histogram(LAG_BOUNDS_US),
                durations={word: found.copy() for word, found in link.counters.durations.items()},
                heard=_heard(link, now_us),
                max_sessions=paces[name].max_sessions if name in paces else 0,
                sessions_per_second=paces[name].sessions_per_second if name in paces else 0,
            )
            for name, link in controller.links.items()
        },
        hub_lag=figures.hub_lag.copy(),
        decision=figures.decision.copy(),
        offers=dict(controller.router.offers),
        candidates=controller.router.candidates.copy(),
        engine_faults=controller.faults,
        records_dropped=store.dropped,
        records_pending=store.pending,
        record_write_failures=store.failures,
        spooled_bytes=store.spooled_bytes,
        spool_age_s=0.0 if oldest_us is None else max(0.0, (now_us - oldest_us) / 1e6),
        database_up=store.working,
        version=__version__,
        build_profile=BUILD_PROFILE,
        started_us=controller.started_us,
    )


def _heard(link: NodeLink, now_us: int) -> Heard | None:
    """The switch's last HEARTBEAT, with its moment by our clock."""
    heartbeat, age_s = link.heartbeat, link.heartbeat_age_s
    if heartbeat is None or age_s is None:
        return None
    return Heard(
        at_us=now_us - round(age_s * 1e6),
        started_us=heartbeat.started_us,
        sessions=heartbeat.sessions,
        sessions_begun=heartbeat.sessions_begun,
        idle_cpu=heartbeat.idle_cpu,
    )


def _by_outcome(commands: Mapping[tuple[str, str], int]) -> dict[str, int]:
    """Commands of all kinds by outcome: ok, error (refused or never sent), unknown."""
    counts = {"ok": 0, "error": 0, "unknown": 0}
    for (_word, outcome), count in commands.items():
        counts[outcome if outcome in ("ok", "unknown") else "error"] += count
    return counts
