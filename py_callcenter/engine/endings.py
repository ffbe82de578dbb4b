"""How an offer ends: withdrawn, come to nothing, or talked out.

An agent stays reserved in the core until every leg of the offer is gone: a phone that still rings can't take
another call, and no second originate may overtake the first one's end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from py_callcenter.config import Agent
from py_callcenter.engine import holds, looks, music, registrations, staffing, standby
from py_callcenter.engine.actions import Kill, Probe, StopMusic
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Phase
from py_callcenter.engine.causes import LIMITS, NO_REGISTRATION, Fault, fault_of
from py_callcenter.engine.records import AgentStatusChanged, AgentWrapUp, InvariantViolated, OfferEnded
from py_callcenter.engine.state import State

REGAIN_US: Final = 500_000
"""So long a caller may take to be parked again after a bridge that its other side spoilt."""
NOT_READY: Final = "DESTINATION_OUT_OF_ORDER"
"""So the switch ends a leg that it was to join with one that somebody has sent elsewhere meanwhile
(switch_ivr_bridge.c 1.11.1, line 1221).
"""
KILL_DEADLINE_US: Final = 2_000_000
KILL_ROUNDS: Final = 3
SPARED_US: Final = 10_000_000
"""How often we ask whether a leg lives that others may have sent elsewhere."""
SPARED_STANDING_US: Final = 30_000_000
"""The same of one that stays up: where it is, only a look at the whole switch tells."""


def spare(state: State, offer: Offer) -> None:
    """The node can't ring the phone now: as if the offer had never been made."""
    state.spared = True
    withdraw(state, offer, "ORIGINATOR_CANCEL")


def withdraw(state: State, offer: Offer, cause: str) -> None:
    """Stop ringing: the caller left or is another's. The agent keeps the idle time."""
    if offer.state in (OfferState.RINGING, OfferState.CLAIMED, OfferState.BRIDGING):
        if offer.standing and offer.state is OfferState.RINGING and offer.agent.warning_tone:
            for leg in offer.legs.values():  # or it passes for the next caller's, or is heard in their talk
                state.act(StopMusic(offer.call.node, leg.uuid))
        offer.fault = "withdrawn"
        end(state, offer, cause)


def withdraw_all(state: State, offer_ids: Iterable[int], cause: str) -> None:
    """The same of all that the core gives to be withdrawn. A reservation that has no offer, by a fault of
    ours, has no phone either.
    """
    for offer_id in offer_ids:
        offer = state.offers.get(offer_id)
        if offer is None:
            state.router.fail(state.now_us, offer_id, "withdrawn")
        else:
            withdraw(state, offer, cause)


def take_back(state: State, offer: Offer) -> None:
    """The caller is parked again and the bridge never came (race R5): free the agent, keep the place."""
    offer.fault = offer.fault or "path_error"
    offer.cause = offer.cause or "BRIDGE_FAILED"
    end(state, offer, "NORMAL_CLEARING")


def end_after_talk(state: State, offer: Offer, *, hang_up: bool) -> None:
    """The conversation is over: the agent is freed when the last leg is gone.

    Without `hang_up` the switch is trusted to end the talking leg; the watchdog sees to it if it doesn't.
    """
    end(state, offer, "NORMAL_CLEARING", kill_talk_leg=hang_up)


def give_up(state: State, offer: Offer, fault: Fault, cause: str) -> None:
    """An answered offer came to nothing before the bridge: the caller keeps the place (race R5)."""
    call = offer.call
    if offer.state is OfferState.BRIDGING:
        lose_sight(state, call)
        if cause == NOT_READY:
            looks.ask(state, call)
    offer.fault = fault
    offer.cause = cause
    end(state, offer, "NORMAL_CLEARING")


def lose_sight(state: State, call: Call) -> None:
    """A bridge came to nothing, and where the caller is now must be seen before anything is done for them."""
    holds.lose(state, call)
    state.stop_timer(call.settle_timer)
    call.settle_timer = state.start_timer(REGAIN_US, _regain, call)


def _regain(state: State, call: Call) -> None:
    """The bridge ended before it began, and no PARK tells that the caller is back. Others may have sent them
    elsewhere meanwhile, which no event told: so look.
    """
    if not call.parked and call.phase in (Phase.WAITING, Phase.CONNECTING):
        looks.ask(state, call)


def whose_fault(offer: Offer, cause: str, *, answered: bool) -> Fault:
    """Whose fault it is. What we called off ourselves is marked by `withdraw`; a phone that cancels on its
    own would be rung again at once, and for ever, if that counted as withdrawn.
    """
    fault = fault_of(cause, answered=answered, compatible=offer.stay.queue.compatible)
    return "path_error" if fault == "withdrawn" else fault


def end(state: State, offer: Offer, cause: str, *, kill_talk_leg: bool = True) -> None:
    offer.state = OfferState.ENDING
    state.touch(offer.call)
    for leg in offer.legs.values():
        leg.dead = leg.dead or not offer.sent
        if offer.standing and not leg.dead and (offer.leg_back or not offer.talk_leg):
            leg.dead = True  # for this offer; it stays where it is
        if leg.dead:
            continue
        if kill_talk_leg or leg.uuid != offer.talk_leg:
            kill(state, offer, leg, cause)
    if offer.legs_gone:
        conclude(state, offer)
    else:
        watch(state, offer, _patience_us(offer), _kill_overdue)


def kill(state: State, offer: Offer, leg: Leg, cause: str) -> None:
    if not leg.created:
        state.forbid(leg.uuid)
    state.act(Kill(offer.call.node, leg.uuid, cause))


def watch(state: State, offer: Offer, after_us: int, run: Callable[[State, Offer], None]) -> None:
    state.stop_timer(offer.watchdog)
    offer.watchdog = state.start_timer(after_us, run, offer)


def _kill_overdue(state: State, offer: Offer) -> None:
    """The legs should be gone by now: ask, kill again, and in the end free the agent regardless.

    A switch that doesn't answer breaks no invariant; a leg that it shows alive after all those kills does.
    While the node is away nothing can be said or done: its phones may ring on, so the agent is kept until it
    is back or counts as gone.
    """
    if offer.state is not OfferState.ENDING:
        return
    if holds.is_held(state, offer.call.node, "away"):
        watch(state, offer, KILL_DEADLINE_US, _kill_overdue)
        return
    living = [leg for leg in offer.legs.values() if not leg.dead]
    offer.kill_rounds += 0 if offer.spared else 1
    if offer.kill_rounds > KILL_ROUNDS:
        if offer.seen_alive:
            about = {"call": offer.call.id, "agent": offer.agent.name}
            state.note(InvariantViolated, offer.call.node, rule="I3", **about)
        for leg in living:
            state.forbid(leg.uuid)
            leg.created = leg.dead = True
        conclude(state, offer)
        return
    if offer.spared and offer.standing and offer.seen_alive:  # the PARK that frees the agent may be lost
        state.round.doubts.add(offer.call.node)
    offer.seen_alive = False
    for leg in living:
        state.act(Probe(offer.call.node, leg.uuid))
        if not offer.spared:
            kill(state, offer, leg, "NORMAL_CLEARING")
    watch(state, offer, _patience_us(offer), _kill_overdue)


def spare_leg(state: State, offer: Offer) -> None:
    """The leg of an offer that ends talks on: the agent is free when it is gone."""
    watch(state, offer, _patience_us(offer), _kill_overdue)


def _patience_us(offer: Offer) -> int:
    if not offer.spared:
        return KILL_DEADLINE_US
    return SPARED_STANDING_US if offer.standing else SPARED_US


def conclude(state: State, offer: Offer) -> None:
    """Every leg is gone: the agent goes back to the core."""
    if offer.state is OfferState.OVER:
        return
    call, stay = offer.call, offer.stay
    talked = offer.talk_since_us > 0
    fault = offer.fault or whose_fault(offer, offer.cause, answered=offer.answered)
    offer.state = OfferState.OVER
    state.touch(call)
    state.stop_timer(offer.watchdog)
    _forget(state, offer)
    if talked:
        state.router.finish(state.now_us, offer.id)
        state.wrapping[offer.agent.name] = call.id
        note_wrap_up(state, call.node, offer.agent, call.id)
    else:
        if fault == "unregistered":
            rung = any(leg.created for leg in offer.legs.values())
            by_switch = offer.cause in NO_REGISTRATION and not rung
            registrations.not_there(state, call.node, offer.agent, by_switch=by_switch)
        _prove_idle(state, offer)
        status = state.router.fail(state.now_us, offer.id, "withdrawn" if offer.nobody_to_blame else fault)
        state.note(
            OfferEnded,
            call.node,
            call=call.id,
            queue=stay.queue.name,
            agent=offer.agent.name,
            attempt=offer.attempt,
            outcome=fault,
            cause=offer.cause,
            ring_us=0 if offer.ring_since_us is None else state.now_us - offer.ring_since_us,
        )
        if status is not None:
            state.note(AgentStatusChanged, agent=offer.agent.name, status=status, reason=LIMITS[fault])
            staffing.review(state)
    if offer.standing:
        standby.freed(state, call.node, offer.agent.name, offer.legs)
    if call.winner is offer:
        call.winner = None
        if call.phase is Phase.CONNECTING and stay.open:
            call.phase = Phase.WAITING
            music.start(state, call)


def _prove_idle(state: State, offer: Offer) -> None:
    """An offer that came to nothing leaves the agent's place in the idle order alone (I8)."""
    idle_since_us = state.router.agent(offer.agent_id).idle_since_us
    if idle_since_us > offer.made_us >= state.ledger.stirred_us(offer.agent.name):
        about = {"call": offer.call.id, "agent": offer.agent.name}
        state.note(InvariantViolated, offer.call.node, rule="I8", **about)


def note_wrap_up(state: State, node: str, agent: Agent, call: str) -> None:
    """Write down how long an agent rests after talking. One whose phone is away is kept back for longer:
    that passes with its reason, and must not come back with the next start.
    """
    ready_us = state.router.agent(state.agent_ids[agent.name]).ready_at_us
    until_us = max(state.now_us, min(ready_us, state.now_us + agent.wrap_up_time_us))
    state.note(AgentWrapUp, node, agent=agent.name, until_us=until_us, call=call)


def _forget(state: State, offer: Offer) -> None:
    state.offers.pop(offer.id, None)
    state.jobs.pop(offer.job, None)
    offer.stay.offers.pop(offer.id, None)
    for leg in offer.legs.values():
        state.legs.pop(leg.uuid, None)
        if not leg.created and offer.sent:
            state.forbid(leg.uuid)
