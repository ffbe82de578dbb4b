"""Calls that aren't the queues': an agent who talks on one is busy before a phone of theirs rings for us.

Told by the channels of a switch. A channel to a phone names the user that was dialled, or its address; one
from a phone names the user who logged in, or the user and the address that it came from. What a stranger
can write (a caller's number, a host in a From) counts for nothing, or anybody could keep an agent from work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine.looks import is_agents
from py_callcenter.engine.records import AgentElsewhere
from py_callcenter.engine.registrations import PREFIX
from py_callcenter.engine.state import State

_ADDRESS: Final = re.compile(r"sofia/[^/]+/(?:sips?:)?([^@/;]+)@([^;:/]+|\[[^\]]*\])")
"""User and host of a dial string or a channel's name; the port may change with each call."""


def configure(state: State) -> None:
    """Whose line is whose, as far as the configuration tells."""
    outside = state.outside
    outside.lines = {}
    for agent in state.config.agents:
        for contact in agent.contacts:
            key = contact.removeprefix(PREFIX) if contact.startswith(PREFIX) else _address(contact)
            if key:
                outside.lines.setdefault(key.lower(), set()).add(agent.name)
    for (node, contact), keys in list(outside.registered.items()):
        if contact not in state.reach.agents_of:
            del outside.registered[node, contact]
        else:
            _add(state, contact, keys)
    outside.by_hand = {name: n for name, n in outside.by_hand.items() if name in state.agents}
    outside.busy &= state.agents.keys()
    for uuid, (_node, names) in list(outside.channels.items()):
        if not names & state.agents.keys():
            del outside.channels[uuid]


def phones(state: State, node: str, contact: str, dial_strings: Iterable[str]) -> None:
    """Phones that are registered for a `user/…` contact: calls may also come from their addresses."""
    keys = {key.lower() for phone in dial_strings if (key := _address(phone))}
    before = state.outside.registered.get((node, contact), set())
    if keys != before:
        state.outside.registered[node, contact] = keys
        configure(state)


def began(state: State, node: str, event: Event) -> bool:
    """A channel that isn't ours: is it an agent's?"""
    outside = state.outside
    if not outside.lines or event.unique_id in outside.channels:
        return False
    names = outside.lines.get(_line(event))
    if not names or is_agents(state, event):
        return False
    outside.channels[event.unique_id] = node, frozenset(names)
    _count(state, names)
    return True


def lent(state: State, node: str, uuid: str, agent: str) -> None:
    """A leg that was called for a queue talks with somebody who isn't the queues': so does the agent."""
    if uuid not in state.outside.channels:
        state.outside.channels[uuid] = node, frozenset({agent})
        _count(state, {agent})


def took(state: State, node: str, uuid: str, name: str) -> None:
    """A leg of an agent of ours talks with a caller outside the queues."""
    state.outside.channels[uuid] = node, frozenset({name})
    _count(state, {name})


def ended(state: State, uuid: str) -> bool:
    """The channel is gone. Nothing, and False, when it was none of an agent's."""
    found = state.outside.channels.pop(uuid, None)
    if found is None:
        return False
    _count(state, found[1])
    return True


def look(state: State, node: str, live: Mapping[str, Event]) -> None:
    """A fresh look at a switch: what is gone, and what began while nobody looked."""
    for uuid, (where, _names) in list(state.outside.channels.items()):
        if where == node and uuid not in live and uuid not in state.outside.consults:  # it may just begin
            ended(state, uuid)
    for uuid, dump in live.items():
        if uuid not in state.legs:
            began(state, node, dump)


def legs(state: State, node: str) -> list[str]:
    """Channels of agents on a node that we hold for alive."""
    return [uuid for uuid, (where, _names) in state.outside.channels.items() if where == node]


def by_hand(state: State, name: str, count: int) -> None:
    """Calls that somebody else counts, on top of those that are seen."""
    before = state.outside.by_hand.pop(name, 0)
    if count:
        state.outside.by_hand[name] = count
    _count(state, {name}, anew=count != before)


def restore(state: State, name: str, *, elsewhere: bool, count: int) -> None:
    """As the last run left it. Calls that it saw are found anew; only who counted the others knows of their
    end.
    """
    if count:
        by_hand(state, name, count)
    elif elsewhere:
        state.note(AgentElsewhere, agent=name, elsewhere=False)


def _count(state: State, names: Iterable[str], *, anew: bool = False) -> None:
    """`anew`: what is counted by hand has changed, so it is written down whatever comes of it."""
    outside = state.outside
    for name in names:
        agent_id = state.agent_ids.get(name)
        if agent_id is not None:
            seen = sum(name in owners for _node, owners in outside.channels.values())
            count = outside.by_hand.get(name, 0)
            busy = seen + count > 0
            state.router.set_external_calls(state.now_us, agent_id, seen + count)
            if anew or busy != (name in outside.busy):
                (outside.busy.add if busy else outside.busy.discard)(name)
                state.note(AgentElsewhere, agent=name, elsewhere=busy, by_hand=count)


def _line(event: Event) -> str:
    """The line that a channel belongs to, as `user@host`, by what nobody but the switch writes."""
    if event.get("Call-Direction") == "outbound":
        user, domain = event.get("variable_dialed_user"), event.get("variable_dialed_domain")
        return f"{user}@{domain}".lower() if user and domain else _address(event.get("Channel-Name") or "")
    user, domain = event.get("variable_user_name"), event.get("variable_domain_name")
    if user and domain:
        return f"{user}@{domain}".lower()
    return f"{event.get('variable_sip_from_user')}@{event.get('Caller-Network-Addr')}".lower()


def _address(text: str) -> str:
    found = _ADDRESS.match(text)
    return f"{found[1]}@{found[2]}".lower() if found else ""


def _add(state: State, contact: str, keys: Iterable[str]) -> None:
    for key in keys:
        state.outside.lines.setdefault(key, set()).update(state.reach.agents_of.get(contact, ()))
