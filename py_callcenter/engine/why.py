"""Why a waiting caller has no agent yet: what the core answers, by names."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine import steer
from py_callcenter.engine.state import State
from py_callcenter.value import value

MOST_AGENTS: Final = 200
"""So many agents are named; the best come first, and nobody reads more."""


@value
class WhyNot:
    """One agent of the queue, as the caller sees them."""

    agent: str
    reason: str | None
    """The first rule that keeps the agent away; None: may be had."""
    until_us: int | None
    other_call: str | None
    refused: bool


@value
class Why:
    """Where a caller stands with each agent of the queue at one moment."""

    call: str
    queue: str
    at_us: int
    closed: str | None
    wanted: int
    agents: tuple[WhyNot, ...]
    more_agents: int


def why(state: State, call_id: str) -> Why:
    """For a call that waits, by the last moment that was told. Raises `UnknownCall`, `NotNow`."""
    call, stay = steer.waiting(state, call_id)
    found = state.router.explain(stay.caller_id)
    candidates = found.candidates

    def name_of(caller: int | None) -> str | None:
        other = None if caller is None else state.waiting.get(caller)
        return None if other is None else other[0].id

    return Why(
        call=call.id,
        queue=stay.queue.name,
        at_us=found.now_us,
        closed=found.closed,
        wanted=found.wanted,
        agents=tuple(
            WhyNot(
                agent=state.agent_names[one.agent],
                reason=one.reason,
                until_us=one.until_us,
                other_call=name_of(one.other),
                refused=one.refused,
            )
            for one in candidates[:MOST_AGENTS]
        ),
        more_agents=max(0, len(candidates) - MOST_AGENTS),
    )
