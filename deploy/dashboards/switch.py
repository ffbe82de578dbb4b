"""The switches as their heartbeats and their limits show them; other people's calls are in it."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import parts
from deploy.dashboards.parts import NODES, Query, Row, Steps, bars, board, lines, quantile, rate

OF = 'node=~"$node"'


def _by_node(metric: str, how: str = "max") -> str:
    return f"{how} by (node) ({metric}{{{OF}}})"


def dashboard() -> Dashboard:
    full = f"{_by_node('callcenter_switch_sessions')} / {_by_node('callcenter_switch_sessions_limit')}"
    channels = Row(
        "Channels",
        (
            lines(
                "Channels", "That live on the switch, and how many it takes at most (max-sessions).", "short",
                Query(_by_node("callcenter_switch_sessions"), "{{node}}"),
                Query(_by_node("callcenter_switch_sessions_limit"), "{{node}}: limit"),
            ),
            bars(
                "How full", "Channels / max-sessions.", "percentunit",
                Query(full, "{{node}}"), width=12, steps=parts.LESS_IS_BETTER, most=1,
            ),
            lines(
                "Channels that begin",
                "A second, and how many may (sessions-per-second); callers' and phones' alike.", "cps",
                Query(rate("callcenter_switch_sessions_begun_total", "node", OF), "{{node}}"),
                Query(_by_node("callcenter_switch_sessions_per_second_limit"), "{{node}}: limit"),
            ),
            lines(
                "Phones refused", "Originates that the switch refused because it was full or throttled.",
                "cpm",
                Query(f"60 * {rate('callcenter_node_originates_refused_total', 'node', OF)}", "{{node}}"),
            ),
        ),
    )  # fmt: skip
    health = Row(
        "Health",
        (
            lines(
                "Processor", "Share that is busy, as the switch sees its machine.", "percentunit",
                Query(f"1 - {_by_node('callcenter_switch_idle_cpu_ratio', 'min')}", "{{node}}"), most=1,
            ),
            lines(
                "Event lag", "From a command of ours until its event; nineteen in twenty are faster.", "s",
                Query(quantile(0.95, "callcenter_esl_event_lag_seconds", "node", OF), "{{node}}"),
            ),
            bars(
                "Since the last heartbeat", "Every 20 seconds by default.", "s",
                Query(f"time() - {_by_node('callcenter_switch_heartbeat_timestamp_seconds')}", "{{node}}"),
                width=12, steps=Steps(parts.GREEN, ((45, parts.YELLOW), (90, parts.RED))),
            ),
            bars(
                "Running for", "Since the switch started.", "s",
                Query(f"time() - {_by_node('callcenter_switch_start_timestamp_seconds')}", "{{node}}"),
                width=12,
            ),
        ),
    )  # fmt: skip
    return board(
        "switch",
        "switches by their heartbeats",
        "What each FreeSWITCH says of itself. More (codecs, gateways, quality) has an exporter beside the"
        " switch.",
        channels,
        health,
        variables=(NODES,),
    )
