"""Which agent: `mod_callcenter`'s orders, on a table of eight agents on three levels."""

import itertools

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


def staff(centre, strategy, **settings):
    """By default without the memory of who let a caller ring, which mod_callcenter hasn't."""
    centre.queue("support", strategy, **{"refusal_memory": False, **settings})
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


def refused(centre, count):
    """One caller whom everybody lets ring: the agents in the order of the offers."""
    centre.call("ada", "support")
    turns = ""
    for _ in range(count):
        ((_caller, agent),) = centre.decide()
        turns += agent
        centre.wait(1)
        centre.fail("ada", agent, "no_answer")
    return turns


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


def test_ring_progressively_goes_by_level_and_position(centre):
    staff(centre, "ring-progressively", ring_progressively_delay_us=5 * 10**6)
    centre.call("ada", "support")
    turns = ""
    while len(turns) < len(TABLE):
        ((_caller, agent),) = centre.decide()
        turns += agent
        centre.wait(5)
    assert turns == "bcaefdgh"
    assert [centre.state(agent) for agent in turns] == ["reserved"] * 8


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


def test_top_down_all_at_once(centre):
    staff(centre, "top-down")
    assert all_at_once(centre, 8) == "bcaefdgh"


def test_top_down_starts_at_the_top_for_each_caller(centre):
    staff(centre, "top-down")
    assert "".join(serve(centre, number) for number in range(4)) == "bbbb"


def test_top_down_goes_down_for_one_caller_and_begins_again(centre):
    staff(centre, "top-down")
    # mod_callcenter passes f over, who is at the same position as e; we don't.
    assert refused(centre, 11) == "bcaefdghbca"


def test_top_down_does_not_stall_when_the_last_in_order_is_busy(centre):
    """mod_callcenter never starts again as long as a row exists behind the last tried agent."""
    staff(centre, "top-down")
    centre.status("h", "On Break")
    assert refused(centre, 9) == "bcaefdgbc"


def test_top_down_goes_on_behind_an_agent_who_meanwhile_left(centre):
    staff(centre, "top-down")
    assert refused(centre, 2) == "bc"
    centre.router.remove_agent(centre.now_us, centre.agents["c"])
    assert centre.decide() == [("ada", "a")]


def talked(centre, strategy, **settings):
    """Level 1 has served: a two calls of 10 s, b one of 60 s, c one of 30 s."""
    staff(centre, "longest-idle-agent")
    for name in "defgh":
        centre.status(name, "On Break")
    for number, (agent, seconds) in enumerate((("a", 10), ("b", 60), ("c", 30), ("a", 10))):
        centre.call(str(number), "support")
        assert centre.decide() == [(str(number), agent)]
        centre.talk(str(number), agent, seconds)
    for name in "defgh":
        centre.status(name, "Available")
    centre.queue("support", strategy, **{"refusal_memory": False, **settings})


def test_least_talk_time(centre):
    talked(centre, "agent-with-least-talk-time")
    # Nobody on levels 2 and 3 has talked: there it goes by position, then by age.
    assert all_at_once(centre, 8) == "acbefdgh"


def test_fewest_calls(centre):
    talked(centre, "agent-with-fewest-calls")
    # b and c have one call each, b has the lower position.
    assert all_at_once(centre, 8) == "bcaefdgh"


@pytest.mark.parametrize(
    ("strategy", "first"), [("agent-with-least-talk-time", "b"), ("agent-with-fewest-calls", "b")]
)
def test_counters_begin_anew_at_login_only_when_asked_to(centre, strategy, first):
    centre.queue("support", strategy)
    centre.agent("a", "support", position=1)
    centre.agent("b", "support", position=2)
    for number in range(4):
        centre.call(str(number), "support")
        ((_caller, agent),) = centre.decide()
        centre.talk(str(number), agent, 10)
    centre.call("four", "support")
    assert centre.decide() == [("four", "a")]
    centre.talk("four", "a", 10)
    centre.status("a", "On Break")
    centre.status("a", "Available")
    centre.call("five", "support")
    assert centre.decide() == [("five", first)]
    centre.fail("five", first, "withdrawn")
    centre.router.put_agent(centre.now_us, "a", reset_counters=True)
    centre.status("a", "Available (On Demand)")
    centre.status("a", "Available")
    assert (centre.view("a").calls_answered, centre.view("a").talk_us) == (0, 0)
    assert centre.decide() == [("five", "a")]


def test_sequentially_all_at_once(centre):
    staff(centre, "sequentially-by-agent-order")
    assert all_at_once(centre, 8) == "bcaefdgh"


def test_sequentially_takes_the_first_in_order_every_time(centre):
    staff(centre, "sequentially-by-agent-order")
    assert "".join(serve(centre, number) for number in range(3)) == "bbb"


def test_sequentially_takes_turns_at_one_position(centre):
    staff(centre, "sequentially-by-agent-order")
    for name in "abc":
        centre.status(name, "On Break")
    assert "".join(serve(centre, number) for number in range(5)) == "efefe"


def test_random_stays_within_a_level(centre):
    staff(centre, "random")
    orders = set()
    for round_ in range(60):
        for number in range(8):
            centre.call(f"{round_}.{number}", "support")
        pairs = centre.decide()
        for pair in pairs:
            centre.talk(*pair, seconds=0)
        order = "".join(agent for _caller, agent in pairs)
        assert (sorted(order[:3]), sorted(order[3:6]), sorted(order[6:])) == (
            list("abc"),
            list("def"),
            list("gh"),
        )
        orders.add(order)
    # 3! x 3! x 2! orders are possible.
    assert len(orders) > 40


def test_random_gives_everybody_of_a_level_an_equal_share(centre):
    staff(centre, "random")
    turns = "".join(serve(centre, number) for number in range(900))
    # 300 each; a standard deviation is 14.
    assert all(250 < turns.count(agent) < 350 for agent in "abc")
    # No memory: the one before is as likely as the others.
    assert 250 < sum(one == other for one, other in itertools.pairwise(turns)) < 350


def test_random_is_the_same_again_with_the_same_seed(make_router):
    def turns(**seed):
        router = make_router(**seed)
        queue = router.put_queue(0, "support", "random")
        for number in range(50):
            agent = router.put_agent(0, str(number))
            router.put_tier(0, queue, agent, 1, 1)
            router.set_status(0, agent, "Available")
        for _ in range(50):
            router.enqueue(0, queue, entered_us=0)
        return [proposal.agent for proposal in router.decide(0)]

    assert turns(seed=3) == turns(seed=3)
    assert turns(seed=0) == turns()
    assert turns(seed=3) != turns(seed=4)


def test_weighted_random_gives_shares_by_weight(centre):
    centre.queue("support", "weighted-random")
    for name, weight in (("one", 1), ("two", 2), ("five", 5)):
        centre.agent(name, "support")
        centre.tier("support", name, weight=weight)
    turns = [serve(centre, number) for number in range(800)]
    # 100, 200 and 500 expected; standard deviations 9, 12 and 14.
    assert 65 < turns.count("one") < 135
    assert 150 < turns.count("two") < 250
    assert 440 < turns.count("five") < 560


def test_random_leaves_out_who_let_this_caller_ring(centre):
    staff(centre, "random", refusal_memory=True)
    order = refused(centre, 8)
    assert (sorted(order[:3]), sorted(order[3:6]), sorted(order[6:])) == (
        list("abc"),
        list("def"),
        list("gh"),
    )


def test_least_occupied_counts_work_within_the_window_only(centre):
    centre.queue("support", "least-occupied", occupancy_window_us=32 * 60 * 10**6)
    centre.agent("much_long_ago", "support", position=1)
    centre.agent("little_lately", "support", position=2)
    centre.status("little_lately", "On Break")
    centre.call("ada", "support")
    centre.decide()
    centre.talk("ada", "much_long_ago", 20 * 60)
    centre.status("much_long_ago", "On Break")
    centre.status("little_lately", "Available")
    centre.call("bob", "support")
    centre.decide()
    centre.talk("bob", "little_lately", 5 * 60)
    centre.status("much_long_ago", "Available")
    assert serve(centre, 0) == "little_lately"
    # The 20 minutes have left the window by and by; the five are still in it.
    centre.wait(25 * 60)
    assert serve(centre, 1) == "much_long_ago"


@pytest.mark.parametrize("skills", [None, "french"])
@pytest.mark.parametrize("delay", [0, 30])
def test_least_occupied_forgets_work_of_whoever_stays_ready_in_each_queue(centre, skills, delay):
    agents = ("early", "late")
    for queue in ("support", "sales"):
        centre.queue(queue, "least-occupied", occupancy_window_us=32 * 60 * 10**6)
    for position, agent in enumerate(agents, start=1):
        centre.agent(agent, skills={"french": 50})
        for queue in ("support", "sales"):
            centre.tier(queue, agent, 1, position, opening_delay_us=delay * 10**6)
        centre.status(agent, "On Break")
    for agent, minutes in (("early", 20), ("late", 5)):
        centre.status(agent, "Available")
        centre.call(f"{agent}'s", "support", skills=skills)
        centre.wait(delay)
        centre.decide()
        centre.talk(f"{agent}'s", agent, minutes * 60)
        centre.status(agent, "On Break")
    for agent in agents:
        centre.status(agent, "Available")
    for after, first in ((0, "late"), (25 * 60, "early")):
        centre.wait(after)
        for queue in ("support", "sales"):
            caller = f"{queue} after {after} s"
            centre.call(caller, queue, skills=skills)
            centre.wait(delay)
            assert centre.decide() == [(caller, first)]
            centre.leave(caller)
            centre.fail(caller, first, "withdrawn")


def test_least_occupied_counts_wrap_up_as_work(centre):
    centre.queue("support", "least-occupied")
    centre.agent("writes", "support", position=1, wrap_up=100)
    centre.agent("talks", "support", position=2)
    assert serve(centre, 0) == "writes"
    assert serve(centre, 1) == "talks"
    centre.wait(100)
    assert serve(centre, 2) == "talks"


def test_least_occupied_does_not_begin_anew_at_login(centre):
    centre.queue("support", "least-occupied")
    centre.agent("x", "support", position=1)
    centre.agent("y", "support", position=2)
    assert serve(centre, 0) == "x"
    centre.status("x", "Logged Out")
    centre.status("x", "Available")
    assert serve(centre, 1) == "y"
