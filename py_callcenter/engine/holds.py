"""Nodes whose callers are offered to nobody for the time being; they keep their places.

A node may be held for several reasons at once and is free when the last of them is gone. What rings goes on,
and so do conversations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from py_callcenter.engine.calls import Stay
from py_callcenter.engine.records import NodeHeld, NodeReleased
from py_callcenter.engine.state import State

HoldReason = Literal["away", "drained", "pressure"]
"""`away`: no connection, or not in step. `drained`: by an operator. `pressure`: see `pacing`."""


def hold(state: State, node: str, reason: HoldReason) -> None:
    """No new offers for this node's callers."""
    reasons = state.held_nodes.setdefault(node, set())
    if reason in reasons:
        return
    reasons.add(reason)
    state.note(NodeHeld, node, reason=reason)
    if len(reasons) == 1:
        for caller_id in _callers(state, node):
            state.router.hold_caller(state.now_us, caller_id, True)


def release(state: State, node: str, reason: HoldReason) -> None:
    """The reason is gone."""
    reasons = state.held_nodes.get(node)
    if reasons is None or reason not in reasons:
        return
    reasons.remove(reason)
    state.note(NodeReleased, node, reason=reason)
    if not reasons:
        del state.held_nodes[node]
        for caller_id in _callers(state, node):
            state.router.hold_caller(state.now_us, caller_id, False)


def queued(state: State, node: str, stay: Stay) -> None:
    """A caller of this node was put in a queue."""
    if node in state.held_nodes:
        state.router.hold_caller(state.now_us, stay.caller_id, True)


def is_held(state: State, node: str, reason: HoldReason) -> bool:
    return reason in state.held_nodes.get(node, ())


def _callers(state: State, node: str) -> Iterator[int]:
    return (caller_id for caller_id, (call, _stay) in state.waiting.items() if call.node == node)
