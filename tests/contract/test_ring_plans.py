"""Several phones for one caller: how many, when, and only one wins."""

import pytest

pytestmark = pytest.mark.contract


def staff(centre, strategy, names="abcd", **settings):
    centre.queue("support", strategy, **settings)
    for position, name in enumerate(names, 1):
        centre.agent(name, "support", position=position)


def rung(centre):
    return "".join(agent for _caller, agent in centre.decide())


def test_progressively_one_more_each_delay_and_earlier_ones_ring_on(centre):
    staff(centre, "ring-progressively", ring_progressively_delay_us=7 * 10**6)
    centre.call("ada", "support")
    assert rung(centre) == "a"
    assert rung(centre) == ""
    assert centre.wait_for_deadline() == 7
    assert rung(centre) == "b"
    assert centre.wait_for_deadline() == 7
    assert rung(centre) == "c"
    assert [centre.state(agent) for agent in "abcd"] == ["reserved"] * 3 + ["waiting"]


def test_progressively_waits_ten_seconds_unless_told_otherwise(centre):
    staff(centre, "ring-progressively")
    centre.call("ada", "support")
    rung(centre)
    assert centre.wait_for_deadline() == 10


def test_progressively_goes_on_at_once_when_no_phone_rings_any_more(centre):
    staff(centre, "ring-progressively")
    centre.call("ada", "support")
    rung(centre)
    centre.wait(1)
    centre.fail("ada", "a", "busy")
    assert rung(centre) == "b"
    assert centre.wait_for_deadline() == 10
    assert rung(centre) == "c"
    centre.fail("ada", "b", "busy")
    assert rung(centre) == "", "c rings, so the next one has time"


def test_progressively_takes_the_next_who_becomes_ready_after_the_delay(centre):
    staff(centre, "ring-progressively", "a")
    centre.call("ada", "support")
    assert rung(centre) == "a"
    centre.wait(30)
    assert rung(centre) == ""
    assert centre.router.next_deadline_us() is None
    centre.agent("late", "support")
    assert rung(centre) == "late"


def test_progressively_two_callers_get_a_phone_each(centre):
    staff(centre, "ring-progressively")
    centre.call("ada", "support")
    centre.call("bob", "support")
    assert rung(centre) == "ab"
    centre.wait(10)
    assert centre.decide() == [("ada", "c"), ("bob", "d")]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_ring_k_rings_so_many(centre, count):
    staff(centre, "ring-k", ring_count=count)
    centre.call("ada", "support")
    assert rung(centre) == "abcd"[:count]
    assert rung(centre) == ""


def test_ring_k_two_at_a_time_unless_told_otherwise(centre):
    staff(centre, "ring-k")
    centre.call("ada", "support")
    assert rung(centre) == "ab"


def test_ring_k_fills_up_when_one_phone_stops(centre):
    staff(centre, "ring-k", ring_count=2)
    centre.call("ada", "support")
    rung(centre)
    centre.fail("ada", "a", "no_answer")
    assert rung(centre) == "c"
    centre.fail("ada", "b", "no_answer")
    centre.fail("ada", "c", "no_answer")
    assert rung(centre) == "da", "d was not asked yet, a was refused the longest ago"


def test_ring_k_rings_the_longest_idle(centre):
    centre.queue("support", "ring-k", ring_count=1)
    centre.agent("x", "support", position=2)
    centre.wait(1)
    centre.agent("y", "support", position=1)
    centre.call("ada", "support")
    assert rung(centre) == "x"


def test_ring_k_gives_each_caller_in_turn_their_phones(centre):
    staff(centre, "ring-k", ring_count=3)
    for caller in ("ada", "bob"):
        centre.call(caller, "support")
    assert centre.decide() == [("ada", "a"), ("ada", "b"), ("ada", "c"), ("bob", "d")]


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [("ring-all", {}), ("ring-k", {"ring_count": 4}), ("ring-progressively", {})],
)
def test_one_wins_and_the_others_are_free_for_the_next(centre, strategy, settings):
    staff(centre, strategy, **settings)
    centre.call("ada", "support")
    offers = []
    while len(offers) < 4:
        offers += rung(centre)
        centre.wait(10)
    assert centre.claim("ada", "c") == [centre.offer("ada", agent) for agent in "abd"]
    assert centre.claim("ada", "a") is None
    centre.bridge("ada", "c")
    for loser in "abd":
        centre.fail("ada", loser, "withdrawn")
    centre.call("bob", "support")
    assert rung(centre) in {"a", "abd"}


def test_a_changed_count_holds_for_those_who_ring_already(centre):
    staff(centre, "ring-k", ring_count=1)
    centre.call("ada", "support")
    assert rung(centre) == "a"
    centre.queue("support", "ring-k", ring_count=3)
    assert rung(centre) == "bc"
