"""Transfers of our callers by others: agents' phones, feature codes, an operator at the console, programs.

Whoever moves a channel into the dialplan, FreeSWITCH marks its new profile with
`Caller-Transfer-Source: <epoch seconds>:<uuid>:bl_xfer:<extension>/<context>/<dialplan>` (`uuid_br:<uuid>`
for a bridge; `switch_ivr_session_transfer`). The mark stands in the channel's next event, whichever that is:
UNPARK of a parked one, UNBRIDGE of one in a conversation, PLAYBACK_STOP of one with music. Seen on 1.11.1.
"""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import exits, talk
from py_callcenter.engine.calls import Call, Phase
from py_callcenter.engine.state import State

FORSAKEN_US: Final = 5_000_000
"""A channel whose bridge ends is parked, bridged or gone within a tick or two."""
_BY_TRANSFER: Final = ":bl_xfer:"


def source(event: Event) -> str:
    """The mark of the transfer or bridge that a channel's profile comes from; empty before the first."""
    return event.get("Caller-Transfer-Source") or ""


def by_transfer(event: Event) -> bool:
    """Whether the channel came where it is by a transfer."""
    return _BY_TRANSFER in source(event)


def moved(call: Call, event: Event) -> bool:
    """Whether somebody sent the caller into the dialplan since the PARK that we know of."""
    mark = source(event)
    return mark != call.source and _BY_TRANSFER in mark


def stamp(call: Call) -> str:
    """What is stamped on the channel to know a later transfer by: the moment and id of the mark."""
    return ":".join(call.source.split(":")[:2])


def moved_since_stamped(dump: Event) -> bool:
    """Whether a transfer came after our stamp, for a channel that nobody here knows yet."""
    mark, stamped = source(dump), dump.get("variable_cc_source")
    return _BY_TRANSFER in mark and not (stamped and mark.startswith(stamped + ":"))


def parked(call: Call, event: Event) -> bool:
    """Take note of a PARK. False for one that is no news: it was told before what we know by now."""
    if source(event) == call.source and event.get("Channel-State") == "CS_EXECUTE":
        return False
    call.source = source(event)
    return True


def unparked(state: State, call: Call, event: Event) -> bool:
    """A caller leaves the park: to the bridge that we asked for, to one that others made, or elsewhere, which
    is what True says.
    """
    if not moved(call, event):
        return False
    departed(state, call)
    return True


def departed(state: State, call: Call) -> None:
    """Somebody took a caller out of the queue: the wait is over, phones stop ringing, and nobody pulls the
    caller back. Should the dialplan park them in a queue, it is another queue leg.
    """
    stay = call.stay
    if call.phase not in (Phase.WAITING, Phase.CONNECTING) or stay is None or not stay.open:
        return
    exits.note_left(state, call, stay, "transferred", "")
    exits.out_of_core(state, call, stay)
    call.parked = call.playing = False
    call.phase = Phase.AWAY


def _forsaken(state: State, call: Call) -> None:
    """Whoever had the caller let go of them, and nothing was told of them since: only a look tells where they
    are.
    """
    if call.phase is Phase.AWAY:
        call.forsaken = True
        state.round.doubts.add(call.node)


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
    return True
