"""What an agent hears between picking up and the caller: `cc_outbound_announce` of the dialplan."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine.actions import PlayMusic, StopMusic
from py_callcenter.engine.calls import Leg, Offer
from py_callcenter.engine.state import State

LONGEST_US: Final = 20_000_000
"""So long the caller is kept from the agent at most."""
_END_MARK: Final = "silence_stream://20"
"""Queued behind the announcement: a file that isn't there has no PLAYBACK_STOP, but this one's comes then."""


def begin(state: State, offer: Offer, leg: Leg) -> bool:
    """Begin the announcement on the leg that was answered; False when there is none, or was one."""
    sound = offer.call.wishes.announce
    if not sound or offer.announced is not None:
        return False
    offer.announced = False
    for source in (sound, _END_MARK):
        state.act(PlayMusic(offer.call.node, leg.uuid, source))
    return True


def over(state: State, offer: Offer, leg: Leg) -> None:
    """It has ended, or has to: nothing may play when the caller comes."""
    offer.announced = True
    state.act(StopMusic(offer.call.node, leg.uuid))
