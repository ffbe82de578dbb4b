"""The agent whom a caller knows, and the agent who let this caller ring."""

import pytest

pytestmark = pytest.mark.contract


@pytest.fixture
def team(centre):
    centre.queue("support")
    for name in ("old", "new"):
        centre.agent(name, "support")
        centre.wait(1)
    return centre


def test_the_preferred_agent_goes_before_the_strategy(team):
    team.call("ada", "support", preferred="new", preferred_for=20)
    assert team.decide() == [("ada", "new")]


def test_a_caller_waits_for_the_preferred_agent_then_takes_anybody(team):
    team.call("first", "support", preferred="new", preferred_for=20)
    team.decide()
    team.call("ada", "support", preferred="new", preferred_for=20)
    assert team.decide() == []
    assert team.wait_for_deadline() == 20
    assert team.decide() == [("ada", "old")]
    assert team.router.next_deadline_us() is None


def test_an_earlier_wait_takes_nothing_off_the_time_for_the_preferred_agent(team):
    """It runs from the moment of joining, whatever counts as wait."""
    team.status("new", "On Break")
    team.call("ada", "support", entered=team.now - 300, base_score=60, preferred="new", preferred_for=20)
    assert team.decide() == []
    assert team.wait_for_deadline() == 20
    assert team.decide() == [("ada", "old")]


def test_the_preferred_agent_who_becomes_free_in_time_gets_the_caller(team):
    team.call("first", "support", preferred="new", preferred_for=20)
    team.decide()
    team.call("ada", "support", preferred="new", preferred_for=20)
    team.call("bob", "support")
    assert team.decide() == [("bob", "old")]
    team.talk("first", "new", 5)
    assert team.decide() == [("ada", "new")]


def test_who_waits_for_an_agent_keeps_the_place_in_the_order(team):
    team.status("new", "On Break")
    team.status("old", "On Break")
    team.call("important", "support", priority=1)
    team.call("ada", "support", preferred="new", preferred_for=20)
    team.call("later", "support")
    team.status("new", "Available")
    # The important one goes first, also to the agent whom somebody else waits for.
    assert team.decide() == [("important", "new")]
    team.fail("important", "new", "withdrawn")
    team.leave("important")
    assert team.decide() == [("ada", "new")]


def test_the_preferred_agent_who_lets_it_ring_is_no_longer_waited_for(team):
    team.call("ada", "support", preferred="new", preferred_for=20)
    team.decide()
    team.fail("ada", "new", "no_answer")
    assert team.decide() == [("ada", "old")]


def test_a_withdrawn_offer_ends_no_preference(team):
    team.call("ada", "support", preferred="new", preferred_for=20)
    team.decide()
    team.fail("ada", "new", "withdrawn")
    assert team.decide() == [("ada", "new")]


@pytest.mark.parametrize(
    "how", ["logs out", "leaves the queue", "is removed", "was logged out", "is in another"]
)
def test_nobody_waits_for_an_agent_who_does_not_come(team, how):
    router, agent = team.router, team.agents["new"]
    team.queue("other")
    if how == "was logged out":
        team.status("new", "Logged Out")
    if how == "is in another":
        team.agent("stranger", "other")
    team.status("new", "On Break" if how != "was logged out" else "Logged Out")
    preferred = "stranger" if how == "is in another" else "new"
    team.call("ada", "support", preferred=preferred, preferred_for=20)
    if how in {"logs out", "leaves the queue", "is removed"}:
        assert team.decide() == []
    if how == "logs out":
        team.status("new", "Logged Out")
    if how == "leaves the queue":
        router.remove_tier(team.now_us, team.queues["support"], agent)
    if how == "is removed":
        router.remove_agent(team.now_us, agent)
    assert team.decide() == [("ada", "old")]
    assert router.next_deadline_us() is None


def test_a_short_break_is_waited_for(team):
    team.status("new", "On Break")
    team.call("ada", "support", preferred="new", preferred_for=20)
    assert team.decide() == []
    team.wait(10)
    team.status("new", "Available")
    assert team.decide() == [("ada", "new")]


def test_a_moved_caller_still_prefers_an_agent_who_serves_there_too(team):
    team.queue("sales")
    team.tier("sales", "new")
    team.tier("sales", "old")
    team.status("new", "On Break")
    for name in ("ada", "bob"):
        team.call(name, "support", preferred="new", preferred_for=20)
    team.router.move(team.now_us, team.callers["ada"], team.queues["sales"])
    assert team.decide() == []
    team.router.remove_tier(team.now_us, team.queues["sales"], team.agents["new"])
    assert team.decide() == [("ada", "old")]
    team.agent("third", "support")
    assert team.decide() == [], "bob waits for her where she still serves"


def test_a_moved_caller_waits_for_nobody_who_does_not_serve_there(team):
    team.queue("sales")
    team.tier("sales", "old")
    team.status("new", "On Break")
    team.call("ada", "support", preferred="new", preferred_for=20)
    assert team.decide() == []
    team.router.move(team.now_us, team.callers["ada"], team.queues["sales"])
    assert team.decide() == [("ada", "old")]


def test_the_preferred_agent_serves_whatever_tier_rules_and_opening_delays_say(centre):
    centre.queue("support", tier_rules_apply=True, tier_rule_wait_us=300 * 10**6)
    centre.agent("front", "support", level=1)
    centre.agent("expert", "support", level=3)
    centre.tier("support", "expert", level=3, opening_delay_us=60 * 10**6)
    centre.call("ada", "support", preferred="expert", preferred_for=20)
    assert centre.decide() == [("ada", "expert")]


def test_ring_all_rings_the_preferred_agent_alone_at_first(centre):
    centre.queue("support", "ring-all")
    for name in "abc":
        centre.agent(name, "support")
    centre.call("ada", "support", preferred="b", preferred_for=5)
    assert centre.decide() == [("ada", "b")]
    assert centre.wait_for_deadline() == 5
    assert centre.decide() == [("ada", "a"), ("ada", "c")]


def test_who_let_this_caller_ring_is_tried_last_for_this_caller(team):
    team.agent("higher", "support", level=2)
    team.call("ada", "support")
    turns = []
    for _ in range(5):
        ((_caller, agent),) = team.decide()
        turns.append(agent)
        team.fail("ada", agent, "no_answer")
    # Even somebody of a higher level comes first; then those who were asked longest ago.
    assert turns == ["old", "new", "higher", "old", "new"]
    team.call("bob", "support", priority=1)
    assert team.decide() == [("bob", "old"), ("ada", "higher")]


def test_who_let_this_caller_ring_is_asked_again_only_under_the_same_rules(centre):
    """Who was asked longer ago doesn't get a call that only the other may take."""
    centre.queue("support")
    for name, level in (("beginner", 1), ("expert", 2)):
        centre.agent(name, "support", skills={"fa": level})
        centre.wait(1)
    centre.call("ada", "support")
    for agent in ("beginner", "expert"):
        assert centre.decide() == [("ada", agent)]
        centre.fail("ada", agent, "no_answer")
    centre.router.set_skills(centre.now_us, centre.callers["ada"], "fa >= 2")
    assert centre.decide() == [("ada", "expert")]


def test_who_let_this_caller_ring_is_tried_last_in_another_queue_too(team):
    team.queue("sales")
    for name in ("old", "new"):
        team.tier("sales", name)
    team.call("ada", "support")
    assert team.decide() == [("ada", "old")]
    team.fail("ada", "old", "no_answer")
    team.router.move(team.now_us, team.callers["ada"], team.queues["sales"])
    assert team.decide() == [("ada", "new")]


@pytest.mark.parametrize(
    ("fault", "next_one"),
    [
        ("busy", "new"),
        ("rejected", "new"),
        ("no_answer", "new"),
        ("unreachable", "new"),
        ("path_error", "old"),
        ("withdrawn", "old"),
    ],
)
def test_what_counts_as_letting_a_caller_ring(team, fault, next_one):
    team.router.put_agent(team.now_us, "old", path_error_delay_us=0)
    team.call("ada", "support")
    assert team.decide() == [("ada", "old")]
    team.fail("ada", "old", fault)
    assert team.decide() == [("ada", next_one)]


def test_the_memory_can_be_turned_off(team):
    team.queue("support", refusal_memory=False)
    team.call("ada", "support")
    for _ in range(2):
        assert team.decide() == [("ada", "old")]
        team.fail("ada", "old", "no_answer")


def test_the_memory_holds_the_last_64(centre):
    centre.queue("support")
    for number in range(65):
        centre.agent(str(number), "support")
        centre.wait(1)
    centre.call("ada", "support")
    for number in range(65):
        assert centre.decide() == [("ada", str(number))]
        centre.fail("ada", str(number), "busy")
    centre.agent("never asked", "support", level=2)
    # The first one is forgotten, so the lower level goes first; asked again, that one pushes the second out.
    for turn in ("0", "1"):
        assert centre.decide() == [("ada", turn)]
        centre.fail("ada", turn, "busy")
