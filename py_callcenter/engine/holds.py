"""Callers who are offered to nobody for the time being; they keep their places.

A node's are while it is held: for several reasons at once perhaps, until the last of them is gone. What rings
goes on, and so do conversations. One caller alone is while nobody knows where they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from py_callcenter.engine.calls import Call, Stay
from py_callcenter.engine.records import NodeHeld, NodeReleased
from py_callcenter.engine.state import State

HoldReason = Literal["away", "drained", "pressure", "starting"]
"""`away`: no connection, or not in step. `drained`: by an operator. `pressure`: see `pacing`. `starting`: see
`recovery.awaited`.
"""


def hold(state: State, node: str, reason: HoldReason) -> None:
    """No new offers for this node's callers."""
    reasons = state.held_nodes.setdefault(node, set())
    if reason in reasons:
        return
    reasons.add(reason)
    state.note(NodeHeld, node, reason=reason)
    if len(reasons) == 1:
        for caller_id, _stay in _callers(state, node):
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
        for caller_id, stay in _callers(state, node):
            if not stay.astray:
                state.router.hold_caller(state.now_us, caller_id, False)


def queued(state: State, node: str, stay: Stay) -> None:
    """A caller of this node was put in a queue."""
    if node in state.held_nodes:
        state.router.hold_caller(state.now_us, stay.caller_id, True)


def lose(state: State, call: Call) -> None:
    """A bridge came to nothing, and the caller isn't parked again: somebody may have sent them elsewhere, and
    then no phone may ring for them.
    """
    if call.stay is not None and call.stay.open and not call.stay.astray:
        call.stay.astray = True
        state.router.hold_caller(state.now_us, call.stay.caller_id, True)


def find(state: State, call: Call) -> None:
    """The caller is parked."""
    call.crossed = False
    if call.stay is not None and call.stay.astray:
        call.stay.astray = False
        state.stop_timer(call.settle_timer)
        call.settle_timer = None
        if call.stay.open and call.node not in state.held_nodes:
            state.router.hold_caller(state.now_us, call.stay.caller_id, False)


def is_held(state: State, node: str, reason: HoldReason) -> bool:
    return reason in state.held_nodes.get(node, ())


def _callers(state: State, node: str) -> Iterator[tuple[int, Stay]]:
    return ((caller_id, stay) for caller_id, (call, stay) in state.waiting.items() if call.node == node)
