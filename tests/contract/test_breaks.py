"""Breaks with a reason: who may rest, how many at once, for how long, and who is next.

`On Break` without a reason is mod_callcenter's: at once, for as long as wanted, and counted nowhere here.
"""

from __future__ import annotations

import pytest

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


@pytest.fixture
def canteen(centre):
    """Three agents; two may be at lunch at once."""
    centre.queue("support")
    for name in ("ann", "bob", "cid"):
        centre.agent(name, "support", wrap_up=10)
    centre.reason("lunch", limit=1800, quota=2)
    centre.reason("coffee", limit=300)
    return centre


def test_who_has_nothing_to_do_rests_at_once(canteen):
    canteen.ask("ann", "lunch")
    assert canteen.news() == [("asked", "ann", "lunch"), ("begun", "ann", "lunch")]
    assert (canteen.view("ann").status, canteen.state("ann")) == ("On Break", "on_break")
    rest = canteen.rest("ann")
    assert (rest.reason, rest.since_us) == (canteen.reasons["lunch"], canteen.now_us)
    assert rest.limit_us == canteen.now_us + 1_800_000_000
    assert not rest.overdue
    assert rest.asked is None


def test_two_may_rest_at_once_and_the_third_comes_next(canteen):
    for name in ("ann", "bob", "cid"):
        canteen.ask(name, "lunch")
    assert canteen.news()[-1] == ("asked", "cid", "lunch")
    assert canteen.state("cid") == "waiting"
    assert canteen.rest("cid").place == 1
    canteen.status("bob", "Available")
    canteen.decide()
    assert canteen.news() == [("begun", "cid", "lunch")]
    assert canteen.state("cid") == "on_break"


def test_who_waits_for_a_break_goes_on_taking_calls(canteen):
    for name in ("ann", "bob", "cid"):
        canteen.ask(name, "lunch")
    canteen.call("x", "support")
    assert canteen.decide() == [("x", "cid")]


def test_the_line_is_first_come_first_served(canteen):
    canteen.agent("dee", "support")
    for name in ("ann", "bob", "dee", "cid"):
        canteen.ask(name, "lunch")
    assert [canteen.rest(name).place for name in ("dee", "cid")] == [1, 2]
    canteen.status("ann", "Available")
    canteen.decide()
    assert canteen.state("dee") == "on_break"
    assert canteen.rest("cid").place == 1


def test_a_break_asked_for_in_a_call_begins_after_call_and_wrap_up(canteen):
    canteen.status("bob", "Logged Out")
    canteen.status("cid", "Logged Out")
    canteen.call("x", "support")
    canteen.decide()
    canteen.ring("x", "ann")
    canteen.ask("ann", "coffee")
    assert canteen.news() == [("asked", "ann", "coffee"), ("granted", "ann", "coffee")]
    canteen.claim("x", "ann")
    canteen.bridge("x", "ann")
    canteen.wait(60)
    canteen.decide()
    assert canteen.state("ann") == "in_a_queue_call"
    canteen.finish("x", "ann")
    canteen.decide()
    assert canteen.state("ann") == "wrap_up"
    assert canteen.news() == []
    canteen.wait(10)
    canteen.call("y", "support")
    assert canteen.decide() == []
    assert canteen.state("ann") == "on_break"
    assert canteen.news() == [("begun", "ann", "coffee")]
    assert canteen.rest("ann").since_us == canteen.now_us


def test_a_phone_that_rings_is_not_called_off(canteen):
    canteen.call("x", "support")
    ((_, name),) = canteen.decide()
    canteen.ring("x", name)
    canteen.ask(name, "coffee")
    assert canteen.state(name) == "receiving"
    canteen.fail("x", name, "no_answer")
    canteen.decide()
    assert canteen.state(name) == "on_break"


def test_a_place_is_kept_for_whoever_still_has_a_call(canteen):
    canteen.reason("lunch", quota=1)
    canteen.call("x", "support")
    ((_, busy),) = canteen.decide()
    free = next(name for name in ("ann", "bob", "cid") if name != busy)
    canteen.ask(busy, "lunch")
    canteen.ask(free, "lunch")
    assert canteen.rest(busy).place == 0
    assert canteen.rest(free).place == 1
    assert canteen.state(free) == "waiting"


def test_who_cannot_go_does_not_hold_up_others_with_another_reason(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.ask("cid", "coffee")
    assert [canteen.state(name) for name in ("ann", "bob", "cid")] == ["on_break", "waiting", "on_break"]


def test_a_quota_of_all_reasons_together(canteen):
    canteen.router.set_break_quota(canteen.now_us, 2)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "coffee")
    canteen.ask("cid", "coffee")
    assert canteen.state("cid") == "waiting"
    canteen.router.set_break_quota(canteen.now_us, 3)
    canteen.decide()
    assert canteen.state("cid") == "on_break"


def test_a_place_that_is_kept_counts_in_the_quota_of_all_reasons(canteen):
    canteen.router.set_break_quota(canteen.now_us, 1)
    canteen.call("x", "support")
    ((_, busy),) = canteen.decide()
    free = next(name for name in ("ann", "bob", "cid") if name != busy)
    canteen.ask(busy, "lunch")
    canteen.ask(free, "coffee")
    assert canteen.state(free) == "waiting"
    assert canteen.rest(free).place == 1


def test_a_supervisor_can_send_somebody_above_the_quota(canteen):
    canteen.router.set_break_quota(canteen.now_us, 1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.ask("bob", "lunch", force=True)
    assert canteen.state("bob") == "on_break"
    assert canteen.router.break_counts() == [(canteen.reasons["lunch"], 2, 0, 0), (2, 0, 0, 0)]
    canteen.ask("cid", "coffee")
    canteen.status("ann", "Available")
    canteen.decide()
    assert canteen.state("cid") == "waiting"  # bob still has the only place


def test_a_break_may_be_forced_from_the_first(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch", force=True)
    assert canteen.state("bob") == "on_break"


def test_a_break_without_a_reason_is_nobodys_business(canteen):
    canteen.router.set_break_quota(canteen.now_us, 1)
    canteen.status("ann", "On Break")
    canteen.status("bob", "On Break")
    assert canteen.news() == []
    assert canteen.rest("ann") is None
    canteen.ask("cid", "lunch")
    assert canteen.state("cid") == "on_break"
    assert canteen.router.next_deadline_us() == canteen.now_us + 1_800_000_000


def test_on_break_again_changes_nothing(canteen):
    canteen.ask("ann", "lunch")
    since_us = canteen.now_us
    canteen.wait(5)
    canteen.status("ann", "On Break")
    assert canteen.rest("ann").since_us == since_us


def test_a_limit_that_passes_is_told_once_and_the_break_goes_on(canteen):
    canteen.ask("ann", "coffee")
    assert canteen.wait_for_deadline() == 300
    assert canteen.rest("ann").overdue
    assert canteen.news()[-1] == ("overdue", "ann", "coffee")
    assert canteen.state("ann") == "on_break"
    assert canteen.router.next_deadline_us() is None
    canteen.wait(300)
    assert canteen.news() == []
    assert canteen.router.break_counts()[1] == (canteen.reasons["coffee"], 1, 1, 0)


@pytest.mark.parametrize(("over", "state"), [("Available", "waiting"), ("Logged Out", "logged_out")])
def test_a_limit_can_end_the_break(canteen, over, state):
    canteen.reason("coffee", limit=300, quota=1, over=over)
    canteen.ask("ann", "coffee")
    canteen.ask("bob", "coffee")
    canteen.news()
    canteen.wait(300)
    assert canteen.state("ann") == state
    assert canteen.rest("ann") is None
    canteen.decide()
    assert canteen.news() == [
        ("overdue", "ann", "coffee"),
        ("over", "ann", "coffee", over),
        ("begun", "bob", "coffee"),
    ]


def test_who_comes_back_in_time_hears_nothing(canteen):
    canteen.ask("ann", "coffee")
    canteen.news()
    canteen.wait(299)
    canteen.status("ann", "Available")
    canteen.wait(100)
    assert canteen.news() == []
    assert canteen.router.next_deadline_us() is None


def test_a_request_can_be_taken_back(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.ask("cid", "lunch")
    canteen.news()
    canteen.router.withdraw_break(canteen.now_us, canteen.agents["bob"])
    assert canteen.news() == [("withdrawn", "bob", "lunch")]
    assert canteen.rest("cid").place == 1
    with pytest.raises(RouterError):
        canteen.router.withdraw_break(canteen.now_us, canteen.agents["bob"])
    canteen.status("ann", "Available")
    canteen.decide()
    assert [canteen.state(name) for name in ("bob", "cid")] == ["waiting", "on_break"]


def test_a_place_that_was_kept_is_free_again_when_it_is_given_back(canteen):
    canteen.reason("lunch", quota=1)
    canteen.call("x", "support")
    ((_, busy),) = canteen.decide()
    free = next(name for name in ("ann", "bob", "cid") if name != busy)
    canteen.ask(busy, "lunch")
    canteen.ask(free, "lunch")
    canteen.router.withdraw_break(canteen.now_us, canteen.agents[busy])
    canteen.decide()
    assert canteen.state(free) == "on_break"


@pytest.mark.parametrize("status", ["Logged Out", "On Break"])
def test_who_goes_otherwise_has_asked_for_nothing(canteen, status):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.news()
    canteen.status("bob", status)
    assert canteen.news() == [("withdrawn", "bob", "lunch")]
    assert canteen.rest("bob") is None


@pytest.mark.parametrize("status", ["Available", "Available (On Demand)"])
def test_who_goes_on_taking_calls_stays_in_the_line(canteen, status):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.news()
    canteen.status("bob", status)
    canteen.decide()
    assert canteen.news() == []
    assert canteen.rest("bob").place == 1


def test_who_comes_back_still_asks_for_another_break(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("bob", "lunch")
    canteen.ask("ann", "coffee")
    canteen.ask("ann", "lunch")
    canteen.status("ann", "Available")
    rest = canteen.rest("ann")
    assert (rest.reason, rest.asked, rest.place) == (None, canteen.reasons["lunch"], 1)


def test_who_asked_before_a_restart_has_waited_since_then(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    before_us, now_us = canteen.now_us - 100_000_000, canteen.now_us
    for name, asked_us in (("bob", now_us + 1), ("cid", before_us)):
        canteen.router.request_break(
            now_us, canteen.agents[name], canteen.reasons["lunch"], asked_us=asked_us
        )
    assert [canteen.rest(name).asked_us for name in ("bob", "cid")] == [now_us, before_us]
    # Who is told first stands first: the books tell them in the order of the line.
    assert [canteen.rest(name).place for name in ("bob", "cid")] == [1, 2]


def test_who_is_logged_out_cannot_ask(canteen):
    canteen.status("ann", "Logged Out")
    with pytest.raises(RouterError):
        canteen.ask("ann", "lunch")
    assert canteen.news() == []


def test_a_limit_of_missed_calls_voids_the_request(canteen):
    canteen.agent("dee", "support", level=0, max_no_answer=1)
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("dee", "lunch")
    canteen.call("x", "support")
    assert canteen.decide() == [("x", "dee")]
    assert canteen.fail("x", "dee", "no_answer") == "On Break"
    assert canteen.rest("dee") is None


def test_asking_again_keeps_the_place_in_the_line_and_another_reason_gives_it_up(canteen):
    canteen.router.set_break_quota(canteen.now_us, 1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.ask("cid", "lunch")
    canteen.ask("bob", "lunch")
    assert canteen.rest("bob").place == 1
    canteen.news()
    canteen.ask("bob", "coffee")
    assert canteen.news() == [("withdrawn", "bob", "lunch"), ("asked", "bob", "coffee")]
    assert [canteen.rest(name).place for name in ("cid", "bob")] == [1, 2]


def test_a_break_can_become_another(canteen):
    canteen.reason("coffee", limit=300, quota=1)
    canteen.ask("ann", "coffee")
    canteen.ask("bob", "coffee")
    canteen.wait(100)
    canteen.ask("ann", "lunch")
    assert canteen.news()[-3:] == [
        ("asked", "ann", "lunch"),
        ("begun", "ann", "lunch"),
        ("begun", "bob", "coffee"),
    ]
    assert canteen.rest("ann").limit_us == canteen.now_us + 1_800_000_000
    assert canteen.view("ann").status == "On Break"


def test_a_break_goes_on_until_there_is_room_for_the_other(canteen):
    canteen.reason("lunch", limit=1800, quota=1)
    canteen.ask("bob", "lunch")
    canteen.ask("ann", "coffee")
    canteen.ask("ann", "lunch")
    rest = canteen.rest("ann")
    assert (rest.reason, rest.asked, rest.place) == (canteen.reasons["coffee"], canteen.reasons["lunch"], 1)
    canteen.ask("ann", "coffee")  # never mind
    rest = canteen.rest("ann")
    assert (rest.reason, rest.asked) == (canteen.reasons["coffee"], None)


def test_a_removed_reason_leaves_breaks_without_one(canteen):
    canteen.reason("lunch", limit=60, quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.news()
    canteen.router.remove_break_reason(canteen.now_us, canteen.reasons["lunch"])
    assert canteen.news() == [("unnamed", "ann", "lunch"), ("withdrawn", "bob", "lunch")]
    canteen.decide()
    assert [canteen.state(name) for name in ("ann", "bob")] == ["on_break", "waiting"]
    assert canteen.rest("ann") is None
    assert canteen.router.next_deadline_us() is None
    with pytest.raises(RouterError):
        canteen.ask("bob", "lunch")


def test_a_changed_limit_counts_from_the_beginning_of_the_break(canteen):
    canteen.ask("ann", "coffee")
    began_us = canteen.now_us
    canteen.wait(100)
    canteen.reason("coffee", limit=200)
    assert canteen.router.next_deadline_us() == began_us + 200_000_000
    canteen.wait(100)
    assert canteen.rest("ann").overdue
    canteen.reason("coffee", limit=900)
    assert not canteen.rest("ann").overdue
    assert canteen.router.next_deadline_us() == began_us + 900_000_000
    canteen.reason("coffee")
    assert canteen.router.next_deadline_us() is None


def test_a_smaller_quota_sends_nobody_back(canteen):
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.reason("lunch", limit=1800, quota=1)
    canteen.ask("cid", "lunch")
    canteen.status("ann", "Available")
    canteen.decide()
    assert [canteen.state(name) for name in ("ann", "bob", "cid")] == ["waiting", "on_break", "waiting"]
    canteen.reason("lunch", limit=1800, quota=2)
    canteen.decide()
    assert canteen.state("cid") == "on_break"


def test_a_removed_agent_leaves_the_place_to_others(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("ann", "lunch")
    canteen.ask("bob", "lunch")
    canteen.news()
    canteen.router.remove_agent(canteen.now_us, canteen.agents["ann"])
    canteen.decide()
    assert canteen.news() == [("begun", "bob", "lunch")]


def test_a_break_of_the_books_goes_on(canteen):
    canteen.reason("lunch", limit=600, quota=1)
    canteen.status("ann", "On Break")
    ann, lunch = canteen.agents["ann"], canteen.reasons["lunch"]
    began_us = canteen.now_us - 100_000_000
    canteen.router.restore_break(canteen.now_us, ann, lunch, since_us=began_us, overdue=False)
    assert canteen.router.next_deadline_us() == began_us + 600_000_000
    canteen.ask("bob", "lunch")
    assert canteen.state("bob") == "waiting"
    with pytest.raises(RouterError):
        canteen.router.restore_break(canteen.now_us, ann, lunch, since_us=0, overdue=False)
    with pytest.raises(RouterError):
        canteen.router.restore_break(canteen.now_us, canteen.agents["cid"], lunch, since_us=0, overdue=False)


def test_a_break_of_the_books_did_not_begin_later_than_now(canteen):
    """The clock may have been set back meanwhile."""
    canteen.status("ann", "On Break")
    ann, lunch, now_us = canteen.agents["ann"], canteen.reasons["lunch"], canteen.now_us
    canteen.router.restore_break(now_us, ann, lunch, since_us=now_us + 5_000_000, overdue=False)
    assert canteen.rest("ann").since_us == now_us
    assert canteen.wait_for_deadline() == 1800


def test_a_break_of_the_books_answers_the_request_for_it(canteen):
    canteen.reason("lunch", quota=1)
    canteen.ask("bob", "lunch")
    canteen.status("ann", "On Break")
    canteen.ask("ann", "lunch")
    canteen.news()
    ann, lunch = canteen.agents["ann"], canteen.reasons["lunch"]
    canteen.router.restore_break(canteen.now_us, ann, lunch, since_us=0, overdue=False)
    assert canteen.news() == [("withdrawn", "ann", "lunch")]
    assert canteen.rest("ann").asked is None


def test_what_was_told_before_is_not_told_again(canteen):
    canteen.reason("lunch", limit=600)
    canteen.status("ann", "On Break")
    since_us = canteen.now_us - 700_000_000
    canteen.router.restore_break(
        canteen.now_us, canteen.agents["ann"], canteen.reasons["lunch"], since_us=since_us, overdue=True
    )
    canteen.wait(1)
    assert canteen.rest("ann").overdue
    assert canteen.news() == []


def test_a_limit_that_passed_while_nobody_ran_is_told(canteen):
    canteen.reason("lunch", limit=600, over="Available")
    canteen.status("ann", "On Break")
    since_us = canteen.now_us - 700_000_000
    canteen.router.restore_break(
        canteen.now_us, canteen.agents["ann"], canteen.reasons["lunch"], since_us=since_us, overdue=False
    )
    canteen.wait(0)
    assert canteen.state("ann") == "waiting"


def test_an_agent_on_an_outside_call_may_go(canteen):
    canteen.router.set_external_calls(canteen.now_us, canteen.agents["ann"], 1)
    canteen.ask("ann", "coffee")
    assert canteen.state("ann") == "on_break"


def test_neither_a_delay_nor_a_moment_set_by_hand_keeps_anybody_from_a_break(canteen):
    canteen.agent("dee", "support", level=0, busy_delay=60)
    canteen.call("x", "support")
    assert canteen.decide() == [("x", "dee")]
    canteen.fail("x", "dee", "busy")
    canteen.leave("x")
    canteen.router.set_ready_at(canteen.now_us, canteen.agents["ann"], canteen.now_us + 60_000_000)
    for name in ("dee", "ann"):
        canteen.ask(name, "coffee")
        assert canteen.state(name) == "on_break"


def test_who_was_served_on_demand_may_go(canteen):
    for name in ("bob", "cid"):
        canteen.status(name, "Logged Out")
    canteen.status("ann", "Available (On Demand)")
    canteen.call("x", "support")
    canteen.decide()
    canteen.talk("x", "ann")
    canteen.wait(10)
    assert canteen.state("ann") == "idle"
    canteen.ask("ann", "coffee")
    assert canteen.state("ann") == "on_break"


def test_limits_that_pass_together_are_told_in_their_order(canteen):
    canteen.reason("tea", limit=100)
    canteen.ask("ann", "coffee")
    canteen.wait(50)
    for name in ("cid", "bob"):
        canteen.ask(name, "tea")
    canteen.news()
    canteen.wait(1000)
    assert canteen.news() == [
        ("overdue", "bob", "tea"),
        ("overdue", "cid", "tea"),
        ("overdue", "ann", "coffee"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_limit_us": -1},
        {"time_limit_us": 10**17 + 1},
        {"quota": -1},
        {"quota": 1_000_001},
        {"when_over": "On Break"},
        {"when_over": "home"},
    ],
)
def test_a_reason_that_cannot_be(canteen, wrong):
    with pytest.raises(RouterError):
        canteen.router.put_break_reason(canteen.now_us, "tea", **wrong)
    with pytest.raises(RouterError):
        canteen.router.put_break_reason(canteen.now_us, "")
    assert len(canteen.router.break_counts()) == 2


def test_nobody_is_known_by_a_wrong_number(canteen):
    ann, lunch = canteen.agents["ann"], canteen.reasons["lunch"]
    for call in (
        lambda: canteen.router.request_break(canteen.now_us, 99, lunch),
        lambda: canteen.router.request_break(canteen.now_us, ann, 99),
        lambda: canteen.router.request_break(-1, ann, lunch),
        lambda: canteen.router.request_break(canteen.now_us, ann, lunch, asked_us=-1),
        lambda: canteen.router.withdraw_break(canteen.now_us, 99),
        lambda: canteen.router.remove_break_reason(canteen.now_us, 99),
        lambda: canteen.router.set_break_quota(canteen.now_us, -1),
        lambda: canteen.router.agent_break(99),
    ):
        with pytest.raises(RouterError):
            call()
    assert canteen.news() == []
