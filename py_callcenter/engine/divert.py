"""Diverting queues by hand: everybody in them, and everybody who comes, goes to one place until it is undone.

Callers leave in the order of service, so many at a time that the switch isn't flooded. Whoever an agent has
answered already is connected; should that come to nothing, the next look finds them waiting again, and so
it does whoever nobody could find for a moment: somebody may have sent them elsewhere.

An order may lead in a circle: all queues to one of them, or two to each other. Whoever is back where the same
order has just sent them on waits there, for going round would end their call (the switch counts transfers).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from py_callcenter.config import Exit
from py_callcenter.engine import exits
from py_callcenter.engine.calls import Call, Phase, Stay
from py_callcenter.engine.errors import UnknownQueueName
from py_callcenter.engine.records import QueueDiverted
from py_callcenter.engine.state import State

BATCH: Final = 100
BATCH_US: Final = 100_000
"""1000 callers a second: three commands each, a third of what one connection carries."""
LOOK_US: Final = 1_000_000
CIRCLE_US: Final = 5_000_000
"""Whoever comes back sooner was led in a circle; later, by what the dialplan said to them."""


@dataclass(slots=True, eq=False)
class Divert:
    """An order that holds. `to`: where callers go."""

    to: Exit
    timer: int | None = None


def order(state: State, queue: str | None, to: Exit | None) -> list[str]:
    """Divert a queue, or all (`queue` None), to a place; `to` None takes it back. Gives what changed.

    Raises `UnknownQueueName`. A caller's own `cc_exit_exten` doesn't count here: the operator's word does.
    """
    if queue is not None and queue not in state.queues and queue not in state.diverts:
        raise UnknownQueueName(queue, state.queues)
    names = list(state.queues) if queue is None else [queue]
    if queue is None and to is None:
        names = list(state.diverts)
    changed = []
    for name in names:
        before = state.diverts.get(name)
        if (None if before is None else before.to) == to:
            continue
        changed.append(name)
        if before is not None:
            state.stop_timer(before.timer)
        if to is None:
            del state.diverts[name]
        else:
            state.diverts[name] = Divert(to)
        state.marks.queues[name] = None
        queue_id = state.queue_ids.get(name)
        waiting = 0 if queue_id is None else state.router.calls_waiting(queue_id)
        state.note(QueueDiverted, queue=name, target="" if to is None else str(to), waiting=waiting)
        _send_away(state, name)
    return changed


def restore(state: State, orders: dict[str, Exit]) -> None:
    """Orders of an earlier run, as the records tell them."""
    for name, to in orders.items():
        if name in state.queues:
            state.diverts[name] = Divert(to)
            state.marks.queues[name] = None
            _send_away(state, name)


def comes_round(state: State, call: Call, stay: Stay) -> bool:
    """Whether a caller is back in the queue from which the same order has just sent them on: they stay."""
    found = state.diverts.get(stay.queue.name)
    before, at_us = call.diverted.get(stay.queue.name, (None, 0))
    if found is None or before is not found or state.now_us - at_us > CIRCLE_US:
        return False
    stay.stays_for = found
    return True


def turned_away(state: State, call: Call) -> bool:
    """Send a caller on who just came to a diverted queue. False when the queue isn't diverted."""
    stay = call.stay
    found = state.diverts.get(stay.queue.name) if stay is not None else None
    if stay is None or found is None:
        return False
    call.diverted[stay.queue.name] = found, state.now_us
    call.wishes = replace(call.wishes, exit=None)
    exits.note_left(state, call, stay, "diverted", str(found.to))
    exits.leave(state, call, "diverted", found.to)
    return True


def _send_away(state: State, name: str) -> None:
    """The next callers of a diverted queue; again soon while there are more, else later."""
    found, queue_id = state.diverts.get(name), state.queue_ids.get(name)
    if found is None or queue_id is None:
        return
    gone = 0
    for caller_id in state.router.callers(queue_id) if state.router.calls_waiting(queue_id) else ():
        entry = state.waiting.get(caller_id)
        if entry is None:  # nobody, by a fault of ours (`sweep`)
            continue
        call, stay = entry
        if call.phase is not Phase.WAITING or stay.astray or stay.stays_for is found:
            continue
        call.diverted[name] = found, state.now_us
        call.wishes = replace(call.wishes, exit=None)
        exits.leave(state, call, "diverted", found.to)
        gone += 1
        if gone == BATCH:
            break
    found.timer = state.start_timer(BATCH_US if gone == BATCH else LOOK_US, _send_away, name)
