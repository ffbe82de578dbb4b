"""Random histories on both routers at once: the same answers, errors and pictures after each step.

ROUTER_EXAMPLES=20000 searches further than the fixed default run.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from operator import attrgetter
from typing import Any

import pytest
from contract.chance import among, initialize, mostly, rule, several, some_of, together, whole
from contract.reference_router import Router as ReferenceRouter
from contract.reference_skills import holds, read
from contract.reference_values import FAULTS, STATUSES, STRATEGIES
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant

from py_callcenter._router import Router, RouterError, SkillError

# Three hundred histories take half a minute, and several times that on a machine that others use too.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

SECOND = 1_000_000
LOOK = attrgetter(
    "name",
    "status",
    "state",
    "state_since_us",
    "idle_since_us",
    "ready_at_us",
    "no_answer_count",
    "busy_count",
    "reject_count",
    "unregistered_count",
    "calls_answered",
    "talk_us",
    "external_calls",
)

LOOK_AT_BREAK = attrgetter("reason", "since_us", "limit_us", "overdue", "asked", "asked_us", "place")
NEWS = attrgetter("step", "agent", "reason", "status")

number = whole(0, 99)
small = whole(0, 3)
seconds = among(0, 0, 0, 1, 1, 2, 3, 5, 10, 60, -5)

flag = among(False, True)
strategies = among(*STRATEGIES, "ring-progressively", "ring-k", "top-down")
demands = among(
    "any",
    "fa",
    "fa >= 3",
    "not fa",
    "fa and billing",
    "billing > 1",
    [(0, "fa >= 3"), (SECOND, "fa"), (2 * SECOND, "any")],
    [(0, "fa and billing"), (2 * SECOND, "fa or billing")],
    [(0, "any"), (SECOND, "fa")],
    [],
    "fa and",
)
profiles = among({}, {"fa": 1}, {"fa": 3}, {"billing": 2}, {"fa": 5, "billing": 1}, {"fa": 101})
# A history with skills in every queue shows little else.
queue_demands = mostly("any", 3, demands)
own_demands = mostly(None, 3, demands)
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
arrivals = several(together(number, among(0, 0, 0, 1, -1), own_demands), 0, 4)
outcomes = several(
    among("talk", "talk", "talk", "claim", "ring", "keep", "leave", "no_answer", *FAULTS), 3, 6
)


PROPOSAL = attrgetter("offer", "caller", "agent", "queue")


def plain(value: Any) -> Any:
    """Answers of both routers in one form: lists of proposals as lists of tuples."""
    if isinstance(value, list) and value and hasattr(value[0], "offer"):
        return [PROPOSAL(item) for item in value]
    if isinstance(value, list) and value and hasattr(value[0], "step"):
        return [NEWS(item) for item in value]
    return value


class Histories(RuleBasedStateMachine):
    """Two routers, and a diary of what an outside observer knows, to check the promises against."""

    def __init__(self) -> None:
        super().__init__()
        self.routers = (Router(seed=5), ReferenceRouter(seed=5))
        self.now_us = 1000 * SECOND
        self.queues: list[int] = []
        self.agents: list[int] = []
        self.break_reasons: list[int] = []
        self.break_quotas: dict[int, int] = {}
        self.break_quota = 0
        self.callers: list[int] = []
        self.offers: list[int] = []
        self.plans: dict[int, tuple[str, dict[str, Any]]] = {}
        self.offered_us: dict[int, int] = {}
        self.tiers: set[tuple[int, int]] = set()
        self.entered: dict[int, int] = {}
        self.waiting: dict[int, tuple[tuple[int, int, int], int]] = {}  # caller: (rank, queue)
        self.open_offers: dict[int, tuple[int, int, str]] = {}  # offer: (caller, agent, step)
        self.claims: dict[int, int] = {}  # caller: offer
        self.held: set[int] = set()  # callers who came with a preferred agent
        self.delayed: set[int] = set()  # queues that had an opening delay once
        self.profiles: dict[int, dict[str, int]] = {}
        self.demands: dict[int, Any] = {}  # of callers who brought one
        self.clock_us = 0
        self.overtaken: dict[int, int] = {}  # caller: how often, in this queue and under its cap

    def both(self, method: str, *args: Any, **kwargs: Any) -> tuple[bool, Any]:
        """Call a method on both; give whether it was carried out, and the answer."""
        answers = []
        for router in self.routers:
            try:
                answers.append((True, plain(getattr(router, method)(*args, **kwargs))))
            except (RouterError, SkillError):
                answers.append((False, None))
        assert answers[0] == answers[1], (method, args, kwargs)
        if answers[0][0] and self.now_us in args[:1]:
            self.clock_us = max(self.clock_us, self.now_us)
        return answers[0]

    def pick(self, known: list[int], index: int, live: Collection[int] | None = None) -> int:
        """One that is live, when there is one; now and then a stale one, or one that never was."""
        if index == 37:
            return 999
        among = known if live is None or index % 8 == 7 else sorted(live)
        return among[index % len(among)] if among else 999

    def offers_in(self, *steps: str) -> list[int]:
        return [offer for offer, (_caller, _agent, step) in self.open_offers.items() if step in steps]

    # The staff.

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

    # Their breaks.

    @rule(
        index=whole(0, 2),
        limit=among(0, 1, 2, 5),
        quota=whole(0, 2),
        over=among(None, None, "Available", "Logged Out", "On Break"),
    )
    def put_break_reason(self, index, limit, quota, over):
        done, reason = self.both(
            "put_break_reason",
            self.now_us,
            f"break {index}",
            time_limit_us=limit * SECOND,
            quota=quota,
            when_over=over,
        )
        if done:
            self.break_quotas[reason] = quota
            if reason not in self.break_reasons:
                self.break_reasons.append(reason)

    @rule(index=number)
    def remove_break_reason(self, index):
        if index % 5 == 0:
            reason = self.pick(self.break_reasons, index)
            done, _ = self.both("remove_break_reason", self.now_us, reason)
            if done:
                del self.break_quotas[reason]

    @rule(quota=among(0, 1, 2, -1))
    def set_break_quota(self, quota):
        self.both("set_break_quota", self.now_us, quota)

    @rule(agent=number, reason=number, force=among(False, False, True), asked=among(None, None, 0, 3, -1))
    def request_break(self, agent, reason, force, asked):
        self.both(
            "request_break",
            self.now_us,
            self.pick(self.agents, agent),
            self.pick(self.break_reasons, reason, self.break_quotas),
            force=force,
            asked_us=None if asked is None else self.now_us - asked * SECOND,
        )

    @rule(agent=number)
    def withdraw_break(self, agent):
        asked = {one for one in self.agents if self.asks(one)}
        self.both("withdraw_break", self.now_us, self.pick(self.agents, agent, asked))

    def asks(self, agent):
        try:
            found = self.routers[0].agent_break(agent)
        except RouterError:
            return False
        return found is not None and found.asked is not None

    @rule(agent=number, reason=number, since=seconds, overdue=flag)
    def restore_break(self, agent, reason, since, overdue):
        self.both(
            "restore_break",
            self.now_us,
            self.pick(self.agents, agent),
            self.pick(self.break_reasons, reason, self.break_quotas),
            since_us=self.now_us - since * SECOND,
            overdue=overdue,
        )

    # The callers.

    def arrive(self, queue, entered, priority, base_score, skills, preferred=None, held=0):
        queue = self.pick(self.queues, queue)
        if preferred is not None:
            preferred = self.pick(self.agents, preferred)
        entered_us, base_score_us = self.now_us - entered * SECOND, base_score * SECOND
        done, caller = self.both(
            "enqueue",
            self.now_us,
            queue,
            entered_us=entered_us,
            priority=priority,
            base_score_us=base_score_us,
            preferred_agent=preferred,
            preferred_for_us=held * SECOND,
            skills=skills,
        )
        if done:
            self.callers.append(caller)
            self.demands[caller] = skills
            if preferred is not None:
                self.held.add(caller)
            self.entered[caller] = entered_us
            self.waiting[caller] = ((-priority, entered_us - base_score_us, caller), queue)

    @rule(
        queue=number,
        entered=seconds,
        priority=whole(-1, 1),
        base_score=among(0, 0, 1, -1, 5),
        skills=own_demands,
        preferred=mostly(None, 1, number),
        held=small,
    )
    def enqueue(self, queue, entered, priority, base_score, skills, preferred, held):
        self.arrive(queue, entered, priority, base_score, skills, preferred, held)

    @rule(caller=number, skills=mostly(None, 1, demands))
    def set_skills(self, caller, skills):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_skills", self.now_us, caller, skills)
        if done:
            self.demands[caller] = skills

    @rule(caller=number, priority=whole(-1, 1))
    def set_priority(self, caller, priority):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_priority", self.now_us, caller, priority)
        assert done == (caller in self.waiting)
        if done:
            (_priority, *rest), queue = self.waiting[caller]
            self.waiting[caller] = ((-priority, *rest), queue)

    @rule(caller=number, base_score=whole(-3, 3))
    def set_base_score(self, caller, base_score):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_base_score", self.now_us, caller, base_score * SECOND)
        if done:
            (priority, _since, _id), queue = self.waiting[caller]
            since_us = self.entered[caller] - base_score * SECOND
            self.waiting[caller] = ((priority, since_us, caller), queue)

    @rule(caller=number, queue=number, keep=flag)
    def move(self, caller, queue, keep):
        caller = self.pick(self.callers, caller, self.waiting)
        queue = self.pick(self.queues, queue)
        done, rings = self.both("move", self.now_us, caller, queue, keep_entered=keep)
        if not done:
            return
        (priority, since_us, _id), _queue = self.waiting[caller]
        if not keep:
            since_us += self.clock_us - self.entered[caller]
            self.entered[caller] = self.clock_us
        self.waiting[caller] = ((priority, since_us, caller), queue)
        self.overtaken.pop(caller, None)
        for offer in rings:
            self.step(offer, "withdrawn")

    @rule(caller=number)
    def leave(self, caller):
        self.caller_leaves(self.pick(self.callers, caller, self.waiting))

    def caller_leaves(self, caller):
        done, rings = self.both("leave", self.now_us, caller)
        assert done == (caller in self.waiting)
        if done:
            self.forget(caller)
            for offer in rings:
                self.step(offer, "withdrawn")

    def forget(self, caller):
        del self.waiting[caller]
        self.claims.pop(caller, None)

    # The calls.

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

    def rush(self, arrivals, outcomes):
        """Callers come; each offer takes its own course. What is not named stays as it is."""
        for queue, priority, skills in arrivals:
            self.arrive(queue, 0, priority, 0, skills)
        for (offer, caller, *_rest), outcome in zip(self.decide_now(), outcomes, strict=False):
            if outcome in {"ring", "claim", "talk"}:
                self.both("ringing", self.now_us, offer)
            if outcome in {"claim", "talk"}:
                self.claim_offer(offer)
            if outcome == "talk":
                self.bridge_offer(offer)
            if outcome in FAULTS:
                self.fail_offer(offer, outcome)
            if outcome == "leave" and caller in self.waiting:
                self.caller_leaves(caller)

    @rule(arrivals=arrivals, outcomes=outcomes)
    def a_few_call(self, arrivals, outcomes):
        self.rush(arrivals, outcomes)

    @rule(arrivals=arrivals, outcomes=outcomes, later=among(0, 1, 2))
    def agents_finish_and_others_call(self, arrivals, outcomes, later):
        self.end_all(("talking", "withdrawn"))
        self.pass_time(later)
        self.rush(arrivals, outcomes)

    @rule(outcomes=outcomes)
    def everything_ends_and_the_rest_is_served(self, outcomes):
        self.end_all(("talking", "withdrawn", "ringing"))
        self.pass_time(10)
        self.rush((), outcomes)

    def end_all(self, steps):
        for offer in self.offers_in(*steps):
            if self.open_offers[offer][2] == "talking":
                self.finish_offer(offer)
            else:
                self.fail_offer(offer, "withdrawn")

    def pass_time(self, later):
        self.now_us += later * SECOND
        self.both("advance", self.now_us)

    @rule(outcomes=outcomes)
    def decide(self, outcomes):
        self.rush((), outcomes)

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

    def decide_now(self):
        _, proposals = self.both("decide", self.now_us)
        turns = set()
        for offer, caller, agent, queue in proposals:
            _rank, own_queue = self.waiting[caller]
            assert own_queue == queue
            assert (queue, agent) in self.tiers
            assert self.is_open(caller)
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            assert self.meets(agent, caller)
            self.check_turn(caller, agent, turns)
            self.offers.append(offer)
            self.open_offers[offer] = (caller, agent, "ringing")
            self.offered_us[caller] = self.clock_us
        for caller, (_rank, queue) in self.waiting.items():
            if self.is_open(caller) and caller not in self.held and self.is_plain(queue):
                able = [a for q, a in self.tiers if q == queue and self.is_free(a) and self.meets(a, caller)]
                assert not able, "a pair was left unmatched"
        return proposals

    def step(self, offer, step):
        caller, agent, before = self.open_offers[offer]
        assert (before, step) not in {("withdrawn", "claimed"), ("withdrawn", "talking")}
        self.open_offers[offer] = (caller, agent, step)

    @rule(offer=number)
    def ringing(self, offer):
        self.both("ringing", self.now_us, self.pick(self.offers, offer, self.open_offers))

    @rule(offer=number)
    def claim(self, offer):
        self.claim_offer(self.pick(self.offers, offer, self.offers_in("ringing", "withdrawn")))

    def claim_offer(self, offer):
        done, losers = self.both("claim", self.now_us, offer)
        if done and losers is not None:
            caller, *_ = self.open_offers[offer]
            assert caller in self.waiting
            assert caller not in self.claims, "a caller was claimed twice"
            self.claims[caller] = offer
            self.step(offer, "claimed")
            for loser in losers:
                assert self.open_offers[loser][0] == caller
                self.step(loser, "withdrawn")

    @rule(offer=number)
    def bridged(self, offer):
        self.bridge_offer(self.pick(self.offers, offer, self.offers_in("claimed")))

    def bridge_offer(self, offer):
        done, _ = self.both("bridged", self.now_us, offer)
        if done:
            caller, *_ = self.open_offers[offer]
            assert self.claims[caller] == offer
            self.step(offer, "talking")
            self.forget(caller)

    @rule(offer=number, fault=among(*FAULTS, "no_answer", "no_answer", "tired"))
    def fail(self, offer, fault):
        self.fail_offer(
            self.pick(self.offers, offer, self.offers_in("ringing", "withdrawn", "claimed")), fault
        )

    def fail_offer(self, offer, fault):
        caller, agent, _step = self.open_offers.get(offer, (0, 0, ""))
        idle_since_us = self.routers[0].agent(agent).idle_since_us if agent else 0
        done, _ = self.both("fail", self.now_us, offer, fault)
        if done:
            assert self.routers[0].agent(agent).idle_since_us == idle_since_us
            del self.open_offers[offer]
            if self.claims.get(caller) == offer:
                del self.claims[caller]

    @rule(offer=number)
    def finish(self, offer):
        self.finish_offer(self.pick(self.offers, offer, self.offers_in("talking")))

    def finish_offer(self, offer):
        done, _ = self.both("finish", self.now_us, offer)
        if done:
            del self.open_offers[offer]

    # What outlived a process.

    @rule(
        agent=number,
        idle=seconds,
        rest=seconds,
        counts=together(small, small, small),
        served=flag,
        wrap_up=flag,
    )
    def restore_agent(self, agent, idle, rest, counts, served, wrap_up):
        no_answer, calls, talk = counts
        self.both(
            "restore_agent",
            self.now_us,
            self.pick(self.agents, agent),
            idle_since_us=self.now_us - abs(idle) * SECOND,
            state_since_us=self.now_us - rest * SECOND,
            no_answer_count=no_answer,
            busy_count=calls,
            reject_count=talk,
            unregistered_count=no_answer,
            calls_answered=calls,
            talk_us=talk * SECOND,
            served=served,
            rest_until_us=self.now_us + rest * SECOND,
            wrap_up=wrap_up,
        )

    @rule(caller=number, agent=number)
    def adopt_offer(self, caller, agent):
        caller, agent = self.pick(self.callers, caller, self.waiting), self.pick(self.agents, agent)
        done, offer = self.both("adopt_offer", self.now_us, caller, agent)
        if done:
            assert caller not in self.claims
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            self.offers.append(offer)
            self.open_offers[offer] = (caller, agent, "ringing")
            self.offered_us[caller] = self.clock_us

    @rule(agent=number, since=seconds, counted=flag)
    def adopt_conversation(self, agent, since, counted):
        agent = self.pick(self.agents, agent)
        since_us = self.now_us - since * SECOND
        done, offer = self.both("adopt_conversation", self.now_us, agent, since_us=since_us, counted=counted)
        if done:
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            self.offers.append(offer)
            self.open_offers[offer] = (0, agent, "talking")

    @rule(caller=number, held=flag)
    def hold_caller(self, caller, held):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("hold_caller", self.now_us, caller, held)
        assert done == (caller in self.waiting)
        self.held.add(caller)

    # Time.

    @rule(tokens=several(together(small, among(None, -5, 0, 1, 1, 2, 10)), 0, 4))
    def set_or_cancel_timers(self, tokens):
        for token, later in tokens:
            if later is None:
                self.both("cancel_timer", token)
            else:
                self.both("set_timer", self.now_us + later * SECOND, token)

    @rule(later=seconds)
    def advance(self, later):
        self.pass_time(later)

    @rule()
    def advance_to_the_next_deadline(self):
        _, deadline_us = self.both("next_deadline_us")
        if deadline_us is not None:
            self.now_us = max(self.now_us, deadline_us)
            self.both("advance", self.now_us)

    @invariant()
    def both_show_the_same_picture(self):
        pictures = [self.picture(router) for router in self.routers]
        if pictures[0] != pictures[1]:
            pairs = zip(*pictures, strict=True)
            differ = [(ours, plain) for ours, plain in pairs if ours != plain]
            raise AssertionError(differ)
        for caller in self.callers[-3:]:
            for method in ("position", "ahead", "demand"):
                done, _ = self.both(method, caller)
                assert done == (caller in self.waiting)
        for agent in self.agents:
            self.both("agent_skills", agent)
        self.both("break_news")

    def picture(self, router):
        """What a router shows of everybody who is there."""
        shown = [("moments", router.next_deadline_us(), router.agents_by_state(), router.break_counts())]
        for queue in self.queues:
            try:
                counts = [router.calls_waiting(queue), router.staffed(queue), router.can_serve(queue)]
                shown.append((f"queue {queue}", router.callers(queue), *counts))
            except RouterError:
                shown.append((f"queue {queue} is gone",))
        shown += [
            (f"caller {caller}", router.position(caller), router.ahead(caller), router.demand(caller))
            for caller in self.waiting
        ]
        for agent in self.agents:
            try:
                shown.append((f"agent {agent}", *LOOK(router.agent(agent))))
                found = router.agent_break(agent)
                shown.append((f"break of {agent}", found and LOOK_AT_BREAK(found)))
            except RouterError:
                shown.append((f"agent {agent} is gone",))
        return shown


Histories.TestCase.settings = settings.get_profile("router")
TestRandomHistories = Histories.TestCase
