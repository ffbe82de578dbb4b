"""What each event of a switch is to the calls here: whose leg it is decides who takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import (
    callers,
    consults,
    departures,
    endings,
    exits,
    joining,
    moves,
    music,
    offers,
    outside,
    pacing,
    returning,
    standby,
    strangers,
    talk,
)
from py_callcenter.engine.actions import Kill
from py_callcenter.engine.calls import OfferState, Phase
from py_callcenter.engine.causes import cause_of_job
from py_callcenter.engine.looks import is_agents, is_old, sequence_of
from py_callcenter.engine.recovery import given_up, phones, questions
from py_callcenter.engine.state import State

Handler = Callable[[State, str, Event], bool | None]
"""Takes the state, the node's name and the event. One that gives True has told the core nothing."""


def _on_create(state: State, node: str, event: Event) -> bool:
    uuid = event.unique_id
    given_up.reappeared(state, node, uuid)
    offer = state.legs.get(uuid)
    if offer is not None:
        offers.leg_created(state, offer, offer.legs[uuid])
    else:
        if not standby.began(state, node, uuid):
            pacing.began(state, node, uuid)
        told = outside.began(state, node, event)
        if uuid not in state.reach.standing_legs and uuid not in state.outside.consults:
            strangers.began(state, node, uuid)
        if event.get("Call-Direction") == "inbound":
            callers.expect(state, event)
        _ghost(state, node, uuid)
        return not told
    return True


def _on_progress(state: State, node: str, event: Event) -> None:
    uuid = event.unique_id
    offer = state.legs.get(uuid)
    if offer is not None:
        offers.leg_rings(state, offer, offer.legs[uuid])
    else:
        _ghost(state, node, uuid)


def _on_answer(state: State, node: str, event: Event) -> bool:
    """A caller's PARK stands behind it often, and is waited for."""
    uuid = event.unique_id
    offer = state.legs.get(uuid)
    if offer is not None:
        joining.leg_answered(state, offer, offer.legs[uuid])
        return False
    if event.get("variable_cc_queue") and uuid not in state.calls:
        callers.expect(state, event)
        strangers.answered(state, node, uuid)
    _ghost(state, node, uuid)
    return True


def _ghost(state: State, node: str, uuid: str) -> None:
    """A leg that was called off before it existed (races R1, R2)."""
    if state.cancelled.pop(uuid, 0) > state.now_us:
        state.act(Kill(node, uuid, "ORIGINATOR_CANCEL"))


def _on_park(state: State, node: str, event: Event) -> None:
    uuid = event.unique_id
    strangers.known(state, uuid)
    if given_up.reappeared(state, node, uuid):
        return
    offer = state.legs.get(uuid)
    if offer is not None:
        if not consults.agent_parked(state, offer):
            joining.leg_parked(state, offer, offer.legs[uuid])
        return
    call = state.calls.get(uuid)
    if call is not None:
        call.news += 1
        returning.parked_again(state, call, event)
    elif uuid in state.reach.standing_legs:
        standby.parked(state, uuid)
    elif uuid in state.outside.consults:
        consults.parked(state, uuid, sequence_of(event))
    elif is_agents(state, event):
        phones.orphan(state, node, uuid, event)
    elif event.get("variable_cc_side") == "consult":
        questions.end(state, node, questions.found(state, {uuid: event}))
    elif event.get("variable_cc_queue") and uuid not in state.dead:
        callers.arrived(state, node, event)


def _on_unpark(state: State, _node: str, event: Event) -> bool:
    call = state.calls.get(event.unique_id)
    if call is None or is_old(call, event):
        return True
    call.news += 1
    return not departures.unparked(state, call, event)


def _on_unbridge(state: State, _node: str, event: Event) -> bool:
    call = state.calls.get(event.unique_id)
    if call is None or is_old(call, event):
        return True
    call.news += 1
    return not departures.unbridged(state, call, event)


def _on_bridge(state: State, node: str, event: Event) -> None:
    given_up.reappeared(state, node, event.unique_id)
    legs = event.get("Bridge-A-Unique-ID") or "", event.get("Bridge-B-Unique-ID") or ""
    calls = [call for call in map(state.calls.get, legs) if call is not None]
    if not any(is_old(call, event) for call in calls):
        talk.bridged(state, *legs)
        for call in calls:
            if call.crossed and call.phase is Phase.TALKING and call.uuid == event.unique_id:
                departures.stayed(state, call, event)


def _on_hold(state: State, _node: str, event: Event) -> None:
    offer = state.legs.get(event.unique_id)
    if offer is not None:
        talk.held(state, offer)


def _on_unhold(state: State, _node: str, event: Event) -> None:
    offer = state.legs.get(event.unique_id)
    if offer is not None:
        talk.unheld(state, offer)


def _on_hangup(state: State, node: str, event: Event) -> bool:
    pacing.hung_up(state, node, event.unique_id)
    return _gone(state, event)


def _gone(state: State, event: Event) -> bool:
    uuid = event.unique_id
    told = outside.ended(state, uuid)
    strangers.known(state, uuid)
    cause = event.get("Hangup-Cause") or "NORMAL_UNSPECIFIED"
    call = state.calls.get(uuid)
    if call is not None:
        callers.gone(state, call, cause)
    elif uuid in state.legs or uuid in state.reach.standing_legs:
        leg_gone(state, uuid, cause, talk.transferred_by(event))
        standby.gone(state, uuid)
    elif uuid in state.outside.consults:
        consults.gone(state, uuid, cause)
    else:
        if event.get("variable_cc_queue"):
            state.bury(uuid)
        return not told
    return False


def _on_destroy(state: State, node: str, event: Event) -> bool:
    pacing.ended(state, node, event.unique_id)
    return _gone(state, event)


def _on_heartbeat(state: State, node: str, event: Event) -> None:
    sessions, most, left = (
        int(text) if text.isdecimal() and len(text) < 10 else 0
        for text in (event.get(name) or "" for name in ("Session-Count", "Max-Sessions", "Session-Per-Sec"))
    )
    pacing.heartbeat(state, node, sessions=sessions, max_sessions=most, per_second=left)


def leg_gone(state: State, uuid: str, cause: str = "UNSEEN", transfer: talk.Transferred = "") -> None:
    """An agent's leg has ended, or isn't there though nobody told of its end."""
    offer = state.legs.get(uuid)
    if offer is None:
        state.cancelled.pop(uuid, None)
    elif offer.state is OfferState.TALKING and offer.talk_leg == uuid:
        talk.agent_gone(state, offer, offer.legs[uuid], cause, transfer)
        returning.parted(state, offer.call)
    else:
        offers.leg_gone(state, offer, offer.legs[uuid], cause)


def _on_dtmf(state: State, _node: str, event: Event) -> None:
    call = state.calls.get(event.unique_id)
    if call is not None:
        exits.pressed(state, call, event.get("DTMF-Digit") or "")


def _on_playback_stop(state: State, _node: str, event: Event) -> None:
    call = state.calls.get(event.unique_id)
    if call is None:
        offer = state.legs.get(event.unique_id)
        if offer is not None and not (offer.standing and event.get("Playback-Status") == "break"):
            joining.toned(state, offer)  # a broken tone was that of a caller who has left
        return
    if is_old(call, event):
        return
    if moves.moved(call, event):  # what stopped the music was a transfer
        call.news += 1
        departures.unparked(state, call, event)
    elif event.get("Playback-Status") == "done":
        music.ended(state, call)


def _on_job(state: State, _node: str, event: Event) -> bool:
    offer = state.jobs.get(event.get("Job-UUID") or "")
    if offer is not None:
        return offers.job_ended(state, offer, event)
    cause = cause_of_job(event.body)
    if cause is None:
        uuid = event.body.decode("utf-8", "replace").strip().removeprefix("+OK").strip()
        consults.job_done(state, event.get("Job-UUID") or "", uuid)
    else:
        consults.job_failed(state, event.get("Job-UUID") or "", cause)
        standby.job_failed(state, event.get("Job-UUID") or "", cause, endings.spare)
    return False


def _on_custom(state: State, _node: str, event: Event) -> None:
    if event.subclass == "sofia::transferor":
        offer = state.legs.get(event.unique_id)
        if offer is not None and offer.talk_leg == event.unique_id:
            offer.transferring = True


HANDLERS: Final[Mapping[str, Handler]] = {
    "CHANNEL_CREATE": _on_create,
    "CHANNEL_PROGRESS": _on_progress,
    "CHANNEL_PROGRESS_MEDIA": _on_progress,
    "CHANNEL_ANSWER": _on_answer,
    "CHANNEL_PARK": _on_park,
    "CHANNEL_UNPARK": _on_unpark,
    "CHANNEL_BRIDGE": _on_bridge,
    "CHANNEL_UNBRIDGE": _on_unbridge,
    "CHANNEL_HOLD": _on_hold,
    "CHANNEL_UNHOLD": _on_unhold,
    "CHANNEL_HANGUP": _on_hangup,
    "CHANNEL_DESTROY": _on_destroy,
    "DTMF": _on_dtmf,
    "PLAYBACK_STOP": _on_playback_stop,
    "BACKGROUND_JOB": _on_job,
    "CUSTOM": _on_custom,
    "HEARTBEAT": _on_heartbeat,
}
"""By the event's name; what isn't here concerns nobody."""
