"""Calls that were given up because nobody saw their node: the switch may bring them back."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Set as AbstractSet
from typing import Final

from py_callcenter.engine.memory import GIVEN_UP_FOR_US, OUT_OF_SIGHT, CallMemory
from py_callcenter.engine.state import GivenUp, State

ROUNDED_US: Final = 1_000_000
"""A switch tells whole seconds of its age."""


def give_up(state: State, node: str) -> None:
    """All calls of a node are about to end in the books, for nobody knows of them."""
    calls = state.reach.given_up.setdefault(node, {})
    for call in state.calls.values():
        if call.node == node:
            entered_us = call.first_us if call.stay is None else call.stay.entered_us
            calls[call.uuid] = GivenUp(call.stays, entered_us, call.attempts)
    calls.update({uuid: entry(past) for uuid, past in state.past.items() if past.node == node})


def died_with_their_switch(state: State, node: str, live: Container[str]) -> None:
    """A start finds a switch that has begun anew since anybody looked (both lost power, say), with none of
    the calls that the books have open there. It may have them again later.
    """
    pace = state.paces.get(node)
    past = {uuid: call for uuid, call in state.past.items() if call.node == node}
    if not past or pace is None or not pace.capacity.up_us or any(uuid in live for uuid in past):
        return
    began_us = state.now_us - pace.capacity.up_us - ROUNDED_US
    if any(call.entered_us < began_us for call in past.values()):
        give_up(state, node)


def entry(past: CallMemory) -> GivenUp:
    return GivenUp(past.leg, past.entered_us, past.attempts)


def reappeared(state: State, node: str, uuid: str) -> bool:
    """A channel tells something. One that was given up, and that the switch has again (`sofia recover` after
    its death), is taken up by a fresh look: its events alone don't tell what became of its call.
    """
    back = uuid in state.reach.given_up.get(node, ())
    if back:
        state.round.doubts.add(node)
    return back


def seen(state: State, node: str) -> None:
    """A node has been looked at. Who isn't there any more may be brought back by the switch for a while."""
    gone = state.reach.given_up.get(node, {})
    _forget(state, node, gone.keys() & state.calls.keys())
    newly = frozenset(uuid for uuid, was in gone.items() if not was.missed)
    for uuid in newly:
        gone[uuid].missed = True
    if newly:
        state.start_timer(GIVEN_UP_FOR_US, _forget, node, newly)


def _forget(state: State, node: str, uuids: AbstractSet[str]) -> None:
    left = state.reach.given_up.get(node, {})
    for uuid in uuids:
        left.pop(uuid, None)
    if not left:
        state.reach.given_up.pop(node, None)


def cause_unseen(state: State, node: str, uuid: str) -> str:
    """Of the end of a call that nobody saw."""
    return OUT_OF_SIGHT if uuid in state.reach.given_up.get(node, ()) else "UNSEEN"
