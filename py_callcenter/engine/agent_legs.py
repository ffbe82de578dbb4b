"""An agent's legs: one for each phone, and what each carries."""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import registrations
from py_callcenter.engine.actions import Device, SetVariables
from py_callcenter.engine.calls import Call, Leg, Offer
from py_callcenter.engine.identity import MOST_PHONES
from py_callcenter.engine.looks import ASK_AFTER_US
from py_callcenter.engine.state import State

_DESCRIBED: Final = "hold_hangup_xfer_exten"
"""Of what is set on an agent's leg, the one with a meaning to the switch."""
_HOLD_EXTENSION: Final = "callcenter_hold"
"""Only its presence matters: with it, a hang-up from hold spares the caller (freeswitch-esl.md 2.4)."""


def devices_for(state: State, call: Call, attempt: int, contacts: tuple[str, ...]) -> tuple[Device, ...]:
    """A leg for each phone; a `user/…` with several registered phones becomes one leg each."""
    found: list[tuple[str, str]] = []
    room = MOST_PHONES
    for place, contact in enumerate(contacts):
        phones = state.phones.get((call.node, contact), ())
        if len(phones) > 1 and len(phones) + len(contacts) - place - 1 <= room:
            user = contact.removeprefix("user/")
            found += [(phone, user if "@" in user else "") for phone in phones]
        else:
            found.append((registrations.way(state, call.node, contact) if state.reach.dials else contact, ""))
        room = MOST_PHONES - len(found)
    return tuple(
        Device(state.sealer.leg(call.id, attempt, place), contact, user)
        for place, (contact, user) in enumerate(found)
    )


def identity_of(offer: Offer) -> tuple[tuple[str, str], ...]:
    """What an agent's leg is known by from its first moment on: no more, for each byte of the command delays
    the phone. That it is ours is proven by its name (see `identity`).
    """
    call = offer.call
    return (
        ("cc_offer", f"{call.id}/{offer.attempt}"),
        ("cc_agent", offer.agent.name),
        ("cc_queue", offer.stay.queue.name),
        *call.wishes.exports,
    )


def description_of(offer: Offer) -> tuple[tuple[str, str], ...]:
    """What it carries besides, from the ringing on."""
    call = offer.call
    return (
        ("cc_side", "agent"),
        ("cc_agent_type", offer.agent.type),
        ("cc_call", call.id),
        ("cc_queue_joined_epoch", str(offer.stay.entered_us // 1_000_000)),
        ("cc_member_uuid", call.id),
        ("cc_member_session_uuid", call.uuid),
        (_DESCRIBED, _HOLD_EXTENSION),
    )


def describe(state: State, offer: Offer, leg: Leg) -> None:
    """Set on a leg what the originate left out, once."""
    if not leg.described and not offer.standing:
        leg.described = True
        state.act(SetVariables(offer.call.node, leg.uuid, description_of(offer)))


def is_described(dump: Event) -> bool:
    """Whether a leg that an earlier run made carries it."""
    return dump.get(f"variable_{_DESCRIBED}") is not None


def not_described(state: State, offer: Offer, uuid: str, error: str | None) -> None:
    """That was refused, for the leg is no more, or may not have got there."""
    if error is None or not error.startswith("-"):  # not the switch's own words
        leg = offer.legs[uuid]
        leg.described = False
        state.start_timer(ASK_AFTER_US, _describe_again, offer, leg)


def _describe_again(state: State, offer: Offer, leg: Leg) -> None:
    if not leg.dead and state.legs.get(leg.uuid) is offer:
        describe(state, offer, leg)
