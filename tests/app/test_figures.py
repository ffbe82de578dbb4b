"""The database counts what a naive count of the raw records counts, in every interval and in total."""

from __future__ import annotations

import random
from dataclasses import asdict, replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from py_callcenter.stats import OUTCOMES, Intervals, Limits, count, cut
from py_callcenter.stats.calls import CallRow, LegRow
from py_callcenter.stats.definitions import CALLS, LEGS, TALKS
from py_callcenter.store import Database
from py_callcenter.store import figures as f
from py_callcenter.store import rows as store_rows
from py_callcenter.store.counting import WHATS, Counting
from py_callcenter.store.keeping import COUNTED
from py_callcenter.store.repeats import KNOWN
from py_callcenter.store.schema import calls, counted, legs

pytestmark = pytest.mark.app

SECOND = 1_000_000
HOUR = 3600 * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2026, 10, 24), date(2026, 10, 26)
"""Three days; the clocks go back in the night to the second."""
DAYS = cut(BERLIN, "day", FIRST, LAST)

outcomes = st.sampled_from(OUTCOMES)
durations = st.one_of(
    st.sampled_from([0, 5 * SECOND, 20 * SECOND, 20 * SECOND + 1]), st.integers(0, 900 * SECOND)
)
talks = st.one_of(st.just(0), st.integers(1, 4000 * SECOND))
moments = st.integers(DAYS.from_us - HOUR, DAYS.until_us + HOUR)


@st.composite
def leg_rows(draw):
    outcome = draw(outcomes)
    talked = outcome == "answered" and draw(st.booleans())
    details = {
        "abandoned": ["queued", "ringing"],
        "overflowed": ["timeout", "full", "expected-wait", "transferred"],
    }
    return LegRow(
        call="",
        leg=1,
        node="fs1",
        queue=draw(st.sampled_from(["support", "billing", "sales"])),
        caller=draw(st.sampled_from(["", "a", "b", "c"])),
        entered_us=draw(moments),
        outcome=outcome,
        detail=draw(st.sampled_from(details.get(outcome, [""]))),
        wait_us=0 if outcome == "waiting" else draw(durations),
        offers=draw(st.integers(0, 5)),
        missed=draw(st.integers(0, 3)),
        agent=draw(st.sampled_from(["1000", "1001"])) if outcome == "answered" else "",
        voice_us=draw(st.integers(0, SECOND)) if outcome == "answered" else 0,
        talk_us=draw(talks) if talked else 0,
        hold_us=draw(st.integers(0, 60 * SECOND)) if talked else 0,
        wrap_up_us=draw(st.integers(0, 60 * SECOND)) if talked else 0,
        ended_by=draw(st.sampled_from(["caller", "agent", "system", "transfer"])) if talked else "",
        transferred=talked and draw(st.booleans()),
    )


def call_of(leg: LegRow) -> CallRow:
    same = {
        name: value
        for name, value in asdict(leg).items()
        if name in CallRow.__dataclass_fields__ and name != "legs"
    }
    return CallRow(**same, offered_us=leg.entered_us, legs=1, transfers=int(leg.transferred))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(request, tmp_path_factory):
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('figures')}/cc.db"
    else:
        url = request.getfixturevalue("postgres").new_database()
    with Database.open(url) as opened:
        yield opened


def put(connection, leg_list):
    for table in (legs, calls, *COUNTED, counted):
        connection.execute(delete(table))
    named = [replace(leg, call=f"c{n}") for n, leg in enumerate(leg_list)]
    store_rows.put(connection, legs, map(store_rows.call_row, named))
    store_rows.put(connection, calls, [store_rows.call_row(call_of(leg)) for leg in named])
    return named


def naive(row_list, intervals: Intervals, limits, *, key, at, family):
    groups: dict[tuple[str, int], list] = {}
    for row in row_list:
        for number in range(len(intervals)):
            if intervals.bounds_us[number] <= getattr(row, at) < intervals.bounds_us[number + 1]:
                groups.setdefault((number, getattr(row, key)), []).append(row)
    return {k: count(rows, limits, family).values for k, rows in groups.items() if k[1]}


HOURS = range(DAYS.from_us - HOUR, DAYS.until_us + HOUR, HOUR)
ZONES = [BERLIN, ZoneInfo("Asia/Tehran"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("UTC")]


def count_beforehand(connection, spans):
    counting = Counting(connection)
    for what in WHATS:
        for first, hours in spans:
            counting.count(connection, what, HOURS[first], HOURS[first] + hours * HOUR)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    leg_list=st.lists(leg_rows(), max_size=40),
    zone=st.sampled_from(ZONES),
    size=st.sampled_from(["quarter", "hour", "day", "week", "all"]),
    spans=st.lists(st.tuples(st.integers(0, len(HOURS) - 1), st.integers(1, 30)), max_size=3),
    limits=st.builds(
        Limits,
        st.integers(0, 100).map(lambda s: s * SECOND),
        st.integers(0, 30).map(lambda s: s * SECOND),
        st.integers(0, 60).map(lambda s: s * SECOND),
        st.dictionaries(
            st.sampled_from(["support", "billing"]), st.integers(0, 90).map(lambda s: s * SECOND)
        ),
    ),
)
def test_counted_in_sql_as_in_python_and_nothing_is_lost(database, leg_list, zone, size, spans, limits):
    """Whichever hours were counted beforehand, and wherever the intervals begin."""
    intervals = cut(zone, size, FIRST, LAST)
    with database.write() as connection:
        named = put(connection, leg_list)
        count_beforehand(connection, spans)
        by_queue = f.leg_figures(connection, intervals, limits).figures()
        by_agent = f.talk_figures(connection, intervals, limits).figures()
        by_call = f.call_figures(connection, intervals, limits, repeat_us=HOUR).figures()
        some = f.leg_figures(connection, intervals, limits, only=["support"]).figures()

    legs_of = {"key": "queue", "at": "entered_us", "family": LEGS}
    expected = naive(named, intervals, limits, **legs_of)
    assert {k: v.values for k, v in by_queue.items()} == expected
    assert {k: v.values for k, v in some.items()} == {k: v for k, v in expected.items() if k[1] == "support"}
    assert {k: v.values for k, v in by_agent.items()} == naive(
        named, intervals, limits, **{**legs_of, "key": "agent", "family": TALKS}
    )
    assert {
        k: {name: number for name, number in v.values.items() if name not in KNOWN}
        for k, v in by_call.items()
    } == naive(map(call_of, named), intervals, limits, key="queue", at="offered_us", family=CALLS)
    for figures in (*by_queue.values(), *by_call.values()):
        assert figures["offered"] == sum(figures[outcome] for outcome in OUTCOMES)


def test_the_hour_that_comes_twice_is_counted_once_each(database):
    hours = cut(BERLIN, "hour", FIRST, LAST)
    twice = [n for n in range(len(hours)) if hours.begin(n).hour == 2 and hours.begin(n).day == 25]
    assert len(twice) == 2
    entered = [hours.bounds_us[twice[0]] + 10 * SECOND, hours.bounds_us[twice[1]] + 10 * SECOND]
    with database.write() as connection:
        put(
            connection,
            [
                LegRow(call="", leg=1, node="fs1", queue="support", caller="", entered_us=at_us)
                for at_us in entered
            ],
        )
        found = f.leg_figures(connection, hours, Limits()).figures()

    assert {key: figures["offered"] for key, figures in found.items()} == {
        (twice[0], "support"): 1,
        (twice[1], "support"): 1,
    }


@pytest.mark.parametrize("spans", [[], [(0, 75)], [(3, 10), (20, 1), (40, 9)]])
@pytest.mark.parametrize("size", ["quarter", "hour", "day"])
@pytest.mark.parametrize("zone", ZONES)
def test_repeated_calls_and_first_call_resolution_by_hand(database, zone, size, spans):
    rng = random.Random(11)
    intervals = cut(zone, size, FIRST, LAST)
    leg_list = [
        LegRow(
            call="",
            leg=1,
            node="fs1",
            queue=rng.choice(["support", "billing"]),
            caller=rng.choice(["", *"abcdefghijkl"]),
            entered_us=rng.randrange(DAYS.from_us - 20 * HOUR, DAYS.until_us + 20 * HOUR),
            outcome=rng.choice(["answered", "answered", "abandoned"]),
        )
        for _ in range(120)
    ]
    window_us = 8 * HOUR
    with database.write() as connection:
        named = [call_of(leg) for leg in put(connection, leg_list)]
        count_beforehand(connection, spans)
        found = f.call_figures(connection, intervals, Limits(), repeat_us=window_us).figures()
        some = f.call_figures(
            connection, intervals, Limits(), repeat_us=window_us, only=["support"]
        ).figures()

    expected: dict[tuple[int, str], list[int]] = {}
    for call in named:
        number = intervals.index(call.offered_us)
        if number is None or not call.caller:
            continue
        others = [o.offered_us - call.offered_us for o in named if o.caller == call.caller and o is not call]
        again = any(-window_us <= gap <= 0 for gap in others)
        followed = any(0 <= gap <= window_us for gap in others)
        counts = expected.setdefault((number, call.queue), [0, 0, 0, 0])
        first = call.outcome == "answered" and not again
        for place, true in enumerate((True, again, first, first and not followed)):
            counts[place] += true
    told = {key: [figures[name] for name in KNOWN] for key, figures in found.items()}
    assert {key: counts for key, counts in told.items() if any(counts)} == expected
    assert some == {key: figures for key, figures in found.items() if key[1] == "support"}
    assert sum(counts[3] for counts in expected.values()) > 0
