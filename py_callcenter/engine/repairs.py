"""What the sweep puts right by itself: each repair blames nobody, and done twice it does no more than once.

Whatever a switch knows better is left to a look at it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from py_callcenter._router import RouterError
from py_callcenter.engine import callers, endings, exits, looks, returning
from py_callcenter.engine.calls import Call, Offer, OfferState, Phase, Stay
from py_callcenter.engine.state import State

Mend = Callable[[State], None]

BUSY: Final = frozenset({"reserved", "receiving", "in_a_queue_call"})
MOST_ORDERED: Final = 500
"""Callers at the head of a queue who are looked at."""


def is_unowned(state: State, agent_id: int) -> bool:
    """Whether the core keeps an agent for whom there is no offer."""
    return state.router.agent(agent_id).state in BUSY and not any(
        one.agent_id == agent_id and one.state is not OfferState.OVER for one in state.offers.values()
    )


def give_back(state: State, agent_id: int) -> None:
    """Free an agent, and the caller, whom the core keeps and no offer does. An offer that other tables still
    know is put back instead: its phone may ring, or they talk.
    """
    offer_id, _call, _node = state.round.reserved.get(agent_id, (0, "", ""))
    if agent_id not in state.agent_names or not is_unowned(state, agent_id):
        return
    lost = next((one for one in _known_offers(state) if one.id == offer_id), None)
    if lost is not None and lost.state is not OfferState.OVER:
        _own_again(state, lost)
        return
    try:
        # Nobody's fault, and the agent comes after others for some seconds: what failed may fail again.
        state.router.fail(state.now_us, offer_id, "path_error")
    except RouterError:  # a conversation
        name = state.agent_names[agent_id]
        # When that isn't known either, it stays told, and an order about the agent frees them.
        with suppress(RouterError):
            state.router.finish(state.now_us, offer_id)
            endings.note_wrap_up(state, "", state.agents[name], state.wrapping.get(name, ""))


def _known_offers(state: State) -> Iterator[Offer]:
    yield from state.legs.values()
    yield from state.jobs.values()
    for call in state.calls.values():
        if call.winner is not None:
            yield call.winner


def _own_again(state: State, offer: Offer) -> None:
    state.offers[offer.id] = offer.stay.offers[offer.id] = state.jobs[offer.job] = offer
    for leg in offer.legs.values():
        if not leg.dead:
            state.legs[leg.uuid] = offer
    if offer.state is not OfferState.TALKING and not state.is_pending(offer.watchdog):
        offer.fault = offer.fault or "path_error"
        endings.end(state, offer, "NORMAL_CLEARING")


def call_off(state: State, offer: Offer) -> None:
    """No phone shall ring for this offer, if one does. Nobody's fault, as in `give_back`."""
    if offer.state in (OfferState.RINGING, OfferState.ENDING):
        offer.fault, offer.cause = offer.fault or "path_error", offer.cause or "WATCHDOG"
        endings.end(state, offer, "ORIGINATOR_CANCEL")


def is_queued(state: State, call: Call, stay: Stay) -> bool:
    """Whether the core knows a caller who waits, and we whose place that is."""
    known = state.waiting.get(stay.caller_id)
    return known is not None and known[0] is call and _is_in_core(state, stay)


def _is_in_core(state: State, stay: Stay) -> bool:
    try:
        state.router.ahead(stay.caller_id)
    except RouterError:
        return False
    return True


def put_back(state: State, call: Call) -> None:
    """A caller in nobody's care: back into the queue, at their place, when it was there that they were; a
    look at the channel decides for all others.
    """
    stay = call.stay
    if stay is None or not _belongs_in_queue(call, stay):
        looks.ask(state, call)
        return
    if call.phase is not Phase.WAITING:  # with whom, and where, must be seen before a phone rings for them
        call.phase, call.winner, call.parked = Phase.WAITING, None, False
    queue = state.queues.get(stay.queue.name)
    if stay.open and _is_in_core(state, stay):
        state.waiting[stay.caller_id] = (call, stay)
        state.touch(call)
    elif queue is not None and state.ledger.is_open(call.id, stay.index):
        state.waiting.pop(stay.caller_id, None)
        returning.wait_on(state, call, stay, queue)
    elif queue is not None:
        waited_us = state.now_us - stay.entered_us + stay.earlier_us
        callers.enter(state, call, queue, state.now_us, earlier_us=waited_us, sent=True)
    else:
        exits.unknown_queue(state, call, stay.queue.name)
        return
    if not call.parked:
        endings.lose_sight(state, call)


def _belongs_in_queue(call: Call, stay: Stay) -> bool:
    """Whoever is to be with an agent, and has none, never left the queue when the queue leg is still open."""
    if call.phase in (Phase.CONNECTING, Phase.TALKING):
        return stay.open and (call.winner is None or call.winner.state is OfferState.OVER)
    return call.phase is Phase.WAITING


def send_off(state: State, caller_id: int) -> None:
    """Nobody stands at this place of the core's order."""
    offer_ids = state.router.leave(state.now_us, caller_id)
    endings.withdraw_all(state, offer_ids, "ORIGINATOR_CANCEL")


def rank_again(state: State, queue_id: int) -> None:
    """Tell the core once more what places in a queue go by."""
    for caller_id in islice(state.router.callers(queue_id), MOST_ORDERED):
        if caller_id in state.waiting:
            call, stay = state.waiting[caller_id]
            base_us = call.wishes.base_score_us + stay.earlier_us
            state.router.set_priority(state.now_us, caller_id, stay.priority)
            state.router.set_base_score(state.now_us, caller_id, base_us)
