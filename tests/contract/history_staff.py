"""Histories: the centre opens, and its queues, agents and tiers are changed."""

from __future__ import annotations

from contract.chance import among, initialize, rule, several, some_of, together, whole
from contract.history_diary import SECOND, Diary
from contract.history_values import flag, number, queue_demands, seconds, small
from contract.reference_values import STATUSES, STRATEGIES

strategies = among(*STRATEGIES, "ring-progressively", "ring-k", "top-down")
profiles = among({}, {"fa": 1}, {"fa": 3}, {"billing": 2}, {"fa": 5, "billing": 1}, {"fa": 101})
# On Break is what a queue has that names none.
statuses = among(*STATUSES, "Available (On Demand)", "Logged Out")
queue_settings = some_of(
    no_answer_status=statuses,
    busy_status=statuses,
    reject_status=statuses,
    unregistered_status=statuses,
    ring_progressively_delay_us=among(SECOND, 2 * SECOND, 5 * SECOND),
    ring_count=whole(1, 3),
    occupancy_window_us=among(60 * SECOND, 3600 * SECOND),
    tier_rules_apply=flag,
    tier_rule_wait_us=among(0, SECOND, 3 * SECOND),
    tier_rule_wait_multiply_level=flag,
    tier_rule_no_agent_no_wait=flag,
    tier_rules_compatible=flag,
    skip_agents_with_external_calls=flag,
    refusal_memory=flag,
    skills=queue_demands,
    queue_priority=among(0, 0, 0, 1),
    queue_weight=among(1, 1, 2, 3),
    service_level_us=among(0, 0, 2 * SECOND, 5 * SECOND),
    overtaking_cap=among(None, None, 0, 1, 2),
)
tier_settings = some_of(opening_delay_us=among(0, 0, SECOND, 2 * SECOND), weight=whole(1, 3))
newcomer = together(among(1, 1, 2), small, small, among(*STATUSES[:2], "Available"), profiles)


class Staff(Diary):
    """Who works where, how, and whether."""

    @initialize(
        queues=several(together(strategies, queue_settings), 1, 3),
        agents=several(newcomer, 3, 6),
        level=among(1, 1, 2, 3),
    )
    def open_the_centre(self, queues, agents, level):
        for index, (strategy, rules) in enumerate(queues):
            if not self.put_queue(index, strategy, rules):
                self.put_queue(index, strategy, {})
        for index, (position, wrap_up, limit, status, skills) in enumerate(agents):
            if not self.put_agent(index, wrap_up, position, limit, skills):
                self.put_agent(index, wrap_up, position, limit, {})
            for queue in self.queues:
                self.tier("put_tier", (queue, self.agents[index]), 1 + index % level, position)
            self.both("set_status", self.now_us, self.agents[index], status)

    def put_queue(self, index, strategy, settings):
        done, queue = self.both("put_queue", self.now_us, f"queue {index}", strategy, **settings)
        if done:
            _strategy, before = self.plans.get(queue, ("", {}))
            if before.get("overtaking_cap") != settings.get("overtaking_cap"):
                self.overtaken = {
                    caller: count
                    for caller, count in self.overtaken.items()
                    if caller in self.waiting and self.waiting[caller][1] != queue
                }
            self.plans[queue] = (strategy, settings)
            if queue not in self.queues:
                self.queues.append(queue)
        return done

    def put_agent(self, index, wrap_up, delay, limit, skills):
        done, agent = self.both(
            "put_agent",
            self.now_us,
            f"agent {index}",
            wrap_up_us=wrap_up * SECOND,
            busy_delay_us=delay * SECOND,
            reject_delay_us=SECOND,
            no_answer_delay_us=delay * 2 * SECOND,
            max_no_answer=limit,
            max_busy=limit and 1 + limit % 2,
            max_reject=limit and 4 - limit,
            max_unregistered=limit,
            reset_counters=wrap_up == 1,
            skills=skills,
        )
        if done:
            self.profiles[agent] = skills
            if agent not in self.agents:
                self.agents.append(agent)
        return done

    def tier(self, method, pair, *where, **settings):
        done, _ = self.both(method, self.now_us, *pair, *where, **settings)
        if method == "remove_tier":
            assert done == (pair in self.tiers)
            self.tiers.discard(pair)
        elif done:
            self.tiers.add(pair)
            if settings.get("opening_delay_us"):
                self.delayed.add(pair[0])

    @rule(index=small, strategy=strategies, settings=queue_settings)
    def change_a_queue(self, index, strategy, settings):
        self.put_queue(index, strategy, settings)

    @rule(index=whole(0, 6), wrap_up=small, delay=small, limit=small, skills=profiles)
    def change_an_agent(self, index, wrap_up, delay, limit, skills):
        self.put_agent(index, wrap_up, delay, limit, skills)

    @rule(queue=number, agent=number, level=small, position=small, settings=tier_settings)
    def change_a_tier(self, queue, agent, level, position, settings):
        pair = (self.pick(self.queues, queue), self.pick(self.agents, agent))
        self.tier("put_tier", pair, level, position, **settings)

    @rule(index=number, what=among("queue", "agent", "tier", "tier"))
    def remove(self, index, what):
        if index % 4:
            return  # a centre without agents shows nothing
        if what == "tier":
            pair = sorted(self.tiers)[index % len(self.tiers)] if self.tiers else (1, 1)
            self.tier("remove_tier", pair if index % 16 else (index, 1))
            return
        known = self.queues if what == "queue" else self.agents
        gone = self.pick(known, index)
        done, _ = self.both(f"remove_{what}", self.now_us, gone)
        if done:
            self.tiers = {tier for tier in self.tiers if tier[what == "agent"] != gone}

    @rule(agent=number, status=among(*STATUSES, *["Available"] * 4, "on break"))
    def set_status(self, agent, status):
        done, rings = self.both("set_status", self.now_us, self.pick(self.agents, agent), status)
        for offer in rings if done else ():
            self.step(offer, "withdrawn")

    @rule(agent=number, later=seconds)
    def set_wrap_up_end(self, agent, later):
        resting = {agent for _queue, agent in self.tiers if self.routers[0].agent(agent).ready_at_us}
        agent = self.pick(self.agents, agent, resting)
        self.both("set_wrap_up_end", self.now_us, agent, self.now_us + later * SECOND)

    @rule(agent=number, later=seconds)
    def set_ready_at(self, agent, later):
        self.both("set_ready_at", self.now_us, self.pick(self.agents, agent), self.now_us + later * SECOND)

    @rule(agent=number, count=among(0, 0, 1, 2))
    def set_external_calls(self, agent, count):
        self.both("set_external_calls", self.now_us, self.pick(self.agents, agent), count)
