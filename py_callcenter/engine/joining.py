"""An agent has answered: the caller is claimed, then both are bridged.

No step trusts a reply: each has a deadline, and a look at the caller repairs what went wrong.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from py_callcenter.config import expand_record_template
from py_callcenter.config.rules import RuleError
from py_callcenter.engine import announce, holds, looks, music
from py_callcenter.engine.actions import Bridge, Kill, SetVariables, StartRecording
from py_callcenter.engine.agent_legs import describe
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Phase
from py_callcenter.engine.endings import conclude, end, kill, lose_sight, watch, withdraw, withdraw_all
from py_callcenter.engine.looks import ASK_AFTER_US
from py_callcenter.engine.records import RecordingStarted
from py_callcenter.engine.state import State

PARK_GRACE_US: Final = 250_000
"""A job that succeeded is enough to go on when the leg's PARK doesn't come (race R12)."""
BRIDGE_DEADLINE_US: Final = 3_000_000
LOOK_DEADLINE_US: Final = 1_000_000


def leg_answered(state: State, offer: Offer, leg: Leg) -> None:
    """The first answer claims the caller; every later one is told that it lost."""
    leg.created = leg.answered = True
    if offer.state is OfferState.ENDING:
        kill(state, offer, leg, "LOSE_RACE")
    elif offer.state is OfferState.RINGING:
        losers = state.router.claim(state.now_us, offer.id)
        if losers is None:
            withdraw(state, offer, "LOSE_RACE")
            return
        offer.state = OfferState.CLAIMED
        offer.answered_us = state.now_us
        offer.call.winner = offer
        offer.call.phase = Phase.CONNECTING
        state.touch(offer.call)
        describe(state, offer, leg)
        watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)
        withdraw_all(state, losers, "LOSE_RACE")


def leg_parked(state: State, offer: Offer, leg: Leg) -> None:
    leg.parked = True
    if offer.standing and (offer.talk_since_us or offer.state in (OfferState.BRIDGING, OfferState.ENDING)):
        _leg_back(state, offer, leg)
        return
    if offer.state in (OfferState.TALKING, OfferState.ENDING):
        state.start_timer(BRIDGE_DEADLINE_US, _left_parked, offer, leg)
        return
    if not leg.answered or offer.state is OfferState.RINGING:
        leg_answered(state, offer, leg)
    connect(state, offer.call)


def _left_parked(state: State, offer: Offer, leg: Leg) -> None:
    """Whoever was joined with this leg is no longer, and nobody but us ends it."""
    if offer.state is OfferState.TALKING and not leg.dead:
        looks.ask(state, offer.call)
    elif offer.state is OfferState.ENDING and not leg.dead:
        state.act(Kill(offer.call.node, leg.uuid, "NORMAL_CLEARING"))


def _leg_back(state: State, offer: Offer, leg: Leg) -> None:
    """A leg that stays up has parked: the caller is no longer there."""
    offer.leg_back = True
    if offer.state is OfferState.ENDING:
        leg.dead = True
        conclude(state, offer)
    elif offer.state is OfferState.TALKING:  # the caller's own news follows, or was lost
        state.start_timer(BRIDGE_DEADLINE_US, _still_talking, offer)


def _still_talking(state: State, offer: Offer) -> None:
    if offer.state is OfferState.TALKING:
        looks.ask(state, offer.call)


def toned(state: State, offer: Offer) -> None:
    """The tone or the announcement is over: join them."""
    leg = offer.parked_leg()
    if offer.standing and offer.state is OfferState.RINGING:
        for standing_leg in offer.legs.values():
            leg_parked(state, offer, standing_leg)
    elif offer.announced is False and leg is not None:
        announce.over(state, offer, leg)
        watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)
        connect(state, offer.call)


def connect(state: State, call: Call) -> None:
    """Bridge as soon as the caller and the leg that won are both parked."""
    offer = call.winner
    if offer is None or offer.state is not OfferState.CLAIMED or not call.parked:
        return
    leg = offer.parked_leg()
    if leg is None or offer.announced is False:
        return
    if announce.begin(state, offer, leg):
        watch(state, offer, announce.LONGEST_US, toned)
        return
    music.stop(state, call)
    with suppress(RuleError):  # a name that makes no file name costs the recording, not the call
        record(state, call, offer)
    offer.state = OfferState.BRIDGING
    offer.talk_leg = leg.uuid
    call.parked = False
    state.act(Bridge(call.node, call.uuid, leg.uuid))
    watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)


def record(state: State, call: Call, offer: Offer) -> None:
    """Record the caller's leg by the queue's template. Raises `RuleError` when it makes no file name."""
    template = offer.stay.queue.record_template
    if offer.recording:  # a second bridge of the same legs
        return
    offer.recording = True
    if template is None:
        return
    path = expand_record_template(
        template, call=call.id, queue=offer.stay.queue.name, agent=offer.agent.name, at_us=state.now_us
    )
    state.act(SetVariables(call.node, call.uuid, (("cc_record_filename", path),)))
    state.act(StartRecording(call.node, call.uuid, path))
    state.note(RecordingStarted, call.node, call=call.id, agent=offer.agent.name, path=path)


# Deadlines and their repair.


def park_overdue(state: State, offer: Offer, leg: Leg) -> None:
    if offer.state is OfferState.CLAIMED and not leg.dead:
        leg_parked(state, offer, leg)


def _bridge_overdue(state: State, offer: Offer) -> None:
    """No CHANNEL_BRIDGE: look where the caller is; with the agent, elsewhere, or still parked."""
    if offer.state is OfferState.CLAIMED:
        bridge_failed(state, offer)
    elif offer.state is OfferState.BRIDGING:
        offer.overdue = True
        looks.ask(state, offer.call)
        watch(state, offer, LOOK_DEADLINE_US, _look_overdue)


def _look_overdue(state: State, offer: Offer) -> None:
    """The switch doesn't say where the caller is: free the agent, and ask until it does."""
    if offer.state is OfferState.BRIDGING:
        offer.fault, offer.cause = "path_error", "BRIDGE_FAILED"
        lose_sight(state, offer.call)
        end(state, offer, "NORMAL_CLEARING")


def bridge_again(state: State, offer: Offer) -> None:
    """A look at the switch finds both legs parked: the bridge command never arrived."""
    offer.unsure = False
    offer.state = OfferState.CLAIMED
    offer.call.parked = True
    connect(state, offer.call)


def bridge_failed(state: State, offer: Offer) -> None:
    """The bridge was refused or never asked for; a look tells whether the caller still needs the place."""
    call = offer.call
    state.start_timer(ASK_AFTER_US, looks.ask, call)
    offer.fault, offer.cause = "path_error", "BRIDGE_FAILED"
    if call.crossed:
        lose_sight(state, call)
    else:
        call.parked = True
    end(state, offer, "NORMAL_CLEARING")


def assume_parked(state: State, call: Call) -> None:
    """The caller lives and is nowhere else."""
    call.parked = True
    call.playing = False
    holds.find(state, call)
    music.start(state, call)
    connect(state, call)
