"""Which agent: `mod_callcenter`'s orders, on a table of eight agents on three levels."""

import pytest

pytestmark = pytest.mark.contract

# Name, level, position. Logged in from top to bottom, a second apart.
TABLE = [
    ("a", 1, 3),
    ("b", 1, 1),
    ("c", 1, 2),
    ("d", 2, 2),
    ("e", 2, 1),
    ("f", 2, 1),
    ("g", 3, 1),
    ("h", 3, 2),
]


def staff(centre, strategy):
    centre.queue("support", strategy)
    for name, level, position in TABLE:
        centre.agent(name, "support", level=level, position=position)
        centre.wait(1)


def serve(centre, number, *, keep=False):
    """One caller comes and is served by one agent at once; `keep`: the conversation goes on."""
    centre.call(f"caller {number}", "support")
    pairs = centre.decide()
    assert len(pairs) == 1
    ((caller, agent),) = pairs
    if keep:
        centre.claim(caller, agent)
        centre.bridge(caller, agent)
    else:
        centre.talk(caller, agent, seconds=1)
    return agent


def all_at_once(centre, count):
    """`count` callers at one moment: the whole order."""
    for number in range(count):
        centre.call(f"caller {number}", "support")
    return "".join(agent for _caller, agent in centre.decide())


def test_longest_idle_goes_by_level_then_login(centre):
    staff(centre, "longest-idle-agent")
    assert all_at_once(centre, 8) == "abcdefgh"


def test_longest_idle_goes_by_the_end_of_the_last_conversation(centre):
    staff(centre, "longest-idle-agent")
    assert "".join(serve(centre, number) for number in range(7)) == "abcabca"


def test_longest_idle_breaks_ties_by_position_then_by_age_of_the_agent(centre):
    centre.queue("support")
    for name, position in (("late", 2), ("old", 1), ("new", 1)):
        centre.agent(name, "support", position=position)
    for number in range(3):
        centre.call(str(number), "support")
    assert [agent for _caller, agent in centre.decide()] == ["old", "new", "late"]


def test_longest_idle_is_not_moved_by_an_unanswered_offer(centre):
    staff(centre, "longest-idle-agent")
    centre.call("ada", "support")
    assert centre.decide() == [("ada", "a")]
    centre.wait(20)
    centre.fail("ada", "a", "no_answer")
    assert centre.decide() == [("ada", "a")]


def test_round_robin_all_free(centre):
    staff(centre, "round-robin")
    # After `b` (1,1) comes 1,2 then 1,3; nobody is behind `a` on her level, so level 1 begins again.
    assert "".join(serve(centre, number) for number in range(7)) == "bcabcab"


def test_round_robin_whole_order_at_one_moment(centre):
    staff(centre, "round-robin")
    # Level 1 by position. Then e (before f: same position, none offered, older agent), behind e on level 2
    # is d, behind d nobody, so f.
    assert all_at_once(centre, 8) == "bcaedfgh"


def test_round_robin_at_one_position_takes_turns_by_the_oldest_offer(centre):
    centre.queue("support", "round-robin")
    for name in "xyz":
        centre.agent(name, "support")
    assert "".join(serve(centre, number) for number in range(7)) == "xyzxyzx"


def test_round_robin_skips_busy_agents_and_goes_on_behind_them(centre):
    staff(centre, "round-robin")
    assert serve(centre, 0, keep=True) == "b"
    assert serve(centre, 1) == "c"
    assert serve(centre, 2) == "a"
    # b still talks: nobody is above position 3, so by level and position c.
    assert serve(centre, 3) == "c"


def test_round_robin_goes_on_after_an_offer_that_failed(centre):
    staff(centre, "round-robin")
    centre.call("ada", "support")
    turns = []
    for _ in range(4):
        ((_caller, agent),) = centre.decide()
        turns.append(agent)
        centre.fail("ada", agent, "no_answer")
    assert turns == ["b", "c", "a", "b"]


def test_round_robin_stays_on_a_higher_level_only_as_long_as_that_level_has_more(centre):
    staff(centre, "round-robin")
    for name in "abc":
        centre.status(name, "On Break")
    assert serve(centre, 0) == "e"
    # Behind e (2,1) on level 2 is d (2,2), although f (2,1) was never offered: the rule looks above first.
    assert serve(centre, 1) == "d"
    assert serve(centre, 2) == "f"
    assert serve(centre, 3) == "d"
    assert serve(centre, 4) == "e"
    # Level 1 is back. The last one offered is on level 2, and d is above her there.
    centre.status("b", "Available")
    assert serve(centre, 5) == "d"
    assert serve(centre, 6) == "b"


def test_round_robin_remembers_the_last_offer_of_its_own_queue_only(centre):
    staff(centre, "round-robin")
    centre.queue("sales", "round-robin")
    centre.tier("sales", "c", 1, 1)
    assert serve(centre, 0) == "b"
    centre.call("buyer", "sales")
    assert centre.decide() == [("buyer", "c")]
    centre.talk("buyer", "c")
    assert serve(centre, 1) == "c"


def test_round_robin_turn_passes_back_when_the_last_agent_leaves_the_queue(centre):
    staff(centre, "round-robin")
    assert serve(centre, 0) == "b"
    assert serve(centre, 1) == "c"
    centre.router.remove_tier(centre.now_us, centre.queues["support"], centre.agents["c"])
    # The newest offer among those who stay is b's: a is above her.
    assert serve(centre, 2) == "a"


def test_round_robin_keeps_the_turns_when_a_tier_changes(centre):
    centre.queue("support", "round-robin")
    for name in "xyz":
        centre.agent(name, "support")
    assert serve(centre, 0) == "x"
    centre.tier("support", "x", 1, 1)
    assert "".join(serve(centre, number) for number in range(1, 4)) == "yzx"


def test_ring_all_rings_everybody_by_level_and_position(centre):
    staff(centre, "ring-all")
    assert all_at_once(centre, 1) == "bcaefdgh"


def test_ring_all_gives_the_first_caller_every_agent(centre):
    staff(centre, "ring-all")
    centre.call("ada", "support")
    centre.call("bob", "support")
    assert {caller for caller, _agent in centre.decide()} == {"ada"}


def test_ring_all_takes_in_agents_who_become_ready_later(centre):
    centre.queue("support", "ring-all")
    centre.agent("x", "support")
    centre.call("ada", "support")
    assert centre.decide() == [("ada", "x")]
    assert centre.decide() == []
    centre.agent("y", "support")
    assert centre.decide() == [("ada", "y")]
    centre.fail("ada", "x", "busy")
    assert centre.decide() == [("ada", "x")]
    centre.claim("ada", "y")
    centre.agent("z", "support")
    assert centre.decide() == []


def test_a_more_important_caller_gets_the_agents_who_become_ready_later(centre):
    centre.queue("support", "ring-all")
    centre.agent("x", "support")
    centre.call("ada", "support")
    centre.decide()
    centre.call("important", "support", priority=1)
    centre.agent("y", "support")
    assert centre.decide() == [("important", "y")]


def test_a_changed_strategy_holds_from_the_next_decision_on(centre):
    staff(centre, "longest-idle-agent")
    centre.call("ada", "support")
    assert centre.decide() == [("ada", "a")]
    centre.queue("support", "ring-all")
    assert [agent for _caller, agent in centre.decide()] == list("bcefdgh")
    centre.queue("support", "round-robin")
    centre.agent("late", "support")
    assert centre.decide() == []
    centre.call("bob", "support")
    assert centre.decide() == [("bob", "late")]


def test_a_changed_tier_holds_from_the_next_decision_on(centre):
    staff(centre, "longest-idle-agent")
    centre.tier("support", "h", 0, 1)
    centre.tier("support", "a", 9, 1)
    assert all_at_once(centre, 8) == "hbcdefga"
