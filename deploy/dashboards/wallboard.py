"""For the wall: how it is now, readable from across the room."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard, DynamicConfigValue

from deploy.dashboards import parts
from deploy.dashboards.parts import QUEUES, Query, Row, Steps, bars, board, number, total

OF = 'queue=~"$queue"'
WAITING = Steps(parts.GREEN, ((5, parts.YELLOW), (15, parts.RED)))
LONGEST = Steps(parts.GREEN, ((60, parts.YELLOW), (180, parts.RED)))
LEVEL = parts.MORE_IS_BETTER
GIVEN_UP = Steps(parts.GREEN, ((0.05, parts.YELLOW), (0.15, parts.RED)))
FORMULA = (
    "Answered in time / (answered + abandoned + left + lost) of the last 30 minutes, short abandons left out."
)


def dashboard() -> Dashboard:
    in_time = total(f"queue:callcenter_calls_answered_in_time:rate30m{{{OF}}}")
    judged = total(f"queue:callcenter_calls_judged:rate30m{{{OF}}}")
    given_up = total(f"queue:callcenter_calls_abandoned_not_short:rate30m{{{OF}}}")
    now = Row(
        "Now",
        (
            number(
                "Waiting", "Callers in the queues until they are connected.", "short",
                Query(total(f"queue:callcenter_calls_waiting:sum{{{OF}}}"), "Waiting"), steps=WAITING,
            ),
            number(
                "Longest wait", "Of those who wait now.", "s",
                Query(f"max(queue:callcenter_oldest_wait_seconds:max{{{OF}}})", "Longest wait"),
                steps=LONGEST, decimals=0,
            ),
            number(
                "Service level", FORMULA, "percentunit",
                Query(f"{in_time} / ({judged} > 0)", "Service level"), steps=LEVEL, decimals=0,
            ),
            number(
                "Gave up", "Share that hung up waiting in the last 30 minutes, short ones left out.",
                "percentunit",
                Query(f"{given_up} / ({judged} > 0)", "Gave up"), steps=GIVEN_UP, decimals=0,
            ),
            number(
                "Agents ready", "Agents who wait for a call.", "short",
                Query(total('callcenter_agents{state="waiting"}'), "Ready"),
                steps=Steps(parts.RED, ((1, parts.YELLOW), (3, parts.GREEN))),
            ),
            number(
                "Talking", "Agents in a conversation with a caller of a queue.", "short",
                Query(total('callcenter_agents{state="in_a_queue_call"}'), "Talking"),
            ),
        ),
    )  # fmt: skip
    compared = Row(
        "Queues beside each other",
        (
            bars(
                "Waiting by queue", "Callers in each queue.", "short",
                Query(f"queue:callcenter_calls_waiting:sum{{{OF}}}", "{{queue}}"), steps=WAITING,
            ),
            bars(
                "Longest wait by queue", "Of those who wait now; 0 while nobody does.", "s",
                Query(f"queue:callcenter_oldest_wait_seconds:max{{{OF}}}", "{{queue}}"), steps=LONGEST,
            ),
            bars(
                "Service level by queue", FORMULA, "percentunit",
                Query(f"queue:callcenter_service_level:ratio_rate30m{{{OF}}}", "{{queue}}"),
                steps=LEVEL, most=1,
            ),
        ),
    )  # fmt: skip
    each = number(
        "$queue",
        "Callers who wait, the longest of their waits, service level of the last 30 minutes, agents ready.",
        "short",
        Query(f"queue:callcenter_calls_waiting:sum{{{OF}}}", "Waiting"),
        Query(f"queue:callcenter_oldest_wait_seconds:max{{{OF}}}", "Longest"),
        Query(f"queue:callcenter_service_level:ratio_rate30m{{{OF}}}", "Service level"),
        Query(total(f'callcenter_queue_agents{{{OF}, state="waiting"}}', "queue"), "Ready"),
        width=24,
        decimals=0,
        curve=False,
    )
    each.repeat("queue").repeat_direction("v")
    each.override_by_name("Longest", [DynamicConfigValue(id_val="unit", value="s")])
    each.override_by_name("Service level", [DynamicConfigValue(id_val="unit", value="percentunit")])
    return board(
        "wallboard",
        "wallboard",
        "How it is now. Needs the recording rules of deploy/prometheus.",
        now,
        compared,
        Row("Queue by queue", (each,)),
        variables=(QUEUES,),
        since="now-1h",
        refresh="10s",
    )
