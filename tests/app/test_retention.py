"""What is old goes by itself though nobody set anything; what is kept is as large as the manual says."""

import re
import time
from pathlib import Path

import pytest
from app.test_spool import until
from sqlalchemy import create_engine, text
from structlog.testing import capture_logs

from py_callcenter.app.run import _load
from py_callcenter.config import Config
from py_callcenter.config.models import Controller
from py_callcenter.engine import records as r
from py_callcenter.store import Database, Store
from py_callcenter.store import store as store_module
from py_callcenter.store.progress import Progress
from py_callcenter.store.retention import Retention

pytestmark = [pytest.mark.app, pytest.mark.timeout(180)]

SECOND = 1_000_000
DAY = 86_400 * SECOND
MANUAL = (Path(__file__).parents[2] / "docs/configuration.md").read_text("utf-8")


def a_call(number, at_us):
    """Nine records: one agent doesn't answer, the next does."""
    call, sequence = f"0195f8b2-6d1c-7d3a-8a51-{number:012}", iter(range(number * 10, number * 10 + 10))

    def at(kind, after_s, **fields):
        return kind(
            node="fs1", epoch=1, sequence=next(sequence), at_us=at_us + after_s * SECOND, call=call, **fields
        )

    leg = {"queue": "support", "leg": 1}
    first = {"queue": "support", "agent": "1000", "attempt": 1}
    second = {"queue": "support", "agent": "1001", "attempt": 2}
    return [
        at(r.CallOffered, 0, queue="support", caller=f"{number:032x}"),
        at(r.QueueEntered, 0, **leg, priority=0, position=1),
        at(r.OfferMade, 1, **first),
        at(r.OfferEnded, 10, **first, outcome="no_answer", cause="NO_ANSWER", ring_us=9 * SECOND),
        at(r.OfferMade, 10, **second),
        at(r.OfferEnded, 13, **second, outcome="answered", cause="", ring_us=3 * SECOND),
        at(r.CallAnswered, 14, **leg, agent="1001", wait_us=13 * SECOND, voice_us=40_000),
        at(
            r.ConversationEnded, 90, **leg, agent="1001", talk_us=77 * SECOND, hold_us=0, ended_by="caller",
            transferred=False,
        ),
        at(r.CallEnded, 90, cause="NORMAL_CLEARING"),
    ]  # fmt: skip


def numbers(url, query):
    engine = create_engine(url)
    with engine.begin() as connection:
        found = sorted({int(call[-12:]) for call in connection.scalars(text(query))})
    engine.dispose()
    return found


def test_records_go_after_90_days_and_calls_after_400_with_nothing_configured(url):
    now_us = time.time_ns() // 1000
    ages = 1, 88, 92, 398, 402
    with Database.open(url) as database:
        database.append([record for age in ages for record in a_call(age, now_us - age * DAY)])
    store = Store.open(url)
    try:
        until(lambda: numbers(url, "select call from cc_records") == [1, 88], "old records are gone")
        until(lambda: numbers(url, "select call from cc_calls") == [1, 88, 92, 398], "old calls are gone")
        assert numbers(url, "select call from cc_legs") == [1, 88, 92, 398]
    finally:
        store.close()


def test_a_clock_that_is_far_ahead_deletes_nothing(url, monkeypatch):
    now_us = time.time_ns() // 1000
    with Database.open(url) as database:
        database.append([record for age in (1, 30) for record in a_call(age, now_us - age * DAY)])
    monkeypatch.setattr(store_module, "_now_us", lambda: now_us + 500 * DAY)
    store = Store.open(url)
    try:
        with capture_logs() as logs:
            store._purge()
        assert "old_records_kept" in {line["event"] for line in logs}
    finally:
        store.close()

    assert numbers(url, "select call from cc_records") == [1, 30]


def test_what_is_counted_anew_after_records_went_counts_no_quarter_twice(url):
    """The records begin in the middle of a quarter of an hour, whose first part is counted already."""
    quarter_us = 15 * 60 * SECOND
    begin_us = DAY * 20_000

    def at(n, minutes, status, why="set"):
        return r.AgentStatusChanged(
            node="", epoch=1, sequence=n, at_us=begin_us + minutes * 60 * SECOND, agent="1000", status=status,
            reason=why,
        )  # fmt: skip

    steps = [(0, "Available"), (4, "On Break"), (8, "Available"), (12, "On Break"), (20, "Available")]
    with Database.open(url) as database:
        database.append([at(n, minutes, status) for n, (minutes, status) in enumerate(steps)])
        database.append([at(9, 40, "Logged Out")])
    engine = create_engine(url)

    def slots():
        with engine.begin() as connection:
            return connection.execute(
                text("select slot_us, waiting_us, on_break_us from cc_agent_slots order by slot_us")
            ).all()

    before = slots()
    assert [row[1] + row[2] for row in before] == [quarter_us, quarter_us, 10 * 60 * SECOND]
    with engine.begin() as connection:
        connection.execute(text(f"delete from cc_records where at_us < {begin_us + 6 * 60 * SECOND}"))
        connection.execute(text("delete from cc_meta where key = 'folded'"))
    Database.open(url).close()
    assert slots() == before
    with engine.begin() as connection:  # and where nothing was kept, everything is counted
        connection.execute(text("delete from cc_agent_slots"))
        connection.execute(text("delete from cc_meta where key = 'folded'"))
    Database.open(url).close()
    assert [row[0] for row in slots()] == [row[0] for row in before]
    engine.dispose()


def test_the_days_of_the_file_are_those_that_count(tmp_path):
    own = Controller(
        database=f"sqlite:///{tmp_path}/cc.db", state=str(tmp_path), keep_records_days=3, keep_calls_days=70
    )
    store, _, _ = _load(Config(controller=own), Progress())
    store.close()

    assert store._retention == Retention(records_days=3, calls_days=70)
    usual = Controller()
    assert Retention() == Retention(records_days=usual.keep_records_days, calls_days=usual.keep_calls_days)


def test_a_thousand_calls_are_as_large_as_the_manual_says(tmp_path):
    """Half as much or twice as much would be another disk to buy."""
    calls, hours = 500, 10
    url = f"sqlite:///{tmp_path}/cc.db"
    begin_us = 1_795_000_000 * SECOND
    with Database.open(url) as database:
        empty = (tmp_path / "cc.db").stat().st_size
        apart_us = hours * 3600 * SECOND // calls
        for some in range(0, calls, 50):
            batch = range(some, some + 50)
            database.append([record for n in batch for record in a_call(n, begin_us + n * apart_us)])
        database.count_hours(now_us=begin_us + 20 * 3600 * SECOND, at_most_s=60)
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("vacuum"))
        connection.execute(text("pragma wal_checkpoint(truncate)"))
    engine.dispose()

    said = [float(size) for size in re.findall(r"about ([\d.]+) MB for 1 000 calls", MANUAL)]
    assert len(said) == 2
    measured = ((tmp_path / "cc.db").stat().st_size - empty) / calls * 1000 / 1e6
    assert sum(said) / 2 < measured < sum(said) * 2
