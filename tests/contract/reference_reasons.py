"""Why a caller gets this agent and not that one, by the rules of `reference_router`, in plain Python."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contract.reference_skills import holds

if TYPE_CHECKING:
    from contract.reference_router import Router
    from contract.reference_values import Agent, Caller


@dataclass(frozen=True)
class Candidate:
    agent: int
    reason: str | None
    until_us: int | None = None
    other: int | None = None
    refused: bool = False


@dataclass(frozen=True)
class Explanation:
    now_us: int
    caller: int
    queue: int
    closed: str | None
    wanted: int
    candidates: list[Candidate]


def explain(router: Router, number: int) -> Explanation:
    """Serve those who are before the caller, on a copy; then ask each agent."""
    demands = [queue.ladder for queue in router._queues.values()]
    demands += [caller.ladder for caller in router._callers.values() if caller.ladder]
    unchanging = {id(ladder): ladder for ladder in demands}
    whole = copy.deepcopy(router, dict(unchanging))
    router = copy.deepcopy(router, unchanging)
    router._breaks.settle(router)
    known = set(router._offers)
    caller = router._callers[number]
    while not _serve_before(router, caller):
        pass
    queue = router._queues[caller.queue]
    members = [router._agents[agent] for q, agent in router._tiers if q == queue.id]
    out = {agent.id: _out(router, caller, agent, known) for agent in members}
    held = router._is_held(caller)
    refused = caller.refused if queue.refusal_memory and not held else []
    eligible = [agent.id for agent in members if out[agent.id].reason is None]
    rings = len(router._offers_of_caller(number))
    closed = "claimed" if caller.claimed_by else "held" if caller.held else None
    if closed is None and not router._is_open(caller):
        closed = "ringing"
    strategies = {"ring-all": len(members), "ring-k": queue.ring_count - rings}
    row = _row(router, caller, eligible)
    if any(one.reason == "overtaking_cap" for one in out.values()) and queue.strategy in strategies:
        # Another turn of the same decision, once those are served for whom these were kept.
        for made in whole.decide(whole._now_us):
            if made.caller == number and out[made.agent].reason == "overtaking_cap":
                row.append(made.agent)
                out[made.agent] = Candidate(made.agent, None)
    candidates = [Candidate(agent, None, refused=agent in refused) for agent in row]
    candidates += [
        Candidate(one.agent, one.reason, one.until_us, one.other, agent in refused)
        for agent, one in sorted(out.items())
        if one.reason
    ]
    wanted = 0 if closed else strategies.get(queue.strategy, 1)
    return Explanation(router._now_us, number, queue.id, closed, wanted, candidates)


def _serve_before(router: Router, caller: Caller) -> bool:
    """Walk as a decision does, to the top again after each protected one; True at the turn of the caller."""
    for other in sorted(router._callers.values(), key=router._rank):
        if other is caller:
            mine = [agent for agent in router._agents.values() if router._may_take(agent, caller)]
            if not mine or not all(router._protects(agent, caller) for agent in mine):
                return True
            continue  # All of them are kept for protected ones, who come first.
        protected = router._is_protected(other)
        if router._serve(other) and protected:
            return False
    return True


def _row(router: Router, caller: Caller, eligible: list[int]) -> list[int]:
    """The eligible agents, the best first: each choice made without those who were chosen before."""
    if router._queues[caller.queue].strategy in {"random", "weighted-random"} and eligible:
        best = router._choice(caller)
        rest = [agent for agent in eligible if agent != best.id]
        memory = caller.refused if router._queues[caller.queue].refusal_memory else []
        level = {agent: router._tiers[caller.queue, agent].level for agent in rest}
        return [best.id, *sorted(rest, key=lambda a: (*_turn(memory, a), level[a], a))]
    row = []
    while best := router._choice(caller):
        row.append(best.id)
        best.hold_until_us = router._now_us + 1
    return row


def _turn(refused: list[int], agent: int) -> tuple[int]:
    return (refused.index(agent) + 1 if agent in refused else 0,)


def _out(router: Router, caller: Caller, agent: Agent, known: set[int]) -> Candidate:
    """The first rule that keeps this agent from this caller."""
    queue = router._queues[caller.queue]
    tier = router._tiers[queue.id, agent.id]
    offer = router._offer_of_agent(agent.id)
    if offer is not None:
        talks = offer.step == "talking" or offer.caller not in router._callers
        other = None if talks or offer.caller == caller.id else offer.caller
        if offer.caller == caller.id and offer.step != "talking":
            return Candidate(agent.id, "rings_for_caller")
        reason = router._state(agent) if offer.id in known else "other_caller"
        return Candidate(agent.id, reason, None, other)
    waited_us = max(0, router._now_us - caller.entered_us)
    if agent.status in {"Logged Out", "On Break"}:
        return Candidate(agent.id, "logged_out" if agent.status == "Logged Out" else "on_break")
    if agent.rest == "wrap_up":
        return Candidate(agent.id, "wrap_up", agent.rest_until_us)
    if agent.served_on_demand:
        return Candidate(agent.id, "idle")
    if agent.rest:
        return Candidate(agent.id, "delay", agent.rest_until_us)
    if agent.hold_until_us:
        return Candidate(agent.id, "not_ready_yet", agent.hold_until_us)
    if agent.external_calls and queue.skip_agents_with_external_calls:
        return Candidate(agent.id, "external_call")
    if router._is_held(caller):
        if agent.id == caller.preferred:
            return _unless_kept(router, caller, agent)
        return Candidate(agent.id, "preferred_agent", caller.preferred_until_us)
    if waited_us < tier.opening_delay_us:
        return Candidate(agent.id, "opening_delay", caller.entered_us + tier.opening_delay_us)
    if not router._is_level_open(queue, tier.level, waited_us):
        wait_us = router._level_wait_us(queue, tier.level)
        return Candidate(agent.id, "tier_level", caller.entered_us + wait_us)
    if not router._meets(agent, caller):
        later = [after for after, _text, expr in router._steps(caller) if holds(expr, agent.skills)]
        opens = min((after for after in later if after > waited_us), default=None)
        return Candidate(agent.id, "skills", None if opens is None else caller.entered_us + opens)
    return _unless_kept(router, caller, agent)


def _unless_kept(router: Router, caller: Caller, agent: Agent) -> Candidate:
    first = router._protects(agent, caller)
    if first is None:
        return Candidate(agent.id, None)
    return Candidate(agent.id, "overtaking_cap", None, first.id)
