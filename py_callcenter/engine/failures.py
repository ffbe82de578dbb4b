"""What becomes of a command that a switch refused, or of which nobody knows whether it got there."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine import (
    agent_legs,
    audit,
    configure,
    consults,
    events,
    exits,
    joining,
    looks,
    music,
    offers,
    standby,
    strangers,
)
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    AskMark,
    Bridge,
    Look,
    Originate,
    PlayMusic,
    SetVariables,
    Transfer,
)
from py_callcenter.engine.calls import Offer, OfferState
from py_callcenter.engine.state import State

_AGAIN_US: Final = 5_000_000
"""When to try again what had no way to the switch."""


def failed(state: State, action: Action, error: str | None) -> None:
    call = state.calls.get(getattr(action, "uuid", ""))
    match action:
        case Originate() if error is not None:
            _not_dialled(state, action.job)
        case Bridge(agent=leg) if leg in state.legs:
            _not_bridged(state, state.legs[leg], error)
        case Bridge(agent=leg) if leg in state.outside.consults:
            consults.not_joined(state, leg, error)
        case PlayMusic() if error is not None:
            _not_played(state, action, error)
        case Transfer() if call is not None:
            exits.failed(state, call, refused=error is not None)
        case SetVariables() | PlayMusic() if call is not None:
            call.unstamped |= isinstance(action, SetVariables)
            state.start_timer(looks.ASK_AFTER_US, looks.ask, call)
        case SetVariables(uuid=leg) if leg in state.legs:
            agent_legs.not_described(state, state.legs[leg], leg, error)
        case AskApplication() | AskMark() if error is not None:
            _not_told(state, action, error)
        case Look() if call is not None:
            state.start_timer(_AGAIN_US, looks.ask, call)
        case _:
            pass  # a kill that found nothing, or a question: the watchdogs ask again


def _not_told(state: State, question: AskApplication | AskMark, error: str) -> None:
    if isinstance(question, AskMark):
        audit.not_marked(state, question.node, question.uuid, error)
    else:
        strangers.not_told(state, question.uuid, error)


def _not_bridged(state: State, offer: Offer, error: str | None) -> None:
    if offer.state is not OfferState.BRIDGING:
        return
    if error is not None and error.startswith("-"):  # the switch's own words
        joining.bridge_failed(state, offer)
    else:
        offer.unsure = True


def _not_played(state: State, action: PlayMusic, error: str) -> None:
    if action.uuid in state.calls:
        _play_something_else(state, action.uuid, action.source)
    elif error.startswith("-"):  # no tone for an agent whose leg should be there
        events.leg_gone(state, action.uuid)
        standby.gone(state, action.uuid)
    elif (offer := state.legs.get(action.uuid)) is not None:
        joining.toned(state, offer)


def _not_dialled(state: State, job: str) -> None:
    offer = state.jobs.get(job)
    if offer is not None:
        offers.originate_refused(state, offer)
    else:
        consults.job_failed(state, job, "ORIGINATE_REFUSED")
        standby.refused(state, job)


def _play_something_else(state: State, uuid: str, source: str) -> None:
    """An override that can't be played falls back to the queue's own music."""
    call = state.calls[uuid]
    call.playing = False
    if source == call.wishes.moh_override and call.stay is not None:
        call.wishes = configure.without_override(call.wishes)
        music.start(state, call)
    else:
        state.start_timer(_AGAIN_US, looks.ask, call)
