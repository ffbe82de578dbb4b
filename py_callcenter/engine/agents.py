"""Agents' statuses."""

from __future__ import annotations

from typing import Literal

from py_callcenter.engine import breaks, endings, staffing, standby
from py_callcenter.engine.errors import BadBreak, UnknownAgent, UnknownStatus
from py_callcenter.engine.records import AgentStatusChanged
from py_callcenter.engine.state import State

STATUSES = ("Available", "Available (On Demand)", "On Break", "Logged Out")


def set_status(
    state: State,
    name: str,
    status: str,
    reason: Literal["set", "initial"] = "set",
    *,
    known: bool = False,
) -> None:
    """Set an agent's status by mod_callcenter's name, letter case ignored; ringing phones are called off.

    `known`: the records tell it already.
    """
    agent_id = state.agent_ids.get(name)
    if agent_id is None:
        raise UnknownAgent(name)
    proper = _proper(status)
    agent = state.router.agent(agent_id)
    # An agent on demand who rests after a call is called back by setting the same status again.
    if reason == "set" and agent.status == proper and agent.state != "idle":
        return
    offer_ids = state.router.set_status(state.now_us, agent_id, proper)
    endings.withdraw_all(state, offer_ids, "ORIGINATOR_CANCEL")
    if not known:
        state.note(AgentStatusChanged, agent=name, status=proper, reason=reason)
    staffing.review(state)
    standby.review(state, name)


def rest(state: State, name: str, status: str, break_reason: str, *, force: bool) -> None:
    """Ask for a break with a reason; see `breaks.ask`. Raises `BadBreak` for any other status."""
    if _proper(status) != "On Break":
        raise BadBreak(status)
    breaks.ask(state, name, break_reason, force=force)


def _proper(status: str) -> str:
    proper = next((known for known in STATUSES if known.lower() == status.lower()), None)
    if proper is None:
        raise UnknownStatus(status, STATUSES)
    return proper
