"""Agents that a queue needs, against printed tables, and the forecast by its stated rule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_callcenter._router import Erlang
from py_callcenter.engine import records as r
from py_callcenter.stats import HALF_HOUR_US, Live, Recent, Workload, agents_needed, forecast

pytestmark = pytest.mark.unit

SECOND = 1_000_000
MINUTE = 60 * SECOND

HANDBOOK = Workload(calls=100, handle_s=180)
"""100 calls in half an hour, three minutes each: the example of introductions to Erlang C (Call Centre
Helper, "Erlang C Formula"): 11 agents answer 39 % within 20 s, 12: 64.0 %, 13: 79.6 %, 14: 88.8 %,
15: 94.1 %.
"""


@pytest.mark.parametrize(
    ("percent", "agents"), [(38, 11), (60, 12), (79, 13), (80, 14), (88, 14), (90, 15), (94, 15)]
)
def test_erlang_c_as_in_the_handbooks_table(percent, agents):
    assert agents_needed(HANDBOOK, 20, percent / 100) == agents


def test_erlang_a_as_in_the_tutorial_of_gans_koole_and_mandelbaum():
    """Manufacturing & Service Operations Management 5(2), 2003, the example of Garnett, Mandelbaum and Reiman
    (2002): 48 calls a minute of one minute, 50 agents. Without abandonment the mean wait is 20.8 s with 17
    waiting and agents 96 % busy; with a mean patience of two minutes 3.1 % give up, the mean wait is 3.7 s, 3
    wait, agents are 93 % busy.
    """
    patient = Erlang(50, arrivals_per_s=0.8, service_per_s=1 / 60)
    assert patient.mean_wait_s == pytest.approx(20.8, abs=0.05)
    assert patient.mean_waiting == pytest.approx(17, abs=0.5)
    assert patient.occupancy == pytest.approx(0.96, abs=0.005)
    hurried = Erlang(50, arrivals_per_s=0.8, service_per_s=1 / 60, abandonment_per_s=1 / 120)
    assert hurried.abandon_share == pytest.approx(0.031, abs=0.0005)
    assert hurried.mean_wait_s == pytest.approx(3.7, abs=0.05)
    assert hurried.mean_waiting == pytest.approx(3, abs=0.5)
    assert hurried.occupancy == pytest.approx(0.93, abs=0.005)
    # So the same service level needs fewer agents when some give up.
    work = Workload(calls=48 * 30, handle_s=60)
    with_patience = Workload(calls=48 * 30, handle_s=60, patience_s=120)
    assert agents_needed(with_patience, 20, 0.8) < agents_needed(work, 20, 0.8)


@given(
    calls=st.floats(0.1, 3000),
    handle_s=st.floats(5, 1800),
    patience_s=st.none() | st.floats(1, 3600),
    threshold_s=st.floats(0, 300),
    share=st.floats(0.01, 1),
)
@settings(deadline=None, max_examples=150, derandomize=True)
def test_with_so_many_the_level_is_reached_and_with_one_less_it_is_not(
    calls, handle_s, patience_s, threshold_s, share
):
    needed = agents_needed(Workload(calls, handle_s, patience_s), threshold_s, share)
    share = min(share, 0.999)

    def reached(agents):
        load = calls / 1800 * handle_s
        if agents == 0 or (patience_s is None and agents <= load):
            return False
        queue = Erlang(
            agents, arrivals_per_s=calls / 1800, service_per_s=1 / handle_s,
            abandonment_per_s=1 / patience_s if patience_s else 0,
        )  # fmt: skip
        return queue.served_within(threshold_s) >= share

    assert reached(needed)
    assert not reached(needed - 1)


def test_nobody_comes_nobody_is_needed():
    assert agents_needed(Workload(0, 180), 20, 0.8) == 0


def test_a_load_of_whole_erlangs_needs_more_agents_than_that():
    assert agents_needed(Workload(calls=100, handle_s=180), 3600, 0.01) == 11


def test_the_forecast_scales_the_past_by_how_today_compares_with_it():
    assert forecast(120, [100, 100], [90, 110]) == pytest.approx(100 * 125 / 105)
    assert forecast(0, [0, 0], [100, 100]) == 100, "before opening time the past is all that is known"
    assert forecast(1000, [10], [10]) == 20, "at the most double"
    assert forecast(0, [100], [80]) == 40, "at the least half"
    assert forecast(7, [], []) == 7, "without a past it goes on as it was"


def test_the_last_half_hour_forgets_by_the_minute():
    recent = Recent()
    recent.count(0, calls=3)
    recent.count(20 * MINUTE, calls=4)
    assert recent.calls(29 * MINUTE) == 7
    assert recent.calls(30 * MINUTE) == 4
    assert recent.calls(20 * MINUTE + HALF_HOUR_US) == 0


def test_handle_time_is_ringing_talk_and_wrap_up_of_the_last_half_hour_if_enough_talked():
    recent = Recent()
    for n in range(9):
        recent.count(n * SECOND, talks=1, held_us=100 * SECOND)
    assert recent.handle_us(10 * SECOND) is None, "nine say too little"
    recent.count(10 * SECOND, talks=1, held_us=100 * SECOND)
    assert recent.handle_us(10 * SECOND) == 100 * SECOND
    for _ in range(10):
        recent.count(40 * MINUTE, talks=1, held_us=200 * SECOND)
    assert recent.handle_us(40 * MINUTE) == 200 * SECOND, "the morning is forgotten"
    assert recent.handle_us(90 * MINUTE) == 150 * SECOND, "with none lately, all count"


def call(n, at_us, *, expected_us=0, wait_us=30 * SECOND):
    head = {"node": "f", "epoch": 1, "call": f"c{n}", "queue": "support"}
    told = {
        "expected_us": expected_us,
        "expected_low_us": expected_us // 4,
        "expected_high_us": expected_us * 3,
    }
    answered_us = at_us + wait_us
    return [
        r.QueueEntered(**head, sequence=4 * n, at_us=at_us, leg=1, priority=0, **told),
        r.OfferEnded(
            **head, sequence=4 * n + 1, at_us=answered_us, agent="a", attempt=1, outcome="answered", cause="",
            ring_us=5 * SECOND,
        ),
        r.CallAnswered(
            **head, sequence=4 * n + 2, at_us=answered_us + SECOND, leg=1, agent="a", wait_us=wait_us
        ),
        r.ConversationEnded(
            **head, sequence=4 * n + 3, at_us=answered_us + 60 * SECOND, leg=1, agent="a",
            talk_us=60 * SECOND, hold_us=0, ended_by="caller", transferred=False,
        ),
    ]  # fmt: skip


def test_what_a_caller_was_told_is_judged_when_the_call_is_answered():
    live = Live()
    live.fold(call(1, 0, expected_us=20 * SECOND, wait_us=30 * SECOND))
    live.fold(call(2, 0, expected_us=50 * SECOND, wait_us=30 * SECOND))
    live.fold(call(3, 0, expected_us=400 * SECOND, wait_us=30 * SECOND))
    live.fold(call(4, 0, wait_us=30 * SECOND))  # nobody could tell
    gone = call(5, 0, expected_us=20 * SECOND)[:1]
    gone.append(
        r.CallAbandoned(
            node="f", epoch=1, sequence=99, at_us=SECOND, call="c5", queue="support", leg=1, wait_us=SECOND,
            phase="short",
        )
    )  # fmt: skip
    live.fold(gone)
    queue = live.stats.queues["support"]
    assert (queue.expected_error["later"].count, queue.expected_error["later"].sum_us) == (1, 10 * SECOND)
    assert (queue.expected_error["sooner"].count, queue.expected_error["sooner"].sum_us) == (2, 390 * SECOND)
    assert queue.expected_covered == 2
    assert queue.recent.calls(60 * SECOND) == 5
    assert live.stats.copy().queues["support"].expected_covered == 2


def test_ringing_and_wrap_up_hold_an_agent_too():
    live = Live()
    for n in range(10):
        live.fold(call(n, n * SECOND))
    assert live.stats.queues["support"].recent.handle_us(2 * MINUTE) == 65 * SECOND
