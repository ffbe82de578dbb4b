"""What a fresh look at a switch means: after a reconnect, or after the switch itself restarted.

The switch is right about which channels live and who is bridged; we are right about nothing that it
contradicts. Input: one `uuid_dump` for each channel that could concern us. A channel that is known here and
missing there is gone; one that is there and unknown here is taken up (`recovery`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import (
    callers,
    consults,
    departures,
    endings,
    events,
    joining,
    moves,
    returning,
    standby,
    talk,
)
from py_callcenter.engine.calls import Call, OfferState, Phase
from py_callcenter.engine.looks import (
    application,
    in_dialplan,
    in_the_park,
    is_bridged,
    is_parked,
    partner_of,
    sequence_of,
)
from py_callcenter.engine.recovery import given_up, living
from py_callcenter.engine.state import State

ON_ITS_WAY_US: Final = 800_000
"""So long an originate may take to make its legs; the second look after a reconnect comes later than that."""


def resync(state: State, node: str, dumps: Iterable[Event]) -> None:
    """Make the engine agree with one node."""
    live = {dump.unique_id: dump for dump in dumps}
    for uuid, dump in live.items():
        partner = partner_of(dump) if uuid in state.legs and is_bridged(dump) else ""
        if partner and partner not in state.calls:
            talk.bridged(state, uuid, partner)  # first, for nobody who talks on is hung up
    _bury_the_dead(state, node, live)
    for uuid, dump in live.items():
        if uuid in state.legs:
            _agent_leg(state, uuid, dump)
    for uuid, dump in live.items():
        if uuid in state.calls:
            _caller_leg(state, uuid, dump)
    living.take_up(state, node, live)
    standby.look(state, node, live)
    consults.look(state, node, dict.fromkeys(live))


def look(state: State, call: Call, dump: Event | None) -> None:
    """The answer to a question about one caller, asked as their events left a doubt."""
    if dump is None:
        callers.gone(state, call, "UNSEEN", lost=True)
    elif call.phase is Phase.LEAVING:
        returning.seen_leaving(state, call, dump, parked=is_parked(dump), anew=False)
    else:
        _caller_leg(state, call.uuid, dump)
        if call.phase is Phase.PARTED and moves.joined(
            call, dump
        ):  # over; it tells nothing of what comes next
            call.source = moves.source(dump)
        returning.lives(state, call, dump)


def _bury_the_dead(state: State, node: str, live: dict[str, Event]) -> None:
    for call in [call for call in state.calls.values() if call.node == node and call.uuid not in live]:
        callers.gone(state, call, given_up.cause_unseen(state, node, call.uuid), lost=True)
    for offer in [offer for offer in state.offers.values() if offer.call.node == node]:
        # The command of one just made may still be on its way: the next look, or its own deadline, tells.
        offer.job_done = offer.job_done or state.now_us - offer.made_us >= ON_ITS_WAY_US
        for leg in list(offer.legs.values()):
            if leg.uuid in live:
                leg.created = True
            elif leg.created:
                events.leg_gone(state, leg.uuid)
        if offer.state is OfferState.RINGING and offer.legs_gone:
            endings.withdraw(state, offer, "ORIGINATOR_CANCEL")


def _agent_leg(state: State, uuid: str, dump: Event) -> None:
    offer = state.legs[uuid]
    leg = offer.legs[uuid]
    if offer.state is OfferState.ENDING and not offer.spared and uuid != offer.talk_leg:
        endings.kill(state, offer, leg, "ORIGINATOR_CANCEL")  # the first may be lost with a connection
    elif is_parked(dump):
        joining.leg_parked(state, offer, leg)
    elif dump.get("Answer-State") == "answered" and not (leg.answered or offer.standing):
        joining.leg_answered(state, offer, leg)  # one that stays up hears the tone, and is asked by its end


def _parked_caller(state: State, call: Call, dump: Event) -> None:
    winner = call.winner
    if winner is not None and winner.state is OfferState.BRIDGING:
        # A bridge under way shows both legs parked for some 40 ms; only one that was perhaps never asked for
        # is asked for again, any other has its own deadline.
        if winner.unsure:
            joining.bridge_again(state, winner)
    elif call.phase is not Phase.WAITING or not call.parked or moves.moved(call, dump):
        returning.parked_again(state, call, dump)


def _hears_our_music(call: Call, dump: Event) -> bool:
    """In the park and hearing what we play, also after a conversation: apart from an agent who consulted."""
    plays = call.playing and dump.get("Channel-State") == "CS_EXECUTE" and application(dump) == "playback"
    return plays and not moves.moved(call, dump)


def _caller_leg(state: State, uuid: str, dump: Event) -> None:
    call = state.calls[uuid]
    call.seen_at = sequence_of(dump)
    crossed = call.crossed
    if moves.moved(call, dump) and not in_the_park(dump):  # while nobody was looking
        if call.being_joined and not in_dialplan(dump):
            departures.crossing(state, call)
        else:
            departures.departed(state, call)
    if is_bridged(dump):
        partner = partner_of(dump)
        if partner:
            talk.bridged(state, uuid, partner)
            talk.keep(state, call, dump)
            if crossed and call.phase is Phase.TALKING:
                departures.stayed(state, call, dump)
    elif call.phase is Phase.LEAVING:
        returning.seen_leaving(state, call, dump, parked=is_parked(dump), anew=True)
    elif is_parked(dump) or _hears_our_music(call, dump):
        _parked_caller(state, call, dump)
    elif in_dialplan(dump):
        departures.sent_on(state, call, dump)
        returning.elsewhere(state, call)
    elif dump.get("Channel-State") == "CS_RESET":
        returning.asleep(state, call, dump)
