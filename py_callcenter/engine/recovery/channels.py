"""A caller's channel that outlived the last run: its call, its wait, and whose care it is in."""

from __future__ import annotations

from py_callcenter._router import Event
from py_callcenter.engine import callers, moves
from py_callcenter.engine.calls import Call, Phase
from py_callcenter.engine.looks import is_stamped, sequence_of, stamp_of
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.recovery import books
from py_callcenter.engine.state import State


def call_again(state: State, node: str, dump: Event, past: CallMemory | None) -> Call:
    """The caller's channel as a call of ours again."""
    uuid = dump.unique_id
    call = callers.call_from(state, node, dump, state.now_us)
    call.seen_at = sequence_of(dump)
    stamp = stamp_of(dump)
    was = past or state.reach.given_up.get(node, {}).get(uuid)
    call.attempts = max(stamp.attempt, was.attempts if was is not None else 0)
    call.stays = was.leg if was is not None else stamp.leg
    call.first_us = min(was.entered_us if was is not None else stamp.entered_us, state.now_us)
    state.calls[uuid] = call
    return call


def of_this_leg(state: State, dump: Event, past: CallMemory | None) -> CallMemory | None:
    """What the books say of the queue leg that the channel is stamped with. They may lack the caller's way
    into it: then what they have open is over, and the stamps tell of this one.
    """
    stamp = stamp_of(dump)
    if past is None or stamp.leg <= past.leg or not is_stamped(state, dump):
        return past
    books.part(state, dump.unique_id, past, transferred=True)
    if past.standing == "waiting":
        books.note_left(state, dump.unique_id, past, "transferred", until_us=stamp.entered_us)
    return None


def entered_us(state: State, node: str, uuid: str, past: CallMemory | None, stamped_us: int) -> int:
    """Since when a caller waits. What the switch kept of a channel that it brought back may be older than our
    stamps; what we know comes first.
    """
    was = past or state.reach.given_up.get(node, {}).get(uuid)
    return min(was.entered_us if was is not None else stamped_us or state.now_us, state.now_us)


def with_others(call: Call, dump: Event) -> None:
    """Somebody else cares for the caller; if the dialplan does, a PARK that it comes to is news."""
    call.phase = Phase.AWAY
    if moves.by_transfer(dump):
        call.source = ""
