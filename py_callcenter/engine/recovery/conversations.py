"""Callers who are bridged: with an agent of ours, whose conversation goes on, or with others."""

from __future__ import annotations

from py_callcenter._router import Event
from py_callcenter.config import Queue
from py_callcenter.engine import agent_legs, arrival, standby, talk
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Leg, OfferState, Phase, Stay
from py_callcenter.engine.looks import offer_seal, partner_of, stamp_of
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.records import ConversationJoined, OfferTakenUp, QueueResumed
from py_callcenter.engine.recovery import books, channels, phones
from py_callcenter.engine.state import State


def take_up(state: State, node: str, dump: Event, past: CallMemory | None, partner: Event | None) -> None:
    """`partner`: the leg that the caller is bridged with, when it carries our seal."""
    uuid = dump.unique_id
    seal = None if partner is None else offer_seal(state, partner)
    stamp = stamp_of(dump)
    of_leg = channels.of_this_leg(state, dump, past)
    # The stamped name of the queue is sealed; the books need none.
    queue = state.queues.get(of_leg.queue if of_leg is not None else dump.get("variable_cc_queue") or "")
    agent_id = None if seal is None else state.agent_ids.get(seal.agent)
    call = channels.call_again(state, node, dump, past)
    call.parked = False
    # An attended transfer leaves the caller with a leg that was made for another call.
    joined = partner is not None and dump.get("variable_cc_agent_uuid") == partner.unique_id
    ours = seal is not None and (seal.call == uuid or joined)
    entered_us = channels.entered_us(state, node, uuid, of_leg, stamp.entered_us)
    anew = uuid in state.reach.given_up.get(node, ())
    if of_leg is None:
        call.stays = max(call.stays, stamp.leg)
    stay = call.stay = None if queue is None else _over(state, call, queue, entered_us, dump, anew=anew)
    if partner is None or seal is None or not ours or queue is None or stay is None or agent_id is None:
        _take_up_with_others(state, call, dump, past)
        return
    counted = anew or (of_leg is not None and of_leg.counted)
    talks = of_leg is not None and of_leg.standing == "talking"
    since_us = _since_us(state, of_leg, 0 if anew else stamp.answered_us, agent_id, entered_us)
    if not books.is_free(state, agent_id):  # the agent is another caller's by now
        books.leave_to_others(state, uuid, past)
        channels.with_others(call, dump)
        return
    _wait_led_to(stay, since_us if seal.call == uuid and not anew else entered_us)
    offer_id = state.router.adopt_conversation(state.now_us, agent_id, since_us=since_us, counted=counted)
    leg = Leg(partner.unique_id, created=True, answered=True, described=agent_legs.is_described(partner))
    stands = standby.is_sealed(state, partner)
    offer = phones.offer_again(state, offer_id, (call, stay), seal, [leg], standing=stands)
    offer.state, offer.job_done = OfferState.TALKING, True
    offer.talk_leg, offer.talk_since_us = leg.uuid, since_us
    offer.hold_since_us = state.now_us if partner.get("Channel-Call-State") == "HELD" else None
    offer.recording = True  # it runs already where the queue wants one
    call.phase, call.winner = Phase.TALKING, offer
    talk.keep(state, call, dump)
    if past is not None and not talks and seal.agent in past.offers:
        past.offers.pop(seal.agent)
        talk.note_taken(state, offer)
    if anew:  # in the books that conversation is over, and goes on as one without a wait
        what = {"call": uuid, "queue": queue.name, "leg": stay.index, "agent": seal.agent}
        state.note(ConversationJoined, node, after=uuid, **what)
    elif of_leg is None:  # what the books lack, they learn as of a caller who is still waiting
        state.note(
            QueueResumed, node, call=uuid, queue=queue.name, leg=stay.index, entered_us=stay.entered_us
        )
    if not counted:
        talk.prove_answer(state, offer, since_us)
    state.note(
        OfferTakenUp, node, call=uuid, queue=queue.name, agent=seal.agent, attempt=seal.attempt, talking=True
    )


def _since_us(
    state: State, of_leg: CallMemory | None, stamped_us: int, agent_id: int, entered_us: int
) -> int:
    """When the conversation began, by the books or by the channel's stamp."""
    if of_leg is not None and of_leg.standing in ("talking", "parted"):  # parted for all that we knew
        since_us = of_leg.talk_since_us
    else:
        # The stamp is in whole seconds, and the agent may have come from another caller meanwhile.
        since_us = max(stamped_us or state.now_us, state.router.agent(agent_id).idle_since_us)
    return max(entered_us, min(since_us, state.now_us))


def _over(state: State, call: Call, queue: Queue, entered_us: int, dump: Event, *, anew: bool) -> Stay:
    """The queue leg that led to the conversation."""
    call.stays = max(1, call.stays + anew)
    return Stay(
        queue=queue,
        queue_id=state.queue_ids[queue.name],
        caller_id=0,
        index=call.stays,
        entered_us=entered_us,
        priority=call.wishes.priority,
        earlier_us=arrival.read_earlier(state, dump),
        # Stamped at the answer, the earlier wait has that of this queue leg in it.
        over_us=entered_us if dump.get("variable_cc_agent_bridged") == "true" else state.now_us,
        met=True,
        open=False,
    )


def _wait_led_to(stay: Stay, since_us: int) -> None:
    """What counts of the wait before this conversation, also when what was stamped at the answer is lost."""
    stay.earlier_us, stay.over_us = max(0, stay.earlier_us - (since_us - stay.entered_us)), since_us


def _take_up_with_others(state: State, call: Call, dump: Event, past: CallMemory | None) -> None:
    """Bridged with a leg that isn't an agent's of ours, or with one that has just hung up."""
    last = dump.get("variable_cc_agent_uuid")
    alone = bool(last) and partner_of(dump) == last and call.stay is not None
    books.leave_to_others(state, call.uuid, past, transferred=not alone)
    if alone:  # the caller's PARK follows
        call.phase = Phase.PARTED
        call.settle_timer = state.start_timer(talk.PARTED_DEADLINE_US, talk.still_parted, call)
    else:
        channels.with_others(call, dump)
        state.act(SetVariables(call.node, call.uuid, talk.NO_LONGER_OURS))


def transferred(
    state: State, node: str, dump: Event, past: CallMemory | None, _partner: Event | None
) -> None:
    """Sent into the dialplan a moment ago, which may park them in a queue: as if we had seen it."""
    call = channels.call_again(state, node, dump, past)
    books.leave_to_others(state, call.uuid, past)
    call.source = ""  # the PARK that follows is the first of this transfer
    call.parked = False
    call.phase = Phase.PARTED
    call.transferred = call.handed_on = True
