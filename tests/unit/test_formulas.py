"""Service level by every formula, and the other figures, on the example that tells them apart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from py_callcenter.stats import ALIASES, FORMULAS, Limits, count, formula_named
from py_callcenter.stats.calls import LegRow
from py_callcenter.stats.columns import AVERAGES, RATES, total

pytestmark = pytest.mark.unit

SECOND = 1_000_000
LIMITS = Limits(threshold_us=20 * SECOND, short_abandon_us=5 * SECOND)


def leg(outcome, wait_s, **changes):
    row = LegRow(
        call="c", leg=1, node="fs1", queue="support", caller="", entered_us=0, outcome=outcome,
        wait_us=round(wait_s * SECOND),
    )  # fmt: skip
    return replace(row, **changes)


EXAMPLE = [
    *[leg("answered", 20)] * 70,
    *[leg("answered", 30)] * 10,
    *[leg("abandoned", 3)] * 3,
    *[leg("abandoned", 15)] * 5,
    *[leg("abandoned", 40)] * 7,
    *[leg("overflowed", 60, detail="timeout")] * 5,
]
"""100 offered: 70 answered in 20 s, 10 later; 8 abandoned in time, 3 of them short, 7 later; 5 timed out."""


@pytest.mark.parametrize(
    ("name", "percent"),
    [
        ("callcenter", 100 * 70 / 97),
        ("answered-only", 87.50),
        ("app_queue-sl", 87.50),
        ("wazo-qos", 87.50),
        ("uccx-handled", 87.50),
        ("app_queue-sl2", 78.00),
        ("connect", 78.00),
        ("genesys", 87.50),
        ("genesys-abandons", 73.68),
        ("genesys-abandons-without-short", 76.09),
        ("genesys-flow-outs", 100 * 70 / 85),
        ("genesys-all", 70.00),
        ("genesys-all-without-short", 72.16),
        ("cisco-ignore-abandons", 76.09),
        ("cisco-abandons-negative", 70.00),
        ("cisco-abandons-positive", 78.00),
        ("queuemetrics-inclusive", 70.00),
        ("vonage", 70.00),
        ("xcally", 80.46),
        ("offered", 70.00),
        ("vicidial", 87.50),
        ("queuemetrics-answered", 87.50),
        ("webitel", 70.00),
    ],
)
def test_the_worked_example(name, percent):
    assert formula_named(name).percent(count(EXAMPLE, LIMITS)) == pytest.approx(percent, abs=0.005)


def test_every_formula_is_in_the_worked_example():
    names = {case[0] for case in test_the_worked_example.pytestmark[0].args[1]}

    assert names == FORMULAS.keys() | ALIASES.keys()


def test_app_queue_takes_who_leaves_in_time_for_an_abandon_in_time():
    """It counts timeouts, leave-empty and withdrawals as abandoned, within the threshold too."""
    early = [*EXAMPLE, *[leg("overflowed", 12, detail="no-agent")] * 25]

    assert formula_named("app_queue-sl2").percent(count(early, LIMITS)) == 100 * (78 + 25) / 125


def test_no_calls_is_no_service_level_rather_than_a_bad_one():
    for formula in FORMULAS.values():
        assert formula.percent(count([], LIMITS)) is None
        assert formula.percent(count([leg("abandoned", 1)], LIMITS)) in (None, 0, 100)
    assert formula_named("sla") is None


def test_a_threshold_can_be_chosen_afterwards():
    for seconds, percent in ((2, 0), (19.999999, 0), (20, 70), (30, 80), (300, 80)):
        limits = replace(LIMITS, threshold_us=round(seconds * SECOND))
        assert formula_named("queuemetrics-inclusive").percent(count(EXAMPLE, limits)) == percent


def test_the_short_limit_can_be_chosen_afterwards():
    short = {
        s: count(EXAMPLE, replace(LIMITS, short_abandon_us=s * SECOND))["abandoned_short"] for s in (3, 4, 16)
    }

    assert short == {3: 0, 4: 3, 16: 8}


CISCO = {"cisco-ignore-abandons", "cisco-abandons-negative", "cisco-abandons-positive"}


def changed_by(more, now_s):
    """Formulas that some more rows change at a moment; those of the example have all ended."""
    now = replace(LIMITS, now_us=round(now_s * SECOND))
    return {
        name
        for name, formula in FORMULAS.items()
        if formula.percent(count([*EXAMPLE, *more], now)) != formula.percent(count(EXAMPLE, now))
    }


def test_waiting_callers_hurt_no_formula_but_those_that_say_so():
    """All came at 0; the threshold is 20 s, and an answer in time is known two seconds later."""
    waiting = [leg("waiting", 0)] * 50

    assert changed_by(waiting, 0) == changed_by(waiting, 22) == {"offered"}
    assert changed_by(waiting, 22.000001) == changed_by(waiting, 90_000) == {"offered", *CISCO}
    assert count(waiting, LIMITS)["waiting_late"] == 0, "no moment was asked for"


@pytest.mark.parametrize("outcome", ["answered", "abandoned", "overflowed", "callback", "lost"])
def test_no_percentage_jumps_when_a_late_wait_ends(outcome):
    """Who waits past the threshold has had the service-level event; how the wait ends changes nothing."""
    end = leg(outcome, 22)
    now = replace(LIMITS, now_us=23 * SECOND)
    for name in CISCO:
        before, after = (
            formula_named(name).percent(count([*EXAMPLE, last], now)) for last in (leg("waiting", 0), end)
        )
        assert before == after < formula_named(name).percent(count(EXAMPLE, now))


def test_talk_hold_wrap_up_and_who_hung_up():
    rows = [
        leg("answered", 10, talk_us=60 * SECOND, hold_us=6 * SECOND, wrap_up_us=15 * SECOND,
            ended_by="caller", voice_us=SECOND // 10, offers=2, missed=1),
        leg("answered", 20, talk_us=5 * SECOND, wrap_up_us=5 * SECOND, ended_by="transfer", transferred=True,
            voice_us=SECOND // 5, offers=1),
        leg("answered", 30),  # still talking
        leg("abandoned", 8, offers=1, missed=1),
    ]  # fmt: skip
    figures = count(rows, LIMITS)

    columns = {name: [value] for name, value in figures.values.items()}
    assert {name: ratio.of(columns, SECOND, 3) for name, ratio in AVERAGES.items()} == {
        "average_speed_of_answer": [20],
        "average_talk": [32.5],
        "average_handle": [42.5],
        "average_abandon": [8],
        "average_wait": [17],
        "average_voice": [0.1],
    }
    assert (figures["answered_short"], figures["talked"], figures["hold_us"]) == (1, 2, 6 * SECOND)
    assert (figures["hung_up_by_caller"], figures["hung_up_by_agent"], figures["transferred"]) == (1, 0, 1)
    assert (figures["offers"], figures["missed"]) == (4, 2)
    assert (figures["longest_answered_us"], figures["longest_abandoned_us"]) == (30 * SECOND, 8 * SECOND)
    assert [ratio.of(columns) for ratio in RATES.values()] == [[0.25], [0.25]]


def test_nothing_is_divided_by_nothing():
    nobody = {name: [value] for name, value in count([], LIMITS).values.items()}
    assert {ratio.of(nobody)[0] for ratio in (*AVERAGES.values(), *RATES.values())} == {None}


def test_figures_add_up():
    parts = [count(EXAMPLE[start : start + 7], LIMITS).values for start in range(0, 100, 7)]
    together = total({name: [part[name] for part in parts] for name in parts[0]})

    assert together == {name: [value] for name, value in count(EXAMPLE, LIMITS).values.items()}
