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
    ],
)
def test_numbers_out_of_range_change_nothing(centre, settings):
    with pytest.raises(RouterError, match=f"{next(iter(settings))} must be"):
        centre.queue("sales", **settings)
    assert centre.router.queue_id("sales") is None
