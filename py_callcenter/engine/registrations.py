"""Where agents' phones are registered: how each is reached from each node, and who can't be reached at all.

A `user/…` contact is dialled as it stands on a node that it is registered on. On another one it is dialled by
that node's `dial` with the user's name for `{number}`. Somebody whose phones have gone is offered nothing
for a while, and again as soon as one is back. Not for ever: the directory may know other ways to the phone
than a registration with SIP, which only an offer finds out.
"""

from __future__ import annotations

from typing import Final

from py_callcenter.config import Agent
from py_callcenter.engine.records import AgentReachable
from py_callcenter.engine.state import State

PREFIX: Final = "user/"
AWAY_US: Final = 60_000_000
NO_LEG_US: Final = 365 * 86_400 * 1_000_000
"""Until the leg is up."""


def configure(state: State) -> None:
    """Whose contacts are whose, and which nodes have a way to phones elsewhere."""
    state.reach.dials = {node.name: node.dial for node in state.config.nodes if node.dial}
    state.reach.agents_of = {}
    for agent in state.config.agents:
        for contact in agent.contacts:
            if contact.startswith(PREFIX):
                state.reach.agents_of.setdefault(contact, []).append(agent.name)
    state.reach.registered = {
        contact: on for contact, on in state.reach.registered.items() if contact in state.reach.agents_of
    }
    state.reach.away = {name: until for name, until in state.reach.away.items() if name in state.agents}
    state.reach.no_leg = {name: until for name, until in state.reach.no_leg.items() if name in state.agents}
    state.reach.kept_back = {
        name: until for name, until in state.reach.kept_back.items() if name in state.agents
    }


def found(state: State, node: str, contact: str, count: int) -> None:
    """So many phones are registered for a contact on a node."""
    nodes = state.reach.registered.setdefault(contact, {})
    before = nodes.get(node, 0)
    nodes[node] = count
    if count:
        for name in state.reach.agents_of.get(contact, ()):
            _back(state, name)
    elif before:
        _gone(state, contact)


def node_gone(state: State, node: str) -> None:
    """A switch died; what was registered there isn't."""
    for contact, nodes in state.reach.registered.items():
        if nodes.pop(node, 0):
            _gone(state, contact)


def not_there(state: State, node: str, agent: Agent, *, by_switch: bool) -> None:
    """An offer found no phone of the agent. `by_switch`: the node itself said so and rang none at all. Then
    what it told before is old: the event of a registration's end may have been lost.
    """
    if by_switch:
        for contact in agent.contacts:
            if contact in state.reach.agents_of:
                found(state, node, contact, 0)
    if not _reachable(state, agent):
        _leave(state, agent.name)


def way(state: State, node: str, contact: str) -> str:
    """The dial string that reaches a contact from a node."""
    template = state.reach.dials.get(node)
    nodes = state.reach.registered.get(contact)
    if template is None or nodes is None or nodes.get(node) or not any(nodes.values()):
        return contact
    return template.replace("{number}", contact.removeprefix(PREFIX).partition("@")[0])


def keep_back(state: State, name: str, until_us: int) -> None:
    """By hand: offer an agent nothing before a moment. Being away may last longer."""
    state.reach.kept_back[name] = until_us
    _hold(state, name)


def standing(state: State, name: str, *, down: bool) -> None:
    """The leg of a `uuid-standby` agent is down, or up: without it they are offered nothing."""
    if down == (name in state.reach.no_leg):
        return
    if down:
        state.reach.no_leg[name] = state.now_us + NO_LEG_US
    else:
        state.reach.no_leg.pop(name)
    state.note(AgentReachable, agent=name, reachable=not down)
    _hold(state, name)


def is_reachable(state: State, name: str) -> bool:
    """Whether a call could reach the agent."""
    return name not in state.reach.away and name not in state.reach.no_leg


def _gone(state: State, contact: str) -> None:
    for name in state.reach.agents_of.get(contact, ()):
        agent = state.agents.get(name)
        if agent is not None and not _reachable(state, agent):
            _leave(state, name)


def _reachable(state: State, agent: Agent) -> bool:
    """Whether any phone may ring: one that is registered somewhere, or is reached without."""
    return any(
        not contact.startswith(PREFIX) or any(state.reach.registered.get(contact, {}).values())
        for contact in agent.contacts
    )


def _leave(state: State, name: str) -> None:
    if name not in state.reach.away:
        state.note(AgentReachable, agent=name, reachable=False)
    state.reach.away[name] = state.now_us + AWAY_US
    _hold(state, name)


def _back(state: State, name: str) -> None:
    if state.reach.away.pop(name, None) is not None:
        state.note(AgentReachable, agent=name, reachable=True)
        _hold(state, name)


def _hold(state: State, name: str) -> None:
    reach = state.reach
    until_us = max(reach.away.get(name, 0), reach.kept_back.get(name, 0), reach.no_leg.get(name, 0))
    state.router.set_ready_at(state.now_us, state.agent_ids[name], max(0, until_us))
