"""One day by page, API, CSV, Prometheus, e-mail and `queue_log`: all tell what the raw records tell.

Callers give up, are sent away, put on hold and transferred with and without asking. In other worlds the
controller is killed meanwhile, and the clocks go back or forward in that night.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

import pytest
from app import naive
from app.day import busy_day
from app.test_reports import Api, Controller
from prometheus_client.parser import text_string_to_metric_families
from sim.world import KEY, START_US

from py_callcenter.api import create_app
from py_callcenter.app.history import StoredHistory
from py_callcenter.app.live import LiveFigures, as_left
from py_callcenter.app.picture import queue_figures
from py_callcenter.app.queue_log import queue_log
from py_callcenter.config import ServiceLevel
from py_callcenter.engine.memory import Memory
from py_callcenter.languages import LANGUAGES, language_named
from py_callcenter.metrics import MetricsSnapshot, render
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.letter import write
from py_callcenter.reports.mail.periods import Period
from py_callcenter.stats import Live
from py_callcenter.store import Store

pytestmark = [pytest.mark.app, pytest.mark.timeout(300)]

SECOND = naive.SECOND
DAY_US = 86_400 * SECOND
TARGETS = {name: ServiceLevel(seconds=20, percent=80) for name in ("support", "billing")}


@dataclass(frozen=True)
class Case:
    """A day that begins at a moment, told in a zone; `dies`: when the controller is killed."""

    zone: ZoneInfo
    start_us: int = START_US
    dies: tuple[int, ...] = ()
    clocks_h: int = 0
    """How many hours more than 24 its first or second day has."""

    @property
    def first(self):
        return datetime.fromtimestamp(self.start_us / 1e6, self.zone).date()

    @property
    def asked(self):
        return {"from": str(self.first), "to": str(self.first + timedelta(days=1)), "zone": self.zone.key}


def evening(year, month, day):
    return int(datetime(year, month, day, 22, tzinfo=ZoneInfo("UTC")).timestamp()) * SECOND


BERLIN = ZoneInfo("Europe/Berlin")
CASES = {
    "hours that begin in the middle of ours": Case(ZoneInfo("Asia/Tehran")),
    "killed three times while the clocks go back": Case(
        BERLIN, evening(2026, 10, 24), (120, 333, 501), clocks_h=1
    ),
    "killed while the clocks go forward": Case(BERLIN, evening(2027, 3, 27), (200,), clocks_h=-1),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request):
    return request.param


@pytest.fixture(scope="module")
def day(case):
    return busy_day(
        moments=700, seed=21, pause_s=65, closes=True, dies=case.dies, start_us=case.start_us, transfers=True
    )


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
def asked(case, day, store):
    """Asks the API about the day."""
    history = StoredHistory(Controller(day.now_us + 2 * DAY_US), store, KEY)
    api = Api(create_app(Controller(day.now_us), token="a-token-for-tests-only", history=history))

    def ask(what, **query):
        got = api.get(f"/api/v1/reports/{what}", params={**case.asked, **query})
        assert got.status_code == 200, got.text
        return got

    return ask


def agrees(row, expected):
    for name, value in expected.items():
        told = float(row[name])
        assert told == pytest.approx(value, abs=0.0011), (name, told, value)


def test_the_day_has_everything_that_is_told_of_it(records, legs):
    """Or the comparisons below would compare nothing with nothing."""
    talks = [record for record in records if record["kind"] == "conversation-ended"]

    assert {leg["end"] for leg in legs} >= {"answered", "abandoned", "overflowed"}
    assert {(talk["transferred"], talk["attended"]) for talk in talks} == {
        (False, False), (True, False), (True, True),
    }  # fmt: skip
    assert any(talk["hold_us"] for talk in talks)
    assert max(Counter(leg["call"] for leg in legs).values()) > 1, "some call has several legs"


def test_every_hour_and_the_whole_day_by_api_and_csv(case, asked, legs):
    expected = {}
    for leg in legs:
        key = (leg["queue"], naive.hour_of(leg["at"], case.zone))
        expected.setdefault(key, []).append(leg)
    for threshold in (20, 7.5):
        query = {"interval": "hour", "threshold": threshold}
        found = asked("queues", **query).json()
        table = csv.DictReader(
            io.StringIO(asked("queues", **query, format="csv").content.decode("utf-8-sig"))
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


def test_who_gave_up_did_so_soon_or_while_a_phone_rang_or_waiting(asked, legs):
    told = []
    for short in (0, 2, 5, 60):
        total = asked("queues", interval="hour", **{"short-abandon": short}).json()["total"]
        agrees(total, naive.figures(legs, 20, short_s=short))
        told.append([total[f"abandoned_{how}"] for how in ("short", "ringing", "waiting")])
        assert sum(told[-1]) == total["abandoned"]
    assert told[0][0] == 0
    assert all(any(each) for each in zip(*told, strict=True)), "or nothing is compared with nothing"
    assert told[0][1] > told[2][1], "some gave up soon while a phone rang"


def test_a_day_is_as_long_as_the_clocks_make_it(case, asked):
    """An hour that comes twice has two rows, told apart by how far it is from UTC; one that doesn't, none."""
    rows = asked("agents", interval="hour").json()["rows"]
    begins = {row["begin"] for row in rows if row["begin"][:13].endswith("T02")}
    spans = {
        naive.moment(row["end"]) - naive.moment(row["begin"])
        for row in asked("agents", interval="day").json()["rows"]
    }

    assert all(naive.moment(row["end"]) - naive.moment(row["begin"]) == 3600 * SECOND for row in rows)
    assert spans == {DAY_US, DAY_US + case.clocks_h * 3600 * SECOND}
    if case.clocks_h:
        both = {"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"}
        night = {begin for begin in begins if begin[:10] in ("2026-10-25", "2027-03-28")}
        assert night == (both if case.clocks_h > 0 else set())


def test_every_formula(asked, legs):
    for threshold in (3, 20):
        levels = naive.service_levels(naive.figures(legs, threshold))
        for formula, (over, under) in levels.items():
            found = asked("queues", interval="all", threshold=threshold, formula=formula).json()
            assert found["total"]["service_level_percent"] == pytest.approx(100 * over / under, abs=0.006)


def test_calls_over_all_their_legs_and_who_came_again(asked, records, legs):
    for days in (7, 0.02):
        total = asked("calls", interval="all", **{"repeat-days": days}).json()["total"]
        again = naive.callers_again(records, legs, days)
        assert total["offered"] == sum(record["kind"] == "call-offered" for record in records)
        assert total["offered"] == sum(total[end] for end in naive.ENDS)
        assert (total["known_callers"], total["repeated"]) == (again["known"], again["repeated"])
        talks = [record for record in records if record["kind"] == "conversation-ended"]
        assert total["transfers"] == sum(talk["transferred"] for talk in talks) > 0
        assert total["first_call_resolution"] == round(again["resolved"] / again["first"], 6)


def test_agents_states_add_up_to_the_time_logged_in(asked, day, records):
    """In every hour, and after every crash."""
    found = asked("agents", interval="hour").json()
    whole = asked("agents", interval="all").json()
    until_us = min(day.now_us + 2 * DAY_US, naive.moment(whole["rows"][0]["end"]))
    logged_in, on_calls = naive.logged_in(records, until_us), naive.on_calls(records)
    wrap_ups = naive.wrap_ups(records, until_us)
    assert {row["agent"] for row in whole["rows"]} == logged_in.keys()
    for row in [*found["rows"], *whole["rows"]]:
        name, span = row["agent"], (naive.moment(row["begin"]), naive.moment(row["end"]))
        states = sum(value for name, value in row.items() if name.startswith("state_"))
        assert row["logged_in_seconds"] == pytest.approx(states, abs=0.01)
        assert states == pytest.approx(naive.overlap(logged_in[name], *span) / SECOND, abs=0.01)
        assert row["state_in_a_queue_call_seconds"] == pytest.approx(
            naive.overlap(on_calls[name], *span) / SECOND, abs=0.01
        )
        assert row["state_wrap_up_seconds"] == pytest.approx(
            naive.overlap(wrap_ups[name], *span) / SECOND, abs=0.01
        )
    for row in whole["rows"]:
        assert row["talk_seconds"] == pytest.approx(naive.talked(records)[row["agent"]] / SECOND, abs=0.001)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_email(case, store, day, legs, records, code):
    """The words of the letter itself, in the reader's digits."""
    period = Period("weekly", case.first, case.first + timedelta(days=1))
    wish = Wish(period=period, zone=case.zone.key)
    facts = gather(store.database, wish, TARGETS, now_us=day.now_us + 2 * DAY_US)
    agrees(facts.queues.total, naive.figures(legs, 20))
    language = language_named(code)
    letter = write(facts, language, language.own_calendar)

    def told(label):
        """What stands behind a label: of all, then queue by queue or agent by agent."""
        label = language.tr(label)
        found = [
            line.split(": ", 1)[1] for line in letter.text.splitlines() if line.startswith(f"  {label}:")
        ]
        assert [letter.html.count(f">{label}</div>{escape(value)}</div>") > 0 for value in found]
        return found

    each = [naive.figures([leg for leg in legs if leg["queue"] == name], 20) for name in sorted(TARGETS)]
    calls = sum(record["kind"] == "call-offered" for record in records)
    answered = {leg["call"] for leg in legs if leg["end"] == "answered"}
    assert told("Offered") == [language.number(n) for n in (calls, *(some["offered"] for some in each))]
    assert told("Overflowed") == [language.number(some["overflowed"]) for some in each]
    by_agent = Counter(leg["agent"] for leg in legs if leg["end"] == "answered")
    assert told("Answered")[1:] == [
        language.number(n)
        for n in (*(some["answered"] for some in each), *(by_agent[name] for name in sorted(by_agent)))
    ]
    assert told("Answered")[0].split(" ")[0] == language.number(len(answered))
    assert told("Service level")[1:] == [
        language.percent(100 * over / under)
        for over, under in (naive.service_levels(some)["callcenter"] for some in each)
    ]
    talks = naive.talked(records)
    assert told("Talk") == [language.span(talks[name] / SECOND) for name in sorted(talks)]


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


def test_prometheus_adds_up_the_time_of_agents_over_all_runs(day, records):
    """From each start to the last thing written before the crash; nobody counts what lies between."""
    end_us = records[-1]["at"]
    logged_in, on_calls = naive.logged_in(records, end_us), naive.on_calls(records)
    names = sorted(logged_in)
    memory = Memory()
    for epoch in range(1, day.epoch + 1):
        run = [record for record in day.records if record.epoch == epoch]
        span = run[0].at_us, run[-1].at_us
        live = LiveFigures(as_left(memory, names, span[0]))
        live.put(run)
        with live.reading() as figures:
            agents = figures.agents(span[1], {name: ["support"] for name in names})
            snapshot = MetricsSnapshot(stats=figures.stats.copy(), agents={}, live_agents=agents)
        told = {
            sample.labels["state"]: sample.value
            for family in text_string_to_metric_families(render(snapshot)[0].decode())
            for sample in family.samples
            if sample.name == "callcenter_agent_state_seconds_total"
        }
        whole = sum(naive.overlap(spans, *span) for spans in logged_in.values())
        calls = sum(naive.overlap(spans, *span) for spans in on_calls.values())
        assert sum(told.values()) == pytest.approx(whole / SECOND, abs=0.01)
        assert told["in_a_queue_call"] == pytest.approx(calls / SECOND, abs=0.01)
        for record in run:
            memory.fold(record)


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
