"""What the books leave open: agents as they stood, and calls whose nodes aren't seen yet."""

from __future__ import annotations

from collections.abc import Container
from contextlib import suppress
from typing import Final

from py_callcenter._router import RouterError
from py_callcenter.config import Agent
from py_callcenter.engine import holds, registrations
from py_callcenter.engine.memory import AgentMemory, Memory
from py_callcenter.engine.recovery import books, given_up
from py_callcenter.engine.state import State

HOLD_US: Final = 60_000_000
"""So long an agent with a call on a node that isn't seen yet is offered nothing."""
ALL_SEEN_US: Final = 2_000_000
"""So long nobody is offered anything before all nodes are seen. A phone is rung before the books say so, so
any agent's may ring on any node by the last command of a run that died. Nodes that answer do so within some
milliseconds of each other.
"""


def restore_agent(state: State, name: str, was: AgentMemory, rest_until_us: int = 0) -> None:
    """Put an agent, whose status is set, back to how they stood; resting for longer, if so."""
    now_us = state.now_us
    agent = state.agents[name]
    fresh = agent.reset_counters
    wrap_up_us = max(was.rest_until_us, rest_until_us)
    delay_us = _delay_until_us(agent, was)
    state.router.restore_agent(
        now_us,
        state.agent_ids[name],
        idle_since_us=was.idle_since_us,
        state_since_us=was.since_us,
        no_answer_count=was.no_answer_count,
        busy_count=was.busy_count,
        reject_count=was.reject_count,
        unregistered_count=was.unregistered_count,
        calls_answered=was.fresh_calls if fresh else was.calls_answered,
        talk_us=was.fresh_talk_us if fresh else was.talk_us,
        served=was.served,
        rest_until_us=max(wrap_up_us, delay_us),
        wrap_up=wrap_up_us >= delay_us,
    )
    registrations.keep_back(state, name, was.held_until_us)


def _delay_until_us(agent: Agent, was: AgentMemory) -> int:
    """Until when an agent rests whose last offer came to nothing; 0 for nobody's fault."""
    match was.failed:
        case "busy":
            delay_us = agent.busy_delay_time_us
        case "rejected":
            delay_us = agent.reject_delay_time_us
        case "no_answer" | "unreachable":
            delay_us = agent.no_answer_delay_time_us
        case "unregistered":
            delay_us = agent.unregistered_delay_time_us
        case _:
            return 0
    return was.failed_us + delay_us


def expect(state: State, memory: Memory) -> None:
    """Remember calls that the books leave open, and offer their agents nothing until their nodes are seen."""
    nodes = {node.name for node in state.config.nodes}
    if len(nodes) > 1 and (memory.agents or memory.calls):
        _expect_all(state, nodes, memory)
    for uuid, past in memory.calls.items():
        if nodes and past.node not in nodes:
            books.close(state, uuid, past)
            continue
        if past.standing == "given-up":
            state.reach.given_up.setdefault(past.node, {})[uuid] = given_up.entry(past)
            continue
        state.past[uuid] = past
        was = memory.agents.get(past.agent)
        ending = was is not None and was.finishing == uuid  # the leg was to be hung up
        talks = past.standing == "talking" or ending
        for agent in [*past.offers, past.agent] if talks else past.offers:
            if agent in state.agent_ids:
                _put_break_off(state, agent, past.node, memory.agents.get(agent))
                if len(nodes) > 1:
                    _await(state, agent, past.node, memory.agents.get(agent))


def _expect_all(state: State, nodes: set[str], memory: Memory) -> None:
    state.reach.unseen |= nodes
    for node in sorted(nodes):
        holds.hold(state, node, "starting")
    state.start_timer(ALL_SEEN_US, _begin)
    for agent, known in memory.agents.items():
        if known.rung_on in nodes and agent in state.agent_ids:
            _await(state, agent, known.rung_on, known)


def _begin(state: State) -> None:
    """All nodes are seen, or those that aren't have had their time."""
    state.reach.unseen.clear()
    for node in sorted(state.held_nodes):
        holds.release(state, node, "starting")


def _put_break_off(state: State, agent: str, node: str, was: AgentMemory | None) -> None:
    """Where there are breaks, who has a call, for all that the books say, rests until its node is seen: a
    break that was asked for, or is now, begins after the call.
    """
    if was is not None and state.break_ids:
        restore_agent(state, agent, was, state.now_us + HOLD_US)
        state.last_breaks.put_off[agent] = node, was.rest_until_us


def _await(state: State, agent: str, node: str, was: AgentMemory | None) -> None:
    """Offer an agent nothing until a node is seen, or for so long."""
    held_until_us = 0 if was is None else was.held_until_us
    state.awaited[agent] = node, held_until_us
    ready_us = max(held_until_us, state.now_us + HOLD_US)
    state.router.set_ready_at(state.now_us, state.agent_ids[agent], ready_us)


def no_more(state: State, node: str) -> None:
    """The node has been seen: its agents are held back for other reasons only."""
    if node in state.reach.unseen:
        state.reach.unseen.remove(node)
        if not state.reach.unseen:
            _begin(state)
    for agent in [agent for agent, (where, _) in state.last_breaks.put_off.items() if where == node]:
        _, rest_until_us = state.last_breaks.put_off.pop(agent)
        if agent in state.agent_ids:
            with suppress(RouterError):  # over
                state.router.set_wrap_up_end(
                    state.now_us, state.agent_ids[agent], max(state.now_us, rest_until_us)
                )
    for agent in [agent for agent, (where, _) in state.awaited.items() if where == node]:
        _, held_until_us = state.awaited.pop(agent)
        if agent in state.agent_ids:
            registrations.keep_back(state, agent, held_until_us)


def rung_elsewhere(state: State, agent: str) -> None:
    """An agent waited long enough for a node that nobody sees, and gets another call: what the books have
    open of them there is over, or the next start would wait again, and count their time twice.
    """
    if state.awaited.pop(agent, None) is None:
        return
    for uuid, past in state.past.items():
        if agent in past.offers:
            books.end_offer(state, uuid, past, agent)
        if past.agent == agent:
            books.part(state, uuid, past, transferred=False)


def legs(state: State, node: str, seen: Container[str]) -> list[str]:
    """Channels that the books speak of: a look at the node must ask for them by name.

    `seen`: channels that it shows. Who talks does so by one phone; once that is seen there is no other, and
    seven names of each conversation need not be asked for while callers wait.
    """
    uuids = []
    for uuid, past in state.past.items():
        if past.node != node:
            continue
        uuids.append(uuid)
        for attempt in past.offers.values():
            uuids += state.sealer.legs(uuid, attempt)
        if past.standing == "talking" and past.agent not in past.offers:
            legs = state.sealer.legs(uuid, past.attempts)
            if not any(leg in seen for leg in legs):
                uuids += legs
    return uuids
