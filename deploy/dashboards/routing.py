"""The routing engine: how fast it decides, and what keeps it from being faster."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards.parts import NODES, Query, Row, board, cloud, lines, quantile, rate

DECISION = "callcenter_router_decision_seconds"
OF = 'node=~"$node"'


def dashboard() -> Dashboard:
    decisions = Row(
        "Decisions",
        (
            lines(
                "Time of a decision", "One run over everything that changed.", "s",
                Query(quantile(0.5, DECISION), "half"),
                Query(quantile(0.99, DECISION), "99 %"),
                Query(quantile(0.999, DECISION), "99.9 %"),
            ),
            cloud(
                "Times of decisions", "How many took how long.",
                Query(
                    f"sum by (le) (increase({DECISION}_bucket[$__rate_interval]))", "{{le}}", buckets=True
                ),
            ),
            lines(
                "Decisions and offers", "Runs of the decision, and phones that they had rung, a second.",
                "cps",
                Query(rate(f"{DECISION}_count"), "decisions"),
                Query(rate("callcenter_router_offers_total"), "offers"),
            ),
            lines(
                "Offers by strategy", "Phones rung, a second, by the strategy of the caller's queue.", "cps",
                Query(rate("callcenter_router_offers_total", "strategy"), "{{strategy}}"), stacked=True,
            ),
            lines(
                "Agents to choose from",
                "Ready for the queue when a call was offered, whoever got it included; one: they are scarce.",
                "short",
                Query(quantile(0.5, "callcenter_router_candidates"), "half"),
                Query(quantile(0.95, "callcenter_router_candidates"), "95 %"),
            ),
            lines(
                "Wishes that could not be granted",
                "Variables of the dialplan that couldn't be read; the queue's default was used.", "cpm",
                Query(f"60 * {rate('callcenter_wishes_ignored_total', 'wish')}", "{{wish}}"),
            ),
        ),
    )  # fmt: skip
    inside = Row(
        "Inside the controller",
        (
            lines(
                "Lateness of the main loop", "How late it woke up for a timer of its own.", "s",
                Query(quantile(0.5, "callcenter_hub_lag_seconds"), "half"),
                Query(quantile(0.99, "callcenter_hub_lag_seconds"), "99 %"),
            ),
            lines(
                "Events that wait", "Arrived and not yet handled.", "short",
                Query(f"sum by (node) (callcenter_esl_backlog_events{{{OF}}})", "{{node}}"),
            ),
            lines(
                "Time for a scrape", "What it took to put these metrics together.", "s",
                Query("max(callcenter_collector_duration_seconds)", "scrape"),
            ),
            lines(
                "Failed scrapes", "Metrics that could not be put together; the log says why.", "cpm",
                Query(f"60 * {rate('callcenter_collector_errors_total')}", "failed"),
            ),
            lines(
                "Records", "Of what happened, a second.", "cps",
                Query(rate("callcenter_records_total"), "records"),
            ),
        ),
    )  # fmt: skip
    way = Row(
        "The way to the switches",
        (
            lines(
                "Event lag",
                "From a command of ours until the event that it makes the switch send is here; nineteen in"
                " twenty are faster.",
                "s",
                Query(quantile(0.95, "callcenter_esl_event_lag_seconds", "node", OF), "{{node}}"),
            ),
            lines(
                "Replies", "From a command until the switch's reply; nineteen in twenty are faster.", "s",
                Query(quantile(0.95, "callcenter_esl_command_duration_seconds", "command"), "{{command}}"),
            ),
            lines(
                "Events", "A second, by kind.", "cps",
                Query(rate("callcenter_esl_events_total", "event", OF), "{{event}}"), stacked=True,
            ),
            lines(
                "Commands", "A second; unknown: no reply in time.", "cps",
                Query(rate("callcenter_esl_commands_total", "outcome", OF), "{{outcome}}"), stacked=True,
            ),
        ),
    )  # fmt: skip
    return board(
        "routing",
        "routing engine",
        "How fast the controller decides and acts.",
        decisions,
        inside,
        way,
        variables=(NODES,),
    )
