"""Transfers that are asked for from outside the phones: a caller goes to a queue, an agent, or an extension.

Nobody is lost on the way: a caller who talks is parked by the switch when the agent's leg ends, and goes on
from there. An agent is reached through a queue that the agent serves: the caller waits for this agent first,
with the wait so far, and after a while for anybody there.
"""

from __future__ import annotations

from typing import Literal

from py_callcenter.config import Exit, Queue, shapes
from py_callcenter.engine import callers, exits, holds, music, offers, returning, talk
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Onward, Phase, Stay
from py_callcenter.engine.errors import BadTarget, NotNow, UnknownAgent, UnknownCall, UnknownQueueName
from py_callcenter.engine.records import CallTransferred
from py_callcenter.engine.state import State
from py_callcenter.value import value

TargetKind = Literal["queue", "agent", "extension", "number"]


@value
class Destination:
    """Where to: the name of a queue or an agent, `exten[@context]`, or a number outside."""

    kind: TargetKind
    name: str


def find(state: State, call_id: str) -> Call:
    """The call of that id. Raises `UnknownCall`."""
    for call in state.calls.values():
        if call.id == call_id:
            return call
    raise UnknownCall(call_id)


def transfer(state: State, call_id: str, target: Destination, *, keep_wait: bool) -> None:
    """Send a caller who waits or talks somewhere else.

    `keep_wait`: the wait so far counts in the order of a queue. Raises `UnknownCall`, `UnknownQueueName`,
    `UnknownAgent`, `BadTarget`, `NotNow`.
    """
    call = find(state, call_id)
    stay = call.stay
    if stay is None or call.phase not in (Phase.WAITING, Phase.TALKING) or call.consult is not None:
        raise NotNow(f"call `{call_id[:64]}` neither waits nor talks, so it can't be transferred now")
    onward = _way(state, call, stay, target, keep_wait=keep_wait)
    talks_with = call.winner.agent.name if call.winner is not None else ""
    state.note(
        CallTransferred,
        call.node,
        call=call.id,
        queue=stay.queue.name,
        leg=stay.index,
        agent=talks_with,
        to=target.kind,
        target="" if target.kind == "number" else target.name,
    )
    call.onward = onward
    if call.phase is Phase.WAITING:
        _leave_queue(state, call, stay, onward)
        returning.go_on(state, call)
        if stay.astray:
            holds.lose(state, call)
        return
    if onward.queue:  # should we die now, the next start finds them on their way there
        state.act(SetVariables(call.node, call.uuid, (("cc_queue", onward.queue),)))
    parked = call.parked_by is not None  # already, by what is about to be told of the agent's leg
    talk.end(state, call, "agent", transferred=True, hang_up=not parked)
    if parked:
        returning.go_on(state, call)
        return
    state.stop_timer(call.settle_timer)
    call.settle_timer = state.start_timer(talk.PARTED_DEADLINE_US, talk.still_parted, call)


def _leave_queue(state: State, call: Call, stay: Stay, onward: Onward) -> None:
    exits.note_left(state, call, stay, "transferred", str(onward.exit or onward.queue))
    queue = state.queues.get(onward.queue)
    if queue is None or (not call.wishes.moh_override and queue.moh_sound != stay.queue.moh_sound):
        music.stop(state, call)
    exits.out_of_core(state, call, stay)


def _way(state: State, call: Call, stay: Stay, target: Destination, *, keep_wait: bool) -> Onward:
    earlier_us = stay.waited_us(state.now_us) if keep_wait else 0
    match target.kind:
        case "queue":
            queue = state.queues.get(target.name)
            if queue is None:
                raise UnknownQueueName(target.name, state.queues)
            if call.phase is Phase.WAITING and queue.name == stay.queue.name:
                raise NotNow(f"the caller waits in queue `{queue.name}` already")
            _has_room(state, queue, stay)
            return Onward(queue=queue.name, earlier_us=earlier_us)
        case "agent":
            queue = _queue_of(state, stay, target.name)
            _has_room(state, queue, stay)
            return Onward(
                queue=queue.name, agent=target.name, agent_us=callers.FOR_AGENT_US, earlier_us=earlier_us
            )
        case "extension":
            return Onward(exit=_place(target.name))
        case "number":
            context = state.config.controller.outside_context
            if context is None:
                raise NotNow("there is no way to numbers outside: `outside-context` isn't set")
            if not shapes.is_number(target.name):
                raise BadTarget("a number", "2 to 20 digits, perhaps after a `+`; no premium-rate number")
            return Onward(exit=Exit(target.name, context))


def _place(text: str) -> Exit:
    extension, _, context = text.partition("@")
    if not shapes.is_extension(extension) or not shapes.is_context(context or "default"):
        raise BadTarget("a place", "`exten[@context]`, for example `voicemail@default`")
    return Exit(extension, context or "default")


def _queue_of(state: State, stay: Stay, name: str) -> Queue:
    """The queue through which an agent is reached: the caller's own if the agent serves it."""
    if name not in state.agents:
        raise UnknownAgent(name)
    served = [tier.queue for tier in state.config.tiers if tier.agent == name]
    if not served:
        raise NotNow(f"agent `{name}` serves no queue, so no caller can reach them")
    status = state.router.agent(state.agent_ids[name]).status
    if status not in offers.TAKES_CALLS:
        raise NotNow(f"agent `{name}` is `{status}` and takes no calls")
    return state.queues[stay.queue.name if stay.queue.name in served else served[0]]


def _has_room(state: State, queue: Queue, stay: Stay) -> None:
    waiting = state.router.calls_waiting(state.queue_ids[queue.name])
    if 0 < queue.max_callers <= waiting and not (stay.open and stay.queue.name == queue.name):
        raise NotNow(f"queue `{queue.name}` is full")
