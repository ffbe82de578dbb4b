"""Queues that nobody serves, and how long their callers wait for somebody to log in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from py_callcenter.engine.calls import Call, Stay
from py_callcenter.engine.state import State

RECHECK_US: Final = 1_000_000

GiveUp = Callable[[State, Call, Stay], None]


def review(state: State) -> None:
    """Note since when each queue has had nobody logged in."""
    for name, queue_id in state.queue_ids.items():
        if state.router.staffed(queue_id) > 0:
            state.no_agent_since_us.pop(name, None)
        else:
            state.no_agent_since_us.setdefault(name, state.now_us)


def watch(state: State, call: Call, stay: Stay, give_up: GiveUp) -> None:
    """Arm `max-wait-time-with-no-agent` for a caller; checked again whenever it fires.

    Who comes after the limit has passed waits `max-wait-time-with-no-agent-time-reached` more.
    """
    limit_us = stay.queue.max_wait_time_with_no_agent_us
    if limit_us > 0:
        _arm(state, call, stay, give_up)


def _due_us(state: State, stay: Stay) -> int:
    since_us = state.no_agent_since_us.get(stay.queue.name, state.now_us)
    grace_us = stay.queue.max_wait_time_with_no_agent_time_reached_us
    limit_us = stay.queue.max_wait_time_with_no_agent_us
    return max(since_us + limit_us, stay.entered_us + grace_us)


def _arm(state: State, call: Call, stay: Stay, give_up: GiveUp) -> None:
    after_us = max(1, _due_us(state, stay) - state.now_us)
    stay.no_agent_timer = state.start_timer(after_us, _check, call, stay, give_up)


def _check(state: State, call: Call, stay: Stay, give_up: GiveUp) -> None:
    if not stay.open or call.stay is not stay:
        return
    staffed = state.router.staffed(stay.queue_id) > 0
    if not staffed and _due_us(state, stay) <= state.now_us:
        give_up(state, call, stay)
        if stay.open:  # an agent is just being connected: look again
            stay.no_agent_timer = state.start_timer(RECHECK_US, _check, call, stay, give_up)
    else:
        _arm(state, call, stay, give_up)
