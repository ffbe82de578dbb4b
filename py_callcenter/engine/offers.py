"""An offer: an agent's phones ring for a caller.

`joining` follows when one is answered, `endings` when it comes to nothing or the conversation is over.
"""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event, Proposal
from py_callcenter.config import Agent
from py_callcenter.engine import pacing, standby
from py_callcenter.engine.actions import Originate, PlayMusic, SetVariables
from py_callcenter.engine.agent_legs import describe, description_of, devices_for, identity_of
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Stay
from py_callcenter.engine.causes import cause_of_job
from py_callcenter.engine.endings import conclude, end, give_up, kill, spare, watch, whose_fault
from py_callcenter.engine.identity import job_uuid
from py_callcenter.engine.joining import PARK_GRACE_US, leg_answered, park_overdue, toned
from py_callcenter.engine.records import OfferMade
from py_callcenter.engine.state import State

RING_GRACE_US: Final = 3_000_000
"""Past the ring time, for an originate whose end nobody reported (freeswitch-esl.md 2.3)."""
TONE_US: Final = 2_000_000
"""So long a tone that announces a caller may take, should its end not be told."""
TAKES_CALLS: Final = frozenset({"Available", "Available (On Demand)"})


def ring(state: State, proposal: Proposal) -> None:
    """Originate all devices of the agent for the caller, each leg under a name of ours."""
    call, stay = state.waiting[proposal.caller]
    agent = state.agents[state.agent_names[proposal.agent]]
    call.attempts += 1
    attempt = call.attempts
    if standby.stands(state, agent.name):
        _announce(state, proposal, call, stay, agent)
        return
    devices = devices_for(state, call, attempt, agent.contacts)
    offer = Offer(
        id=proposal.offer,
        call=call,
        stay=stay,
        agent=agent,
        agent_id=proposal.agent,
        attempt=attempt,
        job=job_uuid(call.id, attempt),
        made_us=state.now_us,
        legs={device.uuid: Leg(device.uuid) for device in devices},
    )
    stay.offers[offer.id] = state.offers[offer.id] = state.jobs[offer.job] = offer
    state.touch(call)
    for device in devices:
        state.legs[device.uuid] = offer
    if attempt > 1:
        state.act(SetVariables(call.node, call.uuid, (("cc_attempt", str(attempt)),)))
    watch_ring(state, offer)
    state.note(OfferMade, call.node, call=call.id, queue=stay.queue.name, agent=agent.name, attempt=attempt)
    prefix = call.wishes.name_prefix
    pacing.send(
        state,
        offer,
        Originate(
            node=call.node,
            job=offer.job,
            devices=devices,
            variables=identity_of(offer),
            caller_name=f"{prefix}{call.name}" if prefix else call.name,
            caller_number=call.number,
            timeout_s=stay.queue.agent_originate_timeout,
        ),
        spare,
    )


def _announce(state: State, proposal: Proposal, call: Call, stay: Stay, agent: Agent) -> None:
    """Tell an agent whose leg stays up of the caller: a tone, then they are joined."""
    uuid = standby.ready_leg(state, agent, call.node)
    offer = Offer(
        id=proposal.offer,
        call=call,
        stay=stay,
        agent=agent,
        agent_id=proposal.agent,
        attempt=call.attempts,
        job=job_uuid(call.id, call.attempts),
        made_us=state.now_us,
        legs={uuid: Leg(uuid, created=True)} if uuid else {},
        standing=True,
        job_done=True,
        ring_since_us=state.now_us,
    )
    stay.offers[offer.id] = state.offers[offer.id] = state.jobs[offer.job] = offer
    state.touch(call)
    if offer.attempt > 1:
        state.act(SetVariables(call.node, call.uuid, (("cc_attempt", str(offer.attempt)),)))
    state.note(
        OfferMade, call.node, call=call.id, queue=stay.queue.name, agent=agent.name, attempt=offer.attempt
    )
    if not uuid:
        originate_refused(state, offer)
        return
    state.legs[uuid] = offer
    state.router.ringing(state.now_us, offer.id)
    tag = state.sealer.seal("offer", call.id, offer.attempt, agent.name)
    state.act(SetVariables(call.node, uuid, (*identity_of(offer), ("cc_tag", tag), *description_of(offer))))
    if agent.warning_tone:
        state.act(PlayMusic(call.node, uuid, agent.warning_tone))
        watch(state, offer, TONE_US, toned)
    else:
        toned(state, offer)


def watch_ring(state: State, offer: Offer) -> None:
    """An originate whose end nobody reports is ended by us."""
    after_us = offer.stay.queue.agent_originate_timeout_us + RING_GRACE_US
    watch(state, offer, after_us, _ring_overdue)


def _ring_overdue(state: State, offer: Offer) -> None:
    """Neither a hang-up nor the job came: end it ourselves; nobody's fault."""
    if offer.state is not OfferState.RINGING:
        return
    rings_us = offer.stay.queue.agent_originate_timeout_us + RING_GRACE_US
    if not offer.sent or state.now_us < offer.made_us + rings_us:  # it waited its turn first
        watch(state, offer, rings_us, _ring_overdue)
    else:
        offer.fault, offer.cause = "path_error", "WATCHDOG"
        end(state, offer, "NO_ANSWER")


# What the switch tells about a phone that rings.


def leg_created(state: State, offer: Offer, leg: Leg) -> None:
    leg.created = True
    pacing.leg_began(state, offer.call.node, leg.uuid, offer.agent.name)
    if offer.state is OfferState.ENDING and not leg.dead:
        kill(state, offer, leg, "ORIGINATOR_CANCEL")


def leg_rings(state: State, offer: Offer, leg: Leg) -> None:
    leg.created = True
    describe(state, offer, leg)
    if offer.ring_since_us is None and offer.state is OfferState.RINGING:
        offer.ring_since_us = state.now_us
        state.touch(offer.call)
        state.router.ringing(state.now_us, offer.id)


def job_ended(state: State, offer: Offer, event: Event) -> bool:
    """BACKGROUND_JOB of the originate: the only sign of a failure that made no leg. True: no news."""
    offer.job_done = True
    cause = cause_of_job(event.body)
    if cause is not None:
        offer.cause = offer.cause or cause
        if cause == pacing.REFUSED_CAUSE and not any(leg.created for leg in offer.legs.values()):
            offer.nobody_to_blame = pacing.refused(state, offer.call.node, offer.agent.name, spare)
        if offer.legs_gone:
            conclude(state, offer)
        return False
    winner = offer.legs.get(event.body.decode("utf-8", "replace").removeprefix("+OK").strip())
    if winner is None or winner.dead or winner.parked:
        return True
    if not winner.answered:
        leg_answered(state, offer, winner)
    if offer.state is OfferState.CLAIMED:
        state.start_timer(PARK_GRACE_US, park_overdue, offer, winner)
    return False


def originate_refused(state: State, offer: Offer) -> None:
    """The switch or our own builder refused the command: no leg will come, and nobody is to blame."""
    offer.job_done = True
    offer.fault, offer.cause = "path_error", "ORIGINATE_REFUSED"
    if offer.legs_gone:
        conclude(state, offer)


def leg_gone(state: State, offer: Offer, leg: Leg, cause: str) -> None:
    """HANGUP (or DESTROY, or a probe that found nothing) of one leg. Conversations end elsewhere."""
    if leg.dead:
        return
    leg.created = leg.dead = True
    leg.cause = cause
    if offer.state in (OfferState.CLAIMED, OfferState.BRIDGING) and not any(
        other.answered and not other.dead for other in offer.legs.values()
    ):
        give_up(state, offer, whose_fault(offer, cause, answered=leg.answered), cause)
    if offer.state in (OfferState.RINGING, OfferState.ENDING) and offer.legs_gone:
        offer.cause = offer.cause or cause
        conclude(state, offer)
