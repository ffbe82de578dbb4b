"""What a `uuid_dump` shows of a channel: where it is, and what of it is ours. `ask` asks for one."""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine import moves
from py_callcenter.engine.actions import Look
from py_callcenter.engine.calls import Call, Phase
from py_callcenter.engine.state import State
from py_callcenter.value import value

ASK_AFTER_US: Final = 1_000_000
"""A command that found no channel hints at a HANGUP on its way: so long it may take."""
_BRIDGED_STATES: Final = frozenset({"CS_SOFT_EXECUTE", "CS_EXCHANGE_MEDIA"})
_DIALPLAN_STATES: Final = frozenset({"CS_ROUTING", "CS_EXECUTE"})
_MOST_DIGITS: Final = 17


@value
class OfferSeal:
    """An agent's leg of ours, by a valid seal."""

    call: str
    attempt: int
    agent: str


@value
class Stamp:
    """What we wrote on a caller's channel; to be believed when `stamped` says so."""

    leg: int
    attempt: int
    entered_us: int
    answered_us: int
    """When the conversation of this queue leg began; 0 when nothing says that it did."""


def number_in(text: str | None) -> int:
    """A whole number of ours; 0 for anything that is none."""
    plain = text is not None and text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    return int(text) if text is not None and plain else 0


def stamp_of(dump: Event) -> Stamp:
    # The moment of an earlier queue leg's conversation stays on the channel; the mark doesn't.
    answered = dump.get("variable_cc_agent_bridged") == "true"
    return Stamp(
        leg=max(1, number_in(dump.get("variable_cc_leg"))),
        attempt=number_in(dump.get("variable_cc_attempt")),
        entered_us=number_in(dump.get("variable_cc_entered_us")),
        answered_us=number_in(dump.get("variable_cc_queue_answered_epoch")) * 1_000_000 if answered else 0,
    )


def is_stamped(state: State, dump: Event) -> bool:
    """Whether the stamps on a caller's channel are ours, for this channel and the queue that it names."""
    tag = dump.get("variable_cc_tag")
    return tag is not None and state.sealer.holds(
        tag,
        "caller",
        dump.unique_id,
        dump.get("variable_cc_call") or "",
        dump.get("variable_cc_queue") or "",
        number_in(dump.get("variable_cc_entered_us")),
    )


def is_settled(dump: Event) -> bool:
    """Whether a channel has what keeps its caller when an agent's leg dies; perhaps by another key's run."""
    return dump.get("variable_park_after_bridge") == "true" and "variable_cc_tag" in dump


def was_ours(state: State, dump: Event) -> bool:
    """Whether a caller's channel carries our stamps for another queue than it names by now: somebody
    transferred them while nobody was looking.
    """
    tag = dump.get("variable_cc_tag")
    if not tag:
        return False
    call, entered_us = dump.get("variable_cc_call") or "", number_in(dump.get("variable_cc_entered_us"))
    return any(
        state.sealer.holds(tag, "caller", dump.unique_id, call, queue, entered_us) for queue in state.queues
    )


def offer_seal(state: State, dump: Event) -> OfferSeal | None:
    """Whose leg it is, when it is an agent's leg that we made; None for everybody else's.

    A leg that was dialled for the offer has a name that only we can have given it. One that stood by before,
    or that an earlier version dialled, carries a MAC instead.
    """
    call, _, attempt = (dump.get("variable_cc_offer") or "").rpartition("/")
    if not call:
        return None
    agent = dump.get("variable_cc_agent") or ""
    if dump.unique_id not in state.sealer.legs(call, attempt) and not state.sealer.holds(
        dump.get("variable_cc_tag"), "offer", call, attempt, agent
    ):
        return None
    return OfferSeal(call, number_in(attempt), agent)


def is_agents(state: State, event: Event) -> bool:
    """Whether a channel is an agent's leg: it says so, or was dialled so lately that it doesn't yet."""
    return event.get("variable_cc_side") == "agent" or offer_seal(state, event) is not None


def sequence_of(event: Event) -> int:
    """Where an event or a dump stands among all those of its switch since that started."""
    return number_in(event.get("Event-Sequence"))


def is_old(call: Call, event: Event) -> bool:
    """Whether a look has shown what this tells of a caller's channel, and perhaps more: events come late at
    times, answers don't.
    """
    return sequence_of(event) < call.seen_at


def partner_of(dump: Event) -> str:
    """The leg that a bridged channel is bridged with; empty when the dump doesn't say."""
    return dump.get("variable_signal_bond") or dump.get("Other-Leg-Unique-ID") or ""


def application(dump: Event) -> str:
    """The application that runs, or ran last: a broadcast's shows instead of `park` even when it is over."""
    return dump.get("variable_current_application") or ""


def is_bridged(dump: Event) -> bool:
    """By `uuid_bridge`, or as the first leg of the dialplan's `bridge`, which stays in CS_EXECUTE."""
    state = dump.get("Channel-State")
    in_dialplan = state == "CS_EXECUTE" and application(dump) == "bridge"
    return state in _BRIDGED_STATES or (in_dialplan and bool(dump.get("variable_bridge_to")))


def is_on_the_way(dump: Event) -> bool:
    """Whether a caller's transfer has begun and the bridge's thread has yet to notice: the profile is the new
    one already, the state still the bridge's. That takes a media tick, or two.
    """
    return dump.get("Channel-State") in _BRIDGED_STATES and moves.moved_since_stamped(dump)


def is_parked(dump: Event) -> bool:
    """Parked, or hearing our music while parked. A caller who has talked may hear somebody else's."""
    if dump.get("Channel-State") == "CS_PARK":
        return True
    if dump.get("Channel-State") != "CS_EXECUTE":
        return False
    hears_ours = (
        dump.get("variable_cc_side") == "member"
        and dump.get("variable_cc_agent_bridged") != "true"
        and not moves.moved_since_stamped(dump)
    )
    return application(dump) == "park" or (
        application(dump) == "playback" and hears_ours and bool(dump.get("variable_cc_queue"))
    )


def in_the_park(dump: Event) -> bool:
    """In an extension's `park`, whatever plays there."""
    return dump.get("Channel-State") == "CS_PARK" or application(dump) == "park"


def in_dialplan(dump: Event) -> bool:
    return dump.get("Channel-State") in _DIALPLAN_STATES


def ask(state: State, call: Call) -> None:
    """Does the caller's channel live, and where is it?"""
    if call.phase is not Phase.ENDED:
        state.act(Look(call.node, call.uuid, call.news))
