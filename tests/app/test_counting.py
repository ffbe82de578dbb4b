"""Hours are counted beforehand while everything changes: a report never tells."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise

import pytest
from app.day import CALLERS, busy_day
from sim.world import KEY, START_US
from structlog.testing import capture_logs

from py_callcenter.engine.identity import Sealer
from py_callcenter.reports import ask, build
from py_callcenter.stats import Intervals, cut, moment, zone_named
from py_callcenter.store import Database, Retention
from py_callcenter.store.counting import AFTER_US
from py_callcenter.store.places import HOUR_US, pieces
from py_callcenter.store.schema import counted

pytestmark = pytest.mark.app

SECOND = 1_000_000
DAY_US = 86_400 * SECOND
TEHRAN = zone_named("Asia/Tehran")
FIRST = moment(START_US, TEHRAN).date()
ASKED = [
    (what, size, more)
    for what in ("queues", "calls", "agents")
    for size, more in (
        ("hour", {}),
        ("day", {"threshold": 7, "short_abandon": 12, "short_answer": 40, "repeat_days": 0.04}),
        ("all", {"only": ("support", "1001"), "short_abandon": 90}),
    )
]


@pytest.fixture(scope="module")
def night_and_day():
    """Some ten hours, until everybody has gone home."""
    return busy_day(moments=900, seed=4, pause_s=80, closes=True)


def told(database, now_us):
    out = []
    for what, size, more in ASKED:
        query = ask(
            what, now_us=now_us, first=str(FIRST), last=str(FIRST + timedelta(days=1)), size=size,
            zone="Asia/Tehran", **more,
        )  # fmt: skip
        report = build(database, query, {"support": 20 * SECOND, "billing": 10 * SECOND})
        out.append((report.rows, report.total))
    return out


def hours_counted(database):
    with database.reading() as connection:
        return len(connection.execute(counted.select()).all())


def test_reports_are_the_same_with_and_without(url, tmp_path, night_and_day):
    """Batches late and twice, hours counted in between, a caller who is forgotten."""
    rng = random.Random(2)
    records = night_and_day.records
    now_us = night_and_day.now_us + 2 * DAY_US
    late = set(rng.sample(range(len(records)), 60))
    first = [record for n, record in enumerate(records) if n not in late]
    with Database.open(url) as one, Database.open(f"sqlite:///{tmp_path}/plain.db") as plain:
        start = 0
        while start < len(first):
            batch = first[start : start + rng.choice([1, 40, 400])]
            start += len(batch)
            one.append(batch)
            if rng.random() < 0.5:
                one.count_hours(now_us=batch[-1].at_us + AFTER_US + HOUR_US, at_most_s=60)
        plain.append(first)
        assert hours_counted(one) > 20
        assert told(one, now_us) == told(plain, now_us)

        missed = [record for n, record in enumerate(records) if n in late]
        before = hours_counted(one)
        for database in (one, plain):
            database.append(missed)
        assert hours_counted(one) < before
        assert told(one, now_us) == told(plain, now_us)

        assert one.count_hours(now_us=now_us, at_most_s=60)
        assert told(one, now_us) == told(plain, now_us)
        nobody = Sealer(KEY).caller(CALLERS[2])
        assert one.erase(nobody) == plain.erase(nobody)
        assert one.erase(nobody).calls == 0
        assert told(one, now_us) == told(plain, now_us)


def test_two_controllers_write_to_one_database(url, tmp_path, night_and_day):
    """Somebody gave both the same URL: each finds out what the other wrote, and says so."""
    rng = random.Random(5)
    records = night_and_day.records
    now_us = night_and_day.now_us + 2 * DAY_US
    with Database.open(url) as one, Database.open(url) as other:
        with capture_logs() as logs:
            start = 0
            while start < len(records):
                batch = records[start : start + rng.choice([1, 40, 400])]
                start += len(batch)
                rng.choice([one, other]).append(batch)
                if rng.random() < 0.5:
                    rng.choice([one, other]).count_hours(now_us=batch[-1].at_us + 4 * HOUR_US, at_most_s=60)
        found = told(other, now_us)
    with Database.open(f"sqlite:///{tmp_path}/plain.db") as plain:
        plain.append(records)
        assert found == told(plain, now_us)
    warned = [line for line in logs if line["event"] == "another_program_writes"]
    assert len(warned) == 2  # each once a minute
    assert "give each its own" in warned[0]["hint"]


def test_a_controller_that_follows_another_warns_of_nothing(url, night_and_day):
    with capture_logs() as logs:
        for part in (night_and_day.records[:50], night_and_day.records[50:90]):
            with Database.open(url) as database:
                database.append(part)
                database.append(part)

    assert logs == []


def test_what_could_not_be_written_is_not_taken_as_counted(url, night_and_day, monkeypatch):
    """The database goes away between the mark and its commit."""
    records = night_and_day.records
    with Database.open(url) as database:
        database.append(records[: len(records) // 2])

        def fails(*_arguments):
            raise RuntimeError("away")

        monkeypatch.setattr("py_callcenter.store.counting._sum_times", fails)
        with pytest.raises(RuntimeError):
            database.count_hours(now_us=night_and_day.now_us, at_most_s=60)
        monkeypatch.undo()
        assert database.count_hours(now_us=night_and_day.now_us + 2 * HOUR_US, at_most_s=60)
        before = told(database, night_and_day.now_us + 2 * DAY_US)
        again = hours_counted(database)
        database.append(records)
        assert hours_counted(database) < again
        assert told(database, night_and_day.now_us + 2 * DAY_US) != before


def test_time_runs_out_and_the_rest_comes_later(url, night_and_day):
    with Database.open(url) as database:
        database.append(night_and_day.records)
        now_us = night_and_day.now_us + 3 * HOUR_US
        assert not database.count_hours(now_us=now_us, at_most_s=-1)
        assert hours_counted(database) == 0
        assert database.count_hours(now_us=now_us, at_most_s=60)
        done = hours_counted(database)
        assert database.count_hours(now_us=now_us, at_most_s=60)
        assert hours_counted(database) == done > 20


def test_an_hour_that_is_not_over_is_left_alone(url, night_and_day):
    with Database.open(url) as database:
        database.append(night_and_day.records)
        database.count_hours(now_us=START_US + AFTER_US, at_most_s=60)

        assert hours_counted(database) == 0


def test_what_is_too_old_goes_with_its_calls(url, night_and_day):
    keep = Retention(records_days=10, calls_days=20)
    with Database.open(url) as database:
        database.append(night_and_day.records)
        database.count_hours(now_us=night_and_day.now_us + DAY_US, at_most_s=60)
        assert hours_counted(database) > 20
        database.purge(keep, now_us=night_and_day.now_us + 21 * DAY_US)

        assert hours_counted(database) == 0
        of_calls = told(database, night_and_day.now_us + 21 * DAY_US)[:6]
        assert [rows for rows, _ in of_calls] == [[]] * 6  # agents are still logged in


def hours(*numbers):
    return [n * HOUR_US for n in numbers]


def test_time_is_cut_up_by_what_tells_of_it():
    zone = zone_named("UTC")
    quarter = HOUR_US // 4

    def of(bounds, done, **more):
        found = pieces(Intervals(zone, "day", tuple(bounds)), done, **more)
        return found.hours, found.quarters, found.rows

    whole = [10 * HOUR_US, 14 * HOUR_US]
    assert of(whole, []) == ([], [], [tuple(whole)])
    assert of(whole, hours(9, 10, 11, 12, 13, 14)) == ([tuple(whole)], [], [])
    assert of(whole, hours(10, 12)) == (
        [(10 * HOUR_US, 11 * HOUR_US), (12 * HOUR_US, 13 * HOUR_US)],
        [],
        [(11 * HOUR_US, 12 * HOUR_US), (13 * HOUR_US, 14 * HOUR_US)],
    )
    odd = [10 * HOUR_US + quarter, 12 * HOUR_US + quarter]
    assert of(odd, hours(10, 11, 12)) == (
        [(11 * HOUR_US, 12 * HOUR_US)],
        [(odd[0], 11 * HOUR_US), (12 * HOUR_US, odd[1])],
        [],
    )
    assert of(odd, hours(10, 11, 12), by_quarters=False) == (
        [(11 * HOUR_US, 12 * HOUR_US)],
        [],
        [(odd[0], 11 * HOUR_US), (12 * HOUR_US, odd[1])],
    )
    odder = [10 * HOUR_US + 1, 10 * HOUR_US + quarter, 12 * HOUR_US]
    assert of(odder, hours(10, 11)) == ([(11 * HOUR_US, 12 * HOUR_US)], [], [(odder[0], 11 * HOUR_US)])


def test_every_moment_is_told_of_once():
    rng = random.Random(1)
    for zone in ("Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"):
        intervals = cut(zone_named(zone), rng.choice(["quarter", "hour", "day"]), FIRST, FIRST)
        first = intervals.from_us // HOUR_US - 2
        done = [n * HOUR_US for n in range(first, first + 30) if rng.random() < 0.6]
        found = pieces(intervals, done)
        ranges = sorted([*found.hours, *found.quarters, *found.rows])
        assert ranges[0][0] == intervals.from_us
        assert ranges[-1][1] == intervals.until_us
        assert all(one[1] == other[0] for one, other in pairwise(ranges))
