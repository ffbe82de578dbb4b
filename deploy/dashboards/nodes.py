"""The switches as the controller reaches them, and everything that had to be made good."""

from __future__ import annotations

from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import parts
from deploy.dashboards.parts import (
    NODES,
    Query,
    Row,
    Steps,
    bars,
    board,
    lines,
    number,
    quantile,
    rate,
    total,
)

OF = 'node=~"$node"'


def _in_range(metric: str) -> str:
    return total(f"increase({metric}[$__range])")


def dashboard() -> Dashboard:
    return board(
        "nodes",
        "nodes and recovery",
        "Connections to the switches, what was repaired, and whether records are safe.",
        _now(),
        _nodes(),
        _recovery(),
        _records(),
        variables=(NODES,),
    )


def _now() -> Row:
    up = Steps(parts.RED, ((1, parts.GREEN),))
    return Row(
        "Now",
        (
            number(
                "Switches in step", "Share of the switches whose event socket is connected and in step.",
                "percentunit",
                Query(f"avg(callcenter_esl_up{{{OF}}})", "In step"), steps=up, decimals=0,
            ),
            number(
                "Broken rules", "Things that must not happen, found and repaired, in the time that is shown.",
                "short",
                Query(_in_range("callcenter_invariant_violations_total"), "Broken rules"),
                steps=parts.MUST_BE_ZERO, decimals=0,
            ),
            number(
                "Failed inputs", "Inputs that the engine failed on, in the time that is shown.", "short",
                Query(_in_range("callcenter_engine_faults_total"), "Failed inputs"),
                steps=parts.MUST_BE_ZERO, decimals=0,
            ),
            number(
                "Records lost", "Records that are gone, in the time that is shown.", "short",
                Query(_in_range("callcenter_records_dropped_total"), "Records lost"),
                steps=parts.MUST_BE_ZERO, decimals=0,
            ),
            number(
                "Running since", "Start of this controller.", "dateTimeFromNow",
                Query("1000 * max(callcenter_start_timestamp_seconds)", "Running since"), curve=False,
            ),
            number(
                "Version", "Of the controller, and how it was built.", "none",
                Query("max by (version, profile) (callcenter_build_info)", "{{version}} {{profile}}"),
                curve=False,
            ).text_mode(BigValueTextMode.NAME),
        ),
    )  # fmt: skip


def _nodes() -> Row:
    return Row(
        "Connections",
        (
            lines(
                "In step", "1 while the event socket is connected and in step.", "none",
                Query(f"max by (node) (callcenter_esl_up{{{OF}}})", "{{node}}"), most=1,
            ),
            lines(
                "No offers for its callers", "1 while it is so: away, drained by hand, or under pressure.",
                "none",
                Query(f"max by (node, reason) (callcenter_node_offers_held{{{OF}}})", "{{node}}: {{reason}}"),
                most=1,
            ),
            lines(
                "Connections made again", "A minute, by why the last one ended.", "cpm",
                Query(f"60 * {rate('callcenter_esl_reconnects_total', 'node, reason', OF)}",
                      "{{node}}: {{reason}}"),
                stacked=True,
            ),
            lines(
                "Trouble on the wire", "Frames that couldn't be read; informative events put aside.",
                "cpm",
                Query(f"60 * {rate('callcenter_esl_parse_errors_total', 'node', OF)}", "{{node}}: not read"),
                Query(f"60 * {rate('callcenter_esl_shed_events_total', 'node', OF)}", "{{node}}: put aside"),
            ),
            lines(
                "Phones that wait to be rung", "Held back so that the switch isn't asked for too much.",
                "short",
                Query(f"sum by (node) (callcenter_node_originates_waiting{{{OF}}})", "{{node}}"),
            ),
            lines(
                "Phones refused", "The switch was full or throttled.", "cpm",
                Query(f"60 * {rate('callcenter_node_originates_refused_total', 'node', OF)}", "{{node}}"),
            ),
        ),
    )  # fmt: skip


def _recovery() -> Row:
    return Row(
        "Recovery",
        (
            bars(
                "Taken up and made good",
                "Callers, conversations and ringing phones of an earlier run; orphaned legs hung up; ends of"
                " channels that a lost event hid. In the time that is shown.",
                "short",
                Query("sum by (what) (increase(callcenter_recoveries_total[$__range]))", "{{what}}"),
            ),
            lines(
                "Made good", "A minute.", "cpm",
                Query(f"60 * {rate('callcenter_recoveries_total', 'what')}", "{{what}}"),
                width=8, stacked=True,
            ),
            lines(
                "Unknown queues", "Calls a minute that asked for a queue that isn't configured.", "cpm",
                Query(f"60 * {rate('callcenter_unknown_queue_calls_total')}", "calls"), width=8,
            ),
            lines(
                "Alerts that fire", "docs/runbook.md says what to do about each.", "short",
                Query(
                    'count by (alertname) (ALERTS{alertname=~"Callcenter.+", alertstate="firing"})'
                    " or vector(0)",
                    "{{alertname}}",
                ),
                width=24, stacked=True,
            ),
        ),
    )  # fmt: skip


def _records() -> Row:
    return Row(
        "Records and pages",
        (
            lines(
                "Database", "1 while it takes what is to be written; calls don't need it.", "none",
                Query("min(callcenter_database_up)", "database"), width=8, most=1,
            ),
            lines(
                "Records on disk", "Not yet in the database.", "bytes",
                Query(total("callcenter_spool_bytes"), "spool"), width=8,
            ),
            lines(
                "Oldest record on disk", "How long it has waited for the database.", "s",
                Query("max(callcenter_spool_age_seconds)", "age"), width=8,
            ),
            lines(
                "Records on their way", "Handed over and not yet in the database.", "short",
                Query(total("callcenter_records_pending"), "pending"), width=8,
            ),
            lines(
                "Trouble with the database", "Failed attempts to write, and records that are gone, a minute.",
                "cpm",
                Query(f"60 * {rate('callcenter_record_write_failures_total')}", "failed attempts"),
                Query(f"60 * {rate('callcenter_records_dropped_total')}", "records lost"),
                width=8,
            ),
            lines(
                "Live feed", "Pages and programs that listen to it.", "short",
                Query(total("callcenter_sse_clients"), "clients"), width=8,
            ),
            lines(
                "Requests", "To page and API, a minute; by route, none: turned away or nothing there.", "cpm",
                Query(f"60 * {rate('callcenter_http_requests_total', 'route')}", "{{route}}"),
                width=8, stacked=True,
            ),
            lines(
                "Requests that failed", "4xx: the asker's mistake; 5xx: ours, or away.", "cpm",
                Query(f"""60 * {rate('callcenter_http_requests_total', 'status', 'status=~"4xx|5xx"')}"""
                      " or vector(0)", "{{status}}"),
                width=8,
            ),
            lines(
                "Time of a request", "Until the answer is sent; the live feed is left out.", "s",
                Query(quantile(0.5, "callcenter_http_request_duration_seconds"), "half"),
                Query(quantile(0.99, "callcenter_http_request_duration_seconds"), "99 %"),
                width=8,
            ),
        ),
    )  # fmt: skip
