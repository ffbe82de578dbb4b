"""Agents: status, state, rest, counters."""

import pytest
from contract.centre import SECOND

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


def states(centre):
    return {state: count for state, count in centre.router.agents_by_state() if count}


def test_a_new_agent_is_logged_out_and_takes_nothing(centre):
    centre.queue("support")
    centre.agents["1000"] = centre.router.put_agent(centre.now_us, "1000")
    centre.tier("support", "1000")
    centre.call("ada", "support")
    view = centre.view("1000")
    assert (view.name, view.status, view.state) == ("1000", "Logged Out", "logged_out")
    assert (view.state_since_us, view.idle_since_us, view.ready_at_us) == (centre.now_us, 0, 0)
    assert centre.decide() == []
    assert centre.router.staffed(centre.queues["support"]) == 0


def test_the_states_of_one_call(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    seen = [centre.state("1000")]
    centre.decide()
    seen.append(centre.state("1000"))
    centre.ring("ada", "1000")
    seen.append(centre.state("1000"))
    centre.claim("ada", "1000")
    seen.append(centre.state("1000"))
    centre.bridge("ada", "1000")
    seen.append(centre.state("1000"))
    centre.wait(60)
    centre.finish("ada", "1000")
    seen.append(centre.state("1000"))
    centre.wait(10)
    seen.append(centre.state("1000"))
    assert seen == [
        "waiting",
        "reserved",
        "receiving",
        "receiving",
        "in_a_queue_call",
        "wrap_up",
        "waiting",
    ]
    view = centre.view("1000")
    assert (view.calls_answered, view.talk_us) == (1, 60 * SECOND)
    assert view.idle_since_us == centre.now_us - 10 * SECOND
    assert view.state_since_us == centre.now_us


def test_wrap_up_ends_at_its_deadline_and_not_before(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    ends_us = centre.now_us + 10 * SECOND
    assert centre.view("1000").ready_at_us == ends_us == centre.router.next_deadline_us()
    centre.call("bob", "support")
    centre.router.advance(ends_us - 1)
    assert centre.decide() == []
    centre.router.advance(ends_us)
    assert centre.router.next_deadline_us() is None
    assert centre.decide() == [("bob", "1000")]


def test_without_wrap_up_the_agent_is_ready_at_once(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.call("ada", "support")
    centre.call("bob", "support")
    centre.decide()
    centre.talk("ada", "1000")
    assert centre.router.next_deadline_us() is None
    assert centre.decide() == [("bob", "1000")]


def test_an_operator_ends_or_moves_a_wrap_up(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    with pytest.raises(RouterError):
        centre.router.set_wrap_up_end(centre.now_us, centre.agents["1000"], centre.now_us)
    centre.decide()
    centre.talk("ada", "1000")
    centre.router.set_wrap_up_end(centre.now_us, centre.agents["1000"], centre.now_us + 99 * SECOND)
    centre.wait(50)
    assert centre.state("1000") == "wrap_up"
    centre.router.set_wrap_up_end(centre.now_us, centre.agents["1000"], centre.now_us)
    assert centre.state("1000") == "waiting"
    assert centre.router.next_deadline_us() is None
    with pytest.raises(RouterError):
        centre.router.set_wrap_up_end(centre.now_us, centre.agents["1000"], centre.now_us + 1)


def test_a_delay_is_no_wrap_up(centre):
    centre.queue("support")
    centre.agent("1000", "support", busy_delay=10)
    centre.call("ada", "support")
    centre.decide()
    centre.fail("ada", "1000", "busy")
    assert centre.state("1000") == "waiting"
    assert centre.view("1000").ready_at_us == centre.now_us + 10 * SECOND
    assert centre.router.can_serve(centre.queues["support"]) == 0
    with pytest.raises(RouterError):
        centre.router.set_wrap_up_end(centre.now_us, centre.agents["1000"], centre.now_us)


@pytest.mark.parametrize(
    ("fault", "delay", "counts"),
    [
        ("busy", 11, False),
        ("rejected", 12, False),
        ("no_answer", 13, True),
        ("unreachable", 13, True),
        ("unregistered", 14, False),
        ("path_error", 15, False),
        ("withdrawn", 0, False),
    ],
)
def test_each_fault_has_its_delay(centre, fault, delay, counts):
    centre.queue("support")
    centre.agent(
        "1000",
        "support",
        busy_delay=11,
        reject_delay=12,
        no_answer_delay=13,
        unregistered_delay=14,
        path_error_delay=15,
    )
    centre.call("ada", "support")
    idle_since_us = centre.view("1000").idle_since_us
    centre.wait(1)
    centre.decide()
    centre.wait(1)
    assert centre.fail("ada", "1000", fault) is None
    view = centre.view("1000")
    assert view.ready_at_us == (centre.now_us + delay * SECOND if delay else 0)
    assert view.no_answer_count == counts
    assert view.idle_since_us == idle_since_us
    if delay:
        centre.wait(delay - 0.000001)
        assert centre.decide() == []
        centre.wait(0.000001)
    assert centre.decide() == [("ada", "1000")]


def test_a_broken_path_rests_the_agent_five_seconds_unless_told_otherwise(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.call("ada", "support")
    for fault in ("unregistered", "path_error"):
        centre.decide()
        centre.fail("ada", "1000", fault)
        assert centre.view("1000").ready_at_us == centre.now_us + 5 * SECOND
        centre.wait(5)


def test_max_no_answer_sets_the_status_of_the_queue(centre):
    centre.queue("support", no_answer_status="Logged Out")
    centre.agent("1000", "support", max_no_answer=2)
    centre.call("ada", "support")
    centre.decide()
    assert centre.fail("ada", "1000", "no_answer") is None
    centre.decide()
    assert centre.fail("ada", "1000", "unreachable") == "Logged Out"
    view = centre.view("1000")
    assert (view.status, view.state, view.no_answer_count) == ("Logged Out", "logged_out", 2)
    assert centre.decide() == []
    centre.status("1000", "Available")
    assert centre.view("1000").no_answer_count == 0
    assert centre.decide() == [("ada", "1000")]


LIMITS = {"no_answer": "no_answer", "busy": "busy", "rejected": "reject", "unregistered": "unregistered"}
"""What fails, and the name of its limit, status and count."""


@pytest.mark.parametrize("fault", LIMITS)
def test_each_kind_of_failed_offer_has_its_own_limit_and_status(centre, fault):
    """Three busy phones are no reason to send somebody home; three refused calls may be."""
    kind = LIMITS[fault]
    centre.queue("support", **{f"{kind}_status": "Logged Out"})
    centre.agent("1000", "support", unregistered_delay=0, **{f"max_{kind}": 2})
    centre.call("ada", "support")
    for other in (*(other for other in LIMITS if other != fault), "path_error", "withdrawn", fault):
        centre.decide()
        assert centre.fail("ada", "1000", other) is None
        centre.wait(5)
    assert [getattr(centre.view("1000"), f"{name}_count") for name in LIMITS.values()] == [1] * 4
    centre.decide()
    assert centre.fail("ada", "1000", fault) == "Logged Out"
    assert (centre.view("1000").status, getattr(centre.view("1000"), f"{kind}_count")) == ("Logged Out", 2)
    centre.status("1000", "Available")
    assert {getattr(centre.view("1000"), f"{name}_count") for name in LIMITS.values()} == {0}


@pytest.mark.parametrize("fault", LIMITS)
def test_a_phone_that_rings_keeps_the_status_that_its_queue_had(centre, fault):
    kind = LIMITS[fault]
    centre.queue("support", **{f"{kind}_status": "Logged Out"})
    centre.agent("1000", "support", unregistered_delay=0, **{f"max_{kind}": 1})
    centre.call("ada", "support")
    centre.decide()
    centre.queue("support", **{f"{kind}_status": "Available (On Demand)"})
    assert centre.fail("ada", "1000", fault) == "Logged Out"
    centre.status("1000", "Available")
    centre.decide()
    assert centre.fail("ada", "1000", fault) == "Available (On Demand)"


@pytest.mark.parametrize("fault", LIMITS)
def test_without_a_limit_no_failed_offer_changes_the_status(centre, fault):
    centre.queue("support")
    centre.agent("1000", "support", unregistered_delay=0)
    centre.call("ada", "support")
    for _ in range(9):
        centre.decide()
        assert centre.fail("ada", "1000", fault) is None
    assert centre.view("1000").status == "Available"


@pytest.mark.parametrize("fault", LIMITS)
def test_a_conversation_forgives_failed_offers_of_each_kind(centre, fault):
    centre.queue("support")
    centre.agent("1000", "support", unregistered_delay=0, **{f"max_{LIMITS[fault]}": 2})
    for name in ("ada", "bob"):
        centre.call(name, "support")
        centre.decide()
        assert centre.fail(name, "1000", fault) is None
        centre.decide()
        centre.talk(name, "1000")
        assert getattr(centre.view("1000"), f"{LIMITS[fault]}_count") == 0


def test_a_conversation_forgives_unanswered_offers(centre):
    centre.queue("support")
    centre.agent("1000", "support", max_no_answer=2)
    for name in ("ada", "bob"):
        centre.call(name, "support")
        centre.decide()
        assert centre.fail(name, "1000", "no_answer") is None
        centre.decide()
        centre.talk(name, "1000")
        assert centre.view("1000").no_answer_count == 0


def test_only_becoming_available_forgives_unanswered_offers(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.call("ada", "support")
    centre.decide()
    centre.fail("ada", "1000", "no_answer")
    for status, count in (("Available", 1), ("Available (On Demand)", 1), ("On Break", 1), ("Available", 0)):
        centre.status("1000", status)
        assert centre.view("1000").no_answer_count == count, status


def test_who_went_on_break_meanwhile_is_not_sent_there_by_silence(centre):
    centre.queue("support", no_answer_status="On Break")
    centre.agent("1000", "support", max_no_answer=1)
    centre.call("ada", "support")
    centre.decide()
    centre.status("1000", "Logged Out")
    assert centre.fail("ada", "1000", "no_answer") is None
    assert centre.view("1000").status == "Logged Out"


def test_login_starts_idle_time_and_a_break_does_not(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    login_us = centre.now_us
    centre.wait(60)
    centre.status("1000", "On Break")
    centre.wait(60)
    centre.status("1000", "Available")
    assert centre.view("1000").idle_since_us == login_us
    centre.status("1000", "Logged Out")
    centre.wait(60)
    centre.status("1000", "On Break")
    login_us = centre.now_us
    centre.wait(60)
    centre.status("1000", "Available")
    assert centre.view("1000").idle_since_us == login_us


def test_on_demand_rests_after_one_conversation_until_the_status_is_set_again(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.status("1000", "Available (On Demand)")
    for name in ("ada", "bob", "cyd"):
        centre.call(name, "support")
    assert centre.decide() == [("ada", "1000")]
    centre.talk("ada", "1000")
    assert centre.state("1000") == "wrap_up"
    centre.wait(10)
    assert centre.state("1000") == "idle"
    assert centre.decide() == []
    centre.status("1000", "Available (On Demand)")
    assert centre.state("1000") == "waiting"
    assert centre.decide() == [("bob", "1000")]
    centre.talk("bob", "1000")
    centre.status("1000", "Available")
    assert centre.state("1000") == "wrap_up"
    centre.wait(10)
    assert centre.decide() == [("cyd", "1000")]


def test_on_demand_does_not_rest_after_an_offer_that_failed(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.status("1000", "Available (On Demand)")
    centre.call("ada", "support")
    centre.decide()
    centre.fail("ada", "1000", "busy")
    assert centre.decide() == [("ada", "1000")]


def test_on_demand_counts_as_it_is_when_the_conversation_ends(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.agent("1001", "support")
    centre.status("1001", "Available (On Demand)")
    centre.call("ada", "support")
    centre.call("bob", "support")
    centre.decide()
    centre.claim("ada", "1000")
    centre.bridge("ada", "1000")
    centre.claim("bob", "1001")
    centre.bridge("bob", "1001")
    centre.status("1000", "Available (On Demand)")
    centre.status("1001", "Available")
    centre.finish("ada", "1000")
    centre.finish("bob", "1001")
    assert (centre.state("1000"), centre.state("1001")) == ("idle", "waiting")


@pytest.mark.parametrize(("status", "state"), [("On Break", "on_break"), ("Logged Out", "logged_out")])
def test_a_conversation_goes_on_in_any_status_and_the_state_follows_it_then(centre, status, state):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.claim("ada", "1000")
    centre.bridge("ada", "1000")
    assert centre.status("1000", status) == []
    assert centre.state("1000") == "in_a_queue_call"
    centre.finish("ada", "1000")
    assert centre.state("1000") == state
    centre.wait(4)
    centre.status("1000", "Available")
    assert centre.state("1000") == "wrap_up"
    centre.wait(6)
    assert centre.state("1000") == "waiting"


def test_a_wrap_up_that_ended_during_a_break_is_over(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    centre.status("1000", "On Break")
    centre.wait(10)
    assert centre.state("1000") == "on_break"
    centre.status("1000", "Available")
    assert centre.state("1000") == "waiting"


@pytest.mark.parametrize("rings", [False, True])
def test_a_break_gives_the_ringing_offer_back_once(centre, rings):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.call("ada", "support")
    centre.decide()
    if rings:
        centre.ring("ada", "1000")
    assert centre.status("1000", "Available (On Demand)") == []
    assert centre.status("1000", "On Break") == [centre.offer("ada", "1000")]
    assert centre.status("1000", "Logged Out") == []
    assert centre.state("1000") == ("receiving" if rings else "reserved")
    assert centre.claim("ada", "1000") is None
    centre.fail("ada", "1000", "withdrawn")
    assert centre.state("1000") == "logged_out"


def test_an_answered_offer_is_not_taken_back_by_a_break(centre):
    centre.queue("support")
    centre.agent("1000", "support")
    centre.call("ada", "support")
    centre.decide()
    centre.claim("ada", "1000")
    assert centre.status("1000", "On Break") == []
    centre.bridge("ada", "1000")
    assert centre.state("1000") == "in_a_queue_call"


def test_staffed_and_ready_agents_of_a_queue(centre):
    centre.queue("support")
    centre.queue("sales")
    centre.agent("1000", "support", "sales")
    centre.agent("1001", "support")
    centre.agent("1002", "support")
    centre.status("1002", "On Break")

    def figures(queue):
        number = centre.queues[queue]
        return centre.router.staffed(number), centre.router.can_serve(number)

    assert (figures("support"), figures("sales")) == ((3, 2), (1, 1))
    centre.call("ada", "sales")
    centre.decide()
    assert (figures("support"), figures("sales")) == ((3, 1), (1, 0))
    centre.status("1001", "Logged Out")
    assert figures("support") == (2, 0)
    centre.router.remove_tier(centre.now_us, centre.queues["support"], centre.agents["1002"])
    assert figures("support") == (1, 0)
    centre.fail("ada", "1000", "withdrawn")
    assert (figures("support"), figures("sales")) == ((1, 1), (1, 1))
    centre.router.remove_agent(centre.now_us, centre.agents["1000"])
    assert (figures("support"), figures("sales")) == ((0, 0), (0, 0))


def test_all_states_are_counted_in_a_fixed_order(centre):
    assert [state for state, _count in centre.router.agents_by_state()] == [
        "waiting",
        "reserved",
        "receiving",
        "in_a_queue_call",
        "wrap_up",
        "idle",
        "busy_elsewhere",
        "on_break",
        "logged_out",
    ]
    centre.queue("support")
    for name in ("1000", "1001", "1002"):
        centre.agent(name, "support")
    centre.status("1002", "On Break")
    centre.call("ada", "support")
    centre.decide()
    assert states(centre) == {"reserved": 1, "waiting": 1, "on_break": 1}
    centre.router.remove_agent(centre.now_us, centre.agents["1002"])
    assert states(centre) == {"reserved": 1, "waiting": 1}


def test_changed_settings_keep_status_state_and_counters(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    before = centre.view("1000")
    assert centre.router.put_agent(centre.now_us, "1000", wrap_up_us=0) == centre.agents["1000"]
    after = centre.view("1000")
    assert (after.status, after.state, after.ready_at_us) == (before.status, "wrap_up", before.ready_at_us)
    assert (after.calls_answered, after.talk_us) == (1, 60 * SECOND)
