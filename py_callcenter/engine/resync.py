"""What a fresh look at a switch means: after a reconnect, or after the switch itself restarted.

The switch is right about which channels live and who is bridged; we are right about nothing that it
contradicts. Input: one `uuid_dump` for each channel that could concern us. A channel that is known here and
missing there is gone; one that is there and unknown here is adopted when it is a caller, and hung up
when it is a leg that carries our own seal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import callers, moves, offers, talk
from py_callcenter.engine.actions import Kill
from py_callcenter.engine.calls import Call, OfferState, Phase
from py_callcenter.engine.state import State

_BRIDGED_STATES: Final = frozenset({"CS_SOFT_EXECUTE", "CS_EXCHANGE_MEDIA"})
_DIALPLAN_STATES: Final = frozenset({"CS_ROUTING", "CS_EXECUTE"})


def resync(state: State, node: str, dumps: Iterable[Event]) -> None:
    """Make the engine agree with one node."""
    live = {dump.unique_id: dump for dump in dumps}
    _bury_the_dead(state, node, live)
    for uuid, dump in live.items():
        if dump.get("variable_cc_side") == "agent":
            _agent_leg(state, node, uuid, dump)
    for uuid, dump in live.items():
        if dump.get("variable_cc_side") != "agent":
            _caller_leg(state, node, uuid, dump)


def _bury_the_dead(state: State, node: str, live: dict[str, Event]) -> None:
    for call in [call for call in state.calls.values() if call.node == node and call.uuid not in live]:
        callers.gone(state, call, "UNSEEN", lost=True)
    for offer in [offer for offer in state.offers.values() if offer.call.node == node]:
        offer.job_done = True
        for leg in list(offer.legs.values()):
            if leg.uuid in live:
                leg.created = True
            elif leg.created:
                _leg_gone(state, leg.uuid)
        if offer.state is OfferState.RINGING and offer.legs_gone:
            offers.withdraw(state, offer, "ORIGINATOR_CANCEL")


def _leg_gone(state: State, uuid: str) -> None:
    offer = state.legs.get(uuid)
    if offer is None:
        return
    leg = offer.legs[uuid]
    if offer.state is OfferState.TALKING and offer.talk_leg == uuid:
        talk.agent_gone(state, offer, leg, "UNSEEN", "")
        callers.parted(state, offer.call)
    else:
        offers.leg_gone(state, offer, leg, "UNSEEN")


def _application(dump: Event) -> str:
    """The application that runs, or ran last: a broadcast's shows instead of `park` even when it is over."""
    return dump.get("variable_current_application") or ""


def _is_bridged(dump: Event) -> bool:
    """By `uuid_bridge`, or as the first leg of the dialplan's `bridge`, which stays in CS_EXECUTE."""
    state = dump.get("Channel-State")
    in_dialplan = state == "CS_EXECUTE" and _application(dump) == "bridge"
    return state in _BRIDGED_STATES or (in_dialplan and bool(dump.get("variable_bridge_to")))


def _is_parked(dump: Event) -> bool:
    """Parked, or hearing our music while parked. A caller who has talked may hear somebody else's."""
    if dump.get("Channel-State") == "CS_PARK":
        return True
    if dump.get("Channel-State") != "CS_EXECUTE":
        return False
    hears_ours = (
        dump.get("variable_cc_side") == "member"
        and dump.get("variable_cc_agent_bridged") != "true"
        and not moves.moved_since_stamped(dump)
    )
    return _application(dump) == "park" or (
        _application(dump) == "playback" and hears_ours and bool(dump.get("variable_cc_queue"))
    )


def _in_the_park(dump: Event) -> bool:
    """In an extension's `park`, whatever plays there."""
    return dump.get("Channel-State") == "CS_PARK" or _application(dump) == "park"


def _agent_leg(state: State, node: str, uuid: str, dump: Event) -> None:
    offer = state.legs.get(uuid)
    if offer is None:
        orphan(state, node, uuid, dump)
        return
    leg = offer.legs[uuid]
    if _is_parked(dump):
        offers.leg_parked(state, offer, leg)
    elif dump.get("Answer-State") == "answered" and not leg.answered:
        offers.leg_answered(state, offer, leg)


def orphan(state: State, node: str, uuid: str, dump: Event) -> None:
    """A leg that carries our seal and belongs to nothing here; never one that talks, never a stranger's."""
    call, _, attempt = (dump.get("variable_cc_offer") or "").rpartition("/")
    sealed = state.sealer.holds(
        dump.get("variable_cc_tag"), "offer", call, attempt, dump.get("variable_cc_agent") or ""
    )
    if sealed and not _is_bridged(dump):
        state.act(Kill(node, uuid, "ORIGINATOR_CANCEL"))


def _parked_caller(state: State, call: Call, dump: Event) -> None:
    winner = call.winner
    if winner is not None and winner.state is OfferState.BRIDGING:
        # A bridge under way shows both legs parked for some 40 ms; only one that was perhaps never asked for
        # is asked for again, any other has its own deadline.
        if winner.unsure:
            offers.bridge_again(state, winner)
    elif call.phase is not Phase.WAITING or not call.parked:
        callers.parked_again(state, call, dump)


def _caller_leg(state: State, node: str, uuid: str, dump: Event) -> None:
    call = state.calls.get(uuid)
    if call is None:
        if dump.get("variable_cc_queue") and _is_parked(dump):
            callers.arrived(state, node, dump)
        return
    if moves.moved(call, dump) and not _in_the_park(dump):
        moves.departed(state, call)  # while nobody was looking
    if _is_bridged(dump):
        partner = dump.get("variable_signal_bond") or dump.get("Other-Leg-Unique-ID") or ""
        if partner:
            talk.bridged(state, uuid, partner)
    elif call.phase is Phase.LEAVING:
        callers.seen_leaving(state, call, dump, parked=_is_parked(dump))
    elif _is_parked(dump):
        _parked_caller(state, call, dump)
    elif dump.get("Channel-State") in _DIALPLAN_STATES:
        callers.elsewhere(state, call)
