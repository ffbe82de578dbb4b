"""The life of an offer, and its races."""

import pytest

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


@pytest.fixture
def ringing(centre):
    """`ada` rings at x, y and z."""
    centre.queue("support", "ring-all")
    for name in "xyz":
        centre.agent(name, "support", wrap_up=10)
        centre.wait(1)
    centre.call("ada", "support")
    centre.decide()
    return centre


def test_the_first_answer_wins_and_the_others_lose(ringing):
    assert ringing.claim("ada", "y") == [ringing.offer("ada", "x"), ringing.offer("ada", "z")]
    assert ringing.claim("ada", "x") is None
    assert ringing.claim("ada", "z") is None
    ringing.bridge("ada", "y")
    assert ringing.line("support") == []


def test_losers_stay_held_until_their_legs_are_gone_and_keep_their_idle_time(ringing):
    before = ringing.view("x").idle_since_us
    ringing.wait(5)
    ringing.ring("ada", "x")
    ringing.claim("ada", "y")
    ringing.call("bob", "support")
    assert ringing.decide() == []
    assert ringing.state("x") == "receiving"
    ringing.fail("ada", "x", "withdrawn")
    assert ringing.view("x").idle_since_us == before
    assert ringing.view("x").ready_at_us == 0
    assert ringing.decide() == [("bob", "x")]


def test_losers_may_end_after_the_conversation_began_or_was_over(ringing):
    ringing.claim("ada", "y")
    ringing.bridge("ada", "y")
    ringing.fail("ada", "x", "withdrawn")
    ringing.finish("ada", "y")
    ringing.fail("ada", "z", "withdrawn")
    assert [ringing.state(name) for name in "xyz"] == ["waiting", "wrap_up", "waiting"]


def test_a_claimed_caller_whose_agent_vanishes_is_open_again_in_the_same_place(ringing):
    ringing.wait(1)
    ringing.call("bob", "support")
    ringing.claim("ada", "y")
    ringing.fail("ada", "x", "withdrawn")
    assert ringing.decide() == [("bob", "x")]
    assert ringing.fail("ada", "y", "path_error") is None
    assert ringing.line("support") == ["ada", "bob"]
    ringing.wait(5)
    assert ringing.decide() == [("ada", "y")]
    # z lost against the first answer; the new chance is not z's.
    assert ringing.claim("ada", "z") is None
    assert ringing.claim("ada", "y") == []


def test_a_caller_who_leaves_gives_back_all_that_rings(ringing):
    assert ringing.leave("ada") == [ringing.offer("ada", name) for name in "xyz"]
    assert ringing.line("support") == []
    assert ringing.claim("ada", "x") is None
    assert [ringing.state(name) for name in "xyz"] == ["reserved"] * 3
    for name in "xyz":
        ringing.fail("ada", name, "withdrawn")
    assert [ringing.state(name) for name in "xyz"] == ["waiting"] * 3


def test_a_caller_who_leaves_between_answer_and_bridge_gives_back_the_answered_offer(ringing):
    losers = ringing.claim("ada", "y")
    assert losers == [ringing.offer("ada", "x"), ringing.offer("ada", "z")]
    assert ringing.leave("ada") == [ringing.offer("ada", "y")]
    with pytest.raises(RouterError):
        ringing.bridge("ada", "y")
    ringing.fail("ada", "y", "withdrawn")
    assert ringing.state("y") == "waiting"
    with pytest.raises(RouterError):
        ringing.leave("ada")


def test_each_offer_is_given_back_once(ringing):
    assert ringing.status("x", "On Break") == [ringing.offer("ada", "x")]
    assert ringing.claim("ada", "y") == [ringing.offer("ada", "z")]
    assert ringing.leave("ada") == [ringing.offer("ada", "y")]


def test_a_caller_of_one_agent_at_a_time_waits_until_the_offer_has_ended(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support")
    centre.decide()
    centre.agent("y", "support")
    assert centre.status("x", "On Break") == [centre.offer("ada", "x")]
    assert centre.decide() == []
    centre.fail("ada", "x", "withdrawn")
    assert centre.decide() == [("ada", "y")]


def test_an_offer_may_be_answered_without_having_rung(ringing):
    assert ringing.state("x") == "reserved"
    ringing.claim("ada", "x")
    assert ringing.state("x") == "receiving"
    ringing.ring("ada", "x")
    ringing.bridge("ada", "x")
    ringing.ring("ada", "x")
    assert ringing.state("x") == "in_a_queue_call"


def test_steps_out_of_order_are_refused_and_change_nothing(ringing):
    with pytest.raises(RouterError):
        ringing.bridge("ada", "x")
    with pytest.raises(RouterError):
        ringing.finish("ada", "x")
    assert ringing.claim("ada", "x") is not None
    with pytest.raises(RouterError):
        ringing.claim("ada", "x")
    with pytest.raises(RouterError):
        ringing.finish("ada", "x")
    ringing.bridge("ada", "x")
    for step in (ringing.bridge, ringing.claim):
        with pytest.raises(RouterError):
            step("ada", "x")
    with pytest.raises(RouterError):
        ringing.fail("ada", "x", "busy")
    assert ringing.state("x") == "in_a_queue_call"
    ringing.finish("ada", "x")
    for late in (ringing.finish, ringing.claim, ringing.ring, ringing.bridge):
        with pytest.raises(RouterError):
            late("ada", "x")
    with pytest.raises(RouterError):
        ringing.fail("ada", "x", "busy")


def test_an_agent_serves_one_offer_at_a_time(centre):
    centre.queue("support", "ring-all")
    centre.queue("sales", "ring-all")
    centre.agent("x", "support", "sales")
    centre.call("ada", "support")
    centre.call("bob", "sales")
    assert centre.decide() == [("ada", "x")]
    assert centre.decide() == []


def test_an_agent_who_lost_the_tier_meanwhile_finishes_the_offer(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support")
    centre.decide()
    centre.router.remove_tier(centre.now_us, centre.queues["support"], centre.agents["x"])
    centre.talk("ada", "x")
    centre.call("bob", "support")
    assert centre.decide() == []


def test_a_queue_with_callers_and_an_agent_with_an_offer_can_not_be_removed(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support")
    centre.decide()
    queue, agent = centre.queues["support"], centre.agents["x"]
    with pytest.raises(RouterError):
        centre.router.remove_queue(centre.now_us, queue)
    with pytest.raises(RouterError):
        centre.router.remove_agent(centre.now_us, agent)
    centre.claim("ada", "x")
    centre.bridge("ada", "x")
    centre.router.remove_queue(centre.now_us, queue)
    with pytest.raises(RouterError):
        centre.router.remove_agent(centre.now_us, agent)
    centre.finish("ada", "x")
    centre.router.remove_agent(centre.now_us, agent)
    assert centre.router.queue_id("support") is None
    assert centre.router.agent_id("x") is None


def test_a_name_used_again_is_another_queue_and_another_agent(centre):
    centre.queue("support")
    centre.agent("x", "support")
    old_queue, old_agent = centre.queues["support"], centre.agents["x"]
    centre.router.remove_queue(centre.now_us, old_queue)
    centre.router.remove_agent(centre.now_us, old_agent)
    centre.queue("support")
    centre.agent("x", "support")
    assert centre.queues["support"] != old_queue
    assert centre.agents["x"] != old_agent
    with pytest.raises(RouterError):
        centre.router.agent(old_agent)
    with pytest.raises(RouterError):
        centre.router.callers(old_queue)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("no_answer", "no_answer"),
        ("busy", "busy"),
        ("rejected", "reject"),
        ("unregistered", "unregistered"),
    ],
)
def test_an_agent_of_a_removed_queue_gets_the_status_it_asked_for(centre, fault, kind):
    centre.queue("support", **{f"{kind}_status": "Logged Out"})
    centre.agent("x", "support", **{f"max_{kind}": 1})
    centre.call("ada", "support")
    centre.decide()
    centre.leave("ada")
    centre.router.remove_queue(centre.now_us, centre.queues["support"])
    assert centre.fail("ada", "x", fault) == "Logged Out"


def test_a_proposal_names_offer_caller_agent_and_queue(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support")
    (proposal,) = centre.router.decide(centre.now_us)
    assert proposal.caller == centre.callers["ada"]
    assert proposal.agent == centre.agents["x"]
    assert proposal.queue == centre.queues["support"]
    assert centre.router.claim(centre.now_us, proposal.offer) == []
    with pytest.raises(AttributeError):
        proposal.offer = 7
