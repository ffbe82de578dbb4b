"""What a person changes about callers who wait and about agents, by the API and the command."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from py_callcenter._router import DemandError, parse_demand
from py_callcenter.engine import arrival, callers, exits, holds, music, outside, registrations, wishes
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Phase, Stay
from py_callcenter.engine.errors import (
    BadDemand,
    NotNow,
    OutOfRange,
    UnknownAgent,
    UnknownCall,
    UnknownQueueName,
)
from py_callcenter.engine.records import AgentHeld, AgentWrapUp, CallerRanked
from py_callcenter.engine.state import State

MOST_EXTERNAL_CALLS: Final = 1_000
LONGEST_US: Final = 86_400 * 1_000_000
"""Of a wrap-up or a hold that is set by hand."""


def waiting(state: State, call_id: str) -> tuple[Call, Stay]:
    """A call that stands in a queue and whom nobody has answered."""
    for call in state.calls.values():
        if call.id != call_id:
            continue
        if call.stay is None or not call.stay.open or call.phase is not Phase.WAITING:
            raise NotNow(f"call `{call_id[:64]}` doesn't wait in a queue")
        return call, call.stay
    raise UnknownCall(call_id)


def move(state: State, call_id: str, queue_name: str, *, keep_wait: bool) -> None:
    """Put a waiting caller into another queue: another queue leg of the same call.

    `keep_wait`: the wait so far counts in the order there.
    """
    call, stay = waiting(state, call_id)
    queue = state.queues.get(queue_name)
    if queue is None:
        raise UnknownQueueName(queue_name, state.queues)
    if queue.name == stay.queue.name:
        raise NotNow(f"the caller waits in queue `{queue.name}` already")
    if 0 < queue.max_callers <= state.router.calls_waiting(state.queue_ids[queue.name]):
        raise NotNow(f"queue `{queue.name}` is full")
    earlier_us = stay.waited_us(state.now_us) if keep_wait else 0
    exits.note_left(state, call, stay, "moved", queue.name)
    if not call.wishes.moh_override and queue.moh_sound != stay.queue.moh_sound:
        music.stop(state, call)
    exits.out_of_core(state, call, stay)
    state.act(SetVariables(call.node, call.uuid, (("cc_queue", queue.name),)))
    callers.enter(state, call, queue, state.now_us, earlier_us=earlier_us, sent=True)
    if stay.astray:
        holds.lose(state, call)


def rank(
    state: State, call_id: str, priority: int | None, base_score: int | None, skills: str | None = None
) -> None:
    """Change a waiting caller's priority, base score (seconds) or demand; kept on the channel too.

    An empty demand: what the queue's callers need.
    """
    call, stay = waiting(state, call_id)
    if priority is not None and not wishes.PRIORITY_MIN <= priority <= wishes.PRIORITY_MAX:
        raise OutOfRange("the priority", wishes.PRIORITY_MIN, wishes.PRIORITY_MAX)
    if base_score is not None and abs(base_score) > wishes.BASE_SCORE_MAX_S:
        raise OutOfRange("the base score", -wishes.BASE_SCORE_MAX_S, wishes.BASE_SCORE_MAX_S)
    variables = []
    if skills is not None:
        wanted = _demand(call, stay, skills)
        state.router.set_skills(state.now_us, stay.caller_id, wanted)
        call.wishes = replace(call.wishes, skills=skills)
        variables.append(("cc_skills", skills))
    if priority is not None:
        state.router.set_priority(state.now_us, stay.caller_id, priority)
        stay.priority = priority
        call.wishes = replace(call.wishes, priority=priority)
        variables.append(("cc_priority", str(priority)))
    if base_score is not None:
        base_us = base_score * 1_000_000
        state.router.set_base_score(state.now_us, stay.caller_id, base_us + stay.earlier_us)
        call.wishes = replace(call.wishes, base_score_us=base_us)
        variables.append(("cc_base_score", str(base_score)))
    if variables:
        state.touch(call)
        state.act(SetVariables(call.node, call.uuid, tuple(variables)))
        state.note(
            CallerRanked,
            call.node,
            call=call.id,
            queue=stay.queue.name,
            priority=stay.priority,
            base_score_us=call.wishes.base_score_us,
        )


def _demand(call: Call, stay: Stay, skills: str) -> arrival.Demand:
    """What the caller will need; raises `BadDemand`."""
    try:
        if skills:
            parse_demand(skills)
        wanted = arrival.demand(stay.queue, skills, call.wishes.language)
        for _after_us, text in wanted:
            parse_demand(text)
    except DemandError as error:
        raise BadDemand(str(error)) from error
    return wanted


def _agent(state: State, name: str) -> int:
    agent_id = state.agent_ids.get(name)
    if agent_id is None:
        raise UnknownAgent(name)
    return agent_id


def set_wrap_up_end(state: State, name: str, end_us: int) -> None:
    """Move the end of a wrap-up that runs; now or earlier ends it."""
    agent_id = _agent(state, name)
    if state.router.agent(agent_id).state != "wrap_up":
        raise NotNow(f"agent `{name}` isn't in wrap-up")
    if end_us > state.now_us + LONGEST_US:
        raise OutOfRange("a wrap-up", 0, LONGEST_US // 1_000_000, " s from now on")
    state.router.set_wrap_up_end(state.now_us, agent_id, end_us)
    until_us = max(end_us, state.now_us)
    state.note(AgentWrapUp, agent=name, until_us=until_us, call=state.wrapping.get(name, ""))


def hold(state: State, name: str, until_us: int) -> None:
    """Offer an agent nothing before a moment; now or earlier ends that."""
    _agent(state, name)
    if until_us > state.now_us + LONGEST_US:
        raise OutOfRange("the time until ready", 0, LONGEST_US // 1_000_000, " s from now on")
    registrations.keep_back(state, name, until_us)
    state.note(AgentHeld, agent=name, until_us=max(until_us, state.now_us))


def set_external_calls(state: State, name: str, count: int) -> None:
    """Note how many calls outside the queues an agent has."""
    _agent(state, name)
    if not 0 <= count <= MOST_EXTERNAL_CALLS:
        raise OutOfRange("the number of external calls", 0, MOST_EXTERNAL_CALLS)
    outside.by_hand(state, name, count)
