"""Channels that nobody here knows: callers of ours may be among them whose PARK was lost on the way.

Most are other people's calls, or callers who are still in the dialplan. Four signs tell of a lost event
without reading the switch's whole table again and again:

- a channel with a queue was answered, no PARK follows, and asked a second later it is parked;
- a channel that began and is none of ours is parked: each is asked twice a minute (see `audit`);
- the switch counts other channels than its events tell of, in two HEARTBEATs in a row (see `pacing`);
- some channel ended and no event told so: where one was lost, others may be (see `audit` and `pacing`).

Each leads to a fresh look at the node, which takes up whoever waits there.
"""

from __future__ import annotations

from typing import Final

from py_callcenter.engine.actions import AskApplication
from py_callcenter.engine.state import State

PARK_US: Final = 1_000_000
"""From a caller's answer to the question where they are: a PARK follows within milliseconds."""


def began(state: State, node: str, uuid: str) -> None:
    """A channel that isn't ours began."""
    state.outside.strangers[uuid] = node


def answered(state: State, node: str, uuid: str) -> None:
    """A channel with a queue was answered and isn't parked yet."""
    state.outside.strangers[uuid] = node
    state.start_timer(PARK_US, ask, uuid)


def known(state: State, uuid: str) -> None:
    """A channel has become one of ours, or is gone."""
    state.outside.strangers.pop(uuid, None)


def ask(state: State, uuid: str) -> None:
    """What does it do?"""
    node = state.outside.strangers.get(uuid)
    if node is not None:
        state.act(AskApplication(node, uuid))


def told(state: State, node: str, uuid: str, application: str) -> None:
    """What a stranger does. One look tells whose it is that is parked; it isn't asked again."""
    if application == "park" and state.outside.strangers.pop(uuid, None) is not None:
        state.round.doubts.add(node)


def not_told(state: State, uuid: str, error: str) -> None:
    """It isn't asked again. When the switch has no such channel any more, its end was lost on the way."""
    node = state.outside.strangers.pop(uuid, None)
    if node is not None and error.startswith("-"):  # the switch's own words
        state.round.doubts.add(node)
