"""Ways out of a queue: each has a name and a destination, and none is silence (design 8)."""

from __future__ import annotations

import re
from typing import Final

from py_callcenter.config import Exit
from py_callcenter.engine import endings, looks, moves, music, talk
from py_callcenter.engine.actions import Kill, SetVariables, Transfer
from py_callcenter.engine.calls import Call, Phase, Stay
from py_callcenter.engine.records import CallLeft, LeftReason, UnknownQueue
from py_callcenter.engine.state import State

EXIT_DEADLINE_US: Final = 5_000_000
"""Longer than a reconnection takes, whose look at the switch says more than a probe."""
EXIT_AGAIN_US: Final = 1_000_000
EXIT_TRIES: Final = 2
RECHECK_US: Final = 1_000_000

_CANCEL_REASONS: Final[dict[LeftReason, str]] = {
    "timeout": "TIMEOUT",
    "no-agent": "NO_AGENT_TIMEOUT",
    "full": "QUEUE_FULL",
    "expected-wait": "EXPECTED_WAIT",
    "exit-key": "EXIT_WITH_KEY",
    "unknown-queue": "UNKNOWN_QUEUE",
    "transferred": "BREAK_OUT",
    "moved": "BREAK_OUT",
    "taken-elsewhere": "BREAK_OUT",
    "diverted": "BREAK_OUT",
}


_REASONS: Final[dict[str, LeftReason]] = {
    shown: reason for reason, shown in _CANCEL_REASONS.items() if shown != "BREAK_OUT"
}


def reason_of(cancel_reason: str) -> LeftReason:
    """Why a caller left, by `cc_cancel_reason` of their channel, which says less."""
    return _REASONS.get(cancel_reason, "taken-elsewhere")


def unknown_queue(state: State, call: Call, asked: str) -> None:
    """A queue that isn't configured: `asked` is the dialplan's word, perhaps made of what was dialled."""
    shown = re.sub(r"[0-9]{7,}", "…", re.sub(r"[^A-Za-z0-9_.@-]", "_", asked[:64]))
    state.note(UnknownQueue, call.node, call=call.id, asked=shown)
    leave(state, call, "unknown-queue", state.config.controller.on_unknown_queue)


def leave(state: State, call: Call, reason: LeftReason | None, to: Exit, *, key: str = "") -> None:
    """Send the caller to an exit: never into silence (design 8). `reason` None: after a conversation."""
    stay = call.stay
    to = call.wishes.exit or to
    if stay is not None and stay.open and reason is not None:
        note_left(state, call, stay, reason, str(to), key=key)
        out_of_core(state, call, stay, gave_up=reason == "exit-key")
    if stay is not None:
        stay.met, stay.over_us = False, stay.over_us or state.now_us
    call.phase = Phase.LEAVING
    state.touch(call)
    call.exit, call.exit_tries = to, 0
    call.cancel_reason = "" if reason is None else _CANCEL_REASONS[reason]
    music.stop(state, call)
    go(state, call)


def go(state: State, call: Call) -> None:
    """Let go of the caller and send them on their way; once more if the first time came to nothing."""
    variables = [*talk.NO_LONGER_OURS, *call.wishes.of_ours]
    now = str(state.now_us // 1_000_000)
    if call.cancel_reason:
        variables += [
            ("cc_cause", "cancel"),
            ("cc_cancel_reason", call.cancel_reason),
            ("cc_queue_canceled_epoch", now),
        ]
    # A controller that dies before its next command leaves this, by which a start finishes (recovery.parked).
    variables += [("cc_exit_to", str(call.exit)), ("cc_source", moves.stamp(call))]
    variables.append(("cc_queue_terminated_epoch", now))
    state.act(SetVariables(call.node, call.uuid, tuple(variables)))
    state.stop_timer(call.settle_timer)
    call.exit_tries += 1
    call.exit_us = state.now_us
    if call.exit.is_hangup or call.exit_tries > EXIT_TRIES:
        call.parked = True
        state.act(Kill(call.node, call.uuid, "NORMAL_CLEARING"))
        call.settle_timer = state.start_timer(EXIT_DEADLINE_US, _overdue, call)
    else:
        call.parked = False
        state.act(Transfer(call.node, call.uuid, call.exit.extension, call.exit.context))


def _overdue(state: State, call: Call) -> None:
    """As far as we know the caller is still in the park: ask until the answer comes."""
    if call.phase is Phase.LEAVING and call.parked:
        looks.ask(state, call)
        call.settle_timer = state.start_timer(EXIT_DEADLINE_US, _overdue, call)


def failed(state: State, call: Call, *, refused: bool) -> None:
    """The transfer to an exit was refused, or nobody knows: try again, and end the call rather than leave it
    in silence.
    """
    if call.phase is Phase.LEAVING and not call.parked:
        call.parked = True
        state.stop_timer(call.settle_timer)
        after_us = EXIT_AGAIN_US if refused else EXIT_DEADLINE_US
        call.settle_timer = state.start_timer(after_us, _overdue, call)


def out_of_core(state: State, call: Call, stay: Stay, *, gave_up: bool = False) -> None:
    """`gave_up`: it was the caller's own will, which others may be expected to share."""
    offer_ids = state.router.leave(state.now_us, stay.caller_id, abandoned=gave_up)
    endings.withdraw_all(state, offer_ids, "ORIGINATOR_CANCEL")
    call.winner = None
    state.touch(call)
    talk.close_stay(state, call)


def note_left(
    state: State, call: Call, stay: Stay, reason: LeftReason, target: str, *, key: str = ""
) -> None:
    state.note(
        CallLeft,
        call.node,
        call=call.id,
        queue=stay.queue.name,
        leg=stay.index,
        wait_us=state.now_us - stay.entered_us,
        reason=reason,
        target=target,
        position=state.router.position(stay.caller_id) if stay.open else 0,
        key=key,
    )


def pressed(state: State, call: Call, digit: str) -> None:
    """A key while waiting: one of the exit keys leaves the queue."""
    stay = call.stay
    if call.phase is not Phase.WAITING or stay is None or stay.astray:
        return
    if digit and digit in call.wishes.exit_keys:
        state.act(SetVariables(call.node, call.uuid, (("cc_exit_key", digit),)))
        leave(state, call, "exit-key", stay.queue.on_exit_key, key=digit)


def wait_over(state: State, call: Call, stay: Stay) -> None:
    if call.stay is not stay or not stay.open:
        return
    if call.phase is Phase.WAITING and not stay.astray:
        leave(state, call, "timeout", stay.queue.on_timeout)
    else:  # an agent is just being connected: look again
        stay.wait_timer = state.start_timer(RECHECK_US, wait_over, call, stay)


def no_agent_over(state: State, call: Call, stay: Stay) -> None:
    if call.stay is not stay or not stay.open or call.phase is not Phase.WAITING:
        return
    if stay.astray:
        stay.no_agent_timer = state.start_timer(RECHECK_US, no_agent_over, call, stay)
    else:
        leave(state, call, "no-agent", stay.queue.on_no_agent)
