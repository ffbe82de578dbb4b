"""Histories: whom a decision may give to whom, worked out from the diary alone."""

from __future__ import annotations

from fractions import Fraction

from contract.history_diary import SECOND, Diary
from contract.reference_skills import holds, read


class Promises(Diary):
    """What each decision is held against."""

    def is_open(self, caller):
        if caller in self.claims:
            return False
        _rank, queue = self.waiting[caller]
        rings = sum(other == caller for other, *_ in self.open_offers.values())
        strategy, settings = self.plans[queue]
        if strategy == "ring-all":
            return True
        if strategy == "ring-k":
            return rings < settings.get("ring_count", 2)
        delay_us = settings.get("ring_progressively_delay_us", 10 * SECOND)
        late = strategy == "ring-progressively" and self.clock_us >= self.offered_us.get(caller, 0) + delay_us
        return rings == 0 or late

    def is_plain(self, queue, agent=None):
        """Whether every agent of the queue (this agent) may serve every caller of it at once."""
        _strategy, settings = self.plans[queue]
        busy = agent is not None and self.routers[0].agent(agent).external_calls
        return queue not in self.delayed and not settings.get("tier_rules_apply") and not busy

    def meets(self, agent, caller):
        _rank, queue = self.waiting[caller]
        skills = self.demands[caller]
        if skills is None:
            _strategy, settings = self.plans[queue]
            skills = settings.get("skills", "any")
        steps = [(0, skills)] if isinstance(skills, str) else skills
        waited_us = max(0, self.clock_us - self.entered[caller])
        *_, demand = (text for after_us, text in steps if after_us <= waited_us)
        return holds(read(demand)[1], self.profiles[agent])

    def is_before(self, caller, other):
        """Whether the first of two is served first by an agent both could have."""
        sides = []
        for person in (caller, other):
            rank, queue = self.waiting[person]
            _strategy, settings = self.plans[queue]
            over = self.clock_us - rank[1] - settings.get("service_level_us", 0)
            weight = settings.get("queue_weight", 1)
            urgency = Fraction(over) * (weight if over > 0 else Fraction(1, weight))
            sides.append((-settings.get("queue_priority", 0), rank[0], -urgency, rank))
        return sides[0] < sides[1]

    def is_free(self, agent):
        view = self.routers[0].agent(agent)
        return view.state == "waiting" and view.ready_at_us == 0

    def check_turn(self, caller, agent, turns):
        """Nobody else had a better claim to this agent, and nobody was overtaken too often.

        `turns`: who overtook whom in this decision; it counts once.
        """
        rank, own_queue = self.waiting[caller]
        capped = any(
            settings.get("overtaking_cap") is not None for _strategy, settings in self.plans.values()
        )
        for other, (other_rank, queue) in self.waiting.items():
            could = (
                (queue, agent) in self.tiers
                and self.is_plain(queue, agent)
                and other not in self.held
                and self.is_open(other)
                and self.meets(agent, other)
            )
            if not could or other == caller:
                continue
            before = other_rank < rank
            if before or not capped:
                assert not self.is_before(other, caller), f"{other} should have had {agent} before {caller}"
            cap = self.plans[queue][1].get("overtaking_cap")
            if before and queue != own_queue and cap is not None and (caller, other) not in turns:
                turns.add((caller, other))
                self.overtaken[other] = self.overtaken.get(other, 0) + 1
                assert self.overtaken[other] <= cap, f"{other} was overtaken too often"
