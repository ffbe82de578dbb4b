"""Who gets whom when callers demand skills."""

from __future__ import annotations

import pytest
from contract.centre import SECOND
from contract.reference_values import STRATEGIES

from py_callcenter._router import SkillError

pytestmark = pytest.mark.contract

RELAXING = [(0, "fa >= 3"), (20 * SECOND, "fa"), (60 * SECOND, "any")]


@pytest.fixture
def support(centre):
    centre.queue("support")
    return centre


def test_a_queue_demands_a_skill_of_whoever_takes_its_callers(centre):
    centre.queue("support", skills="language:fa >= 3 and billing")
    centre.agent("Ann", "support", skills={"language:fa": 5})
    centre.agent("Bob", "support", skills={"language:fa": 3, "billing": 1})
    centre.call("Caller", "support")
    assert centre.decide() == [("Caller", "Bob")]
    centre.call("Other", "support")
    assert centre.decide() == []


def test_a_caller_brings_a_demand_instead_of_the_queues(centre):
    centre.queue("support", skills="fa")
    centre.agent("Ann", "support", skills={"de": 1})
    centre.call("Caller", "support")
    centre.call("Hans", "support", skills="de")
    assert centre.decide() == [("Hans", "Ann")]


def test_who_demands_what_nobody_has_does_not_hide_the_next(support):
    support.agent("Ann", "support")
    support.call("First", "support", priority=9, skills="fa")
    support.call("Second", "support")
    assert support.decide() == [("Second", "Ann")]
    assert support.line("support") == ["First", "Second"]


def test_a_free_agent_gets_the_first_of_those_whom_she_may_take(support):
    support.agent("Ann", "support", skills={"fa": 3})
    support.status("Ann", "On Break")
    for name, demand in (("A", "de"), ("B", "fa >= 4"), ("C", "fa"), ("D", "any")):
        support.call(name, "support", skills=demand)
        support.wait(1)
    support.status("Ann", "Available")
    assert support.decide() == [("C", "Ann")]
    support.talk("C", "Ann")
    assert support.decide() == [("D", "Ann")]


def test_a_free_agent_gets_nobody_to_whom_she_is_not_open_yet(centre):
    """Though she has the skill, and callers who wait for it."""
    centre.queue("support", skills="fa", tier_rules_apply=True, tier_rule_wait_us=20 * SECOND)
    centre.agent("Near", "support", skills={"fa": 1})
    centre.agent("Far", "support", level=2, skills={"fa": 1})
    centre.agent("Late", skills={"fa": 1})
    centre.tier("support", "Late", 1, 1, opening_delay_us=10 * SECOND)
    for name in ("Far", "Late"):
        centre.status(name, "On Break")
    for name in ("With Near", "A", "B"):
        centre.call(name, "support")
    assert centre.decide() == [("With Near", "Near")]
    for name in ("Far", "Late"):
        centre.status(name, "Available")
        assert centre.decide() == []
    assert centre.wait_for_deadline() == 10
    assert centre.decide() == [("A", "Late")]
    assert centre.wait_for_deadline() == 10
    assert centre.decide() == [("B", "Far")]


def test_a_demand_becomes_easier_while_the_caller_waits(centre):
    centre.queue("support", skills=RELAXING)
    centre.agent("Ann", "support")
    centre.agent("Bob", "support", skills={"fa": 1})
    centre.call("Caller", "support")
    assert centre.router.demand(centre.callers["Caller"]) == "fa >= 3"
    assert centre.decide() == []
    assert centre.wait_for_deadline() == 20
    assert centre.router.demand(centre.callers["Caller"]) == "fa"
    assert centre.decide() == [("Caller", "Bob")]
    centre.ring("Caller", "Bob")
    centre.claim("Caller", "Bob")
    centre.bridge("Caller", "Bob")
    centre.call("Other", "support")
    assert centre.wait_for_deadline() == 20
    assert centre.decide() == []
    assert centre.wait_for_deadline() == 40
    assert centre.decide() == [("Other", "Ann")]
    assert centre.router.next_deadline_us() is None


def test_an_earlier_wait_counts_for_the_steps(support):
    support.agent("Ann", "support")
    support.call("Caller", "support", entered=support.now - 60, skills=RELAXING)
    assert support.decide() == [("Caller", "Ann")]


def test_a_base_score_relaxes_no_demand(support):
    support.agent("Ann", "support")
    support.call("Caller", "support", base_score=600, skills=RELAXING)
    assert support.decide() == []
    assert support.wait_for_deadline() == 20


def test_a_step_may_ask_for_more(support):
    support.agent("Ann", "support", skills={"fa": 1})
    support.agent("Bob", "support", skills={"fa": 5})
    support.status("Bob", "On Break")
    support.call("Caller", "support", skills=[(0, "fa"), (10 * SECOND, "fa >= 5")])
    support.wait(10)
    assert support.decide() == []
    support.status("Bob", "Available")
    assert support.decide() == [("Caller", "Bob")]


def test_the_last_step_is_anybody_with_a_tier_and_nobody_else(centre):
    centre.queue("support", skills=[(0, "fa"), (5 * SECOND, "any")])
    centre.queue("sales")
    centre.agent("Ann", "sales", skills={"fa": 9})
    centre.call("Caller", "support")
    centre.wait(5)
    assert centre.decide() == []
    centre.tier("support", "Ann")
    assert centre.decide() == [("Caller", "Ann")]


def test_steps_do_not_open_levels_and_levels_do_not_relax_demands(centre):
    centre.queue(
        "support",
        skills=[(0, "fa"), (10 * SECOND, "any")],
        tier_rules_apply=True,
        tier_rule_wait_us=20 * SECOND,
    )
    centre.agent("Ann", "support", level=1)
    centre.agent("Bob", "support", level=2, skills={"fa": 1})
    centre.call("Caller", "support")
    assert centre.decide() == [], "the level is closed though only Bob has the skill"
    centre.status("Ann", "On Break")
    assert centre.decide() == [("Caller", "Bob")], "no agent, no wait"
    centre.call("Other", "support")
    centre.status("Ann", "Available")
    assert centre.decide() == []
    centre.wait(10)
    assert centre.decide() == [("Other", "Ann")]


def test_an_opening_delay_holds_for_who_has_the_skill_too(support):
    support.agent("Ann", skills={"fa": 1})
    support.tier("support", "Ann", opening_delay_us=10 * SECOND)
    support.call("Caller", "support", skills="fa")
    assert support.decide() == []
    support.wait(10)
    assert support.decide() == [("Caller", "Ann")]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_strategy_chooses_among_those_with_the_skill(centre, strategy):
    centre.queue("support", strategy, ring_count=1)
    for number, level in enumerate((1, 1, 2, 2, 2)):
        centre.agent(f"agent {number}", "support", level=level, position=number, skills={"fa": number})
        centre.wait(1)
    centre.call("Caller", "support", skills="fa = 3")
    assert centre.decide() == [("Caller", "agent 3")]


@pytest.mark.parametrize("strategy", ["random", "weighted-random"])
def test_lots_among_few_of_many_are_fair(centre, strategy):
    centre.queue("support", strategy)
    for number in range(60):
        centre.agent(f"agent {number}", "support", skills={"fa": number % 30 == 7})
    shares = {"agent 7": 0, "agent 37": 0}
    for number in range(400):
        centre.call(f"caller {number}", "support", skills="fa")
        ((caller, agent),) = centre.decide()
        shares[agent] += 1
        centre.fail(caller, agent, "withdrawn")
        centre.leave(caller)
    assert 160 < shares["agent 7"] < 240


def test_round_robin_goes_on_from_whoever_was_offered_last(centre):
    centre.queue("support", "round-robin")
    for position, skills in enumerate(({"fa": 1}, {}, {"fa": 1}, {})):
        centre.agent(f"agent {position}", "support", position=position, skills=skills)
    turns = []
    for number, demand in enumerate(("any", "fa", "any", "fa")):
        centre.call(f"caller {number}", "support", skills=demand)
        ((caller, agent),) = centre.decide()
        turns.append(agent)
        centre.talk(caller, agent)
    assert turns == ["agent 0", "agent 2", "agent 3", "agent 0"]


@pytest.mark.parametrize(("strategy", "count"), [("ring-all", 3), ("ring-k", 2)])
def test_ring_plans_ring_those_with_the_skill_only(centre, strategy, count):
    centre.queue("support", strategy, ring_count=2)
    for number in range(6):
        centre.agent(f"agent {number}", "support", position=number, skills={"fa": number % 2})
    centre.call("Caller", "support", skills="fa")
    assert centre.decide() == [("Caller", f"agent {number}") for number in (1, 3, 5)][:count]


def test_ring_all_rings_more_phones_when_the_demand_becomes_easier(centre):
    centre.queue("support", "ring-all")
    centre.agent("Ann", "support", skills={"fa": 5})
    centre.agent("Bob", "support", skills={"fa": 1})
    centre.call("Caller", "support", skills=RELAXING)
    assert centre.decide() == [("Caller", "Ann")]
    centre.wait(20)
    assert centre.decide() == [("Caller", "Bob")]


def test_who_let_this_caller_ring_comes_last_among_those_with_the_skill(support):
    support.agent("Ann", "support", skills={"fa": 1})
    support.agent("Bob", "support")
    support.call("Caller", "support", skills="fa")
    support.decide()
    support.fail("Caller", "Ann", "rejected")
    assert support.decide() == [("Caller", "Ann")], "Bob is free but can't"


def test_the_preferred_agent_needs_the_skill(support):
    support.agent("Ann", "support", skills={"fa": 1})
    support.agent("Bob", "support", skills={"fa": 3})
    support.call("Caller", "support", preferred="Ann", preferred_for=60, skills=RELAXING)
    assert support.decide() == [("Caller", "Bob")], "nobody waits for an agent who can't"


def test_a_caller_waits_for_the_preferred_agent_once_the_demand_is_met(support):
    support.agent("Ann", "support", skills={"fa": 1})
    support.status("Ann", "On Break")
    support.agent("Bob", "support", skills={"fa": 1})
    support.call("Caller", "support", preferred="Ann", preferred_for=60, skills=RELAXING)
    assert support.decide() == []
    support.wait(20)
    assert support.decide() == [], "Ann meets the demand now, so Bob isn't rung"
    support.status("Ann", "Available")
    assert support.decide() == [("Caller", "Ann")]


def test_a_caller_who_can_wait_no_longer_for_the_preferred_agent_gets_another(support):
    support.agent("Ann", "support", skills={"fa": 3})
    support.status("Ann", "On Break")
    support.agent("Bob", "support", skills={"fa": 3})
    support.call("Caller", "support", preferred="Ann", preferred_for=60, skills="fa")
    assert support.decide() == []
    support.router.put_agent(support.now_us, "Ann", skills={})
    assert support.decide() == [("Caller", "Bob")]


def test_a_demand_is_changed_while_the_caller_waits(support):
    support.agent("Ann", "support")
    support.call("Caller", "support", skills="fa")
    assert support.decide() == []
    support.router.set_skills(support.now_us, support.callers["Caller"], "not fa")
    assert support.decide() == [("Caller", "Ann")]


def test_the_steps_of_a_changed_demand_count_from_the_beginning_of_the_wait(support):
    support.agent("Ann", "support")
    support.call("Caller", "support", skills="fa")
    support.wait(15)
    support.router.set_skills(support.now_us, support.callers["Caller"], [(0, "fa"), (20 * SECOND, "any")])
    assert support.decide() == []
    assert support.wait_for_deadline() == 5
    assert support.decide() == [("Caller", "Ann")]


def test_without_an_own_demand_the_queues_holds_again(centre):
    centre.queue("support", skills="de")
    centre.call("Caller", "support", skills="fa")
    centre.router.set_skills(centre.now_us, centre.callers["Caller"], None)
    assert centre.router.demand(centre.callers["Caller"]) == "de"


def test_a_changed_queue_demands_something_else_of_those_who_wait(centre):
    centre.queue("support", skills="fa")
    centre.agent("Ann", "support")
    centre.call("Caller", "support")
    centre.call("Own", "support", skills="de")
    assert centre.decide() == []
    centre.queue("support")
    assert centre.decide() == [("Caller", "Ann")]
    assert centre.router.demand(centre.callers["Own"]) == "de"


def test_an_agent_who_learns_is_offered_who_waits(support):
    support.agent("Ann", "support")
    support.call("Caller", "support", skills="fa")
    assert support.decide() == []
    support.router.put_agent(support.now_us, "Ann", skills={"fa": 1})
    assert support.router.agent_skills(support.agents["Ann"]) == [("fa", 1)]
    assert support.decide() == [("Caller", "Ann")]


def test_an_agent_who_loses_a_skill_is_offered_nobody_more(support):
    support.agent("Ann", "support", skills={"fa": 1})
    support.router.put_agent(support.now_us, "Ann")
    support.call("Caller", "support", skills="fa")
    assert support.decide() == []


def test_a_moved_caller_keeps_the_own_demand_and_loses_the_queues(centre):
    centre.queue("support", skills="fa")
    centre.queue("sales", skills="de")
    centre.call("Own", "support", skills="en")
    centre.call("Plain", "support")
    for name in ("Own", "Plain"):
        centre.router.move(centre.now_us, centre.callers[name], centre.queues["sales"])
    demands = [centre.router.demand(centre.callers[name]) for name in ("Own", "Plain")]
    assert demands == ["en", "de"]


def test_a_bad_demand_or_skill_changes_nothing(centre):
    centre.queue("support")
    queue, now_us = centre.queues["support"], centre.now_us
    with pytest.raises(SkillError, match="column 5"):
        centre.router.put_queue(now_us, "support", "round-robin", skills="fa >> 3")
    with pytest.raises(SkillError, match="column 1"):
        centre.router.enqueue(now_us, queue, entered_us=now_us, skills=[(0, "fa"), (SECOND, "or")])
    with pytest.raises(SkillError, match="first step"):
        centre.router.enqueue(now_us, queue, entered_us=now_us, skills=[(SECOND, "fa")])
    with pytest.raises(SkillError, match="1…32 steps"):
        centre.router.enqueue(now_us, queue, entered_us=now_us, skills=[])
    with pytest.raises(SkillError, match="last step"):
        centre.router.put_queue(now_us, "other", "random", skills=[(0, "any"), (SECOND, "fa")])
    with pytest.raises(SkillError, match="0…100"):
        centre.router.put_agent(now_us, "Ann", skills={"fa": 101})
    assert centre.line("support") == []
    assert centre.router.queue_id("other") is None
    assert centre.router.agent_id("Ann") is None
    centre.agent("Ann", "support")
    centre.call("Caller", "support")
    with pytest.raises(SkillError):
        centre.router.set_skills(now_us, centre.callers["Caller"], [])
    assert centre.decide() == [("Caller", "Ann")]


def test_the_more_work_there_is_at_once_the_same_rules_hold(support):
    """Many agents and callers at one instant are matched as one after the other."""
    for number in range(40):
        support.agent(f"agent {number}", "support", skills={"fa": number % 3, "de": number % 5})
        support.status(f"agent {number}", "On Break")
    demands = ("fa", "de > 2", "fa and de", "not fa and not de", "any", "fa = 2 or de = 4")
    for number in range(60):
        support.call(f"caller {number}", "support", skills=demands[number % 6], priority=number % 2)
    assert support.decide() == []
    for number in range(40):
        support.status(f"agent {number}", "Available")
    pairs = support.decide()
    assert len(pairs) == len({agent for _caller, agent in pairs}) == 40
    served = [int(caller.split()[1]) for caller, _agent in pairs]
    assert served == sorted(served, key=lambda number: (-(number % 2), number))


def test_lots_among_the_few_who_are_able_go_by_weight(centre):
    """So few that no lot falls on them when it is drawn among all."""
    centre.queue("support", "weighted-random", skills="fa")
    for number in range(20):
        centre.agent(f"other {number}", "support")
        centre.tier("support", f"other {number}", weight=100)
    for name, weight in (("light", 1), ("heavy", 9)):
        centre.agent(name, "support", skills={"fa": 1})
        centre.tier("support", name, weight=weight)
    turns = []
    for number in range(200):
        centre.call(str(number), "support")
        ((caller, agent),) = centre.decide()
        turns.append(agent)
        centre.talk(caller, agent, 1)
    # 20 and 180 expected; the standard deviation is 4.
    assert 5 < turns.count("light") < 40
    assert turns.count("light") + turns.count("heavy") == 200
