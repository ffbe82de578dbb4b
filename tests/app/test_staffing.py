"""The staffing hint out of the running figures and the past weeks of the database."""

from __future__ import annotations

import pytest
from app.fake_controller import configuration

from py_callcenter.app.live import LiveFigures
from py_callcenter.app.staffing import WEEK_US, hints
from py_callcenter.engine import records as r
from py_callcenter.metrics import MetricsSnapshot, render
from py_callcenter.stats import Hint, Stats
from py_callcenter.store import Database, Store, StoreError

pytestmark = pytest.mark.app

SECOND = 1_000_000
MINUTE = 60 * SECOND
NOW_US = 1_795_000_000 * SECOND


def conversations(count: int, from_us: int, name: str) -> list[object]:
    """Calls a few seconds apart, each of which rings 10 s and talks 170 s, long over by now."""
    found = []
    for n in range(count):
        head = {"node": "fs1", "epoch": from_us // SECOND, "call": f"{name}-{n}", "queue": "support"}
        at_us = from_us + n * 5 * SECOND
        answered = {"agent": "1000", "sequence": 4 * n + 1, "at_us": at_us + 10 * SECOND}
        found += [
            r.QueueEntered(**head, sequence=4 * n, at_us=at_us, leg=1, priority=0),
            r.OfferEnded(**head, **answered, attempt=1, outcome="answered", cause="", ring_us=10 * SECOND),
            r.CallAnswered(**head, **{**answered, "sequence": 4 * n + 2}, leg=1, wait_us=10 * SECOND),
            r.ConversationEnded(
                **head, agent="1000", sequence=4 * n + 3, at_us=at_us + 180 * SECOND, leg=1,
                talk_us=170 * SECOND, hold_us=0, ended_by="caller", transferred=False,
            ),
        ]  # fmt: skip
    return found


@pytest.fixture
def store(url):
    found = Store(Database.open(url))
    yield found
    found.close()


def live_with(records):
    live = LiveFigures()
    live.put(records)
    return live


def test_the_handbook_example_out_of_records(store):
    """100 calls in half an hour that hold an agent three minutes: 14 agents for 80 % within 20 s."""
    live = live_with(conversations(100, NOW_US - 20 * MINUTE, "now"))
    found = hints(configuration(), live, store, NOW_US)
    assert found.keys() == {"support"}, "of sales nothing is known"
    assert found["support"] == Hint(14, 14, 100, 100.0, 180.0, None)


def test_the_past_weeks_say_what_the_next_half_hour_brings(store):
    database = store.database
    for week in (1, 2):
        then_us = NOW_US - week * WEEK_US
        database.append(conversations(5, then_us - 60 * MINUTE, f"{week}-first"))
        database.append(conversations(100, then_us - 20 * MINUTE, f"{week}-last"))
        database.append(conversations(200, then_us + MINUTE, f"{week}-next"))
    live = live_with(conversations(100, NOW_US - 20 * MINUTE, "now"))
    hint = hints(configuration(), live, store, NOW_US)["support"]
    assert (hint.calls_now, hint.calls_next) == (100, 200)
    assert (hint.now, hint.next) == (14, 24)


def test_without_a_database_the_last_half_hour_goes_on(store, monkeypatch):
    def away(_stretches):
        raise StoreError("the database is away")

    monkeypatch.setattr(store.database, "arrivals", away)
    monkeypatch.setattr(store.database, "worked", lambda _from, until: away(until))
    hint = hints(configuration(), live_with(conversations(100, NOW_US - 20 * MINUTE, "n")), store, NOW_US)
    assert hint["support"].calls_next == 100


def gone(count, at_us):
    """Callers who gave up after half a minute."""
    found = []
    for n in range(count):
        head = {"node": "fs1", "epoch": 1, "call": f"gone-{n}", "queue": "support", "leg": 1}
        end = {"sequence": 2 * n + 1, "at_us": at_us + 30 * SECOND, "wait_us": 30 * SECOND, "phase": "queued"}
        found.append(r.QueueEntered(**head, sequence=2 * n, at_us=at_us, priority=0))
        found.append(r.CallAbandoned(**head, **end))
    return found


def test_a_start_a_minute_ago_is_no_quiet_half_hour(store):
    """What the run before saw is in the database."""
    now = conversations(100, NOW_US - 20 * MINUTE, "now")
    store.database.append(now)
    just_started = live_with(conversations(1, NOW_US - 10 * SECOND, "later"))
    found = hints(configuration(), just_started, store, NOW_US)
    assert found["support"] == Hint(14, 14, 100, 100.0, 180.0, None)
    assert hints(configuration(), live_with(now), store, NOW_US) == found, "nothing is counted twice"


def test_after_a_start_in_a_quiet_hour_the_day_says_how_long_calls_take_and_how_patient_callers_are(store):
    morning_us = NOW_US - 300 * MINUTE
    store.database.append(conversations(90, morning_us, "morning"))
    assert hints(configuration(), live_with([]), store, NOW_US)["support"] == Hint(0, 0, 0, 0.0, 180.0, None)
    store.database.append(gone(10, morning_us))
    hint = hints(configuration(), live_with([]), store, NOW_US)["support"]
    assert hint.patience_s == pytest.approx((90 * 10 + 10 * 30) / 10)
    assert hints(configuration(), live_with([]), store, NOW_US + 25 * 60 * MINUTE) == {}, "yesterday is over"


def test_nine_conversations_of_the_day_say_too_little(store):
    store.database.append(conversations(9, NOW_US - 300 * MINUTE, "morning"))
    assert hints(configuration(), live_with([]), store, NOW_US) == {}


def test_ten_who_gave_up_tell_how_patient_callers_are(store):
    records = conversations(90, NOW_US - 20 * MINUTE, "now") + gone(10, NOW_US - 10 * MINUTE)
    hint = hints(configuration(), live_with(records), store, NOW_US)["support"]
    assert hint.patience_s == pytest.approx((90 * 10 + 10 * 30) / 10)
    assert hint.now == 12, "Erlang A: some don't stay"


def test_a_scrape_shows_what_is_known():
    hint = Hint(14, 25, 100, 200.0, 180.0, None)
    text = render(MetricsSnapshot(stats=Stats(), agents={}, staffing={"support": hint}))[0].decode()
    assert 'callcenter_queue_agents_needed{queue="support",when="now"} 14\n' in text
    assert 'callcenter_queue_agents_needed{queue="support",when="next"} 25\n' in text
    assert 'callcenter_queue_calls_forecast{queue="support"} 200.0\n' in text
