"""Callers who wait beyond the service-level time: counted from then on, where they came, and once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from app import naive
from sim.world import ANSWERS, SECOND, START_US, World, agent, everybody, queue

from py_callcenter.config import ServiceLevel
from py_callcenter.metrics import MetricsSnapshot, render
from py_callcenter.reports import ask, build
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.periods import Period
from py_callcenter.stats import Live
from py_callcenter.store import Database

pytestmark = pytest.mark.app

HOUR_S = 3600
UTC = ZoneInfo("UTC")
DAY = datetime.fromtimestamp(START_US / 1e6, UTC).date()
CISCO = ("cisco-ignore-abandons", "cisco-abandons-negative", "cisco-abandons-positive")
TARGETS = {"support": ServiceLevel(seconds=20, percent=80)}
THRESHOLDS_US = {"support": 20 * SECOND}


class Moment(NamedTuple):
    now_us: int
    records: list
    waiting: int
    late: int
    """Of those who wait."""


@pytest.fixture(scope="module")
def story():
    """One agent and four callers. The first is answered at once, the others wait beyond 20 s: one gives up,
    one times out into the voicemail after two and a half hours, one is answered hours later.
    """
    settings = {"max_wait_time": 9000, "on_timeout": "voicemail"}
    world = World(everybody([queue("support", **settings)], [agent("1000")]))
    world.phone("1000", ANSWERS)
    moments = {}

    def look(name, waiting, late):
        moments[name] = Moment(world.now_us, list(world.records), waiting, late)

    served = world.call()
    world.run(5)
    gives_up, _times_out = world.call(), world.call()
    world.run(19)
    look("nobody late", 2, 0)
    world.run(2.5)
    look("the threshold is just over, an answer in time would not be told yet", 2, 0)
    world.run(1)
    look("two late", 2, 2)
    world.does(gives_up.hang_up)
    world.run(1)
    look("one gave up", 1, 1)
    world.run(HOUR_S)
    patient = world.call()
    world.run(30)
    look("another one came in the next hour", 2, 2)
    world.run(4000)
    look("the first hour is long over, and its last caller still waits", 2, 2)
    world.run(1500)
    look("one timed out", 1, 1)
    world.run(1900)
    look("the second hour is long over, and its caller still waits", 1, 1)
    world.does(served.hang_up)
    world.run(30)
    look("all have been answered or are gone", 0, 0)
    assert world.talks_with(patient) == "1000"
    return moments


def reports(database, now_us, **more):
    query = ask("queues", now_us=now_us, first=str(DAY), last=str(DAY), size="hour", zone="UTC", **more)
    return build(database, query, THRESHOLDS_US)


def test_they_count_from_the_threshold_on_in_every_figure_that_is_read(url, story):
    """By API and e-mail, Prometheus, and from hours counted beforehand: as the raw records say."""
    with Database.open(url) as database:
        live = Live()
        live.stats.configure(THRESHOLDS_US)
        written = 0
        for name, moment in story.items():
            database.append(moment.records[written:])
            live.fold(moment.records[written:])
            written = len(moment.records)
            database.count_hours(now_us=moment.now_us, at_most_s=60)
            legs = naive.queue_legs(naive.raw_records(url))
            by_hour = {}
            for leg in legs:
                by_hour.setdefault(naive.hour_of(leg["at"], UTC), []).append(leg)
            for threshold in (20, 3000, 8000):
                for formula in CISCO:
                    found = reports(database, moment.now_us, threshold=threshold, formula=formula)
                    for row in found.rows:
                        some = naive.figures(by_hour[row["begin"]], threshold, moment.now_us)
                        assert row["waiting_late"] == some["waiting_late"], (name, threshold)
                        assert row["offered"] == sum(row[end] for end in naive.ENDS)
                        over, under = naive.service_levels(some)[formula]
                        level = pytest.approx(100 * over / under, abs=0.006) if under else None
                        assert row["service_level_percent"] == level, (name, threshold, formula)
            found = reports(database, moment.now_us)
            assert (found.total["waiting"], found.total["waiting_late"]) == (moment.waiting, moment.late), (
                name
            )
            mail = gather(
                database,
                Wish(period=Period("daily", DAY, DAY), zone="UTC", formula=CISCO[1]),
                TARGETS,
                now_us=moment.now_us,
            )
            percent = reports(database, moment.now_us, formula=CISCO[1]).total["service_level_percent"]
            assert mail.queues.total["service_level_percent"] == percent
            assert mail.calls.total["waiting_late"] == moment.late
            text = render(MetricsSnapshot(stats=live.stats.copy(), agents={}, at_us=moment.now_us))[
                0
            ].decode()
            assert f'callcenter_queue_calls_waiting_late{{queue="support"}} {moment.late}\n' in text, name


def test_the_hour_in_which_they_came_keeps_its_percentage(url, story):
    """One answered in time, two late: a third, whatever becomes of the two."""
    seen = {}
    with Database.open(url) as database:
        written = 0
        for name, moment in story.items():
            database.append(moment.records[written:])
            written = len(moment.records)
            rows = reports(database, moment.now_us, formula="cisco-abandons-negative").rows
            seen[name] = [round(row["service_level_percent"], 2) for row in rows]

    names = list(story)
    assert [seen[name] for name in names[:2]] == [[100], [100]]
    assert [seen[name] for name in names[2:4]] == [[33.33], [33.33]]
    assert [seen[name] for name in names[4:]] == [[33.33, 0]] * 5


def test_a_threshold_chosen_afterwards_counts_for_those_who_wait_too(url, story):
    """At the last moment but one somebody waits for two hours, in an hour counted beforehand."""
    moment = story["the second hour is long over, and its caller still waits"]
    with Database.open(url) as database:
        database.append(moment.records)
        database.count_hours(now_us=moment.now_us, at_most_s=60)
        late = {
            threshold: reports(database, moment.now_us, threshold=threshold).total["waiting_late"]
            for threshold in (0, 7000, 8000)
        }

    assert late == {0: 1, 7000: 1, 8000: 0}


def test_a_bridge_whose_answer_does_not_count_yet_is_not_late():
    """The caller was connected in time; a second later the answer says so."""
    world = World(everybody([queue("support")], [agent("1000")]))
    world.phone("1000", ANSWERS)
    live = Live()
    live.stats.configure({"support": 3 * SECOND})
    world.call()
    seen = set()
    for _ in range(60):
        world.run(0.1)
        fresh = world.records[live.stats.records :]
        live.fold(fresh)
        support = live.stats.queues["support"]
        seen.add((len(support.waiting), len(support.connected), support.late(world.now_us)))

    assert seen == {(1, 0, 0), (0, 1, 0), (0, 0, 0)}
    assert live.stats.queues["support"].answered_in_time == 1
