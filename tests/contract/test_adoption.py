"""A fresh router takes up what outlived the last one."""

import pytest

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract

SECOND = 1_000_000


@pytest.fixture
def reopened(centre):
    """x, y and z log in at the same moment: nobody knows yet who was idle since when."""
    centre.queue("support")
    for name in "xyz":
        centre.agent(name, "support", wrap_up=10)
    return centre


def restore(centre, name, *, idle=0.0, rest=0.0, **more):
    centre.router.restore_agent(
        centre.now_us,
        centre.agents[name],
        idle_since_us=centre.now_us - round(idle * SECOND),
        state_since_us=centre.now_us - round(idle * SECOND),
        rest_until_us=centre.now_us + round(rest * SECOND),
        **more,
    )


def talks(centre, name, *, since=0.0, counted=True):
    since_us = centre.now_us - round(since * SECOND)
    return centre.router.adopt_conversation(
        centre.now_us, centre.agents[name], since_us=since_us, counted=counted
    )


def rings(centre, caller, name):
    offer = centre.router.adopt_offer(centre.now_us, centre.callers[caller], centre.agents[name])
    centre.offers[caller, name] = offer


def test_the_longest_idle_agent_is_still_the_longest_idle(reopened):
    for name, idle in (("x", 10), ("y", 30), ("z", 20)):
        restore(reopened, name, idle=idle)
    for caller in ("ada", "bob", "eve"):
        reopened.call(caller, "support")

    assert reopened.decide() == [("ada", "y"), ("bob", "z"), ("eve", "x")]


def test_a_wrap_up_ends_when_it_would_have_ended(reopened):
    restore(reopened, "x", idle=6, rest=4, wrap_up=True)
    for name in "yz":
        reopened.status(name, "On Break")
    reopened.call("ada", "support")

    assert reopened.state("x") == "wrap_up"
    assert reopened.view("x").state_since_us == reopened.now_us - 6 * SECOND
    assert reopened.decide() == []
    assert reopened.wait_for_deadline() == 4
    assert reopened.decide() == [("ada", "x")]


def test_a_rest_that_is_over_does_not_come_back(reopened):
    restore(reopened, "x", idle=60, rest=-1, wrap_up=True)

    assert reopened.state("x") == "waiting"
    assert reopened.view("x").ready_at_us == 0


def test_counters_go_on_from_where_they_were(reopened):
    counts = {"no_answer_count": 2, "busy_count": 3, "reject_count": 4, "unregistered_count": 5}
    restore(reopened, "x", **counts, calls_answered=7, talk_us=90 * SECOND)
    assert {name: getattr(reopened.view("x"), name) for name in counts} == counts

    offer = talks(reopened, "x", since=30)
    reopened.wait(10)
    reopened.router.finish(reopened.now_us, offer)

    view = reopened.view("x")
    assert (view.calls_answered, view.talk_us) == (7, (90 + 40) * SECOND)
    assert {getattr(view, name) for name in counts} == {0}
    assert reopened.state("x") == "wrap_up"


def test_a_conversation_that_nobody_counted_is_counted_now(reopened):
    talks(reopened, "x", counted=False)

    assert reopened.view("x").calls_answered == 1


def test_an_agent_on_demand_who_was_served_stays_idle(reopened):
    reopened.status("x", "Available (On Demand)")
    restore(reopened, "x", idle=60, served=True)
    restore(reopened, "y", idle=60, served=True)

    assert [reopened.state(name) for name in "xy"] == ["idle", "waiting"]


def test_who_talks_is_offered_nobody(reopened):
    for name in "xyz":
        talks(reopened, name)
    reopened.call("ada", "support")

    assert reopened.decide() == []
    assert reopened.state("x") == "in_a_queue_call"


def test_a_phone_that_rings_goes_on_ringing_for_its_caller(reopened):
    reopened.call("ada", "support")
    rings(reopened, "ada", "z")
    reopened.call("bob", "support")

    assert reopened.decide() == [("bob", "x")]
    assert reopened.state("z") == "reserved"
    assert reopened.claim("ada", "z") == []
    reopened.bridge("ada", "z")
    assert reopened.line("support") == ["bob"]


def test_the_next_phone_rings_the_delay_after_the_one_that_rang_already(reopened):
    reopened.queue("support", "ring-progressively")
    reopened.call("ada", "support")
    reopened.wait(60)
    rings(reopened, "ada", "z")

    assert reopened.decide() == []
    assert reopened.wait_for_deadline() == 10
    assert reopened.decide() == [("ada", "x")]


def test_a_phone_that_rings_or_a_conversation_ends_a_rest(reopened):
    for name in "xy":
        restore(reopened, name, rest=30, wrap_up=True)
    reopened.call("ada", "support")
    rings(reopened, "ada", "x")
    talks(reopened, "y")

    assert [reopened.view(name).ready_at_us for name in "xy"] == [0, 0]
    assert reopened.router.next_deadline_us() is None


def test_two_phones_that_ring_for_one_caller_race_as_ever(reopened):
    reopened.call("ada", "support")
    rings(reopened, "ada", "x")
    rings(reopened, "ada", "y")

    assert reopened.claim("ada", "y") == [reopened.offer("ada", "x")]
    reopened.fail("ada", "x", "withdrawn")
    reopened.fail("ada", "y", "path_error")
    assert reopened.decide() == [("ada", "x")]


def test_nobody_is_held_twice(reopened):
    reopened.call("ada", "support")
    rings(reopened, "ada", "x")
    reopened.call("bob", "support")

    with pytest.raises(RouterError):
        rings(reopened, "bob", "x")
    with pytest.raises(RouterError):
        talks(reopened, "x")
    with pytest.raises(RouterError):
        restore(reopened, "x")
    reopened.claim("ada", "x")
    with pytest.raises(RouterError):
        rings(reopened, "ada", "y")


def test_a_caller_whose_switch_is_away_keeps_the_place_and_is_offered_to_nobody(reopened):
    router = reopened.router
    reopened.call("ada", "support")
    router.hold_caller(reopened.now_us, reopened.callers["ada"], True)
    reopened.wait(1)
    reopened.call("bob", "support")
    for name in "yz":
        reopened.status(name, "On Break")

    assert reopened.decide() == [("bob", "x")]
    assert reopened.line("support") == ["ada", "bob"]
    reopened.fail("bob", "x", "withdrawn")
    router.hold_caller(reopened.now_us, reopened.callers["ada"], False)
    assert reopened.decide() == [("ada", "x")]
