"""Conversations: from CHANNEL_BRIDGE until caller and agent part, hold and transfers included."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Literal

from py_callcenter._router import Event
from py_callcenter.config.rules import RuleError
from py_callcenter.engine import arrival, consults, endings, joining, looks, music, offers, standby
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Phase, Stay
from py_callcenter.engine.records import (
    BridgeUndone,
    CallAnswered,
    CallLeft,
    ConversationEnded,
    ConversationJoined,
    OfferEnded,
    Side,
)
from py_callcenter.engine.state import State

ANSWER_PROOF_US: Final = 1_000_000
"""A bridge that breaks sooner, with nobody hanging up, was none (race R7)."""
PARTED_DEADLINE_US: Final = 3_000_000

Transferred = Literal["", "blind", "attended"]

NO_LONGER_OURS: Final = (
    ("cc_queue", ""),
    ("park_after_bridge", ""),
    ("uuid_bridge_park_on_cancel", ""),
    ("transfer_after_bridge", ""),
)
"""Cleared when a caller leaves our care, or a hang-up far away would park them with nobody listening."""
KEEPS: Final = (("park_after_bridge", "true"), ("uuid_bridge_park_on_cancel", "true"))
"""Back into the park when the agent's leg ends: without it a transfer of ours would hang up the caller."""


def bridged(state: State, first: str, second: str) -> None:
    """CHANNEL_BRIDGE names two legs; what it means depends on whose they are. Others may join two callers."""
    for uuid, partner in ((first, second), (second, first)):
        call = state.calls.get(uuid)
        if call is not None and call.phase is not Phase.ENDED:
            _meets(state, call, partner)
            continue
        offer = state.legs.get(uuid)
        if partner not in state.calls and offer is not None:
            if consults.is_joined(offer.call):
                consults.agent_bridged(state, offer, partner)
            elif offer.talk_leg == uuid and _is_strangers(state, offer.call, partner):
                _joined_with_stranger(state, offer)
        with_others = offer is not None and state.calls.get(partner) is not offer.call
        if offer is not None and with_others and offer.standing and offer.state is OfferState.RINGING:
            endings.withdraw(state, offer, "ORIGINATOR_CANCEL")
        standby.taken(state, uuid)


def _meets(state: State, call: Call, partner: str) -> None:
    call.news += 1
    call.parked = call.forsaken = False
    consults.bridged(state, call, partner)
    offer = state.legs.get(partner)
    if offer is None or offer.call is not call:
        if offer is not None and offer.talk_leg == partner and offer.talk_since_us:
            _handed_over(state, call, offer)
        else:
            _taken_elsewhere(state, call)
        return
    leg = offer.legs[partner]
    if offer.state is OfferState.RINGING:
        joining.leg_answered(state, offer, leg)
    if offer.state in (OfferState.CLAIMED, OfferState.BRIDGING):
        _begin(state, call, offer, leg)


def _begin(state: State, call: Call, offer: Offer, leg: Leg) -> None:
    leg.created = leg.answered = True
    state.router.bridged(state.now_us, offer.id)
    close_stay(state, call)
    offer.stay.met = True
    offer.state = OfferState.TALKING
    offer.leg_back = False  # of one that stays up, a look within the bridge shows it parked
    offer.talk_leg = leg.uuid
    offer.talk_since_us = state.now_us
    call.phase = Phase.TALKING
    state.touch(call)
    call.parked_by, call.handed_on = None, False
    state.stop_timer(offer.watchdog)
    offer.answer_timer = state.start_timer(ANSWER_PROOF_US, _answer_lasts, offer)
    state.act(SetVariables(call.node, call.uuid, stamps_of(state, offer)))
    note_taken(state, offer)


def note_taken(state: State, offer: Offer) -> None:
    """Write down that the offer led to a conversation."""
    state.note(
        OfferEnded,
        offer.call.node,
        call=offer.call.id,
        queue=offer.stay.queue.name,
        agent=offer.agent.name,
        attempt=offer.attempt,
        outcome="answered",
        cause="",
        ring_us=0 if offer.ring_since_us is None else state.now_us - offer.ring_since_us,
    )


def prove_answer(state: State, offer: Offer, since_us: int) -> None:
    """Of a conversation that was found: write the answer down when it has lasted long enough."""
    left_us = max(0, since_us + ANSWER_PROOF_US - state.now_us)
    offer.answer_timer = state.start_timer(left_us, _answer_proven, offer)


def stamps_of(state: State, offer: Offer) -> tuple[tuple[str, str], ...]:
    """What the caller's channel says of a conversation."""
    tier = state.tiers.get((offer.stay.queue.name, offer.agent.name))
    place = (tier.level, tier.position) if tier is not None else ("", "")  # taken away meanwhile
    return (
        ("cc_agent", offer.agent.name),
        ("cc_last_agent_tier_level", str(place[0])),
        ("cc_last_agent_tier_position", str(place[1])),
        ("cc_agent_uuid", offer.talk_leg),
        ("cc_last_originated_call", offer.talk_leg),
        ("cc_agent_found", "true"),
        ("cc_agent_bridged", "true"),
        ("cc_cause", "answered"),
        ("cc_queue_answered_epoch", str(offer.talk_since_us // 1_000_000)),
        ("cc_earlier", arrival.seal_earlier(state, offer.call, offer.stay.waited_us(state.now_us))),
        *offer.call.wishes.of_ours,
    )


def keep(state: State, call: Call, dump: Event) -> None:
    """While nobody was there the node's dead man has let conversations end by themselves; one that goes on
    under our eyes keeps its caller again.
    """
    if call.phase is Phase.TALKING and dump.get("variable_park_after_bridge") != "true":
        state.act(SetVariables(call.node, call.uuid, KEEPS))


def _answer_lasts(state: State, offer: Offer) -> None:
    """The bridge has lasted long enough, unless it is over and what ended it isn't told yet."""
    if offer.call.parked_by is None:
        _answer_proven(state, offer)


def _answer_proven(state: State, offer: Offer) -> None:
    """Write the answer down, once."""
    if offer.answer_timer is None:
        return
    state.stop_timer(offer.answer_timer)
    offer.answer_timer = None
    arrival.talked(state, offer.call, offer.agent.name)
    state.note(
        CallAnswered,
        offer.call.node,
        call=offer.call.id,
        queue=offer.stay.queue.name,
        leg=offer.stay.index,
        agent=offer.agent.name,
        wait_us=offer.talk_since_us - offer.stay.entered_us,
        voice_us=max(0, offer.talk_since_us - offer.answered_us) if offer.answered_us else 0,
    )


def close_stay(state: State, call: Call) -> None:
    """The caller is no longer in the core's queue."""
    stay = call.stay
    if stay is not None and stay.open:
        stay.open, stay.over_us = False, state.now_us
        state.waiting.pop(stay.caller_id, None)
        state.stop_timer(stay.wait_timer)
        state.stop_timer(stay.no_agent_timer)


def end(
    state: State,
    call: Call,
    ended_by: Side,
    *,
    transferred: bool = False,
    attended: bool = False,
    hang_up: bool = False,
) -> None:
    """Caller and agent have parted; the agent is freed when the legs are gone."""
    offer = call.winner
    if offer is None or offer.state is not OfferState.TALKING:
        return
    _answer_proven(state, offer)
    alone = consults.parted(state, call)
    unheld(state, offer)
    end_us = state.now_us if call.parked_by is None else call.parked_us
    talk_us = max(0, end_us - offer.talk_since_us)
    state.note(
        ConversationEnded,
        call.node,
        call=call.id,
        queue=offer.stay.queue.name,
        leg=offer.stay.index,
        agent=offer.agent.name,
        talk_us=talk_us,
        hold_us=min(offer.hold_us, talk_us),
        ended_by=ended_by,
        transferred=transferred,
        attended=attended,
    )
    call.winner = None
    call.phase = Phase.PARTED
    call.transferred = transferred
    endings.end_after_talk(state, offer, hang_up=hang_up or alone)


def undo(state: State, call: Call) -> bool:
    """The bridge broke at once with nobody hanging up: it never counted. True when that was the case."""
    offer = call.winner
    if offer is None or offer.answer_timer is None:
        return False
    state.stop_timer(offer.answer_timer)
    offer.answer_timer = None
    consults.parted(state, call)
    call.winner = None
    state.note(
        BridgeUndone,
        call.node,
        call=call.id,
        queue=offer.stay.queue.name,
        leg=offer.stay.index,
        agent=offer.agent.name,
    )
    endings.end_after_talk(state, offer, hang_up=True)
    return True


def agent_gone(state: State, offer: Offer, leg: Leg, cause: str, transfer: Transferred) -> None:
    """HANGUP of the leg that talks, perhaps because the agent transferred the caller."""
    call = offer.call
    blind = transfer == "blind"
    handed_over = consults.agent_gone(state, call)
    transferred = transfer != "" or offer.transferring or handed_over
    end(state, call, "agent", transferred=transferred, attended=handed_over or transfer == "attended")
    call.transferred, call.handed_on = blind, transfer != "" or handed_over
    offers.leg_gone(state, offer, leg, cause)
    if call.phase is Phase.PARTED and not call.handed_on and call.parked_by is None:
        state.stop_timer(call.settle_timer)
        call.settle_timer = state.start_timer(PARTED_DEADLINE_US, still_parted, call)


def still_parted(state: State, call: Call) -> None:
    """Neither parked, bridged nor gone: ask where the channel is."""
    if call.phase is Phase.PARTED:
        looks.ask(state, call)


def transferred_by(event: Event) -> Transferred:
    """What the HANGUP of an agent's leg says about a transfer.

    A blind one names its destination. An attended one between two conversations names the leg that the caller
    gets; one to an extension that nobody has answered yet leaves no trace on this leg, only on the caller's
    (`moves`). Seen on 1.11.1.
    """
    if (event.get("variable_transfer_destination") or "").startswith("blind:"):
        return "blind"
    if (event.get("variable_transfer_to") or "").startswith(("att:", "satt:")):
        return "attended"
    return ""


def held(state: State, offer: Offer) -> None:
    if offer.state is OfferState.TALKING and offer.hold_since_us is None:
        offer.hold_since_us = state.now_us


def unheld(state: State, offer: Offer) -> None:
    if offer.hold_since_us is not None:
        offer.hold_us += state.now_us - offer.hold_since_us
        offer.hold_since_us = None


def _handed_over(state: State, call: Call, offer: Offer) -> None:
    """An agent goes on talking, with another caller: somebody rang the queue and then connected the two.

    Another conversation of the same offer. The agent is free when the leg ends, as after any other.
    """
    before = offer.call
    if offer.state is OfferState.TALKING:
        _gave_away(state, before)
    _let_go(state, call)
    music.stop(state, call)
    state.stop_timer(offer.watchdog)
    state.stop_timer(call.settle_timer)
    waited_us = 0 if call.stay is None else call.stay.waited_us(state.now_us)
    call.stays += 1
    call.stay = Stay(
        queue=offer.stay.queue,
        queue_id=offer.stay.queue_id,
        caller_id=0,
        index=call.stays,
        entered_us=state.now_us,
        priority=call.wishes.priority,
        earlier_us=waited_us,
        over_us=state.now_us,
        met=True,
        open=False,
    )
    offer.stay.offers.pop(offer.id, None)
    offer.call, offer.stay = call, call.stay
    call.stay.offers[offer.id] = offer
    offer.state = OfferState.TALKING
    offer.talk_since_us, offer.hold_since_us, offer.hold_us = state.now_us, None, 0
    offer.recording = offer.transferring = offer.spared = False
    offer.watchdog = None
    call.winner, call.phase = offer, Phase.TALKING
    call.parked_by, call.transferred, call.handed_on, call.onward = None, False, False, None
    # What cleared these when the caller went elsewhere before is undone.
    state.act(
        SetVariables(
            call.node, call.uuid, (("cc_queue", call.stay.queue.name), *KEEPS, *stamps_of(state, offer))
        )
    )
    state.note(
        ConversationJoined,
        call.node,
        call=call.id,
        queue=call.stay.queue.name,
        leg=call.stay.index,
        agent=offer.agent.name,
        after=before.id,
    )
    with suppress(RuleError):  # as at the first bridge
        joining.record(state, call, offer)


def _gave_away(state: State, call: Call) -> None:
    """Whoever rang the queue has connected the agent with somebody else: the usual way after a conversation
    is theirs, and the agent's leg goes on.
    """
    consults.parted(state, call)  # first: the leg goes on, so it isn't hung up
    end(state, call, "caller", transferred=True, attended=True)
    call.transferred = False
    if call.parked_by is not None:  # that goes its way in a moment
        return
    # Who heard music meanwhile is parked already, and no PARK follows.
    state.stop_timer(call.settle_timer)
    call.settle_timer = state.start_timer(PARTED_DEADLINE_US, still_parted, call)


def _is_strangers(state: State, call: Call, uuid: str) -> bool:
    """Whether a channel is neither a caller's, nor one that we called for this call, nor one that has just
    died. Two agents may be connected with each other, by who had rung a queue twice.
    """
    offer = state.legs.get(uuid)
    if offer is not None:
        return offer.call is not call and offer.talk_leg == uuid
    asked = uuid in state.outside.consults or consults.asked(state, call, uuid)
    return not asked and uuid not in state.calls and uuid not in state.dead


def _joined_with_stranger(state: State, offer: Offer) -> None:
    """An agent goes on talking, with somebody who isn't the queues': whoever rang the queue has connected the
    two (a warm transfer), perhaps having hung up before that was told. They are left to each other, and the
    agent is free when the leg ends.
    """
    if offer.spared or offer.state not in (OfferState.TALKING, OfferState.ENDING):
        return
    offer.spared = True
    if offer.state is OfferState.TALKING:
        _gave_away(state, offer.call)
    else:
        endings.spare_leg(state, offer)


def _taken_elsewhere(state: State, call: Call) -> None:
    """Bridged with a leg that isn't ours: an attended or outside transfer, or another program (race R6)."""
    if call.stay is not None:
        call.stay.met = True
    if call.phase is Phase.LEAVING:
        return
    _let_go(state, call)
    music.stop(state, call)
    state.stop_timer(call.settle_timer)
    call.phase = Phase.AWAY
    call.winner, call.crossed, call.onward = None, False, None
    state.touch(call)
    state.act(SetVariables(call.node, call.uuid, NO_LONGER_OURS))


def _let_go(state: State, call: Call) -> None:
    """Close what the caller was in: a conversation, or the wait in a queue."""
    stay = call.stay
    state.touch(call)
    if call.phase is Phase.TALKING:
        end(state, call, "agent", transferred=True, attended=True)
    elif stay is not None and stay.open:
        position = state.router.position(stay.caller_id)
        offer_ids = state.router.leave(state.now_us, stay.caller_id)
        endings.withdraw_all(state, offer_ids, "ORIGINATOR_CANCEL")
        close_stay(state, call)
        state.note(
            CallLeft,
            call.node,
            call=call.id,
            queue=stay.queue.name,
            leg=stay.index,
            wait_us=state.now_us - stay.entered_us,
            reason="taken-elsewhere",
            target="",
            position=position,
        )
