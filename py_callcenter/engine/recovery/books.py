"""What ended while nobody looked is written down, so that the records close what they have open."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine import endings
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.records import (
    CallAnswered,
    CallEnded,
    CallLeft,
    CallLost,
    ConversationEnded,
    LeftReason,
    OfferEnded,
    Side,
)
from py_callcenter.engine.recovery import given_up
from py_callcenter.engine.state import State

HELD: Final = frozenset({"reserved", "receiving", "in_a_queue_call"})
"""Agents in these states are somebody's already."""


def end_offers(state: State, uuid: str, past: CallMemory) -> None:
    """Write down that these came to nothing while nobody looked."""
    for agent in list(past.offers):
        end_offer(state, uuid, past, agent)


def end_offer(state: State, uuid: str, past: CallMemory, agent: str) -> None:
    state.note(
        OfferEnded,
        past.node,
        call=uuid,
        queue=past.queue,
        agent=agent,
        attempt=past.offers.pop(agent),
        outcome="withdrawn",
        cause="UNSEEN",
        ring_us=0,
    )


def over_us(state: State, began_us: int) -> int:
    """When something that the books have open, and that ended while nobody looked, is taken to have ended:
    when it was last seen. How long it went on after that nobody knows.
    """
    return min(state.now_us, max(began_us, state.reach.last_known_us or state.now_us))


def part(state: State, uuid: str, past: CallMemory, *, transferred: bool) -> None:
    """The conversation that the books have open ended while nobody looked; the agent rests from now on."""
    if past.standing != "talking":
        return
    past.standing = "parted"
    past.transferred = transferred
    since_us, past.talk_since_us = past.talk_since_us, state.now_us
    talk_us = over_us(state, since_us) - min(since_us, state.now_us)
    if not past.counted:
        state.note(
            CallAnswered,
            past.node,
            call=uuid,
            queue=past.queue,
            leg=past.leg,
            agent=past.agent,
            wait_us=max(0, since_us - past.entered_us),
        )
    ended_by: Side = "agent" if transferred else "system"
    state.note(
        ConversationEnded,
        past.node,
        call=uuid,
        queue=past.queue,
        leg=past.leg,
        agent=past.agent,
        talk_us=talk_us,
        hold_us=0,
        ended_by=ended_by,
        transferred=transferred,
    )
    agent_id = state.agent_ids.get(past.agent)
    for offer in state.offers.values():
        if offer.agent_id == agent_id and offer.talk_since_us:  # with the next caller, as far as the books go
            offer.talk_since_us = max(offer.talk_since_us, state.now_us)
    if agent_id is not None and is_free(state, agent_id):
        offer_id = state.router.adopt_conversation(
            state.now_us, agent_id, since_us=state.now_us - talk_us, counted=past.counted
        )
        state.router.finish(state.now_us, offer_id)
        endings.note_wrap_up(state, past.node, state.agents[past.agent], uuid)


def note_left(
    state: State, uuid: str, past: CallMemory, reason: LeftReason, target: str = "", *, until_us: int = 0
) -> None:
    """`until_us`: when the wait was over, if that is known; else it was when it was last seen."""
    until_us = min(until_us, state.now_us) or over_us(state, past.entered_us)
    state.note(
        CallLeft,
        past.node,
        call=uuid,
        queue=past.queue,
        leg=past.leg,
        wait_us=max(0, until_us - past.entered_us),
        reason=reason,
        target=target,
    )


def close(state: State, uuid: str, past: CallMemory) -> None:
    """The channel died while nobody looked."""
    end_offers(state, uuid, past)
    if past.standing == "waiting":
        state.note(
            CallLost,
            past.node,
            call=uuid,
            queue=past.queue,
            leg=past.leg,
            wait_us=max(0, over_us(state, past.entered_us) - past.entered_us),
        )
    else:
        part(state, uuid, past, transferred=False)
    state.note(CallEnded, past.node, call=uuid, cause=given_up.cause_unseen(state, past.node, uuid))


def leave_to_others(state: State, uuid: str, past: CallMemory | None, *, transferred: bool = True) -> None:
    """Whatever the books have open of a call whose channel somebody else has."""
    if past is None:
        return
    part(state, uuid, past, transferred=transferred)
    if past.standing == "waiting":
        note_left(state, uuid, past, "taken-elsewhere")


def is_free(state: State, agent_id: int) -> bool:
    return state.router.agent(agent_id).state not in HELD
