"""Which queue an agent of several serves first."""

from __future__ import annotations

import pytest
from contract.centre import SECOND

from py_callcenter._router import RouterError

pytestmark = pytest.mark.contract


@pytest.fixture
def staffed(centre):
    """An agent who serves sales and support, and is on break."""

    def open_queues(sales=None, support=None):
        centre.queue("sales", **(sales or {}))
        centre.queue("support", **(support or {}))
        centre.agent("Ann", "sales", "support")
        centre.status("Ann", "On Break")
        return centre

    return open_queues


def back(centre):
    centre.status("Ann", "Available")
    return centre.decide()


def test_without_more_said_the_score_decides(staffed):
    centre = staffed()
    centre.call("Buyer", "sales", entered=centre.now - 9)
    centre.call("User", "support", entered=centre.now - 10)
    assert back(centre) == [("User", "Ann")]


def test_a_queue_of_higher_priority_goes_first_however_long_others_wait(staffed):
    centre = staffed(sales={"queue_priority": 1})
    centre.call("User", "support", entered=centre.now - 9_000, priority=100)
    centre.call("Buyer", "sales", priority=-100)
    assert back(centre) == [("Buyer", "Ann")]


def test_the_callers_priority_goes_before_weight_and_service_level(staffed):
    centre = staffed(sales={"queue_weight": 1000}, support={"service_level_us": 900 * SECOND})
    centre.call("Buyer", "sales", entered=centre.now - 60)
    centre.call("User", "support", priority=1)
    assert back(centre) == [("User", "Ann")]


@pytest.mark.parametrize(("waited", "first"), [(59, "Buyer"), (61, "User")])
def test_a_weight_makes_a_minute_longer(staffed, waited, first):
    centre = staffed(sales={"queue_weight": 3})
    centre.call("Buyer", "sales", entered=centre.now - 20)
    centre.call("User", "support", entered=centre.now - waited)
    assert back(centre) == [(first, "Ann")]


def test_a_weight_counts_the_base_score_too(staffed):
    centre = staffed(sales={"queue_weight": 3})
    centre.call("User", "support", entered=centre.now - 59)
    centre.call("Buyer", "sales", base_score=20)
    assert back(centre) == [("Buyer", "Ann")]


def test_even_with_time_left_the_heavier_queue_is_the_more_urgent(staffed):
    service_level = {"service_level_us": 60 * SECOND}
    centre = staffed(sales=service_level | {"queue_weight": 2}, support=service_level)
    centre.call("Buyer", "sales", entered=centre.now - 20)
    centre.call("User", "support", entered=centre.now - 39)
    assert back(centre) == [("Buyer", "Ann")], "40 seconds left count as 20"


@pytest.mark.parametrize(("waited", "first"), [(14, "User"), (16, "Buyer")])
def test_the_least_time_left_to_the_service_level_goes_first(staffed, waited, first):
    centre = staffed(sales={"service_level_us": 20 * SECOND}, support={"service_level_us": 60 * SECOND})
    centre.call("Buyer", "sales", entered=centre.now - waited)
    centre.call("User", "support", entered=centre.now - 55)
    assert back(centre) == [(first, "Ann")]


def test_what_is_compared_changes_with_time(staffed):
    """A weight overtakes: who is behind now is before later."""
    for pause, first in ((0, "User"), (10, "Buyer")):
        centre = staffed(sales={"queue_weight": 3})
        centre.call("Buyer", "sales", entered=centre.now)
        centre.call("User", "support", entered=centre.now - 15)
        centre.wait(pause)
        assert back(centre) == [(first, "Ann")]
        centre.fail(first, "Ann", "withdrawn")
        for name in ("Buyer", "User"):
            centre.leave(name)
        centre.status("Ann", "On Break")


def test_ties_go_to_who_came_first(staffed):
    centre = staffed(sales={"queue_weight": 2})
    centre.call("User", "support", entered=centre.now - 20)
    centre.call("Buyer", "sales", entered=centre.now - 10)
    assert back(centre) == [("User", "Ann")]


def test_within_a_queue_nothing_changes(staffed):
    centre = staffed(sales={"queue_weight": 7, "queue_priority": 3, "service_level_us": SECOND})
    centre.call("Late", "sales")
    centre.call("Early", "sales", entered=centre.now - 5)
    centre.call("Important", "sales", priority=1)
    assert centre.line("sales") == ["Important", "Early", "Late"]
    assert back(centre) == [("Important", "Ann")]


def test_a_heavy_queue_holds_back_only_where_the_agent_may_take_its_callers(staffed):
    centre = staffed(sales={"queue_priority": 9, "skills": "fa"})
    centre.call("Buyer", "sales", entered=centre.now - 100)
    centre.call("User", "support")
    assert back(centre) == [("User", "Ann")]


def test_nor_before_the_opening_delay(staffed):
    centre = staffed(sales={"queue_priority": 9})
    centre.tier("sales", "Ann", opening_delay_us=30 * SECOND)
    centre.call("Buyer", "sales")
    centre.call("User", "support")
    assert back(centre) == [("User", "Ann")]


def test_several_free_agents_are_given_in_the_same_order(staffed):
    centre = staffed(sales={"queue_weight": 4})
    for name in ("Bob", "Cid"):
        centre.agent(name, "sales", "support")
        centre.status(name, "On Break")
    centre.call("User", "support", entered=centre.now - 30)
    centre.call("Buyer", "sales", entered=centre.now - 10)
    centre.call("Buyer 2", "sales", entered=centre.now - 5)
    for name in ("Ann", "Bob", "Cid"):
        centre.status(name, "Available")
    assert [caller for caller, _agent in centre.decide()] == ["Buyer", "User", "Buyer 2"]


def test_a_held_caller_is_compared_as_others_are(staffed):
    centre = staffed(sales={"queue_priority": 1})
    centre.call("User", "support", entered=centre.now - 30, preferred="Ann", preferred_for=60)
    centre.call("Buyer", "sales")
    assert back(centre) == [("Buyer", "Ann")]


def test_a_changed_setting_holds_from_the_next_decision_on(staffed):
    centre = staffed(sales={"queue_priority": 1})
    centre.call("User", "support", entered=centre.now - 30)
    centre.call("Buyer", "sales")
    centre.queue("sales")
    assert back(centre) == [("User", "Ann")]


@pytest.mark.parametrize(
    "settings",
    [
        {"queue_priority": 101},
        {"queue_priority": -101},
        {"queue_weight": 0},
        {"queue_weight": 1001},
        {"service_level_us": -1},
        {"service_level_us": 10**17 + 1},
        {"overtaking_cap": -1},
        {"overtaking_cap": 1001},
    ],
)
def test_numbers_out_of_range_change_nothing(centre, settings):
    with pytest.raises(RouterError, match=f"{next(iter(settings))} must be"):
        centre.queue("sales", **settings)
    assert centre.router.queue_id("sales") is None


# The overtaking cap.


def serve_next(centre):
    """Ann takes one call and goes on break again."""
    ((caller, _agent),) = back(centre)
    centre.talk(caller, "Ann", 0)
    centre.status("Ann", "On Break")
    return caller


def overtakers(centre, turns, name="Buyer"):
    """Buyers come one by one, and Ann is free each time; who is served."""
    served = []
    for number in range(turns):
        centre.call(f"{name} {number}", "sales")
        centre.wait(1)
        served.append(serve_next(centre))
    return served


def test_without_a_cap_a_light_queue_may_wait_for_ever(staffed):
    centre = staffed(sales={"queue_priority": 1})
    centre.call("User", "support")
    assert "User" not in overtakers(centre, 20)


@pytest.mark.parametrize("cap", [0, 1, 3])
@pytest.mark.parametrize("bias", [{"queue_priority": 1}, {"queue_weight": 1000}], ids=["priority", "weight"])
def test_nobody_is_overtaken_more_often_than_the_cap(staffed, cap, bias):
    centre = staffed(sales=bias, support={"overtaking_cap": cap})
    centre.call("User", "support")
    assert overtakers(centre, 6).index("User") == cap


def test_a_long_line_is_protected_like_a_short_one(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 2})
    for number in range(80):
        centre.call(f"User {number}", "support")
        centre.call(f"Buyer {number}", "sales")
    overtaking = ["Buyer 0", "Buyer 1", "User 0", "User 1"]
    in_order = [f"{who} {number}" for number in range(2, 80) for who in ("User", "Buyer")]
    assert [serve_next(centre) for _ in range(160)] == overtaking + in_order


def test_service_levels_are_capped_too(staffed):
    centre = staffed(support={"service_level_us": 3600 * SECOND, "overtaking_cap": 2})
    centre.call("User", "support")
    assert overtakers(centre, 4).index("User") == 2


def test_who_is_protected_overtakes_nobody(staffed):
    """Protection holds back who is behind; whoever is before by the order of callers still goes first."""
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0})
    centre.call("Early buyer", "sales", entered=centre.now - 10)
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Late buyer", "sales")
    assert [serve_next(centre) for _ in range(3)] == ["Early buyer", "User", "Late buyer"]


def test_the_first_of_all_goes_when_weight_points_past_somebody_protected(staffed):
    """The heavy one is held back by the protected one; of the others the order across queues decides."""
    centre = staffed(
        sales={"queue_weight": 1000}, support={"overtaking_cap": 0, "service_level_us": 60 * SECOND}
    )
    centre.queue("repairs", queue_weight=2)
    centre.tier("repairs", "Ann")
    centre.call("Oldest", "repairs", entered=centre.now - 30)
    centre.call("User", "support", entered=centre.now - 20)
    centre.call("Buyer", "sales", entered=centre.now - 10)
    assert back(centre) == [("Oldest", "Ann")]


def test_a_protected_caller_holds_back_only_agents_who_may_take_her(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0, "skills": "fa"})
    centre.call("User", "support", entered=centre.now - 60)
    centre.call("Buyer", "sales")
    assert back(centre) == [("Buyer", "Ann")], "Ann can't take the user"
    centre.agent("Bob", "support", "sales", skills={"fa": 1})
    centre.call("Other", "sales")
    assert centre.decide() == [("User", "Bob")]


def test_a_protected_caller_holds_back_no_agent_to_whom_she_is_not_open_yet(staffed):
    rules = {"tier_rules_apply": True, "tier_rule_wait_us": 20 * SECOND}
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0, **rules})
    centre.agent("Near", "support")
    centre.router.set_external_calls(centre.now_us, centre.agents["Near"], 1)
    centre.agent("Far", "sales")
    centre.tier("support", "Far", 2, 1)
    centre.agent("Late", "sales")
    centre.tier("support", "Late", 1, 1, opening_delay_us=20 * SECOND)
    centre.status("Late", "On Break")
    centre.call("User", "support")
    centre.wait(1)
    centre.call("Buyer 1", "sales")
    assert centre.decide() == [("Buyer 1", "Far")]
    centre.status("Late", "Available")
    centre.call("Buyer 2", "sales")
    assert centre.decide() == [("Buyer 2", "Late")]
    centre.talk("Buyer 1", "Far", 19)
    centre.call("Buyer 3", "sales")
    assert centre.decide() == [("User", "Far")], "she is open to Far now"


def test_who_waits_for_one_agent_is_protected_too(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0})
    centre.call("User", "support", preferred="Ann", preferred_for=60)
    centre.wait(1)
    centre.call("Buyer", "sales")
    assert back(centre) == [("User", "Ann")]


def test_the_first_of_the_protected_counts_and_not_the_oldest(staffed):
    """Whoever is between them by the order of callers overtakes the first one."""
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 1})
    centre.call("Second", "support", entered=centre.now - 10)
    centre.call("First", "support", entered=centre.now - 60)
    assert overtakers(centre, 1) == ["Buyer 0"]
    for name in ("New", "Newer"):
        centre.call(name, "support", priority=1)
    centre.call("Between", "sales", entered=centre.now - 30)
    assert back(centre) == [("New", "Ann")]


def test_who_was_held_up_is_served_once_the_protected_one_is(staffed):
    """In the same decision, though both queues look for skills and both callers come to idle agents."""
    centre = staffed(
        sales={"queue_priority": 1, "skills": "fa"}, support={"overtaking_cap": 0, "skills": "fa"}
    )
    for name in ("Bob", "Cid"):
        centre.agent(name, "sales", "support", skills={"fa": 1})
        centre.wait(1)
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Buyer", "sales")
    assert centre.decide() == [("User", "Bob"), ("Buyer", "Cid")]


def test_who_goes_first_leaves_the_agent_whom_a_protected_one_needs(staffed):
    """The longest idle is kept for the one protected; the other agent will do."""
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0, "skills": "fa"})
    centre.agent("Bob", "sales", "support", skills={"fa": 1})
    centre.wait(1)
    centre.agent("Cid", "sales", "support")
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Buyer", "sales")
    assert centre.decide() == [("Buyer", "Cid"), ("User", "Bob")]


def test_who_is_behind_somebody_held_up_goes_first_to_an_agent_kept_for_nobody(staffed):
    """So many agents come back at once that the queues are walked instead."""
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 0})
    for number in range(20):
        centre.agent(f"Bob {number}", "sales", "support", skills={"fa": 1})
        centre.status(f"Bob {number}", "On Break")
    centre.agent("Cid", "sales", skills={"de": 1})
    centre.status("Cid", "On Break")
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("First buyer", "sales", skills="fa")
    centre.call("Second buyer", "sales", skills="de")
    assert centre.decide() == []
    for name in ("Cid", *(f"Bob {number}" for number in range(20))):
        centre.status(name, "Available")
    assert centre.decide() == [("Second buyer", "Cid"), ("User", "Bob 0"), ("First buyer", "Bob 1")]


def test_who_waits_for_one_agent_is_overtaken_by_others_whom_the_agent_takes(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 2})
    centre.call("User", "support", preferred="Ann", preferred_for=600)
    assert overtakers(centre, 4).index("User") == 2


def test_who_comes_first_by_right_overtakes_nobody(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 1})
    centre.call("Early buyer", "sales", entered=centre.now - 30)
    centre.call("User", "support")
    assert serve_next(centre) == "Early buyer"
    assert overtakers(centre, 2) == ["Buyer 0", "User"]


def test_an_agent_who_may_not_take_the_caller_passes_nobody_over(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 1, "skills": "fa"})
    centre.agent("Bob", "support", "sales", skills={"fa": 1})
    centre.status("Bob", "On Break")
    centre.call("User", "support")
    overtakers(centre, 5)
    centre.wait(1)
    centre.call("Buyer", "sales")
    centre.status("Bob", "Available")
    assert centre.decide() == [("Buyer", "Bob")], "the first who overtakes"


def test_who_comes_later_has_not_been_overtaken_yet(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 2})
    centre.call("User", "support")
    overtakers(centre, 2)
    centre.call("Newcomer", "support")
    served = overtakers(centre, 6, "Other")
    assert served[:4] == ["User", "Other 0", "Other 1", "Newcomer"]


def test_somebody_behind_in_the_queue_is_protected_though_the_first_is_new(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 2})
    centre.call("User", "support")
    overtakers(centre, 2)
    centre.call("Important", "support", priority=1)
    served = overtakers(centre, 2, "Other")
    assert served == ["Important", "User"], "nobody overtakes the user, who is behind in the own queue"


def test_several_agents_and_protected_callers_at_one_instant(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 1})
    for name in ("Bob", "Cid", "Dan"):
        centre.agent(name, "sales", "support")
        centre.status(name, "On Break")
    for number in range(4):
        centre.call(f"User {number}", "support")
        centre.wait(1)
    for number in range(4):
        centre.call(f"Buyer {number}", "sales")
    for name in ("Ann", "Bob", "Cid", "Dan"):
        centre.status(name, "Available")
    assert [caller for caller, _agent in centre.decide()] == ["Buyer 0", "User 0", "User 1", "User 2"]


def test_an_overtaking_counts_once_however_many_phones_ring(staffed):
    centre = staffed(sales={"strategy": "ring-all", "queue_priority": 1}, support={"overtaking_cap": 2})
    centre.agent("Bob", "sales", "support")
    centre.call("User", "support")
    for name in ("Buyer 0", "Buyer 1"):
        centre.call(name, "sales")
        centre.status("Ann", "Available")
        assert centre.decide() == [(name, "Ann"), (name, "Bob")]
        for agent in ("Ann", "Bob"):
            centre.fail(name, agent, "withdrawn")
        centre.leave(name)
    centre.call("Buyer 2", "sales")
    assert [caller for caller, _agent in centre.decide()] == ["User", "Buyer 2"]


def test_another_cap_counts_anew(staffed):
    centre = staffed(sales={"queue_priority": 1}, support={"overtaking_cap": 2})
    centre.call("User", "support")
    overtakers(centre, 2)
    centre.queue("support", overtaking_cap=3)
    assert overtakers(centre, 5, "Other").index("User") == 3


def test_by_score_alone_nobody_overtakes_and_the_cap_changes_nothing(staffed):
    centre = staffed(support={"overtaking_cap": 0}, sales={"overtaking_cap": 0})
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Buyer", "sales", entered=centre.now - 6)
    assert back(centre) == [("Buyer", "Ann")]
