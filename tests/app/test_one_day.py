"""One day by page, API, CSV, Prometheus, e-mail and `queue_log`: all tell what the raw records tell.

In a second world the controller is killed three times on that day.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from app import naive
from app.day import busy_day
from app.test_reports import Api, Controller
from prometheus_client.parser import text_string_to_metric_families
from sim.world import KEY, START_US

from py_callcenter.api import create_app
from py_callcenter.app.history import StoredHistory
from py_callcenter.app.picture import queue_figures
from py_callcenter.app.queue_log import queue_log
from py_callcenter.config import ServiceLevel
from py_callcenter.engine.memory import Memory
from py_callcenter.metrics import MetricsSnapshot, render
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.periods import Period
from py_callcenter.stats import Live
from py_callcenter.store import Store

pytestmark = pytest.mark.app

SECOND = naive.SECOND
DAY_US = 86_400 * SECOND
TEHRAN = ZoneInfo("Asia/Tehran")
"""Its hours begin in the middle of ours."""
FIRST = datetime.fromtimestamp(START_US / 1e6, TEHRAN).date()
RANGE = {"from": str(FIRST), "to": str(FIRST + timedelta(days=1)), "zone": "Asia/Tehran"}
TARGETS = {name: ServiceLevel(seconds=20, percent=80) for name in ("support", "billing")}


@pytest.fixture(scope="module", params=["a quiet machine", "killed three times"])
def day(request):
    dies = (120, 333, 501) if request.param != "a quiet machine" else ()
    return busy_day(moments=700, seed=21, pause_s=65, closes=True, dies=dies)


@pytest.fixture(scope="module")
def store(day, tmp_path_factory):
    """Written in batches, with hours counted beforehand in between."""
    url = f"sqlite:///{tmp_path_factory.mktemp('day')}/cc.db"
    store = Store.open(url)
    for start in range(0, len(day.records), 300):
        batch = day.records[start : start + 300]
        store.database.append(batch)
        store.database.count_hours(now_us=batch[-1].at_us, at_most_s=60)
    store.url = url
    yield store
    store.close()


@pytest.fixture(scope="module")
def records(store):
    return naive.raw_records(store.url)


@pytest.fixture(scope="module")
def legs(records):
    return naive.queue_legs(records)


@pytest.fixture(scope="module")
def api(day, store):
    history = StoredHistory(Controller(day.now_us + DAY_US), store, KEY)
    return Api(create_app(Controller(day.now_us), token="a-token-for-tests-only", history=history))


def asked(api, what, **query):
    got = api.get(f"/api/v1/reports/{what}", params={**RANGE, **query})
    assert got.status_code == 200, got.text
    return got


def agrees(row, expected):
    for name, value in expected.items():
        told = float(row[name])
        assert told == pytest.approx(value, abs=0.0011), (name, told, value)


def test_every_hour_and_the_whole_day_by_api_and_csv(api, legs):
    expected = {}
    for leg in legs:
        key = (leg["queue"], naive.hour_of(leg["at"], TEHRAN))
        expected.setdefault(key, []).append(leg)
    for threshold in (20, 7.5):
        query = {"interval": "hour", "threshold": threshold}
        found = asked(api, "queues", **query).json()
        table = csv.DictReader(
            io.StringIO(asked(api, "queues", **query, format="csv").content.decode("utf-8-sig"))
        )
        lines = {(line["queue"], line["begin"]): line for line in table}
        assert {(row["queue"], row["begin"]) for row in found["rows"]} == expected.keys()
        assert len(expected) > 12
        for row in found["rows"]:
            some = naive.figures(expected[row["queue"], row["begin"]], threshold)
            assert some["offered"] == sum(some[end] for end in naive.ENDS)
            agrees(row, some)
            agrees(lines[row["queue"], row["begin"]], some)
        agrees(found["total"], naive.figures(legs, threshold))
        agrees(lines["total", ""], naive.figures(legs, threshold))


def test_every_formula(api, legs):
    for threshold in (3, 20):
        levels = naive.service_levels(naive.figures(legs, threshold))
        for formula, (over, under) in levels.items():
            found = asked(api, "queues", interval="all", threshold=threshold, formula=formula).json()
            assert found["total"]["service_level_percent"] == pytest.approx(100 * over / under, abs=0.006)


def test_calls_over_all_their_legs_and_who_came_again(api, records, legs):
    for days in (7, 0.02):
        total = asked(api, "calls", interval="all", **{"repeat-days": days}).json()["total"]
        again = naive.callers_again(records, legs, days)
        assert total["offered"] == sum(record["kind"] == "call-offered" for record in records)
        assert total["offered"] == sum(total[end] for end in naive.ENDS)
        assert (total["known_callers"], total["repeated"]) == (again["known"], again["repeated"])
        assert total["first_call_resolution"] == round(again["resolved"] / again["first"], 4)


def test_agents_states_add_up_to_the_time_logged_in(api, day, records):
    until_us = day.now_us + DAY_US
    found = asked(api, "agents", interval="hour").json()
    for row in [*found["rows"], found["total"]]:
        states = sum(value for name, value in row.items() if name.startswith("state_"))
        assert row["logged_in_seconds"] == pytest.approx(states, abs=0.01)
        if "begin" in row:
            assert row["logged_in_seconds"] <= 3600.01
    whole = asked(api, "agents", interval="all").json()
    end_us = min(until_us, int(datetime.fromisoformat(whole["rows"][0]["end"]).timestamp()) * SECOND)
    expected = naive.logged_in(records, end_us)
    assert {row["agent"] for row in whole["rows"]} == expected.keys()
    for row in whole["rows"]:
        assert row["logged_in_seconds"] == pytest.approx(expected[row["agent"]] / SECOND, abs=0.01)
        assert row["talk_seconds"] == pytest.approx(naive.talked(records)[row["agent"]] / SECOND, abs=0.001)


def test_the_email(store, day, legs, records):
    period = Period("weekly", FIRST, FIRST + timedelta(days=1))
    wish = Wish(period=period, zone="Asia/Tehran")
    facts = gather(store.database, wish, TARGETS, now_us=day.now_us + DAY_US)

    agrees(facts.queues.total, naive.figures(legs, 20))
    assert facts.calls.total["offered"] == sum(record["kind"] == "call-offered" for record in records)


def test_prometheus_and_the_live_page_count_what_each_run_saw(day, legs, records):
    """Counters begin anew with each run; together they are the day."""
    seen, page = Counter(), Counter()
    for epoch in range(1, day.epoch + 1):
        live = Live()
        live.stats.configure(dict.fromkeys(TARGETS, 20 * SECOND))
        live.fold([record for record in day.records if record.epoch == epoch])
        for name, queue in live.stats.queues.items():
            for figure, value in queue_figures(queue, day.now_us, None)._asdict().items():
                page[name, figure] += value or 0
        snapshot = MetricsSnapshot(stats=live.stats.copy(), agents={})
        for family in text_string_to_metric_families(render(snapshot)[0].decode()):
            for sample in family.samples:
                seen[sample.name, sample.labels.get("queue"), sample.labels.get("outcome")] += sample.value
    for queue in TARGETS:
        some = naive.figures([leg for leg in legs if leg["queue"] == queue], 20)
        entered = seen["callcenter_queue_calls_entered_total", queue, None]
        assert entered == some["offered"] > 50
        assert page[queue, "offered"] == sum(
            record["kind"] == "call-offered" and record["queue"] == queue for record in records
        )
        for end in ("answered", "abandoned", "overflowed", "lost"):
            assert page[queue, end] == some[end]
            assert seen["callcenter_queue_wait_seconds_count", queue, end] == some[end]
        assert (
            seen["callcenter_queue_calls_answered_within_service_level_total", queue, None]
            == some["answered_in_time"]
        )


def test_queue_log_over_all_runs(day, records, legs):
    lines = []
    memory = Memory()
    for epoch in range(1, day.epoch + 1):
        log = queue_log(memory)
        for record in day.records:
            if record.epoch == epoch:
                lines += [line.split("|") for line in log.lines(record)]
                memory.fold(record)
    verbs = Counter((line[2], line[4]) for line in lines)
    assert sum(line[4] == "QUEUESTART" for line in lines) == day.epoch
    sessions = Counter()
    for line in lines:
        sessions[line[3]] += {"AGENTLOGIN": 1, "AGENTLOGOFF": -1}.get(line[4], 0)
        sessions[line[3], "break"] += {"PAUSEALL": 1, "UNPAUSEALL": -1}.get(line[4], 0)
        assert sessions[line[3]] in (0, 1), "a session ends before another begins, over starts too"
        assert sessions[line[3], "break"] in (0, 1)
    status = {record["agent"]: record["status"] for record in records if record["kind"] == "agent-status"}
    assert {agent: sessions[agent] for agent in status} == {
        agent: int(last != "Logged Out") for agent, last in status.items()
    }
    for queue in TARGETS:
        mine = [leg for leg in legs if leg["queue"] == queue]
        some = naive.figures(mine, 20)
        assert verbs[queue, "ENTERQUEUE"] == some["offered"] - some["overflowed_full"]
        assert verbs[queue, "CONNECT"] == some["answered"]
        assert verbs[queue, "ABANDON"] == some["abandoned"] + sum(
            record["kind"] == "call-lost" and record["queue"] == queue for record in records
        )
        assert verbs[queue, "EXITWITHTIMEOUT"] == some["overflowed_timeout"]
        talks = [line for line in lines if line[2] == queue and line[4].startswith("COMPLETE")]
        assert len(talks) == sum(bool(leg.get("by")) and not leg["moved"] for leg in mine)
        waited = [leg["wait"] // SECOND for leg in mine if leg.get("by") and not leg["moved"]]
        assert sum(int(line[5]) for line in talks) == pytest.approx(sum(waited), abs=3)
        assert sum(int(line[6]) for line in talks) == sum(
            leg["talk"] // SECOND for leg in mine if leg.get("by") and not leg["moved"]
        )
