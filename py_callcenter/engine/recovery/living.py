"""What lives on a node and is unknown here is taken up; then what the books have open and that is dead."""

from __future__ import annotations

from collections.abc import Mapping

from py_callcenter._router import Event
from py_callcenter.engine import callers, moves, outside, standby, strangers
from py_callcenter.engine.looks import (
    is_agents,
    is_bridged,
    is_on_the_way,
    is_parked,
    is_stamped,
    offer_seal,
    partner_of,
    stamp_of,
)
from py_callcenter.engine.recovery import awaited, books, conversations, parked, phones, questions
from py_callcenter.engine.recovery.questions import Asked
from py_callcenter.engine.state import State


def take_up(state: State, node: str, live: Mapping[str, Event]) -> None:
    """Everything that lives on a node and is unknown here; then what the books have open and that is dead."""
    awaited.no_more(state, node)
    for uuid in live.keys() & state.reach.given_up.get(node, {}).keys():
        state.dead.pop(uuid, None)
    legs = {uuid: dump for uuid, dump in live.items() if uuid not in state.legs and offer_seal(state, dump)}
    unknown = [dump for uuid, dump in live.items() if uuid not in state.calls and not is_agents(state, dump)]
    unknown.sort(key=lambda dump: _age(state, dump))
    asked = questions.found(state, live)
    ringing = {uuid: past for uuid, past in state.past.items() if past.node == node and past.offers}
    for dump in unknown:
        _take_up_caller(state, node, dump, legs, asked)
        call = state.calls.get(dump.unique_id)
        if call is not None:
            questions.take_up(state, call, dump, asked, live)
    questions.end(state, node, asked)
    legs = {uuid: dump for uuid, dump in legs.items() if not standby.is_sealed(state, dump)}
    phones.take_up(state, node, legs, ringing)
    for uuid, past in ringing.items():
        books.end_offers(state, uuid, past)
    for uuid in [uuid for uuid, past in state.past.items() if past.node == node]:
        books.close(state, uuid, state.past.pop(uuid))
    for uuid, dump in live.items():
        if uuid in state.calls:
            strangers.known(state, uuid)
        elif uuid not in state.legs and is_bridged(dump):
            seal = offer_seal(state, dump)
            if seal is not None and seal.agent in state.agents:
                outside.lent(state, node, uuid, seal.agent)


def _age(state: State, dump: Event) -> tuple[int, int]:
    """Who came first is taken up first: so the core orders those who came in the same microsecond."""
    past = state.past.get(dump.unique_id)
    if past is not None:
        return past.entered_us, past.order
    return stamp_of(dump).entered_us, 1 << 62


def _take_up_caller(
    state: State, node: str, dump: Event, legs: dict[str, Event], asked: dict[str, Asked]
) -> None:
    uuid = dump.unique_id
    past = state.past.pop(uuid, None)
    was = state.reach.given_up.get(node, {}).get(uuid)
    known = past is not None or was is not None or is_stamped(state, dump)
    if not dump.get("variable_cc_queue"):
        parked.let_go(state, node, dump, past)
        return
    if is_bridged(dump):
        if known:
            take_up = conversations.transferred if is_on_the_way(dump) else conversations.take_up
            take_up(state, node, dump, past, legs.pop(partner_of(dump), None))
    elif not is_parked(dump) and not (past is not None and parked.hears_music(dump, past)):
        if past is not None:
            parked.elsewhere(state, node, dump, past)
    elif not known:
        callers.arrived(state, node, dump)
    else:
        same = past is not None and past.queue == dump.get("variable_cc_queue")
        if past is not None and same and not moves.moved_since_stamped(dump):
            apart = questions.agents_leg(state, uuid, past, legs, asked)
            if apart is not None:
                del legs[apart.unique_id]
                conversations.take_up(state, node, dump, past, apart)
                return
        parked.take_up(state, node, dump, past, asked)
