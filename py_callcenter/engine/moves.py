"""Transfers of our callers by others: agents' phones, feature codes, an operator at the console, programs.

Whoever moves a channel into the dialplan, FreeSWITCH marks its new profile with
`Caller-Transfer-Source: <epoch seconds>:<uuid>:bl_xfer:<extension>/<context>/<dialplan>` (`uuid_br:<uuid>`
for a bridge; `switch_ivr_session_transfer`). The mark stands in the channel's next event, whichever that is:
UNPARK of a parked one, UNBRIDGE of one in a conversation, PLAYBACK_STOP of one with music. Seen on 1.11.1.
"""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.config import Exit, shapes
from py_callcenter.engine.calls import Call

_BY_TRANSFER: Final = ":bl_xfer:"
_BY_BRIDGE: Final = ":uuid_br:"


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


def joined(call: Call, event: Event) -> str:
    """The leg that the caller was to be bridged with last, if that came after the PARK that we know of."""
    mark = source(event)
    return "" if mark == call.source else mark.partition(_BY_BRIDGE)[2]


def unheard(call: Call, mark: str) -> bool:
    """Whether a mark of the channel is one that nothing told us of: neither that of the PARK that we know of
    nor that of the bridge with our agent.
    """
    if mark == call.source:
        return False
    other = mark.partition(_BY_BRIDGE)[2]
    return call.winner is None or not other or other != call.winner.talk_leg


def extension(event: Event) -> str:
    """The extension that a channel was sent to last, also when it never got there."""
    return event.get("Caller-Destination-Number") or ""


def forgotten(event: Event) -> bool:
    """Whether the switch itself has parked the channel, not the dialplan: a transfer that it was about to
    carry out is forgotten then (`docs/switch-facts.md`). Whoever was bridged since then had got there.
    """
    bridged = (event.get("Caller-Channel-Bridged-Time") or "0") != "0"
    return event.get("Channel-State") == "CS_PARK" and not bridged


def place(event: Event) -> Exit | None:
    """Where the channel was sent to last; None for a place that no exit can name."""
    to, context = extension(event), event.get("Caller-Context") or ""
    if event.get("Caller-Dialplan") != "XML" or not shapes.is_extension(to) or not shapes.is_context(context):
        return None
    return Exit(to, context)


def stamp(call: Call) -> str:
    """What is stamped on the channel to know a later transfer by: the moment and id of the mark."""
    return ":".join(call.source.split(":")[:2])


def moved_since_stamped(dump: Event) -> bool:
    """Whether a transfer came after our stamp, for a channel that nobody here knows yet."""
    mark, stamped = source(dump), dump.get("variable_cc_source")
    return _BY_TRANSFER in mark and not (stamped and mark.startswith(stamped + ":"))


def joined_since_stamped(dump: Event) -> str:
    """The leg that the channel was to be bridged with, if that came after our stamp; else empty."""
    mark, stamped = source(dump), dump.get("variable_cc_source")
    known = stamped and mark.startswith(stamped + ":")
    return "" if known else mark.partition(_BY_BRIDGE)[2]


def parked(call: Call, event: Event) -> bool:
    """Take note of a PARK. False for one that is no news: it was told before what we know by now."""
    if source(event) == call.source and event.get("Channel-State") == "CS_EXECUTE":
        return False
    call.source, call.extension = source(event), extension(event)
    return True
