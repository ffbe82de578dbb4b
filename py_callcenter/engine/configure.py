"""Taking a configuration up, at the start and while calls run; no caller and no counter is dropped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from py_callcenter.config import Agent, Config
from py_callcenter.engine import agents, breaks, outside, pacing, registrations, staffing, standby
from py_callcenter.engine.calls import Wishes
from py_callcenter.engine.errors import NotNow
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.records import AgentStatusChanged
from py_callcenter.engine.recovery import awaited
from py_callcenter.engine.state import State


def check(state: State, config: Config) -> None:
    """Raise `NotNow` when a queue with callers or an agent on a call would vanish, `NeedsOneSwitch`."""
    standby.check(state, config)
    kept_queues = {queue.name for queue in config.queues}
    for _call, stay in state.waiting.values():
        if stay.queue.name not in kept_queues:
            raise NotNow(f"callers wait in queue `{stay.queue.name}`, so it can't be removed now")
    kept_agents = {agent.name for agent in config.agents}
    for offer in state.offers.values():
        if offer.agent.name not in kept_agents:
            raise NotNow(f"agent `{offer.agent.name}` has a call, so they can't be removed now")


def apply(state: State, config: Config, statuses: Mapping[str, str], memory: Memory | None = None) -> None:
    """Put queues, agents and tiers into the core; new agents get their status, or what is known of them."""
    router, now_us = state.router, state.now_us
    before = state.config
    state.config = config
    gone_queues = set(state.queue_ids) - {queue.name for queue in config.queues}
    gone_agents = set(state.agent_ids) - {agent.name for agent in config.agents}
    kept = {(tier.queue, tier.agent) for tier in config.tiers}
    for tier in before.tiers:
        if (tier.queue, tier.agent) not in kept:
            router.remove_tier(now_us, state.queue_ids[tier.queue], state.agent_ids[tier.agent])
    for name in sorted(gone_queues):
        router.remove_queue(now_us, state.queue_ids.pop(name))
        state.no_agent_since_us.pop(name, None)
    for name in sorted(gone_agents):
        _remove(state, name)
    state.queues = {queue.name: queue for queue in config.queues}
    state.regulars.agents_wanted = any(queue.last_agent_wait_us > 0 for queue in config.queues)
    for queue in config.queues:
        state.queue_ids[queue.name] = router.put_queue(
            now_us,
            queue.name,
            queue.strategy,
            no_answer_status=queue.agent_no_answer_status,
            busy_status=queue.agent_busy_status,
            reject_status=queue.agent_reject_status,
            unregistered_status=queue.agent_unregistered_status,
            ring_progressively_delay_us=queue.ring_progressively_delay_us,
            ring_count=queue.ring_count,
            occupancy_window_us=queue.occupancy_window_us,
            tier_rules_apply=queue.tier_rules_apply,
            tier_rule_wait_us=queue.tier_rule_wait_us,
            tier_rule_wait_multiply_level=queue.tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait=queue.tier_rule_no_agent_no_wait,
            tier_rules_compatible=queue.tier_rules_compatible,
            skip_agents_with_external_calls=queue.skip_agents_with_external_calls,
            refusal_memory=queue.refusal_memory,
            skills=queue.demand_steps,
            queue_priority=queue.queue_priority,
            queue_weight=queue.queue_weight,
            service_level_us=queue.service_level.us if queue.urgent_by_service_level else 0,
            overtaking_cap=queue.overtaking_cap,
        )
    state.agents = {agent.name: agent for agent in config.agents}
    new_agents = []
    for agent in config.agents:
        if agent.name not in state.agent_ids:
            new_agents.append(agent)
        state.agent_ids[agent.name] = router.put_agent(
            now_us,
            agent.name,
            wrap_up_us=agent.wrap_up_time_us,
            busy_delay_us=agent.busy_delay_time_us,
            reject_delay_us=agent.reject_delay_time_us,
            no_answer_delay_us=agent.no_answer_delay_time_us,
            unregistered_delay_us=agent.unregistered_delay_time_us,
            max_no_answer=agent.max_no_answer,
            max_busy=agent.max_busy,
            max_reject=agent.max_reject,
            max_unregistered=agent.max_unregistered,
            reset_counters=agent.reset_counters,
            skills=agent.skills,
        )
    for tier in config.tiers:
        router.put_tier(
            now_us,
            state.queue_ids[tier.queue],
            state.agent_ids[tier.agent],
            tier.level,
            tier.position,
            opening_delay_us=tier.opening_delay_us,
            weight=tier.weight,
        )
    state.queue_names = {queue_id: name for name, queue_id in state.queue_ids.items()}
    state.agent_names = {agent_id: name for name, agent_id in state.agent_ids.items()}
    queues_of: dict[str, list[str]] = {}
    state.tiers = {(tier.queue, tier.agent): tier for tier in config.tiers}
    for tier in config.tiers:
        queues_of.setdefault(tier.agent, []).append(tier.queue)
    state.marks.queues_of = {name: tuple(queues) for name, queues in queues_of.items()}
    state.marks.stop()
    pacing.configure(state)
    registrations.configure(state)
    outside.configure(state)
    standby.configure(state)
    breaks.configure(state)
    _begin(state, new_agents, statuses, memory)
    staffing.review(state)


def _begin(state: State, new: Iterable[Agent], statuses: Mapping[str, str], memory: Memory | None) -> None:
    """New agents get their status, or what is known of them."""
    memory = memory or Memory()
    memory.bring_before(state.now_us)
    for name, old in memory.agents.items():
        if name not in state.agent_ids and old.status not in ("", "Logged Out"):
            _logged_out_for_good(state, name)
    for agent in new:
        was = memory.agents.get(agent.name)
        known = was is not None and was.status != ""
        status = was.status if was is not None and known else statuses.get(agent.name, agent.status)
        agents.set_status(state, agent.name, status, "initial", known=known)
        if was is not None:
            awaited.restore_agent(state, agent.name, was)
            outside.restore(state, agent.name, elsewhere=was.elsewhere, count=was.elsewhere_by_hand)
    breaks.restore(state, memory)
    awaited.expect(state, memory)


def _remove(state: State, agent: str) -> None:
    agent_id = state.agent_ids.pop(agent)
    if state.router.agent(agent_id).status != "Logged Out":
        _logged_out_for_good(state, agent)
    state.router.remove_agent(state.now_us, agent_id)
    state.round.reserved.pop(agent_id, None)


def _logged_out_for_good(state: State, agent: str) -> None:
    """Or the agent's time would run on for ever."""
    state.note(AgentStatusChanged, agent=agent, status="Logged Out", reason="removed")


def without_override(wishes: Wishes) -> Wishes:
    """The same wishes without the music that couldn't be played."""
    return replace(wishes, moh_override="")
