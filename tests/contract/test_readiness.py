"""What else keeps an agent from a call: opening delays, calls elsewhere, a moment set by hand."""

import pytest

pytestmark = pytest.mark.contract


def test_a_queue_opens_to_an_agent_only_for_callers_who_waited(centre):
    centre.queue("support")
    centre.agent("helper", "support")
    centre.tier("support", "helper", opening_delay_us=30 * 10**6)
    centre.call("ada", "support")
    assert centre.decide() == []
    assert centre.router.can_serve(centre.queues["support"]) == 1
    assert centre.wait_for_deadline() == 30
    assert centre.decide() == [("ada", "helper")]


def test_a_caller_who_waited_goes_to_the_helper_and_a_newcomer_does_not(centre):
    centre.queue("support")
    centre.agent("helper", "support")
    centre.tier("support", "helper", opening_delay_us=30 * 10**6)
    centre.call("newcomer", "support", priority=9)
    centre.call("ada", "support", entered=centre.now - 30)
    assert centre.decide() == [("ada", "helper")]


def test_opening_delays_differ_from_agent_to_agent(centre):
    centre.queue("support")
    for name, delay in (("slow", 20), ("quick", 10), ("own", 0)):
        centre.agent(name, "support")
        centre.tier("support", name, opening_delay_us=delay * 10**6)
        centre.wait(1)
    for name in ("ada", "bob", "cid"):
        centre.call(name, "support")
    assert centre.decide() == [("ada", "own")]
    assert centre.wait_for_deadline() == 10
    assert centre.decide() == [("bob", "quick")]
    assert centre.wait_for_deadline() == 10
    assert centre.decide() == [("cid", "slow")]
    assert centre.router.next_deadline_us() is None


def test_an_open_helper_is_in_the_order_like_everybody(centre):
    centre.queue("support")
    for name, delay in (("helper", 10), ("own", 0)):
        centre.agent(name, "support")
        centre.tier("support", name, opening_delay_us=delay * 10**6)
        centre.wait(1)
    centre.call("ada", "support", entered=centre.now - 10)
    assert centre.decide() == [("ada", "helper")]


def test_the_later_of_opening_delay_and_tier_rule_counts(centre):
    centre.queue("support", tier_rules_apply=True, tier_rule_wait_us=10 * 10**6)
    centre.agent("one", "support")
    centre.agent("two", "support", level=2)
    centre.tier("support", "two", level=2, opening_delay_us=15 * 10**6)
    centre.call("first", "support")
    centre.call("ada", "support")
    assert centre.decide() == [("first", "one")]
    centre.wait(10)
    assert centre.decide() == []
    centre.wait(5)
    assert centre.decide() == [("ada", "two")]


def test_a_changed_opening_delay_holds_from_the_next_decision_on(centre):
    centre.queue("support")
    centre.agent("helper", "support")
    centre.tier("support", "helper", opening_delay_us=30 * 10**6)
    centre.call("ada", "support")
    assert centre.decide() == []
    centre.tier("support", "helper", opening_delay_us=0)
    assert centre.decide() == [("ada", "helper")]


def test_thousands_of_waits_that_open_at_one_moment_are_looked_at_once(make_router):
    router = make_router()
    queue = router.put_queue(0, "support", "longest-idle-agent")
    agent = router.put_agent(0, "helper")
    router.put_tier(0, queue, agent, 1, 1, opening_delay_us=1000)
    router.set_status(0, agent, "Available")
    callers = [router.enqueue(0, queue, entered_us=0) for _ in range(3000)]
    assert router.decide(999) == []
    assert router.next_deadline_us() == 1000
    assert router.advance(1000) == []
    assert router.next_deadline_us() is None
    assert [proposal.caller for proposal in router.decide(1000)] == callers[:1]


def test_an_agent_on_a_call_elsewhere_is_passed_over(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.router.set_external_calls(centre.now_us, centre.agents["x"], 1)
    assert centre.state("x") == "busy_elsewhere"
    centre.call("ada", "support")
    assert centre.decide() == []
    assert centre.router.can_serve(centre.queues["support"]) == 0
    centre.wait(60)
    centre.router.set_external_calls(centre.now_us, centre.agents["x"], 0)
    assert centre.state("x") == "waiting"
    assert centre.decide() == [("ada", "x")]


def test_a_queue_may_ring_agents_on_calls_elsewhere(centre):
    centre.queue("support")
    centre.queue("emergency", skip_agents_with_external_calls=False)
    centre.agent("x", "support", "emergency")
    centre.router.set_external_calls(centre.now_us, centre.agents["x"], 2)
    centre.call("ada", "support")
    centre.call("bob", "emergency")
    assert centre.decide() == [("bob", "x")]
    assert centre.state("x") == "reserved"
    centre.fail("bob", "x", "withdrawn")
    centre.queue("support", skip_agents_with_external_calls=False)
    assert centre.decide() == [("ada", "x")]


def test_a_call_elsewhere_leaves_a_ringing_phone_alone(centre):
    centre.queue("support")
    centre.agent("x", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.router.set_external_calls(centre.now_us, centre.agents["x"], 1)
    assert centre.state("x") == "reserved"
    centre.talk("ada", "x")
    assert centre.state("x") == "wrap_up"
    centre.wait(10)
    assert centre.state("x") == "busy_elsewhere"
    assert centre.view("x").external_calls == 1
    centre.status("x", "On Break")
    assert centre.state("x") == "on_break"


def test_an_agent_is_not_ready_before_the_moment_set_by_hand(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support")
    at_us = centre.now_us + 30 * 10**6
    centre.router.set_ready_at(centre.now_us, centre.agents["x"], at_us)
    assert (centre.state("x"), centre.view("x").ready_at_us) == ("waiting", at_us)
    assert centre.decide() == []
    assert centre.wait_for_deadline() == 30
    assert centre.view("x").ready_at_us == 0
    assert centre.decide() == [("ada", "x")]


def test_a_moment_in_the_past_ends_the_hold_but_no_wrap_up(centre):
    centre.queue("support")
    centre.agent("x", "support", wrap_up=10)
    router, agent = centre.router, centre.agents["x"]
    router.set_ready_at(centre.now_us, agent, centre.now_us + 100 * 10**6)
    router.set_ready_at(centre.now_us, agent, centre.now_us)
    centre.call("ada", "support")
    assert centre.decide() == [("ada", "x")]
    centre.talk("ada", "x")
    router.set_ready_at(centre.now_us, agent, centre.now_us + 3 * 10**6)
    centre.wait(3)
    assert centre.state("x") == "wrap_up"
    router.set_ready_at(centre.now_us, agent, centre.now_us + 20 * 10**6)
    router.set_ready_at(centre.now_us, agent, 0)
    assert centre.wait_for_deadline() == 7
    assert centre.state("x") == "waiting"
    assert router.next_deadline_us() is None


def test_a_hold_is_forgotten_with_the_agent(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.router.set_ready_at(centre.now_us, centre.agents["x"], centre.now_us + 10**6)
    centre.router.remove_agent(centre.now_us, centre.agents["x"])
    assert centre.router.next_deadline_us() is None


@pytest.mark.parametrize("kind", ["opening delay", "preferred", "progressive"])
def test_a_caller_who_leaves_takes_the_timer_along(centre, kind):
    centre.queue("support", "ring-progressively" if kind == "progressive" else "longest-idle-agent")
    centre.agent("x", "support")
    if kind == "opening delay":
        centre.tier("support", "x", opening_delay_us=10**6)
    preferred = {"preferred": "x", "preferred_for": 5} if kind == "preferred" else {}
    centre.call("ada", "support", **preferred)
    centre.decide()
    assert centre.router.next_deadline_us() is not None
    centre.leave("ada")
    assert centre.router.next_deadline_us() is None
