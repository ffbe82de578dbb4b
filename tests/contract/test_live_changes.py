"""Callers whose priority, score or queue changes while they wait."""

import pytest

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


@pytest.fixture
def row(centre):
    """ada, bob and cid wait in support, a second apart; nobody serves them yet."""
    centre.queue("support")
    centre.queue("sales")
    for name in ("ada", "bob", "cid"):
        centre.call(name, "support")
        centre.wait(1)
    return centre


def ahead(centre, caller):
    number = centre.router.ahead(centre.callers[caller])
    return next((name for name, other in centre.callers.items() if other == number), None)


def test_each_caller_knows_who_is_next_before_them(row):
    assert [ahead(row, name) for name in ("ada", "bob", "cid")] == [None, "ada", "bob"]
    row.leave("bob")
    assert ahead(row, "cid") == "ada"


def test_thousands_know_who_is_next_before_them(centre):
    centre.queue("support")
    for number in range(1000):
        centre.call(str(number), "support", entered=centre.now - number)
    assert [ahead(centre, str(number)) for number in (999, 998, 500, 0)] == [None, "999", "501", "1"]
    assert centre.position("500") == 500


def test_a_raised_priority_goes_before_all_others(row):
    row.router.set_priority(row.now_us, row.callers["cid"], 1)
    assert row.line("support") == ["cid", "ada", "bob"]
    assert row.position("ada") == 2
    row.router.set_priority(row.now_us, row.callers["cid"], -1)
    assert row.line("support") == ["ada", "bob", "cid"]
    row.agent("x", "support")
    assert row.decide() == [("ada", "x")]


def test_a_changed_priority_decides_who_is_served(row):
    row.router.set_priority(row.now_us, row.callers["bob"], 7)
    row.agent("x", "support")
    assert row.decide() == [("bob", "x")]


def test_a_changed_base_score_replaces_the_old_one(row):
    row.router.set_base_score(row.now_us, row.callers["cid"], 1_500_000)
    assert row.line("support") == ["ada", "cid", "bob"]
    row.router.set_base_score(row.now_us, row.callers["cid"], 3_000_000)
    assert row.line("support") == ["cid", "ada", "bob"]
    row.router.set_base_score(row.now_us, row.callers["cid"], 0)
    assert row.line("support") == ["ada", "bob", "cid"]


def test_a_changed_priority_leaves_a_ringing_phone_alone(row):
    row.agent("x", "support")
    assert row.decide() == [("ada", "x")]
    row.router.set_priority(row.now_us, row.callers["ada"], -5)
    assert row.line("support") == ["bob", "cid", "ada"]
    assert row.decide() == []
    assert row.claim("ada", "x") == []


def test_a_moved_caller_keeps_id_and_waited_time(row):
    row.wait(10)
    row.call("dan", "sales")
    assert row.router.move(row.now_us, row.callers["bob"], row.queues["sales"]) == []
    assert row.line("support") == ["ada", "cid"]
    assert row.line("sales") == ["bob", "dan"]
    row.agent("x", "sales")
    assert row.decide() == [("bob", "x")]


def test_a_moved_caller_may_begin_anew(row):
    row.router.set_base_score(row.now_us, row.callers["ada"], 1_000_000)
    row.call("dan", "sales", entered=row.now - 2)
    row.call("eve", "sales", entered=row.now - 0.5)
    row.router.move(row.now_us, row.callers["ada"], row.queues["sales"], keep_entered=False)
    # The base score stays: ada counts as if she had come a second ago.
    assert row.line("sales") == ["dan", "ada", "eve"]


def test_a_moved_caller_rings_there_only_when_the_phone_here_is_quiet(row):
    row.agent("x", "support")
    row.agent("y", "sales")
    assert row.decide() == [("ada", "x")]
    offer = row.offer("ada", "x")
    assert row.router.move(row.now_us, row.callers["ada"], row.queues["sales"]) == [offer]
    assert row.router.claim(row.now_us, offer) is None
    assert row.decide() == []
    row.router.fail(row.now_us, offer, "withdrawn")
    assert row.decide() == [("ada", "y"), ("bob", "x")]


def test_a_caller_whom_an_agent_has_answered_is_not_moved(row):
    row.agent("x", "support")
    row.decide()
    row.claim("ada", "x")
    with pytest.raises(RouterError):
        row.router.move(row.now_us, row.callers["ada"], row.queues["sales"])
    assert row.line("support") == ["ada", "bob", "cid"]


def test_a_queue_may_go_when_its_callers_were_moved(row):
    for name in ("ada", "bob", "cid"):
        row.router.move(row.now_us, row.callers[name], row.queues["sales"])
    row.router.remove_queue(row.now_us, row.queues["support"])
    assert row.line("sales") == ["ada", "bob", "cid"]
    assert row.router.leave(row.now_us, row.callers["ada"]) == []


def test_a_moved_caller_starts_at_the_top_of_the_other_queue(centre):
    for queue in ("support", "sales"):
        centre.queue(queue, "top-down", refusal_memory=False)
    for position, name in enumerate("ab", 1):
        centre.agent(name, "support", "sales", position=position)
    centre.call("ada", "support")
    assert centre.decide() == [("ada", "a")]
    centre.fail("ada", "a", "busy")
    centre.router.move(centre.now_us, centre.callers["ada"], centre.queues["sales"])
    assert centre.decide() == [("ada", "a")]
