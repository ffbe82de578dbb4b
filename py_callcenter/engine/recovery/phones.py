"""Offers that outlived the last run: phones that ring go on ringing, for a caller who still waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import agent_legs, joining, offers, standby
from py_callcenter.engine.actions import Kill
from py_callcenter.engine.calls import Call, Leg, Offer, Phase, Stay
from py_callcenter.engine.identity import job_uuid
from py_callcenter.engine.looks import OfferSeal, is_bridged, is_parked, offer_seal
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.records import LegOrphaned, OfferMade, OfferTakenUp
from py_callcenter.engine.recovery.books import HELD
from py_callcenter.engine.state import State

ORPHAN_US: Final = 1_000_000
"""So long the phone of a leg that is hung up gets no other call: it takes one media tick, or two."""


def take_up(state: State, node: str, legs: Mapping[str, Event], ringing: Mapping[str, CallMemory]) -> None:
    """Phones that ring for a caller who waits go on ringing; all other legs of ours are hung up."""
    rings: dict[OfferSeal, list[Event]] = {}
    for dump in legs.values():
        seal = offer_seal(state, dump)
        if seal is not None:
            rings.setdefault(seal, []).append(dump)
    for seal, dumps in sorted(rings.items(), key=lambda item: (item[0].call, item[0].attempt, item[0].agent)):
        call = state.calls.get(seal.call)
        if call is None or not _wants(state, call, seal) or any(is_bridged(dump) for dump in dumps):
            for dump in dumps:
                orphan(state, node, dump.unique_id, dump)
            continue
        past = ringing.get(call.id)
        known = past is not None and past.offers.pop(seal.agent, None) is not None
        _take_up_offer(state, call, seal, dumps, known=known)


def _wants(state: State, call: Call, seal: OfferSeal) -> bool:
    """Whether the caller still waits and the agent could take the call."""
    agent_id = state.agent_ids.get(seal.agent)
    if agent_id is None or call.stay is None or not call.stay.open or call.phase is not Phase.WAITING:
        return False
    agent = state.router.agent(agent_id)
    return agent.state not in HELD and agent.status in offers.TAKES_CALLS


def _take_up_offer(state: State, call: Call, seal: OfferSeal, dumps: Iterable[Event], *, known: bool) -> None:
    """`known`: the records tell that the offer was made."""
    stay = call.stay
    if stay is None:
        return
    names = [
        state.sealer.leg(call.id, seal.attempt, place)
        for place in range(len(state.agents[seal.agent].contacts))
    ]
    offer_id = state.router.adopt_offer(state.now_us, stay.caller_id, state.agent_ids[seal.agent])
    offer = offer_again(state, offer_id, (call, stay), seal, map(Leg, names), standing=False)
    what = {"call": call.id, "queue": stay.queue.name, "agent": seal.agent, "attempt": seal.attempt}
    if not known:
        state.note(OfferMade, call.node, **what)
    state.note(OfferTakenUp, call.node, talking=False, **what)
    offers.watch_ring(state, offer)
    for dump in dumps:
        leg = offer.legs.get(dump.unique_id)
        if leg is None:  # one more phone was registered then
            leg = offer.legs[dump.unique_id] = Leg(dump.unique_id)
            state.legs[leg.uuid] = offer
        leg.created = True
        leg.described = agent_legs.is_described(dump)
        if is_parked(dump):
            joining.leg_parked(state, offer, leg)
        elif dump.get("Answer-State") == "answered":
            joining.leg_answered(state, offer, leg)
        elif dump.get("Answer-State") in ("ringing", "early"):
            offers.leg_rings(state, offer, leg)


def offer_again(
    state: State,
    offer_id: int,
    where: tuple[Call, Stay],
    seal: OfferSeal,
    legs: Iterable[Leg],
    *,
    standing: bool,
) -> Offer:
    """An offer of the last run, for a queue leg of a call. `standing`: its leg is one that stays up."""
    call, stay = where
    offer = Offer(
        id=offer_id,
        call=call,
        stay=stay,
        agent=state.agents[seal.agent],
        agent_id=state.agent_ids[seal.agent],
        attempt=seal.attempt,
        job=job_uuid(call.id, seal.attempt),
        made_us=state.now_us,
        legs={leg.uuid: leg for leg in legs},
        standing=standing,
    )
    call.attempts = max(call.attempts, seal.attempt)
    state.reserve(offer.agent_id, offer_id, call)
    stay.offers[offer_id] = offer
    state.touch(call)
    state.offers[offer_id] = offer
    state.jobs[offer.job] = offer
    for leg in offer.legs.values():
        state.legs[leg.uuid] = offer
        if leg.answered:
            agent_legs.describe(state, offer, leg)
    return offer


def orphan(state: State, node: str, uuid: str, dump: Event) -> None:
    """A leg that carries our seal and belongs to nothing here; never one that talks, never a stranger's."""
    seal = offer_seal(state, dump)
    if seal is None and standby.is_sealed(state, dump) and not is_bridged(dump):
        standby.orphan(state, node, uuid, dump.get("variable_cc_agent") or "")
    if seal is not None and not is_bridged(dump):
        state.note(LegOrphaned, node, call=seal.call, agent=seal.agent)
        state.act(Kill(node, uuid, "ORIGINATOR_CANCEL"))
        agent_id = state.agent_ids.get(seal.agent)
        if agent_id is not None:  # no other call may reach the phone before this one has left it
            ready_us = max(state.router.agent(agent_id).ready_at_us, state.now_us + ORPHAN_US)
            state.router.set_ready_at(state.now_us, agent_id, ready_us)
