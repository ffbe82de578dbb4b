"""Who gets whom, by the routing rules in plain Python."""

from __future__ import annotations

from fractions import Fraction

from contract.reference_books import Books
from contract.reference_reasons import Explanation, explain
from contract.reference_skills import Expr, holds
from contract.reference_values import (
    MAX_US,
    TAKES_CALLS,
    TRIES,
    Agent,
    Caller,
    Ladder,
    Offer,
    Proposal,
    Queue,
    check_number,
    splitmix,
)


class Selection(Books):
    def decide(self, now_us: int) -> list[Proposal]:
        check_number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        self._breaks.settle(self)
        proposals: list[Proposal] = []
        while self._serve_somebody(proposals):
            pass  # Who was passed by may be free to go now that somebody protected is served.
        return proposals

    def _serve_somebody(self, proposals: list[Proposal]) -> bool:
        """Walk all callers in order; from the top again after each protected one who is served."""
        for caller in sorted(self._callers.values(), key=self._rank):
            protected = self._is_protected(caller)
            served = self._serve(caller)
            proposals += served
            if protected and served:
                return True
        return False

    def _serve(self, caller: Caller) -> list[Proposal]:
        """Reserve agents for a caller until no more are wanted, or there."""
        proposals = []
        passed: set[int] = set()
        while self._is_open(caller) and (agent := self._choice(caller)):
            passed.update(self._passed_over(agent, caller))
            proposals.append(self._reserve(caller, agent))
        for queue in passed:
            self._queues[queue].passes.append(self._handed_out["caller"])
        return proposals

    def explain(self, caller: int) -> Explanation:
        self._caller(caller)
        return explain(self, caller)

    def _rank(self, caller: Caller) -> tuple[int | Fraction, ...]:
        """Who is first of all queues: smaller."""
        queue = self._queues[caller.queue]
        score_us = self._now_us - (caller.entered_us - caller.base_score_us)
        over_us = score_us - queue.service_level_us
        weight = queue.queue_weight
        urgency: int | Fraction = over_us * weight
        if over_us < 0:
            urgency = over_us if weight == 1 else Fraction(over_us, weight)
        return (-queue.queue_priority, -caller.priority, -urgency, *caller.rank)

    def _is_open(self, caller: Caller) -> bool:
        if caller.claimed_by or caller.held:
            return False
        queue = self._queues[caller.queue]
        rings = len(self._offers_of_caller(caller.id))
        match queue.strategy:
            case "ring-all":
                return True
            case "ring-k":
                return rings < queue.ring_count
            case "ring-progressively":
                return rings == 0 or self._now_us >= caller.offered_us + queue.ring_progressively_delay_us
            case _:
                return rings == 0

    def _choice(self, caller: Caller) -> Agent | None:
        """The agent whom this caller gets now."""
        ready = self._ready(caller.queue)
        allowed = [agent for agent in ready if not self._protects(agent, caller)]
        if self._is_held(caller):
            return next((agent for agent in allowed if agent.id == caller.preferred), None)
        ready = [agent for agent in ready if self._opens_to(caller, agent)]
        refused = caller.refused if self._queues[caller.queue].refusal_memory else []
        willing = [agent for agent in ready if agent.id not in refused]
        able = [agent for agent in willing if agent in allowed and self._meets(agent, caller)]
        if able and self._queues[caller.queue].strategy in {"random", "weighted-random"}:
            return self._by_lot(caller, willing, able)
        if able:
            return self._best(caller, able)
        ready = [agent for agent in ready if agent in allowed and self._meets(agent, caller)]
        return min(ready, key=lambda agent: refused.index(agent.id), default=None)

    def _may_take(self, agent: Agent, caller: Caller) -> bool:
        """Whether this agent could be given to this caller now, were there no other callers."""
        serves = (caller.queue, agent.id) in self._tiers
        if not serves or not self._is_ready(caller.queue, agent) or not self._is_open(caller):
            return False
        if self._is_held(caller):
            return agent.id == caller.preferred
        return self._opens_to(caller, agent) and self._meets(agent, caller)

    def _reserve(self, caller: Caller, agent: Agent) -> Proposal:
        queue = self._queues[caller.queue]
        offer = Offer(self._next("offer"), caller.id, agent.id, queue.id, queue.statuses)
        self._offers[offer.id] = offer
        tier = self._tiers[queue.id, agent.id]
        tier.last_offer = offer.id
        caller.offered_us = self._now_us
        caller.tried = (tier.level, tier.position, agent.id)
        self._settle()
        return Proposal(offer.id, caller.id, agent.id, queue.id)

    def _is_ready(self, queue: int, agent: Agent) -> bool:
        """Whether this agent could take a call of this queue now, were there a caller."""
        if agent.rest or agent.hold_until_us:
            return False
        if agent.external_calls and self._queues[queue].skip_agents_with_external_calls:
            return False
        return self._state(agent) in {"waiting", "busy_elsewhere"}

    def _ready(self, queue: int) -> list[Agent]:
        agents = [self._agents[agent] for q, agent in self._tiers if q == queue]
        return [agent for agent in agents if self._is_ready(queue, agent)]

    def _work_lately(self, agent: Agent, window_us: int) -> int:
        """Work in a window that moves on in 32 steps."""
        begin_us = self._now_us - self._now_us % (window_us // 32) - window_us
        return sum(max(0, end - max(begin, begin_us)) for begin, end in agent.work)

    def _level_wait_us(self, queue: Queue, level: int) -> int:
        """The wait that opens a level, when that doesn't depend on who is there."""
        if not queue.tier_rules_apply or level == 0:
            return 0
        if level == 1 and not queue.tier_rules_compatible:
            return 0
        return queue.tier_rule_wait_us * (level if queue.tier_rule_wait_multiply_level else 1)

    def _is_present(self, queue: Queue, agent: Agent) -> bool:
        if agent.status == "On Break":
            return queue.tier_rules_compatible
        return agent.status in TAKES_CALLS

    def _is_level_open(self, queue: Queue, level: int, waited_us: int) -> bool:
        if waited_us >= self._level_wait_us(queue, level):
            return True
        lower = [
            agent
            for (q, agent), tier in self._tiers.items()
            if q == queue.id and tier.level < level and self._is_present(queue, self._agents[agent])
        ]
        return queue.tier_rule_no_agent_no_wait and not lower

    def _opens_to(self, caller: Caller, agent: Agent) -> bool:
        queue = self._queues[caller.queue]
        tier = self._tiers[queue.id, agent.id]
        waited_us = max(0, self._now_us - caller.entered_us)
        return waited_us >= tier.opening_delay_us and self._is_level_open(queue, tier.level, waited_us)

    def _steps(self, caller: Caller) -> Ladder:
        return self._queues[caller.queue].ladder if caller.ladder is None else caller.ladder

    def _demand(self, caller: Caller) -> tuple[str, Expr]:
        """What this caller demands now."""
        waited_us = max(0, self._now_us - caller.entered_us)
        begun = [(text, expr) for after_us, text, expr in self._steps(caller) if after_us <= waited_us]
        return begun[-1]

    def _meets(self, agent: Agent, caller: Caller) -> bool:
        return holds(self._demand(caller)[1], agent.skills)

    def _is_held(self, caller: Caller) -> bool:
        """Whether this caller waits for one agent only."""
        if not caller.preferred or self._now_us >= caller.preferred_until_us:
            return False
        return self._meets(self._agents[caller.preferred], caller)

    def _release(self, agent: int, queue: int | None = None) -> None:
        """Nobody (of this queue) waits for this agent any more."""
        for caller in self._callers.values():
            if caller.preferred == agent and queue in {None, caller.queue}:
                caller.preferred = 0

    def _is_protected(self, caller: Caller) -> bool:
        queue = self._queues[caller.queue]
        cap = queue.overtaking_cap
        if not cap:
            return cap == 0
        return len(queue.passes) >= cap and caller.id <= queue.passes[-cap]

    def _protects(self, agent: Agent, caller: Caller) -> Caller | None:
        """The first protected one whom this agent may take, if before this caller."""
        if all(queue.overtaking_cap is None for queue in self._queues.values()):
            return None
        protected = [
            other
            for other in self._callers.values()
            if other.rank < caller.rank and self._is_protected(other) and self._may_take(agent, other)
        ]
        return min(protected, key=lambda other: other.rank, default=None)

    def _passed_over(self, agent: Agent, caller: Caller) -> list[int]:
        """The queues with a cap in which this agent may take somebody who is before this caller."""
        return [
            queue.id
            for queue in self._queues.values()
            if queue.overtaking_cap is not None
            and any(
                other.queue == queue.id != caller.queue
                and other.rank < caller.rank
                and self._may_take(agent, other)
                for other in self._callers.values()
            )
        ]

    def _best(self, caller: Caller, agents: list[Agent]) -> Agent:
        queue = self._queues[caller.queue]
        tiers = {agent.id: self._tiers[queue.id, agent.id] for agent in agents}
        strategy = queue.strategy
        offered = [t for (q, _), t in self._tiers.items() if q == queue.id and t.last_offer > 0]
        last = max(offered, key=lambda t: t.last_offer, default=None)

        def order(agent: Agent) -> tuple[int | bool, ...]:
            tier = tiers[agent.id]
            position = tier.position
            in_place = (tier.level, position, agent.id)
            match strategy:
                case "round-robin":
                    behind = last is not None and tier.level == last.level and position > last.position
                    return (not behind, tier.level, position, tier.last_offer, agent.id)
                case "sequentially-by-agent-order":
                    return (tier.level, position, tier.last_offer, agent.id)
                case "top-down":
                    behind = caller.tried is not None and in_place > caller.tried
                    return (not behind, *in_place)
                case "longest-idle-agent" | "ring-k":
                    return (tier.level, agent.idle_since_us, position, agent.id)
                case "agent-with-least-talk-time":
                    return (tier.level, agent.talk_us, position, agent.id)
                case "agent-with-fewest-calls":
                    return (tier.level, agent.calls_answered, position, agent.id)
                case "least-occupied":
                    lately = self._work_lately(agent, queue.occupancy_window_us)
                    return (tier.level, lately, position, agent.id)
                case _:
                    return in_place

        return min(agents, key=order)

    def _by_lot(self, caller: Caller, willing: list[Agent], able: list[Agent]) -> Agent:
        """Draw among all of the level until one is able; after some tries among the able ones."""
        queue = self._queues[caller.queue]
        tiers = {agent.id: self._tiers[queue.id, agent.id] for agent in willing}
        level = min(tiers[agent.id].level for agent in able)

        def weight(agent: Agent) -> int:
            return tiers[agent.id].weight if queue.strategy == "weighted-random" else 1

        def draw(agents: list[Agent]) -> Agent:
            row = sorted(
                (agent for agent in agents if tiers[agent.id].level == level),
                key=lambda agent: (tiers[agent.id].opening_delay_us, weight(agent), agent.id),
            )
            lots = [agent for agent in row for _ in range(weight(agent))]
            self._draws += 1
            return lots[splitmix(self.seed, self._draws) * len(lots) >> 64]

        for _ in range(TRIES):
            agent = draw(willing)
            if agent in able:
                return agent
        return draw(able)
