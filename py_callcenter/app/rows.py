"""Rows of the page and the API, made of what the engine tells."""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Estimate, Score
from py_callcenter.api.port import AgentRow, BreakRow, CallRow, NodeRow, StaffingRow, WaitErrorRow, WaitRow
from py_callcenter.api.views import mask_number
from py_callcenter.engine.view import AgentLine, BreakLine, CallView, NodeView
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.stats import Hint

WHY_DOWN: Final = {
    State.CONNECTING: "connecting",
    State.DOWN: "no connection to the switch",
    State.REFUSED: "the switch refuses us: check the password and its access list",
}

_AT_ONCE: Final = WaitRow(low=0, high=0, p10=0, p90=0)


def node_row(link: NodeLink, since_us: int, pace: NodeView | None) -> NodeRow:
    held = pace.held if pace is not None else ()
    return NodeRow(
        name=link.name,
        up=link.state is State.UP,
        since=since_us / 1e6,
        reason=WHY_DOWN.get(link.state, ""),
        drained="drained" in held,
        held=held,
        lag_seconds=link.event_lag_s,
        heartbeat_age_seconds=link.heartbeat_age_s,
        sessions_per_second=pace.sessions_per_second or None if pace is not None else None,
        max_sessions=pace.max_sessions or None if pace is not None else None,
        originates_waiting=pace.backlog if pace is not None else 0,
        originates_refused=pace.refused if pace is not None else 0,
    )


def call_row(call: CallView, position: int, expected: WaitRow | None) -> CallRow:
    """`position`: place in the queue, 0 when no longer in it."""
    if call.phase == "talking":
        state, since_us = "talking", call.talk_since_us
    elif call.phase == "connecting":
        state, since_us = "connecting", call.ring_since_us or call.entered_us
    elif call.phase == "parted":
        state, since_us = "leaving", call.entered_us
    elif call.ring_since_us:
        state, since_us = "ringing", call.ring_since_us
    else:
        state, since_us = "waiting", call.entered_us
    return CallRow(
        id=call.id,
        queue=call.queue,
        state=state,  # type: ignore[arg-type]  # one of the literals above
        position=position or None,
        number=mask_number(call.number),
        priority=call.priority,
        entered_at=call.entered_us / 1e6,
        since=since_us / 1e6,
        agents=(call.agent,) if call.agent else call.ringing,
        node=call.node,
        expected_wait=expected,
    )


def wait_row(answer: Estimate | None) -> WaitRow | None:
    if answer is None:
        return None
    if answer.p90_us == 0:
        return _AT_ONCE
    return WaitRow(
        low=_rough(answer.p50_us),
        high=_rough(answer.p80_us),
        p10=_rough(answer.p10_us),
        p90=_rough(answer.p90_us),
    )


def staffing_row(hint: Hint) -> StaffingRow:
    return StaffingRow(
        agents_now=hint.now,
        agents_next=hint.next,
        calls_now=hint.calls_now,
        calls_next=round(hint.calls_next, 1),
        handle_seconds=round(hint.handle_s, 1),
        patience_seconds=None if hint.patience_s is None else round(hint.patience_s, 1),
    )


def wait_error_row(score: Score) -> WaitErrorRow:
    judged = score.answers > 0
    return WaitErrorRow(
        answers=score.answers,
        bias=round(score.bias, 2) if judged else None,
        error=round(score.relative_error, 2) if judged else None,
        inside=round(score.coverage, 2) if judged else None,
    )


def _rough(us: int) -> float:
    """Seconds in two significant digits, none of them behind the point."""
    seconds = us / 1e6
    return float(round(seconds, 2 - len(str(int(seconds))) if seconds >= 100 else 0))


def agent_row(line: AgentLine, call: CallView | None) -> AgentRow:
    return AgentRow(
        name=line.name,
        status=line.status,
        state=line.state,
        since=line.state_since_us / 1e6,
        ready_at=line.ready_at_us / 1e6 if line.ready_at_us else None,
        queue=call.queue if call else None,
        call=call.id if call else None,
        number=mask_number(call.number) if call else None,
        queues=line.queues,
        calls_answered=line.calls_answered,
        talk_seconds=line.talk_us / 1e6,
        no_answer_count=line.no_answer_count,
        reachable=line.reachable,
        rest=None if line.rest is None else break_row(line.rest),
    )


def break_row(line: BreakLine) -> BreakRow:
    return BreakRow(
        reason=line.reason or None,
        since=line.since_us / 1e6 if line.reason else None,
        until=line.limit_us / 1e6 if line.limit_us else None,
        overdue=line.overdue,
        asked=line.asked or None,
        asked_at=line.asked_us / 1e6 if line.asked else None,
        place=line.place if line.asked else None,
    )
