"""Who is next: priority, then score, then the order of arrival, over all queues."""

import pytest

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


def test_first_come_first_served(centre):
    centre.queue("support")
    for name in ("ada", "bob", "cyd"):
        centre.call(name, "support")
        centre.wait(1)
    centre.agent("1000", "support")
    assert centre.decide() == [("ada", "1000")]
    assert centre.line("support") == ["ada", "bob", "cyd"]


def test_callers_of_the_same_microsecond_are_served_in_order_of_arrival(centre):
    centre.queue("support")
    for number in range(20):
        centre.call(f"caller {number}", "support")
    assert centre.line("support") == [f"caller {number}" for number in range(20)]


def test_priority_beats_any_wait(centre):
    centre.queue("support")
    centre.call("patient", "support", priority=-1, entered=1)
    centre.call("plain", "support", entered=2)
    centre.call("important", "support", priority=1)
    centre.call("most important", "support", priority=100)
    assert centre.line("support") == ["most important", "important", "plain", "patient"]


def test_base_score_counts_as_seconds_waited(centre):
    centre.queue("support")
    centre.call("plain", "support")
    centre.call("ten seconds ahead", "support", base_score=10)
    centre.call("a little ahead", "support", base_score=0.000001)
    centre.call("behind", "support", base_score=-10)
    centre.wait(5)
    centre.call("late", "support")
    assert centre.line("support") == ["ten seconds ahead", "a little ahead", "plain", "late", "behind"]


def test_a_caller_with_an_older_entry_goes_before_those_who_came_meanwhile(centre):
    centre.queue("support")
    centre.call("ada", "support")
    centre.wait(10)
    centre.call("back again", "support", entered=centre.now - 20)
    assert centre.line("support") == ["back again", "ada"]


def test_an_agent_of_two_queues_takes_the_caller_who_waited_longest_in_either(centre):
    centre.queue("support")
    centre.queue("sales")
    centre.call("second", "support")
    centre.call("first", "sales", entered=centre.now - 1)
    centre.agent("1000", "support", "sales")
    assert centre.decide() == [("first", "1000")]


def test_priority_is_compared_between_queues(centre):
    centre.queue("support")
    centre.queue("sales")
    centre.call("long in support", "support", entered=1)
    centre.call("important in sales", "sales", priority=5)
    centre.agent("1000", "support", "sales")
    assert centre.decide() == [("important in sales", "1000")]


def test_a_caller_nobody_can_serve_holds_up_no_one(centre):
    centre.queue("nobody here")
    centre.queue("support")
    centre.call("stuck", "nobody here", priority=100)
    centre.call("ada", "support")
    centre.agent("1000", "support")
    assert centre.decide() == [("ada", "1000")]


def test_one_decision_serves_all_pairs_in_order_of_rank(centre):
    centre.queue("support")
    centre.queue("sales")
    centre.agent("both", "support", "sales")
    centre.wait(1)
    centre.agent("support only", "support")
    centre.call("low", "sales", priority=-1)
    centre.call("mid", "support")
    centre.call("high", "sales", priority=1)
    # `both` is idle longest, but only she can take the caller of sales, who goes first.
    assert centre.decide() == [("high", "both"), ("mid", "support only")]
    assert centre.decide() == []


def test_position_counts_everybody_until_they_talk(centre):
    centre.queue("support")
    for name in ("ada", "bob", "cyd"):
        centre.call(name, "support")
    centre.agent("1000", "support")
    centre.decide()
    centre.claim("ada", "1000")
    assert [centre.position(name) for name in ("ada", "bob", "cyd")] == [1, 2, 3]
    assert centre.router.calls_waiting(centre.queues["support"]) == 3
    centre.bridge("ada", "1000")
    assert [centre.position(name) for name in ("bob", "cyd")] == [1, 2]
    with pytest.raises(RouterError):
        centre.position("ada")
    centre.leave("bob")
    assert centre.position("cyd") == 1


def test_position_among_thousands(make_router):
    router = make_router()
    queue = router.put_queue(0, "support", "longest-idle-agent")
    callers = [router.enqueue(0, queue, entered_us=5_000 - number) for number in range(600)]
    assert router.position(callers[0]) == 600
    assert router.position(callers[-1]) == 1
    router.leave(0, callers[-1])
    assert router.position(callers[0]) == 599
    assert router.callers(queue) == callers[-2::-1]


def test_an_agent_never_gets_a_lower_caller_while_a_higher_one_waits(centre):
    centre.queue("support")
    for number in range(30):
        centre.call(str(number), "support", priority=number % 3, base_score=number % 7)
    expected = centre.line("support")
    centre.agent("1000", "support")
    served = []
    for _ in expected:
        ((caller, _agent),) = centre.decide()
        served.append(caller)
        centre.talk(caller, "1000", seconds=1)
    assert served == expected
