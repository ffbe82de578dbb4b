"""Callers whom nobody talks with: in the park, on their way out, or with somebody else."""

from __future__ import annotations

from dataclasses import replace

from py_callcenter._router import Event
from py_callcenter.config import Exit, Queue
from py_callcenter.config.rules import RuleError, parse_exit
from py_callcenter.engine import arrival, callers, exits, moves, talk
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call
from py_callcenter.engine.looks import application, is_parked, stamp_of
from py_callcenter.engine.memory import CallMemory, Standing
from py_callcenter.engine.recovery import books, channels, questions
from py_callcenter.engine.recovery.questions import Asked
from py_callcenter.engine.state import State


def take_up(state: State, node: str, dump: Event, past: CallMemory | None, asked: dict[str, Asked]) -> None:
    """A caller of ours is parked: what the books and the stamps say of the time before decides."""
    uuid = dump.unique_id
    name = dump.get("variable_cc_queue") or ""
    queue = state.queues.get(name)
    anew = moves.moved_since_stamped(dump)
    past = channels.of_this_leg(state, dump, past)
    call = channels.call_again(state, node, dump, past)
    standing, same = _stood(dump, past), past is None or past.queue == name
    if past is not None and standing == "talking":
        asks = same and not anew and questions.hand_over(state, call, past, asked)
        books.part(state, uuid, past, transferred=asks or not same or anew)
        if asks:
            state.act(SetVariables(node, uuid, talk.NO_LONGER_OURS))
            return
    match standing:
        case "waiting" | "left" if _finish_transfer(state, call, dump, past):
            pass
        case _ if queue is None:
            if past is not None and standing == "waiting":
                books.note_left(state, uuid, past, "transferred")
            exits.unknown_queue(state, call, name)
        case "waiting" if same and not anew:
            call.stays -= uuid not in state.reach.given_up.get(node, ())
            entered_us = channels.entered_us(state, node, uuid, past, stamp_of(dump).entered_us)
            earlier_us = arrival.read_earlier(state, dump)
            callers.enter(state, call, queue, entered_us, counted=True, earlier_us=earlier_us, shown=dump)
        case "waiting" if past is not None:
            books.note_left(state, uuid, past, "transferred")
            _enter_anew(state, call, queue, dump)
        case "left" if (
            past is not None and same and not anew and not dump.get("variable_cc_queue_terminated_epoch")
        ):
            exits.leave(state, call, None, _exit_for(queue, past.reason))
        case "talking" | "parted" if same and not (past is not None and (past.transferred or anew)):
            exits.leave(state, call, None, queue.after_call)
        case _:
            _enter_anew(state, call, queue, dump)


def _enter_anew(state: State, call: Call, queue: Queue, dump: Event) -> None:
    """Another queue leg than the one before, as if we had seen them come."""
    earlier_us = arrival.earlier_us(state, call, queue, dump)
    callers.enter(state, call, queue, state.now_us, earlier_us=earlier_us)


def _stood(dump: Event, past: CallMemory | None) -> Standing:
    """How far the call had come; a conversation that the books lack begins in them now."""
    talked = dump.get("variable_cc_agent_bridged") == "true"
    if past is None:
        return "parted" if talked else "waiting"
    if past.standing == "waiting" and talked and stamp_of(dump).leg >= past.leg:  # else with the leg before
        past.standing = "talking"
        past.agent = dump.get("variable_cc_agent") or ""
        past.talk_since_us = max(past.entered_us, stamp_of(dump).answered_us)
    return past.standing


def _finish_transfer(state: State, call: Call, dump: Event, past: CallMemory | None) -> bool:
    """Somebody sent the caller elsewhere while an earlier run joined them with an agent, and the switch
    forgot it over the end of the agent's leg: they go there now. False when it isn't so.
    """
    to = moves.place(dump) if moves.forgotten(dump) and moves.moved_since_stamped(dump) else None
    if to is None:
        return False
    if past is not None and past.standing == "left" and past.reason != "transferred":
        return False
    if past is not None and past.standing == "waiting":
        books.note_left(state, dump.unique_id, past, "transferred")
    _send(state, call, to)
    return True


def let_go(state: State, node: str, dump: Event, past: CallMemory | None) -> None:
    """No longer in a queue: of ours when the books say so, or when nobody sent them on."""
    if _is_let_go(state, dump):
        _send_on(state, node, dump, past)
    elif past is not None:
        _leaving(state, node, dump, past)


def _leaving(state: State, node: str, dump: Event, past: CallMemory) -> None:
    """On their way out or away: followed to the end, or sent once more."""
    if not _never_left(state, dump, past):
        elsewhere(state, node, dump, past)
        return
    queue = state.queues.get(past.queue)
    to = state.config.controller.on_unknown_queue if queue is None else _exit_for(queue, past.reason)
    exits.leave(state, channels.call_again(state, node, dump, past), None, to)


def _never_left(state: State, dump: Event, past: CallMemory) -> bool:
    """On the way to an exit by our word, and still in the park: the transfer or the hang-up was lost."""
    ours = past.standing == "left" or (past.standing == "parted" and not past.transferred)
    if not ours or not dump.get("variable_cc_queue_terminated_epoch"):
        return False
    return _hears_nobody(dump) and not _is_with_others(state, dump)


def _hears_nobody(dump: Event) -> bool:
    """In the park, perhaps with music of ours, which the switch names for ever after."""
    return is_parked(dump) or (dump.get("Channel-State") == "CS_EXECUTE" and application(dump) == "playback")


def _is_with_others(state: State, dump: Event) -> bool:
    """Whether somebody sent or joined them elsewhere since they were let go. A leg of ours that they were to
    be joined with may have come after that.
    """
    if moves.moved_since_stamped(dump):
        return True
    other = moves.joined_since_stamped(dump)
    if not other or other == dump.get("variable_cc_agent_uuid"):
        return False
    return not state.sealer.is_offers(other, dump.unique_id, stamp_of(dump).attempt)


def _is_let_go(state: State, dump: Event) -> bool:
    """Somebody whom an earlier run let go and didn't live to send on."""
    if not dump.get("variable_cc_queue_terminated_epoch") or not dump.get("variable_cc_exit_to"):
        return False
    return _hears_nobody(dump) and not _is_with_others(state, dump)


def _send_on(state: State, node: str, dump: Event, past: CallMemory | None) -> None:
    """Finish what an earlier run began. What it does is on its way before it is in the books, so these may
    have nothing of it, or nothing of the call.
    """
    stamped = dump.get("variable_cc_exit_to") or ""
    try:
        to = parse_exit(stamped)
    except RuleError:
        to = state.config.controller.on_unknown_queue
    if past is not None and _stood(dump, past) == "waiting":
        reason = exits.reason_of(dump.get("variable_cc_cancel_reason") or "")
        books.note_left(state, dump.unique_id, past, reason, stamped)
    elif past is not None:
        books.part(state, dump.unique_id, past, transferred=False)
    _send(state, channels.call_again(state, node, dump, past), to)


def _send(state: State, call: Call, to: Exit) -> None:
    """To this very place, whatever exit of their own they have."""
    call.wishes = replace(call.wishes, exit=None)
    exits.leave(state, call, None, to)


def _exit_for(queue: Queue, reason: str) -> Exit:
    return {
        "timeout": queue.on_timeout,
        "no-agent": queue.on_no_agent,
        "full": queue.on_full,
        "expected-wait": queue.on_full,
        "exit-key": queue.on_exit_key,
    }.get(reason, queue.after_call)


def elsewhere(state: State, node: str, dump: Event, past: CallMemory) -> None:
    """In somebody else's care, such as the dead man's exit: what the books have open of the call is over."""
    uuid = dump.unique_id
    books.part(state, uuid, past, transferred=True)
    if past.standing == "waiting":
        books.note_left(state, uuid, past, "taken-elsewhere")
    channels.with_others(channels.call_again(state, node, dump, past), dump)


def hears_music(dump: Event, past: CallMemory) -> bool:
    """In the park for all we know, though our stamps didn't reach the channel."""
    waits = past.standing == "waiting" and not moves.moved_since_stamped(dump)
    return waits and application(dump) == "playback"
