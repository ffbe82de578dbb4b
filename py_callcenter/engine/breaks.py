"""Breaks with a reason: asked for, begun, too long. The core keeps the line, the places and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from py_callcenter._router import RouterError
from py_callcenter.engine import staffing, standby
from py_callcenter.engine.errors import NotNow, UnknownAgent, UnknownBreakReason
from py_callcenter.engine.records import AgentBreak, AgentStatusChanged, BreakStep
from py_callcenter.engine.state import State

if TYPE_CHECKING:
    from py_callcenter._router import BreakNews
    from py_callcenter.engine.memory import AgentMemory, Memory

_TOLD: Final[dict[str, BreakStep]] = {
    "asked": "asked",
    "granted": "granted",
    "overdue": "overdue",
    "withdrawn": "withdrawn",
}
"""Steps with a record of their own; the others change the status."""


def configure(state: State) -> None:
    """Put reasons and quotas into the core. Who rests for one that is gone goes on without."""
    wanted = state.config.breaks
    if not (wanted.reasons or state.break_ids):
        return
    router, now_us = state.router, state.now_us
    for name in sorted(set(state.break_ids) - {reason.name for reason in wanted.reasons}):
        router.remove_break_reason(now_us, state.break_ids[name])
    tell(state)
    router.set_break_quota(now_us, wanted.quota)
    state.break_ids = {
        reason.name: router.put_break_reason(
            now_us,
            reason.name,
            time_limit_us=reason.time_limit_us,
            quota=reason.quota,
            when_over=reason.when_over,
        )
        for reason in wanted.reasons
    }
    state.break_names = {number: name for name, number in state.break_ids.items()}


def ask(state: State, name: str, reason: str, *, force: bool) -> None:
    """Let an agent rest for a reason as soon as there is a place and neither call nor wrap-up; `force`:
    whatever the quotas say. Raises `UnknownAgent`, `UnknownBreakReason`, `NotNow`.
    """
    agent_id = state.agent_ids.get(name)
    if agent_id is None:
        raise UnknownAgent(name)
    reason_id = state.break_ids.get(reason)
    if reason_id is None:
        raise UnknownBreakReason(reason, state.break_ids)
    if state.router.agent(agent_id).status == "Logged Out":
        error = NotNow(f"agent `{name}` is logged out, so there is no break to take")
        error.hint = "set the status to `Available` first"
        raise error
    state.router.request_break(state.now_us, agent_id, reason_id, force=force)


def withdraw(state: State, name: str) -> None:
    """Take an agent's request back. Raises `UnknownAgent`, `NotNow`."""
    agent_id = state.agent_ids.get(name)
    if agent_id is None:
        raise UnknownAgent(name)
    try:
        state.router.withdraw_break(state.now_us, agent_id)
    except RouterError:
        raise NotNow(f"agent `{name}` has asked for no break") from None


def tell(state: State) -> None:
    """Write down what the core says of breaks."""
    news = state.router.break_news()
    if not news:
        return
    begun = {(one.agent, one.reason) for one in news if one.step == "begun"}
    for one in news:
        if one.step != "asked" or (one.agent, one.reason) not in begun:
            _tell(state, one)


def _tell(state: State, news: BreakNews) -> None:
    agent, reason = state.agent_names[news.agent], state.break_names[news.reason]
    known = agent in state.last_breaks.places
    state.last_breaks.places.discard(agent)
    step = _TOLD.get(news.step)
    if step == "granted" and known:
        return
    if step is not None:
        state.note(AgentBreak, agent=agent, break_reason=reason, step=step)
        return
    match news.step:
        case "begun":
            state.note(AgentStatusChanged, agent=agent, status="On Break", reason="set", break_reason=reason)
        case "unnamed":
            state.note(AgentStatusChanged, agent=agent, status="On Break", reason="break-removed")
        case _:
            state.note(AgentStatusChanged, agent=agent, status=news.status, reason="break-over")
    staffing.review(state)
    standby.review(state, agent)


def restore(state: State, memory: Memory) -> None:
    """Breaks and requests of earlier runs, the line in its old order."""
    if not state.break_ids:
        return
    for name in state.agent_ids:
        was = memory.agents.get(name)
        if was is not None and was.break_reason:
            _restore_break(state, name, was)
    asked = [
        (was, name) for name, was in memory.agents.items() if was.asked_reason and name in state.agent_ids
    ]
    for was, name in sorted(asked, key=lambda one: (not one[0].granted, one[0].asked_us, one[0].asked_order)):
        reason_id, agent_id = state.break_ids.get(was.asked_reason), state.agent_ids[name]
        if reason_id is not None and state.router.agent(agent_id).status != "Logged Out":
            state.router.request_break(
                state.now_us, agent_id, reason_id, force=was.granted, asked_us=was.asked_us
            )
            if was.granted:
                state.last_breaks.places.add(name)
    # The books have it. What follows from it now is told by the next decision.
    state.router.break_news()


def _restore_break(state: State, name: str, was: AgentMemory) -> None:
    reason_id = state.break_ids.get(was.break_reason)
    if was.status != "On Break":
        return
    if reason_id is None:  # the reason is gone
        state.note(AgentStatusChanged, agent=name, status="On Break", reason="break-removed")
        return
    state.router.restore_break(
        state.now_us,
        state.agent_ids[name],
        reason_id,
        since_us=was.break_since_us,
        overdue=was.break_overdue,
    )
