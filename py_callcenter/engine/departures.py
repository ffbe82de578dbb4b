"""A caller of ours whom somebody else sends on, out of the queue or out of a conversation (see `moves`)."""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import exits, looks, talk
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Phase
from py_callcenter.engine.moves import moved, source, stamp
from py_callcenter.engine.state import State

FORSAKEN_US: Final = 5_000_000
"""A channel whose bridge ends is parked, bridged or gone within a tick or two."""
CROSSING_US: Final = 200_000
"""A bridge is there 35 to 57 ms after it was asked for (measured), or never."""


def unparked(state: State, call: Call, event: Event) -> bool:
    """A caller leaves the park: to the bridge that we asked for, to one that others made, or elsewhere, which
    is what True says.
    """
    if not moved(call, event):
        return False
    if call.being_joined:
        crossing(state, call)
        return False
    if call.phase is Phase.TALKING and call.consult is not None and call.parked:
        _left_the_consulting(state, call)
        return True
    departed(state, call)
    return True


def _left_the_consulting(state: State, call: Call) -> None:
    """Somebody sends a caller on who hears music while the agent consults: that conversation is over, and
    nobody brings the caller back to it.
    """
    if call.winner is not None:
        call.winner.spared = True
    talk.end(state, call, "system", transferred=True)
    call.parked = call.playing = False
    call.transferred = call.handed_on = True
    call.onward = None


def crossing(state: State, call: Call) -> None:
    """Somebody sends a caller elsewhere in the milliseconds in which we join them with an agent. Either may
    win, at times the bridge after the transfer has been told; an agent's leg that we hung up now would leave
    such a caller with nobody. So the switch does as it likes, and a look tells.
    """
    call.crossed = True
    state.start_timer(CROSSING_US, looks.ask, call)


def stayed(state: State, call: Call, event: Event) -> None:
    """They are joined, so the bridge has won. The transfer's mark is old news then."""
    call.crossed = False
    if moved(call, event):
        call.source = source(event)
        state.act(SetVariables(call.node, call.uuid, (("cc_source", stamp(call)),)))


def departed(state: State, call: Call) -> None:
    """Somebody took a caller out of the queue: the wait is over, phones stop ringing, and nobody pulls the
    caller back. Should the dialplan park them in a queue, it is another queue leg.
    """
    stay = call.stay
    if call.phase not in (Phase.WAITING, Phase.CONNECTING) or stay is None or not stay.open:
        return
    exits.note_left(state, call, stay, "transferred", "")
    exits.out_of_core(state, call, stay)
    call.parked = call.playing = call.crossed = False
    call.phase = Phase.AWAY


def unbridged(state: State, call: Call, event: Event) -> bool:
    """A caller leaves a conversation: with a transfer (True), somebody else cares for them from now on.

    The agent's leg is the switch's to end; it may have been sent elsewhere too, so nobody hangs it up.
    """
    if call.phase is Phase.AWAY and not moved(call, event):
        state.stop_timer(call.settle_timer)
        call.settle_timer = state.start_timer(FORSAKEN_US, _forsaken, call)
        return False
    if call.phase not in (Phase.TALKING, Phase.PARTED) or not moved(call, event):
        return False
    offer = call.winner
    if call.phase is Phase.TALKING:
        if offer is not None:
            offer.spared = True
        talk.end(state, call, "system", transferred=True)
    state.stop_timer(call.settle_timer)
    call.transferred = call.handed_on = True
    call.onward = None
    return True


def sent_on(state: State, call: Call, dump: Event) -> None:
    """A look finds a caller in the dialplan: out of a conversation, if nothing told that it is over."""
    if call.phase is Phase.TALKING:
        unparked(state, call, dump)  # who heard music while the agent consults
        unbridged(state, call, dump)


def _forsaken(state: State, call: Call) -> None:
    """Whoever had the caller let go of them, and nothing was told of them since: only a look tells where they
    are.
    """
    if call.phase is Phase.AWAY:
        call.forsaken = True
        state.round.doubts.add(call.node)
