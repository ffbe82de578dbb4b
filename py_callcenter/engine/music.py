"""Music while a caller waits, or an agent consults about them: from the PARK on, and never into a bridge."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine.actions import PlayMusic, StopMusic
from py_callcenter.engine.calls import Call, Phase
from py_callcenter.engine.state import State

SHORTEST_US: Final = 1_000_000
"""A sound that ends sooner is not begun again before this: an empty file must not keep the switch busy."""


def start(state: State, call: Call) -> None:
    """Play the caller's own override or the queue's `moh-sound`; silence when there is neither."""
    if call.playing or not call.parked or not _waits(call) or call.stay is None:
        return
    source = call.wishes.moh_override or call.stay.queue.moh_sound
    if source:
        state.act(PlayMusic(call.node, call.uuid, source))
        call.playing = True
        call.music_since_us = state.now_us


def _waits(call: Call) -> bool:
    """For an agent, or for the end of what theirs asks somebody else."""
    if call.phase is Phase.TALKING:
        return call.consult is not None and call.consult.talking and not call.consult.going
    return call.phase is Phase.WAITING


def ended(state: State, call: Call) -> None:
    """A file came to its end: the caller still waits, so it begins again."""
    if not call.playing:
        return
    call.playing = False
    early_us = call.music_since_us + SHORTEST_US - state.now_us
    if early_us > 0:
        state.start_timer(early_us, start, call)
    else:
        start(state, call)


def stop(state: State, call: Call) -> None:
    """A stream still playing at the bridge can delay its sound by seconds, so it ends first."""
    if call.playing:
        state.act(StopMusic(call.node, call.uuid))
        call.playing = False
