"""Consultations that outlived the controller: those who talk go on, and nobody is left in silence.

The other side's legs carry what they are for, with a MAC. Three legs may have come apart meanwhile in each
way that `consults` knows: the agent still asks, is back alone, or has hung up, which hands the caller over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from py_callcenter._router import Event
from py_callcenter.engine import consults, looks, music, outside
from py_callcenter.engine.actions import Bridge, Kill, SetVariables
from py_callcenter.engine.calls import Call, Offer, OfferState, Phase
from py_callcenter.engine.identity import job_uuid
from py_callcenter.engine.looks import (
    application,
    is_bridged,
    is_parked,
    number_in,
    offer_seal,
    partner_of,
    sequence_of,
)
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.records import ConsultationEnded, LegOrphaned
from py_callcenter.engine.state import State
from py_callcenter.value import value


@value
class Asked:
    """A leg of somebody who is consulted about a call, by a valid seal."""

    uuid: str
    dump: Event
    call: str
    kind: Literal["agent", "number"]
    target: str
    """Agent's name; empty for a number."""


def found(state: State, live: Mapping[str, Event]) -> dict[str, Asked]:
    """Legs of ours of other sides that this run doesn't know, by uuid."""
    asked = {}
    for uuid, dump in live.items():
        call, whom = dump.get("variable_cc_call") or "", dump.get(f"variable_{consults.WHOM}")
        if whom is None or uuid in state.outside.consults:
            continue
        if state.sealer.holds(dump.get("variable_cc_tag"), "consult", call, whom):
            kind, _, target = whom.partition("/")
            asked[uuid] = Asked(uuid, dump, call, "agent" if kind == "agent" else "number", target)
    return asked


def agents_leg(
    state: State, caller: str, past: CallMemory, legs: Mapping[str, Event], asked: Mapping[str, Asked]
) -> Event | None:
    """The leg of the agent whom a parked caller belongs to though they are apart; None: they have parted."""
    if past.standing != "talking":
        return None
    for dump in legs.values():
        seal = offer_seal(state, dump)
        if seal is None or seal.call != caller or seal.agent != past.agent:
            continue
        other = asked.get(partner_of(dump)) if is_bridged(dump) else None
        alone = is_parked(dump) and dump.get("variable_park_after_bridge") == "true"
        if (other is not None and other.call == caller) or alone:
            return dump
    return None


def take_up(
    state: State, call: Call, dump: Event, asked: dict[str, Asked], live: Mapping[str, Event]
) -> None:
    """What somebody is asked about this call, who talks with an agent for all that is known."""
    offer = call.winner
    if call.phase is not Phase.TALKING or offer is None or offer.state is not OfferState.TALKING:
        return
    theirs = {uuid: one for uuid, one in asked.items() if one.call == call.id}
    for uuid in theirs:
        del asked[uuid]
    apart = is_parked(dump)
    if apart:
        call.parked, call.playing = True, application(dump) == "playback"
        offer.hold_since_us = state.now_us
    if theirs:
        _resume(state, call, offer, theirs, live, apart=apart)
        if call.consult is not None and not call.consult.going:
            call.playing = False  # a sound that is over shows as one that plays
            music.start(state, call)
    elif apart:
        state.act(Bridge(call.node, call.uuid, offer.talk_leg))
        state.start_timer(consults.JOIN_US, _still_apart, call)
    leg = live.get(offer.talk_leg)
    kept = leg is not None and leg.get("variable_park_after_bridge") == "true"
    if call.consult is None and kept and not offer.standing:  # else it would outlive the conversation
        state.act(SetVariables(call.node, offer.talk_leg, (("park_after_bridge", ""),)))


def _still_apart(state: State, call: Call) -> None:
    """The bridge came to nothing, or nobody told: a look tells."""
    if call.phase is Phase.TALKING and call.parked and call.consult is None:
        looks.ask(state, call)


def _resume(
    state: State,
    call: Call,
    offer: Offer,
    theirs: Mapping[str, Asked],
    live: Mapping[str, Event],
    *,
    apart: bool,
) -> None:
    any_one = next(iter(theirs.values()))
    job = job_uuid(f"consult/{call.id}/{state.epoch}", 0)  # those of this run begin with 1
    consult = consults.Consult(call, offer, any_one.kind, any_one.target, job, tuple(theirs))
    call.consult = consult
    for key in (*theirs, job):
        state.outside.consults[key] = consult
    if any_one.target in state.agents:
        for uuid in theirs:
            outside.took(state, call.node, uuid, any_one.target)
    partner = partner_of(live[offer.talk_leg]) if offer.talk_leg in live else ""
    answered = [uuid for uuid, one in theirs.items() if is_parked(one.dump)]
    if apart:
        consult.talk_leg = partner if partner in theirs else any_one.uuid
        answered_us = number_in(theirs[consult.talk_leg].dump.get("Caller-Channel-Answered-Time"))
        consult.since_us = max(offer.talk_since_us, min(answered_us or state.now_us, state.now_us))
        if partner not in theirs:
            consults.agent_parked(state, offer)
    else:
        consults.goes_on_ringing(state, consult)
        if answered:
            consults.parked(state, answered[0], sequence_of(theirs[answered[0]].dump))


def hand_over(state: State, call: Call, past: CallMemory, asked: dict[str, Asked]) -> bool:
    """The agent hung up while nobody looked: the caller goes to whoever was asked. False: nobody is there."""
    for uuid, one in list(asked.items()):
        if one.call == call.id and is_parked(one.dump):
            del asked[uuid]
            call.phase = Phase.AWAY
            state.act(SetVariables(call.node, uuid, (("park_after_bridge", ""),)))
            state.act(Bridge(call.node, call.uuid, uuid))
            state.note(
                ConsultationEnded,
                call.node,
                call=call.id,
                queue=past.queue,
                leg=past.leg,
                agent=past.agent,
                to=one.kind,
                target=one.target,
                outcome="completed",
                cause="",
                talk_us=0,
            )
            return True
    return False


def end(state: State, node: str, asked: Mapping[str, Asked]) -> None:
    """Legs that nobody asks any more; who talks with somebody is left alone."""
    for uuid, one in asked.items():
        if not is_bridged(one.dump):
            state.note(LegOrphaned, node, call=one.call, agent=one.target)
            state.act(Kill(node, uuid, "ORIGINATOR_CANCEL"))
