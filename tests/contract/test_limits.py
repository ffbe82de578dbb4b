"""Every number, word and id of every request, out of its range: a typed error, and nothing has changed.

`test_bad_input.py` tells of single ones; here none can be forgotten, for each request has to be in the table.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from contract.reference_router import Router as ReferenceRouter
from contract.test_random_histories import LOOK_AT_BREAK

from py_callcenter._router import Router, RouterError, SkillError

pytestmark = pytest.mark.contract

NOW_US = 10**9
BAD_NUMBERS = (-1, -(2**31) - 1, -(2**63), 2**63 - 1, 2**63, 2**64, 10**30, -(10**30))
RANGES = {
    "priority": 100,
    "queue_priority": 100,
    "base_score_us": 10**17,
    "token": 2**63,
}
"""Numbers that may be negative: up to this size."""

BAD_WORDS = ("", "no such word", "x" * 10_001, "half \ud800", "\U0001f600" * 10_001)
BAD_DEMANDS: tuple[Any, ...] = (
    "",
    "fa and",
    "a" * 65,
    "(" * 33 + "a" + ")" * 33,
    " or ".join(["a"] * 257),
    "a " + " " * 4096,
    "fa > 101",
    "fa and not fa",
    [],
    [(1, "fa")],
    [(0, "any"), (5, "fa")],
    [(0, "fa"), (0, "any")],
    [(0, "fa"), (10**17 + 1, "any")],
    [(step, f"fa > {step}") for step in range(33)],
)
BAD_SKILLS: tuple[Any, ...] = (
    {"": 1},
    {"a" * 65: 1},
    {"fa": -1},
    {"fa": 101},
    {"and": 1},
    {"two words": 1},
    {f"skill:{number}": 1 for number in range(100_001)},
)

# Agent 1 talks and has asked for a break, 2 is in wrap-up, 3 is free on queue 2, which nobody calls, 4 rings,
# 5 is on break without a reason; caller 4 waits.
REQUESTS: dict[str, dict[str, Any]] = {
    "put_queue": {
        "now_us": NOW_US,
        "name": "support",
        "strategy": "ring-k",
        "no_answer_status": "On Break",
        "busy_status": "On Break",
        "reject_status": "On Break",
        "unregistered_status": "On Break",
        "ring_progressively_delay_us": 1,
        "ring_count": 1,
        "occupancy_window_us": 60_000_000,
        "tier_rule_wait_us": 1,
        "skills": "any",
        "queue_priority": 1,
        "queue_weight": 1,
        "service_level_us": 1,
        "overtaking_cap": 1,
    },
    "remove_queue": {"now_us": NOW_US, "queue": 2},
    "put_agent": {
        "now_us": NOW_US,
        "name": "x",
        "wrap_up_us": 1,
        "busy_delay_us": 1,
        "reject_delay_us": 1,
        "no_answer_delay_us": 1,
        "unregistered_delay_us": 1,
        "path_error_delay_us": 1,
        "max_no_answer": 1,
        "max_busy": 1,
        "max_reject": 1,
        "max_unregistered": 1,
        "skills": {},
    },
    "remove_agent": {"now_us": NOW_US, "agent": 3},
    "put_tier": {
        "now_us": NOW_US,
        "queue": 1,
        "agent": 3,
        "level": 1,
        "position": 1,
        "opening_delay_us": 1,
        "weight": 1,
    },
    "remove_tier": {"now_us": NOW_US, "queue": 2, "agent": 3},
    "enqueue": {
        "now_us": NOW_US,
        "queue": 1,
        "entered_us": NOW_US,
        "priority": 1,
        "base_score_us": 1,
        "preferred_agent": 2,
        "preferred_for_us": 1,
        "skills": "any",
    },
    "set_skills": {"now_us": NOW_US, "caller": 4, "skills": "fa"},
    "set_priority": {"now_us": NOW_US, "caller": 4, "priority": 1},
    "set_base_score": {"now_us": NOW_US, "caller": 4, "base_score_us": 1},
    "move": {"now_us": NOW_US, "caller": 4, "queue": 2},
    "leave": {"now_us": NOW_US, "caller": 4},
    "hold_caller": {"now_us": NOW_US, "caller": 4, "held": True},
    "set_status": {"now_us": NOW_US, "agent": 3, "status": "On Break"},
    "set_wrap_up_end": {"now_us": NOW_US, "agent": 2, "end_us": NOW_US},
    "set_ready_at": {"now_us": NOW_US, "agent": 3, "ready_at_us": NOW_US + 1},
    "set_external_calls": {"now_us": NOW_US, "agent": 3, "count": 1},
    "restore_agent": {
        "now_us": NOW_US,
        "agent": 3,
        "idle_since_us": 1,
        "state_since_us": 1,
        "no_answer_count": 1,
        "busy_count": 1,
        "reject_count": 1,
        "unregistered_count": 1,
        "calls_answered": 1,
        "talk_us": 1,
        "rest_until_us": 1,
    },
    "put_break_reason": {
        "now_us": NOW_US,
        "name": "tea",
        "time_limit_us": 1,
        "quota": 1,
        "when_over": "Available",
    },
    "remove_break_reason": {"now_us": NOW_US, "reason": 1},
    "set_break_quota": {"now_us": NOW_US, "quota": 2},
    "request_break": {"now_us": NOW_US, "agent": 3, "reason": 2, "asked_us": 1},
    "withdraw_break": {"now_us": NOW_US, "agent": 1},
    "restore_break": {"now_us": NOW_US, "agent": 5, "reason": 1, "since_us": 1, "overdue": True},
    "agent_break": {"agent": 1},
    "adopt_offer": {"now_us": NOW_US, "caller": 4, "agent": 3},
    "adopt_conversation": {"now_us": NOW_US, "agent": 3, "since_us": 1, "counted": True},
    "decide": {"now_us": NOW_US},
    "ringing": {"now_us": NOW_US, "offer": 3},
    "claim": {"now_us": NOW_US, "offer": 3},
    "bridged": {"now_us": NOW_US, "offer": 3},
    "fail": {"now_us": NOW_US, "offer": 3, "fault": "busy"},
    "finish": {"now_us": NOW_US, "offer": 1},
    "set_timer": {"deadline_us": NOW_US, "token": 1},
    "cancel_timer": {"token": 1},
    "advance": {"now_us": NOW_US},
    "position": {"caller": 4},
    "ahead": {"caller": 4},
    "demand": {"caller": 4},
    "explain": {"caller": 4},
    "callers": {"queue": 1},
    "calls_waiting": {"queue": 1},
    "staffed": {"queue": 1},
    "can_serve": {"queue": 1},
    "agent": {"agent": 1},
    "agent_skills": {"agent": 1},
    "queue_id": {"name": "support"},
    "agent_id": {"name": "talks"},
}
# A name may be as long as it likes in a question: nobody has it.
ANY_LENGTH = {"queue_id", "agent_id"}


@pytest.fixture
def staffed(make_router):
    router = make_router()
    router.put_queue(0, "support", "longest-idle-agent")
    router.put_queue(0, "sales", "ring-all")
    for name in ("talks", "tidies", "free", "rings"):
        agent = router.put_agent(0, name, wrap_up_us=2 * NOW_US)
        router.put_tier(0, 2 if name == "free" else 1, agent, 1, agent)
        router.set_status(agent, agent, "Available")
        if name in ("talks", "tidies"):
            offer = call(router)
            router.claim(9, offer)
            router.bridged(9, offer)
    router.finish(NOW_US, 2)
    router.set_status(0, router.put_agent(0, "rests"), "On Break")
    for reason in ("lunch", "coffee"):
        router.put_break_reason(0, reason)
    router.set_break_quota(0, 1)
    router.request_break(9, 1, 1)
    call(router)
    router.enqueue(9, 1, entered_us=9)
    return router


def call(router):
    router.enqueue(9, 1, entered_us=9)
    (proposal,) = router.decide(9)
    return proposal.offer


def picture(router):
    return (
        [router.callers(queue) for queue in (1, 2)],
        [router.staffed(queue) for queue in (1, 2)],
        router.agents_by_state(),
        [router.demand(caller) for caller in router.callers(1)],
        [[getattr(router.agent(agent), name) for name in VIEW] for agent in (1, 2, 3, 4, 5)],
        [(found := router.agent_break(agent)) and LOOK_AT_BREAK(found) for agent in (1, 2, 3, 4, 5)],
        router.break_counts(),
        router.next_deadline_us(),
    )


VIEW = ("status", "state", "state_since_us", "idle_since_us", "ready_at_us", "calls_answered", "talk_us")


def kinds(value):
    """What may be put in the place of a good value."""
    match value:
        case bool():
            return ()
        case int():
            return BAD_NUMBERS
        case dict():
            return BAD_SKILLS
        case _:
            return BAD_WORDS


def bad_values(method, name, good):
    if name == "skills" and isinstance(good, str):
        return BAD_DEMANDS
    if name == "name":
        return (
            ("half \ud800",)
            if method in ANY_LENGTH
            else tuple(bad for bad in BAD_WORDS if bad != "no such word")
        )
    if name in RANGES:
        return tuple(bad for bad in BAD_NUMBERS if not -RANGES[name] <= bad < RANGES[name])
    return kinds(good)


def test_every_request_is_in_the_table():
    public = {
        name: inspect.signature(method).parameters
        for name, method in inspect.getmembers(ReferenceRouter, inspect.isfunction)
        if not name.startswith("_")
    }
    asking = {name: parameters for name, parameters in public.items() if len(parameters) > 1}

    assert set(asking) == set(REQUESTS)
    for name, parameters in asking.items():
        flags = {key for key, value in parameters.items() if value.annotation in ("bool", bool)}
        assert set(parameters) - flags - {"self"} == set(REQUESTS[name]) - flags, name


@pytest.mark.parametrize("method", REQUESTS)
def test_nothing_out_of_range_is_taken_or_changes_anything(staffed, method):
    good = REQUESTS[method]
    before = picture(staffed)
    for name, value in good.items():
        for bad in bad_values(method, name, value):
            with pytest.raises((RouterError, SkillError)):
                getattr(staffed, method)(**{**good, name: bad})
            assert picture(staffed) == before


@pytest.mark.parametrize("method", REQUESTS)
def test_the_same_request_in_range_is_taken(staffed, method):
    """Else the test before proves nothing."""
    if method in {"claim", "bridged"}:
        staffed.ringing(NOW_US, 3)
    if method == "bridged":
        staffed.claim(NOW_US, 3)
    if method == "remove_queue":
        staffed.remove_agent(NOW_US, 3)
    if method == "cancel_timer":
        staffed.set_timer(**REQUESTS["set_timer"])
    if method == "set_break_quota":
        staffed.request_break(NOW_US, 3, 2)
    before = effect(staffed)
    taken = getattr(staffed, method)(**REQUESTS[method])
    if method == "set_break_quota":
        staffed.decide(NOW_US)
    assert taken is not None or effect(staffed) != before


def effect(router):
    """What tells that a request did something: more than `picture`, and whether everybody is still there."""
    try:
        return picture(router), router.explain(4).closed
    except RouterError as error:
        return str(error)


def test_the_largest_demand_and_ladder_are_taken(make_router):
    router = make_router()
    widest = " or ".join(f"{'s' * 12}{number}" for number in range(100))
    queue = router.put_queue(0, "support", "ring-all", skills=[(step, f"fa > {step}") for step in range(32)])
    caller = router.enqueue(0, queue, entered_us=0, skills=widest)
    agent = router.put_agent(0, "x", skills={f"{'s' * 12}99": 100})
    router.put_tier(0, queue, agent, 1, 1)
    router.set_status(0, agent, "Available")
    plain = router.enqueue(0, queue, entered_us=0)

    assert [proposal.caller for proposal in router.decide(0)] == [caller]
    router.advance(31)
    assert router.demand(plain) == "fa >= 32"


def test_time_that_goes_back_changes_no_deadline(staffed):
    """Each request with an earlier moment counts as one of the last moment seen."""
    deadline_us = staffed.next_deadline_us()
    for method in ("set_priority", "set_base_score", "hold_caller", "set_skills"):
        getattr(staffed, method)(**{**REQUESTS[method], "now_us": 0})
    assert staffed.next_deadline_us() == deadline_us
    staffed.set_status(0, 3, "On Break")
    assert staffed.agent(3).state_since_us == NOW_US


def test_a_router_that_refused_a_thousand_requests_is_worth_the_same():
    """What is refused leaves nothing behind, not even a demand or a profile that nobody uses."""
    router = Router()
    queue = router.put_queue(0, "support", "ring-all")
    before = router.snapshot()
    for number in range(1000):
        with pytest.raises(RouterError):
            router.enqueue(0, queue, entered_us=-1, skills=f"skill{number}")
        with pytest.raises(RouterError):
            router.put_agent(0, "x", skills={f"skill{number}": 1}, wrap_up_us=-1)
        with pytest.raises(SkillError):
            router.put_queue(0, "support", "ring-all", skills=[(0, f"skill{number}"), (0, "any")])
    assert router.snapshot() == before
