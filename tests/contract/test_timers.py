"""One clock for the core's rests and the engine's deadlines."""

import pytest
from contract.centre import SECOND

pytestmark = pytest.mark.contract


def test_due_tokens_come_in_order_of_deadline_then_of_arming(make_router):
    router = make_router()
    for deadline_us, token in ((30, 1), (10, 2), (20, 3), (10, 4), (10, -5)):
        router.set_timer(deadline_us, token)
    assert router.next_deadline_us() == 10
    assert router.advance(9) == []
    assert router.advance(20) == [2, 4, -5, 3]
    assert router.next_deadline_us() == 30
    assert router.advance(30) == [1]
    assert router.advance(10**16) == []
    assert router.next_deadline_us() is None


def test_arming_again_moves_a_timer_and_puts_it_behind_its_equals(make_router):
    router = make_router()
    router.set_timer(10, 1)
    router.set_timer(10, 2)
    router.set_timer(10, 1)
    assert router.advance(10) == [2, 1]
    router.set_timer(20, 1)
    router.set_timer(50, 1)
    assert router.advance(40) == []
    assert router.advance(50) == [1]


def test_a_cancelled_timer_never_fires(make_router):
    router = make_router()
    router.set_timer(10, 1)
    router.set_timer(20, 2)
    router.cancel_timer(1)
    router.cancel_timer(1)
    router.cancel_timer(77)
    assert router.next_deadline_us() == 20
    assert router.advance(100) == [2]


def test_a_deadline_in_the_past_is_due_at_once(make_router):
    router = make_router()
    router.advance(1000)
    router.set_timer(0, 1)
    assert router.next_deadline_us() == 0
    assert router.advance(1000) == [1]


def test_time_that_goes_back_counts_as_the_last_seen(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.claim("ada", "1000")
    centre.bridge("ada", "1000")
    high_us = centre.now_us
    centre.router.finish(high_us - 5 * SECOND, centre.offer("ada", "1000"))
    view = centre.view("1000")
    assert (view.idle_since_us, view.talk_us) == (high_us, 0)
    assert view.ready_at_us == high_us + 10 * SECOND
    centre.router.set_timer(high_us, 1)
    assert centre.router.advance(0) == [1]


def test_a_failed_call_does_not_move_the_clock(make_router):
    router = make_router()
    with pytest.raises(ValueError):
        router.leave(5000, 1)
    with pytest.raises(ValueError):
        router.put_queue(5000, "support", "no such strategy")
    agent = router.put_agent(10, "1000")
    assert router.agent(agent).state_since_us == 10


def test_rests_and_deadlines_share_one_next_deadline(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    ends_us = centre.now_us + 10 * SECOND
    centre.router.set_timer(ends_us + 1, 1)
    assert centre.router.next_deadline_us() == ends_us
    centre.router.set_timer(ends_us - 1, 1)
    assert centre.router.next_deadline_us() == ends_us - 1
    assert centre.router.advance(ends_us) == [1]
    assert centre.state("1000") == "waiting"


def test_only_advance_ends_a_rest(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    centre.call("bob", "support")
    centre.now_us += 60 * SECOND
    assert centre.decide() == []
    centre.wait(0)
    assert centre.decide() == [("bob", "1000")]


def test_a_removed_agent_leaves_no_timer(centre):
    centre.queue("support")
    centre.agent("1000", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "1000")
    centre.router.remove_agent(centre.now_us, centre.agents["1000"])
    assert centre.router.next_deadline_us() is None
    assert centre.wait(60) == []


def test_thousands_at_one_instant(make_router):
    router = make_router()
    for token in range(2000):
        # The plain router looks at every timer for each arming: more would only be slow.
        router.set_timer(10, token)
    assert router.advance(10) == list(range(2000))
