"""Agents as a team: what they do, how busy they are, what becomes of offers. Nobody is named."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import parts
from deploy.dashboards.parts import Query, Row, Steps, bars, board, lines, number, quantile, rate, total

SPENT = "callcenter_agent_state_seconds_total"
OFFERS = "callcenter_agent_offers_total"
CHANGES = "callcenter_agent_status_changes_total"
BY_A_LIMIT = 'reason=~"max-no-answer|max-busy|max-reject|max-unregistered"'
PRESENT = 'state!="logged_out"'


def dashboard() -> Dashboard:
    return board(
        "agents",
        "agents",
        "What agents do, together; the page and the reports have them one by one. Needs the recording rules"
        " of deploy/prometheus.",
        _now(),
        _time(),
        _breaks(),
        _offers(),
    )


def _now() -> Row:
    def state(name: str) -> str:
        return total(f'callcenter_agents{{state="{name}"}}')

    return Row(
        "Now",
        (
            number("Ready", "Waiting for a call.", "short", Query(state("waiting"), "Ready")),
            number("Talking", "In a queue's call.", "short", Query(state("in_a_queue_call"), "Talking")),
            number("Wrap-up", "After a call.", "short", Query(state("wrap_up"), "Wrap-up")),
            number("On break", "Logged in, not available.", "short", Query(state("on_break"), "On break")),
            number(
                "Without a phone", "Available, but no phone of theirs is registered: they get no calls.",
                "short",
                Query(total("callcenter_agents_unreachable"), "Without a phone"), steps=parts.MUST_BE_ZERO,
            ),
            number(
                "Occupancy", "(in a call + wrap-up) / (that + ready + idle), 30 minutes; ringing in neither.",
                "percentunit",
                Query("max(callcenter_agents:occupancy:ratio_rate30m)", "Occupancy"),
                steps=Steps(parts.BLUE, ((0.75, parts.GREEN), (0.88, parts.YELLOW), (0.95, parts.RED))),
                decimals=0,
            ),
        ),
    )  # fmt: skip


def _time() -> Row:
    return Row(
        "Time",
        (
            lines(
                "Agents by state", "Everybody who is logged in.", "short",
                Query(total(f"callcenter_agents{{{PRESENT}}}", "state"), "{{state}}"),
                width=24, stacked=True,
            ),
            lines(
                "Where the time goes", "Share of the logged-in time in each state.", "percentunit",
                Query(f"{rate(SPENT, 'state')} / on () group_left () ({rate(SPENT)} > 0)", "{{state}}"),
                stacked=True, most=1,
            ),
            lines(
                "Not ready", "Agents who are logged in and can't take a call, by why.", "short",
                Query(total('callcenter_agents{state=~"wrap_up|on_break|idle|busy_elsewhere"}', "state"),
                      "{{state}}"),
                stacked=True,
            ),
            lines(
                "Occupancy over time", "(in a call + wrap-up) / (that + ready + idle), 30 minutes.",
                "percentunit",
                Query("max(callcenter_agents:occupancy:ratio_rate30m)", "occupancy"), most=1,
            ),
            lines(
                "Without a phone over time", "Available, though none of their phones is registered.",
                "short",
                Query(total("callcenter_agents_unreachable"), "agents"),
            ),
        ),
    )  # fmt: skip


def _breaks() -> Row:
    return Row(
        "Breaks with a reason",
        (
            lines(
                "On a break by reason", "Breaks without a reason aren't among them.", "short",
                Query(total("callcenter_agents_resting", "reason"), "{{reason}}"), stacked=True, width=8,
            ),
            lines(
                "Asking for a break", "In the line, or until call and wrap-up are over.", "short",
                Query(total("callcenter_agents_asking_for_break", "reason"), "{{reason}}"),
                stacked=True, width=8,
            ),
            lines(
                "Overdue breaks", "Agents whose break has lasted longer than it may.", "short",
                Query(total("callcenter_agents_resting_overdue", "reason"), "{{reason}}"),
                stacked=True, width=8,
            ),
            lines(
                "Share of breaks that became overdue", "Of the breaks that began.", "percentunit",
                Query(
                    f"{rate('callcenter_breaks_overdue_total', 'reason')}"
                    f" / ({rate('callcenter_breaks_total', 'reason')} > 0)",
                    "{{reason}}",
                ),
            ),
            lines(
                "Agents on a break, over time", "Time on breaks in each second: so many rest on average.",
                "short",
                Query(rate("callcenter_break_seconds_total", "reason"), "{{reason}}"), stacked=True,
            ),
        ),
    )  # fmt: skip


def _offers() -> Row:
    return Row(
        "Offers",
        (
            lines(
                "Offers a minute", "Phones rung, by what came of it.", "cpm",
                Query(f"60 * {rate(OFFERS, 'outcome')}", "{{outcome}}"), stacked=True,
            ),
            lines(
                "Share answered", "Of the offers that weren't withdrawn (caller gone, somebody else faster).",
                "percentunit",
                Query(
                    f"""{rate(OFFERS, where='outcome="answered"')}"""
                    f""" / ({rate(OFFERS, where='outcome!="withdrawn"')} > 0)""",
                    "answered",
                ),
                most=1,
            ),
            lines(
                "Taken out by a limit",
                "Agents who got another status because offers failed: unanswered ones in a row, busy phones,"
                " refused calls, phones not registered. They keep it until somebody sets another.",
                "cpm",
                Query(f"60 * {rate(CHANGES, 'reason', BY_A_LIMIT)}", "{{reason}}"),
                width=24, stacked=True,
            ),
            lines(
                "Ringing until the answer", "Half and nineteen in twenty answered sooner.", "s",
                Query(quantile(0.5, "callcenter_agent_ring_seconds", where='outcome="answered"'), "half"),
                Query(quantile(0.95, "callcenter_agent_ring_seconds", where='outcome="answered"'), "95 %"),
                width=8,
            ),
            lines(
                "Idle before an offer",
                "How long agents had waited for a call. Far apart while calls wait: the work isn't shared"
                " evenly, as strategies and skills may want it.",
                "s",
                Query(quantile(0.1, "callcenter_agent_idle_seconds"), "10 %"),
                Query(quantile(0.5, "callcenter_agent_idle_seconds"), "half"),
                Query(quantile(0.9, "callcenter_agent_idle_seconds"), "90 %"),
                width=8,
            ),
            bars(
                "Offers by outcome", "In the time that is shown.", "short",
                Query(f"sum by (outcome) (increase({OFFERS}[$__range]))", "{{outcome}}"),
            ),
        ),
    )  # fmt: skip
