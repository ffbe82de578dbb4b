"""Queues and tiers of the plain Python router."""

from __future__ import annotations

from contract.reference_selection import Selection
from contract.reference_values import (
    MAX_US,
    STATUSES,
    STRATEGIES,
    Queue,
    Steps,
    Tier,
    check_name,
    check_number,
    check_text,
    check_word,
    read_ladder,
)

from py_callcenter._router import RouterError


class Queues(Selection):
    def put_queue(
        self,
        now_us: int,
        name: str,
        strategy: str,
        *,
        no_answer_status: str = "On Break",
        busy_status: str = "On Break",
        reject_status: str = "On Break",
        unregistered_status: str = "On Break",
        ring_progressively_delay_us: int = 10_000_000,
        ring_count: int = 2,
        occupancy_window_us: int = 1_800_000_000,
        tier_rules_apply: bool = False,
        tier_rule_wait_us: int = 0,
        tier_rule_wait_multiply_level: bool = False,
        tier_rule_no_agent_no_wait: bool = True,
        tier_rules_compatible: bool = False,
        skip_agents_with_external_calls: bool = True,
        refusal_memory: bool = True,
        skills: Steps = "any",
        queue_priority: int = 0,
        queue_weight: int = 1,
        service_level_us: int = 0,
        overtaking_cap: int | None = None,
    ) -> int:
        check_number("now_us", now_us, 0, MAX_US)
        check_name(name)
        check_word("strategy", strategy, STRATEGIES)
        statuses = {
            "no_answer": no_answer_status,
            "busy": busy_status,
            "reject": reject_status,
            "unregistered": unregistered_status,
        }
        for status in statuses.values():
            check_word("status", status, STATUSES)
        check_number("ring_progressively_delay_us", ring_progressively_delay_us, 1, MAX_US)
        check_number("ring_count", ring_count, 1, 10_000)
        check_number("occupancy_window_us", occupancy_window_us, 60_000_000, 3_600_000_000)
        check_number("tier_rule_wait_us", tier_rule_wait_us, 0, 10**12)
        check_number("queue_priority", queue_priority, -100, 100)
        check_number("queue_weight", queue_weight, 1, 1000)
        check_number("service_level_us", service_level_us, 0, MAX_US)
        check_number("overtaking_cap", overtaking_cap or 0, 0, 1000)
        ladder = read_ladder(skills)
        self._clock(now_us)
        self._counts_work = self._counts_work or strategy == "least-occupied"
        known = self.queue_id(name)
        queue = Queue(
            known or self._next("queue"),
            name,
            strategy,
            statuses,
            ring_progressively_delay_us,
            ring_count,
            occupancy_window_us,
            tier_rules_apply,
            tier_rule_wait_us,
            tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait,
            tier_rules_compatible,
            skip_agents_with_external_calls,
            refusal_memory,
            ladder,
            queue_priority,
            queue_weight,
            service_level_us,
            overtaking_cap,
        )
        before = self._queues.get(queue.id)
        if before is not None and before.overtaking_cap == overtaking_cap:
            queue.passes = before.passes
        self._queues[queue.id] = queue
        return queue.id

    def remove_queue(self, now_us: int, queue: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        self._queue(queue)
        if self.callers(queue):
            raise RouterError("callers are in this queue")
        self._clock(now_us)
        del self._queues[queue]
        self._tiers = {key: tier for key, tier in self._tiers.items() if key[0] != queue}

    def queue_id(self, name: str) -> int | None:
        check_text(name)
        return next((queue.id for queue in self._queues.values() if queue.name == name), None)

    def put_tier(
        self,
        now_us: int,
        queue: int,
        agent: int,
        level: int,
        position: int,
        *,
        opening_delay_us: int = 0,
        weight: int = 1,
    ) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("level", level, 0, 86_400)
        check_number("position", position, 0, 86_400)
        check_number("opening_delay_us", opening_delay_us, 0, MAX_US)
        check_number("weight", weight, 1, 1000)
        self._queue(queue)
        self._agent(agent)
        self._clock(now_us)
        before = self._tiers.get((queue, agent))
        last_offer = before.last_offer if before else 0
        self._tiers[queue, agent] = Tier(level, position, opening_delay_us, weight, last_offer)

    def remove_tier(self, now_us: int, queue: int, agent: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        self._queue(queue)
        self._agent(agent)
        if (queue, agent) not in self._tiers:
            raise RouterError("no such tier")
        self._clock(now_us)
        del self._tiers[queue, agent]
        self._release(agent, queue)

    def calls_waiting(self, queue: int) -> int:
        return len(self.callers(queue))

    def staffed(self, queue: int) -> int:
        self._queue(queue)
        return sum(1 for q, a in self._tiers if q == queue and self._agents[a].status != "Logged Out")

    def can_serve(self, queue: int) -> int:
        self._queue(queue)
        return len(self._ready(queue))

    def callers(self, queue: int) -> list[int]:
        self._queue(queue)
        there = [caller for caller in self._callers.values() if caller.queue == queue]
        return [caller.id for caller in sorted(there, key=lambda caller: caller.rank)]
