"""What a caller brings along into a queue: a demand, an agent to wait for, wait that counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from py_callcenter._router import Event, SkillError
from py_callcenter.config import Queue
from py_callcenter.engine import looks
from py_callcenter.engine.calls import Call, Stay, Wishes
from py_callcenter.engine.records import IgnoredWish, WishIgnored
from py_callcenter.engine.regulars import LostPlace
from py_callcenter.engine.state import State

LONGEST_EARLIER_US: Final = 86_400 * 1_000_000
"""So much of the time before a queue counts at most: a wrong clock must not rule the queue for years."""

Demand = list[tuple[int, str]]
"""Demands by waited microseconds."""


def enqueue(state: State, call: Call, stay: Stay) -> int:
    """Put a caller into the core's order. A wish that can't be granted is noted, and costs no place."""
    agent, for_us = _agent_to_wait_for(state, call, stay)
    for wish, skills in _demands(stay.queue, call.wishes):
        try:
            return state.router.enqueue(
                state.now_us,
                stay.queue_id,
                entered_us=stay.entered_us,
                priority=stay.priority,
                base_score_us=call.wishes.base_score_us + stay.earlier_us,
                preferred_agent=agent,
                preferred_for_us=for_us,
                skills=skills,
            )
        except SkillError:
            ignored(state, call, stay.queue, wish)
    raise AssertionError("a caller without a demand was refused for it")


def ignored(state: State, call: Call, queue: Queue, wish: IgnoredWish) -> None:
    state.note(WishIgnored, call.node, call=call.id, queue=queue.name, wish=wish)


def _demands(queue: Queue, wishes: Wishes) -> Iterator[tuple[IgnoredWish, Demand | None]]:
    """Demands to try in turn, each with the wish that is to blame when it is refused; the last can't be."""
    if wishes.language:
        yield "cc_language", demand(queue, wishes.skills, wishes.language)
    if wishes.skills:
        yield "cc_skills", demand(queue, wishes.skills, "")
    yield "cc_skills", None


def demand(queue: Queue, skills: str, language: str) -> Demand:
    """An own demand in place of the queue's, the language added to it. The queue's relaxation holds too."""
    first, *later = queue.demand_steps
    steps = [(0, skills or first[1])]
    if steps[0][1] != "any" or language:
        steps += later
    if language:
        steps = [(after_us, _with_language(text, language, after_us)) for after_us, text in steps]
    return steps


def _with_language(text: str, language: str, after_us: int) -> str:
    """Whoever has waited until anybody will do takes another language too."""
    if text == "any":
        return f"language:{language}" if after_us == 0 else text
    return f"({text}) and language:{language}"


def _agent_to_wait_for(state: State, call: Call, stay: Stay) -> tuple[int | None, int]:
    """The core's id of the agent whom the dialplan names, or who last talked with the caller, and for how
    long from now on: the time runs from the caller's entry on, also while no controller does.
    """
    queue, waited_us = stay.queue, max(0, state.now_us - stay.entered_us)
    for_us = (call.wishes.preferred_for_us or queue.preferred_agent_wait_us) - waited_us
    if call.wishes.preferred and for_us > 0:
        agent_id = state.agent_ids.get(call.wishes.preferred)
        if agent_id is not None:
            return agent_id, for_us
        ignored(state, call, queue, "cc_preferred_agent")
    if queue.last_agent_wait_us > waited_us:
        caller = state.sealer.caller(call.number)
        name = call.last_agent or state.regulars.last_agent(caller, state.now_us, queue.last_agent_memory_us)
        agent_id = state.agent_ids.get(name)
        if agent_id is not None:
            return agent_id, queue.last_agent_wait_us - waited_us
    return None, 0


def earlier_us(state: State, call: Call, queue: Queue, event: Event) -> int:
    """Time before this queue leg that counts as wait: what they bring along, or more by the queue's
    `time-base-score`.
    """
    found_us = max(_brought_us(state, call, event), _base_us(state, call, queue, event))
    return min(found_us, LONGEST_EARLIER_US)


def _brought_us(state: State, call: Call, event: Event) -> int:
    """The wait before the talk out of which a caller was sent into a queue, by a phone or any program; 0 for
    all who come otherwise: from an exit, or moved while they waited.
    """
    stay = call.stay
    if stay is not None:
        return stay.waited_us(state.now_us) if stay.met else 0
    # It happened while nobody of us was there: the channel tells of it.
    talked = event.get("variable_cc_agent_bridged") == "true"
    by_an_exit = bool(event.get("variable_cc_queue_terminated_epoch"))
    return read_earlier(state, event) if talked and not by_an_exit else 0


def _base_us(state: State, call: Call, queue: Queue, event: Event) -> int:
    match queue.time_base_score:
        case "system":
            answered_us = event.get("Caller-Channel-Answered-Time") or ""
            if not answered_us.isascii() or not answered_us.isdecimal() or len(answered_us) > 17:
                return 0
            # Both by the switch's clock.
            return event.timestamp_us - int(answered_us) if int(answered_us) else 0
        case "first-queue":
            return state.now_us - call.first_us
        case _:
            return 0


def seal_earlier(state: State, call: Call, earlier_us: int) -> str:
    """What is stamped as the wait before this queue leg; from a talk on, with that of the leg."""
    return f"{earlier_us}/{state.sealer.seal('earlier', call.uuid, earlier_us)}" if earlier_us else ""


def read_earlier(state: State, event: Event) -> int:
    """The earlier wait as stamped before a restart of ours; 0 without our seal."""
    number, _, tag = (event.get("variable_cc_earlier") or "").partition("/")
    earlier_us = looks.number_in(number)
    good = bool(earlier_us) and state.sealer.holds(tag, "earlier", event.unique_id, earlier_us)
    return earlier_us if good else 0


def resume(state: State, call: Call, queue: Queue) -> int | None:
    """The earlier wait of a caller who lost a place here a moment ago; the base score of then comes back."""
    if not queue.abandoned_resume_allowed:
        return None
    caller = state.sealer.caller(call.number)
    place = state.regulars.resume(queue.name, caller, state.now_us, queue.discard_abandoned_after_us)
    if place is None:
        return None
    call.wishes = replace(call.wishes, base_score_us=place.base_score_us)
    return min(state.now_us - place.since_us, LONGEST_EARLIER_US)


def lost(state: State, call: Call, stay: Stay) -> None:
    """A caller vanished from a queue: by hanging up or with the switch."""
    if stay.queue.abandoned_resume_allowed:
        since_us = stay.entered_us - stay.earlier_us
        place = LostPlace(since_us, call.wishes.base_score_us, state.now_us)
        state.regulars.lose_place(stay.queue.name, state.sealer.caller(call.number), place)


def talked(state: State, call: Call, agent: str) -> None:
    """Agent and caller have talked."""
    call.last_agent = agent
    if state.regulars.agents_wanted:
        state.regulars.talked(state.sealer.caller(call.number), agent, state.now_us)
