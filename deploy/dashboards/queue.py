"""One queue or several in depth: what came, how long it waited, what became of it."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards.parts import (
    QUEUES,
    Query,
    Row,
    bars,
    board,
    cloud,
    lines,
    mean,
    quantile,
    rate,
    total,
)

OF = 'queue=~"$queue"'
WAIT = "callcenter_queue_wait_seconds"


def _a_minute(metric: str, by: str = "") -> str:
    return f"60 * {rate(metric, by, OF)}"


def dashboard() -> Dashboard:
    return board(
        "queue",
        "queue",
        "Queues in depth. Needs the recording rules of deploy/prometheus.",
        _calls(),
        _waits(),
        _level(),
        _promise(),
        _conversations(),
        variables=(QUEUES,),
    )


def _calls() -> Row:
    return Row(
        "Calls",
        (
            lines(
                "Calls a minute", "What came and what became of it.", "cpm",
                Query(_a_minute("callcenter_queue_calls_entered_total"), "entered"),
                Query(_a_minute("callcenter_queue_calls_answered_total"), "answered"),
                Query(_a_minute("callcenter_queue_calls_abandoned_total"), "abandoned"),
                Query(_a_minute("callcenter_queue_calls_overflowed_total"), "left by a rule"),
                Query(_a_minute("callcenter_queue_calls_lost_total"), "lost with a switch"),
            ),
            lines(
                "Where callers come from",
                "New calls; callers whom another queue handed over are the rest of those who entered; found"
                " waiting by a controller that had just started.",
                "cpm",
                Query(_a_minute("callcenter_queue_calls_offered_total"), "new"),
                Query(
                    f"clamp_min({_a_minute('callcenter_queue_calls_entered_total')}"
                    f" - {_a_minute('callcenter_queue_calls_offered_total')}, 0)",
                    "from another queue",
                ),
                Query(_a_minute("callcenter_queue_calls_resumed_total"), "found waiting"),
                stacked=True,
            ),
            lines(
                "Waiting", "Callers in each queue until they are connected.", "short",
                Query(f"queue:callcenter_calls_waiting:sum{{{OF}}}", "{{queue}}"), stacked=True,
            ),
            lines(
                "Longest wait", "Of those who wait.", "s",
                Query(f"queue:callcenter_oldest_wait_seconds:max{{{OF}}}", "{{queue}}"),
            ),
        ),
    )  # fmt: skip


def _waits() -> Row:
    answered = f'{OF}, outcome="answered"'
    return Row(
        "Waits",
        (
            cloud(
                "Waits until the answer",
                "How many callers waited how long, from their PARK until they were connected.",
                Query(
                    f"sum by (le) (increase({WAIT}_bucket{{{answered}}}[$__rate_interval]))",
                    "{{le}}", buckets=True,
                ),
            ),
            lines(
                "Waits until the answer, by share", "Half, four in five and nineteen in twenty waited less.",
                "s",
                Query(quantile(0.5, WAIT, where=answered), "half"),
                Query(quantile(0.8, WAIT, where=answered), "80 %"),
                Query(quantile(0.95, WAIT, where=answered), "95 %"),
            ),
            bars(
                "When callers give up",
                "Callers who hung up waiting, by seconds waited at most, in the time that is shown.",
                "short",
                Query(
                    f'sum by (le) (increase({WAIT}_bucket{{{OF}, outcome="abandoned"}}[$__range]))',
                    "{{le}}", buckets=True,
                ),
                width=8,
            ),
            lines(
                "How callers give up", "At once, while they wait, or while a phone rings for them.", "cpm",
                Query(_a_minute("callcenter_queue_calls_abandoned_total", "phase"), "{{phase}}"),
                width=8, stacked=True,
            ),
            lines(
                "Why callers leave otherwise", "By a rule or by hand; the call goes on elsewhere.",
                "cpm",
                Query(_a_minute("callcenter_queue_calls_overflowed_total", "reason"), "{{reason}}"),
                width=8, stacked=True,
            ),
        ),
    )  # fmt: skip


def _level() -> Row:
    return Row(
        "Service level",
        (
            lines(
                "Service level",
                "Answered in time / (answered + abandoned + left + lost), short abandons left out.",
                "percentunit",
                Query(f"queue:callcenter_service_level:ratio_rate5m{{{OF}}}", "{{queue}}, 5 min"),
                Query(f"queue:callcenter_service_level:ratio_rate30m{{{OF}}}", "{{queue}}, 30 min"),
                Query(f"queue:callcenter_service_level:ratio_rate1h{{{OF}}}", "{{queue}}, 1 h"),
                Query(f"queue:callcenter_service_level_target:max{{{OF}}}", "{{queue}}, target"),
                width=16, most=1,
            ),
            bars(
                "Counts as in time", "Wait within which an answer is in time, by the configuration.", "s",
                Query(f"queue:callcenter_service_level_threshold_seconds:max{{{OF}}}", "{{queue}}"),
            ),
            lines(
                "Gave up", "Share that hung up waiting in 30 minutes, short ones left out.", "percentunit",
                Query(f"queue:callcenter_abandoned:ratio_rate30m{{{OF}}}", "{{queue}}"), width=8, most=1,
            ),
            lines(
                "Gave up within the promised time",
                "Who hangs up before the service level's seconds are over couldn't have been answered late.",
                "cpm",
                Query(
                    _a_minute("callcenter_queue_calls_abandoned_within_service_level_total", "queue"),
                    "{{queue}}",
                ),
                width=8,
            ),
            lines(
                "Wait too long already",
                "Callers who still wait though the service level's seconds are over, by two seconds or more.",
                "short",
                Query(total(f"callcenter_queue_calls_waiting_late{{{OF}}}", "queue"), "{{queue}}"),
                width=8, stacked=True,
            ),
        ),
    )  # fmt: skip


def _promise() -> Row:
    expected = "callcenter_queue_expected_wait"
    off = f"{expected}_error_seconds"
    return Row(
        "Expected wait",
        (
            lines(
                "Expected wait and real wait",
                "What somebody who comes is told, half and four in five wait less, beside what half of the"
                " answered really waited. Absent while it isn't known.",
                "s",
                Query(f'max by (queue) ({expected}_seconds{{{OF}, quantile="0.5"}})', "{{queue}}: half"),
                Query(f'max by (queue) ({expected}_seconds{{{OF}, quantile="0.8"}})', "{{queue}}: 80 %"),
                Query(quantile(0.5, WAIT, "queue", f'{OF}, outcome="answered"'), "{{queue}}: really"),
            ),
            lines(
                "How wrong it was",
                "Mean of (expected - real) / mean wait, and its root mean square; last few hundred answers.",
                "percentunit",
                Query(f"max by (queue) ({expected}_bias_ratio{{{OF}}})", "{{queue}}: too long"),
                Query(f"max by (queue) ({expected}_error_ratio{{{OF}}})", "{{queue}}: error"),
                width=6,
            ).min(-1),
            lines(
                "Within the range", "Share of waits within the range that should hold 80 % of them.",
                "percentunit",
                Query(f"max by (queue) ({expected}_inside_ratio{{{OF}}})", "{{queue}}"),
                width=6, most=1,
            ),
            lines(
                "Seconds off",
                "How far from what was expected at their entry half of the callers were answered who were"
                " kept waiting; later than expected, and sooner.",
                "s",
                Query(quantile(0.5, off, "queue", f'{OF}, direction="later"'), "{{queue}}: later"),
                Query(quantile(0.5, off, "queue", f'{OF}, direction="sooner"'), "{{queue}}: sooner"),
            ),
            lines(
                "Kept to the range", "Answers a minute within the range that should hold 80 %.", "cpm",
                Query(_a_minute(f"{expected}_covered_total", "queue"), "{{queue}}"),
            ),
            lines(
                "Answers that were judged", "By the wait that came.", "cpm",
                Query(_a_minute(f"{expected}_answers_total", "queue"), "{{queue}}"),
            ),
            lines(
                "Agents of the queue", "With a tier in it, by state; one may be in several queues.", "short",
                Query(total(f'callcenter_queue_agents{{{OF}, state!="logged_out"}}', "state"), "{{state}}"),
                stacked=True,
            ),
        ),
    )  # fmt: skip


def _conversations() -> Row:
    return Row(
        "Conversations",
        (
            lines(
                "Handling time", "Means: conversation with hold, hold in it, wrap-up after it.", "s",
                Query(mean("callcenter_talk_seconds", where=OF), "talk"),
                Query(mean("callcenter_hold_seconds", where=OF), "hold"),
                Query(mean("callcenter_wrapup_seconds", where=OF), "wrap-up"),
            ),
            lines(
                "Answer to voice", "From the agent's answer until the two hear each other.", "s",
                Query(quantile(0.5, "callcenter_answer_to_voice_seconds", where=OF), "half"),
                Query(quantile(0.95, "callcenter_answer_to_voice_seconds", where=OF), "95 %"),
            ),
            lines(
                "Who ended the conversation", "Caller, agent, or neither (a transfer, the switch).", "cpm",
                Query(_a_minute("callcenter_queue_conversations_ended_total", "side"), "{{side}}"),
                stacked=True,
            ),
            lines(
                "Transfers", "Conversations that ended by a transfer.", "cpm",
                Query(_a_minute("callcenter_queue_calls_transferred_total", "queue"), "{{queue}}"),
                stacked=True,
            ),
        ),
    )  # fmt: skip
