"""Reports: what page, API, CSV and Prometheus say of a day is what its records say; nonsense is refused."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import httpx
import pytest
from app.day import CALLERS, busy_day
from app.fake_controller import FakeController
from prometheus_client.parser import text_string_to_metric_families
from sim.world import KEY, START_US

from py_callcenter.api import create_app
from py_callcenter.api.port import PortError
from py_callcenter.app.history import StoredHistory
from py_callcenter.metrics import MetricsSnapshot, render
from py_callcenter.reports import ReportError, ask
from py_callcenter.reports.table import inert, to_csv
from py_callcenter.stats import FORMULAS, Live
from py_callcenter.store import Store

pytestmark = pytest.mark.app

SECOND = 1_000_000
TOKEN = "a-token-for-tests-only"
BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime.fromtimestamp(START_US / 1e6, BERLIN).date()
NEXT = DAY + timedelta(days=1)
RANGE = {"from": str(DAY), "to": str(NEXT), "zone": "Europe/Berlin"}
ENDS = ("answered", "abandoned", "overflowed", "lost")
THRESHOLDS = {"support": 20, "billing": 20}


@pytest.fixture(scope="module")
def day():
    """Some ten hours, until everybody has gone home."""
    return busy_day(moments=1100, seed=8, pause_s=65, closes=True)


class Api:
    def __init__(self, app):
        self._app = app

    def _ask(self, method, path, **more):
        async def ask():
            transport = httpx.ASGITransport(self._app, client=("127.0.0.1", 5000))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, path, **more)

        return asyncio.run(ask())

    def get(self, path, **more):
        return self._ask("GET", path, **more)

    def post(self, path, **more):
        return self._ask("POST", path, **more)


class Clock:
    def __init__(self, now_us):
        self._now_us = now_us

    def now_us(self):
        return self._now_us


class Controller(FakeController):
    """What the reports ask of the controller: its clock and its thresholds."""

    def __init__(self, now_us):
        super().__init__()
        self.clock = Clock(now_us)


@pytest.fixture
def api(url, day):
    store = Store.open(url)
    store.database.append(day.records)
    controller = Controller(day.now_us + 86_400 * SECOND)
    yield Api(create_app(controller, token=TOKEN, history=StoredHistory(controller, store, KEY)))
    store.close()


def reported(api, what, **query):
    got = api.get(f"/api/v1/reports/{what}", params={**RANGE, **query})
    assert got.status_code == 200, got.text
    return got.json()


def legs_by_hand(records):
    """Queue legs straight from the raw records, by nothing but the records' own words."""
    legs = {}
    for record in records:
        key = (getattr(record, "call", ""), getattr(record, "leg", 0))
        match record.kind:
            case "queue-entered":
                legs[key] = {"queue": record.queue, "at": record.at_us, "end": "waiting", "wait": 0}
            case "call-answered" | "call-abandoned" | "call-left" | "call-lost":
                end = {"answered": "answered", "abandoned": "abandoned", "left": "overflowed", "lost": "lost"}
                legs[key] |= {"end": end[record.kind.removeprefix("call-")], "wait": record.wait_us}
            case "conversation-ended":
                legs[key] |= {
                    "talk": record.talk_us,
                    "by": "transfer" if record.transferred else record.ended_by,
                }
    return list(legs.values())


def test_a_days_report_is_the_naive_count_of_its_records_in_every_hour(api, day):
    found = reported(api, "queues", interval="hour")
    legs = legs_by_hand(day.records)
    expected = {}
    for leg in legs:
        hour = datetime.fromtimestamp(leg["at"] / 1e6, BERLIN).replace(minute=0, second=0, microsecond=0)
        expected.setdefault((leg["queue"], hour.isoformat()), []).append(leg)

    assert {(row["queue"], row["begin"]) for row in found["rows"]} == expected.keys()
    assert len(expected) > 15
    for row in found["rows"]:
        some = expected[row["queue"], row["begin"]]
        ended = {
            end: sum(leg["end"] == end for leg in some)
            for end in ("answered", "abandoned", "overflowed", "lost")
        }
        assert {name: row[name] for name in ended} == ended
        assert row["offered"] == len(some) == sum(ended.values()) + row["waiting"] + row["callback"]
        waits = [leg["wait"] for leg in some if leg["end"] == "answered"]
        asa = sum(waits) / len(waits) / SECOND if waits else None
        assert row["average_speed_of_answer_seconds"] == (
            None if asa is None else pytest.approx(asa, abs=0.001)
        )
        in_time = sum(wait <= 20 * SECOND for wait in waits)
        short = sum(leg["end"] == "abandoned" and leg["wait"] < 5 * SECOND for leg in some)
        over = sum(ended.values()) - short
        assert row["service_level_percent"] == (
            pytest.approx(100 * in_time / over, abs=0.006) if over else None
        )
    assert found["total"]["offered"] == len(legs) == sum(row["offered"] for row in found["rows"])


def test_page_api_csv_and_prometheus_tell_the_same_of_the_day(api, day):
    live = Live()
    live.stats.configure({name: seconds * SECOND for name, seconds in THRESHOLDS.items()})
    live.fold(day.records)
    text = render(MetricsSnapshot(stats=live.stats.copy(), agents={}))[0].decode()
    metric = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    legs = legs_by_hand(day.records)
    table = api.get(
        "/api/v1/reports/queues",
        params={
            "from": str(DAY),
            "to": str(NEXT),
            "zone": "Europe/Berlin",
            "interval": "all",
            "format": "csv",
        },
    )
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    lines = {row["queue"]: row for row in csv.DictReader(io.StringIO(table.content.decode("utf-8-sig")))}
    for row in reported(api, "queues", interval="all")["rows"]:
        name = row["queue"]
        line, stats = lines[name], live.stats.queues[name]
        mine = [leg for leg in legs if leg["queue"] == name]
        for outcome in ENDS:
            naive = sum(leg["end"] == outcome for leg in mine)
            assert row[outcome] == int(line[outcome]) == stats.wait[outcome].count == naive
            assert metric["callcenter_queue_wait_seconds_count", *sorted((name, outcome))] == naive
            sum_us = sum(leg["wait"] for leg in mine if leg["end"] == outcome)
            assert metric["callcenter_queue_wait_seconds_sum", *sorted((name, outcome))] == pytest.approx(
                sum_us / SECOND
            )
        in_time = sum(leg["end"] == "answered" and leg["wait"] <= 20 * SECOND for leg in mine)
        assert row["answered_in_time"] == int(line["answered_in_time"]) == in_time > 0
        assert metric["callcenter_queue_calls_answered_within_service_level_total", name] == in_time
        assert metric["callcenter_queue_calls_entered_total", name] == row["offered"] == len(mine)
        talks = [leg["talk"] for leg in mine if "talk" in leg]
        assert (
            row["talk_seconds"]
            == float(line["talk_seconds"])
            == pytest.approx(sum(talks) / SECOND, abs=0.001)
        )
        assert metric["callcenter_talk_seconds_sum", name] == pytest.approx(sum(talks) / SECOND)
        for side in ("caller", "agent", "system"):
            assert (
                row[f"hung_up_by_{side}"]
                == stats.ended_by[side]
                == sum(leg.get("by") == side for leg in mine)
            )
    assert int(lines["total"]["offered"]) == len(legs)


def test_calls_and_legs_are_both_told(api, day):
    calls = reported(api, "calls", interval="all")["total"]
    offered = [record for record in day.records if record.kind == "call-offered"]

    assert calls["offered"] == len(offered)
    assert calls["known_callers"] == sum(record.caller != "" for record in offered)
    assert calls["repeated"] == len(offered) - len({record.caller for record in offered})
    assert 0 <= calls["first_call_resolution"] <= 1


def test_agents_time_and_occupancy(api, day):
    found = reported(api, "agents", interval="day")
    total = found["total"]

    states = sum(value for name, value in total.items() if name.startswith("state_"))
    assert total["logged_in_seconds"] == pytest.approx(states, abs=0.01)
    talks = [record for record in day.records if record.kind == "conversation-ended"]
    assert total["talk_seconds"] == pytest.approx(sum(talk.talk_us for talk in talks) / SECOND, abs=0.01)
    assert total["state_in_a_queue_call_seconds"] == pytest.approx(total["talk_seconds"], abs=1)
    assert total["offers_no_answer"] == sum(
        record.kind == "offer-ended" and record.outcome == "no_answer" for record in day.records
    )
    assert 0 < total["occupancy"] < 1
    assert {row["agent"] for row in found["rows"]} == {"1000", "1001", "1002"}
    one = reported(api, "agents", interval="all", name="1001")
    assert [row["agent"] for row in one["rows"]] == ["1001"]


def test_thresholds_short_limits_and_formulas_are_chosen_afterwards(api):
    seen = set()
    for formula in FORMULAS:
        for threshold in (0, 10, 60):
            found = reported(api, "queues", interval="all", formula=formula, threshold=threshold)
            assert found["formula"] == formula
            seen.add((threshold, found["total"]["service_level_percent"]))
    assert len(seen) > 10
    strict = reported(api, "queues", interval="all", **{"short-abandon": 0})["total"]
    assert strict["abandoned_short"] == 0


def test_a_caller_is_erased_by_number_and_the_figures_stay(api):
    before = reported(api, "calls", interval="all")["total"]
    head = {"authorization": f"Bearer {TOKEN}"}
    assert api.post("/api/v1/erasures", json={"number": CALLERS[2]}).status_code == 401
    erased = api.post("/api/v1/erasures", json={"number": f"{CALLERS[2][:3]} {CALLERS[2][3:]}"}, headers=head)
    assert erased.json()["calls"] > 0
    again = api.post("/api/v1/erasures", json={"number": CALLERS[2]}, headers=head)
    assert again.json() == {"calls": 0, "recordings": []}
    after = reported(api, "calls", interval="all")["total"]
    assert after["known_callers"] == before["known_callers"] - erased.json()["calls"]
    linked = {"known_callers", "repeated", "first_call_resolution"}
    assert {k: v for k, v in after.items() if k not in linked} == {
        k: v for k, v in before.items() if k not in linked
    }
    nobody = api.post("/api/v1/erasures", json={"number": "anonymous"}, headers=head)
    assert (nobody.status_code, nobody.json()["error"]) == (400, "this is no number")


NOW_US = 1_795_348_800 * SECOND
TODAY = datetime.fromtimestamp(NOW_US / 1e6, UTC).date()


@pytest.mark.parametrize(
    ("wanted", "says", "hints"),
    [
        ({"first": "yesterday"}, "must be a day", "2026-11-22"),
        ({"first": "2026-02-30"}, "must be a day", ""),
        ({"first": "20261101"}, "must be a day", ""),
        ({"first": "0001-01-01"}, "is too long ago", "2000-01-01"),
        ({"first": "9999-12-31"}, "is in the future", str(TODAY)),
        ({"first": str(TODAY), "last": "9999-12-31"}, "is in the future", str(TODAY)),
        ({"first": "2026-W47-1"}, "must be a day", "2026-11-22"),
        ({"first": "٢٠٢٦-١١-٢٢"}, "must be a day", "2026-11-22"),
        ({"first": str(TODAY), "last": str(TODAY - timedelta(days=1))}, "is before `from`", "exchange"),
        ({"first": str(TODAY + timedelta(days=1))}, "is in the future", str(TODAY)),
        ({"first": "2016-01-01", "last": str(TODAY)}, "days are too many by the day", "day 400"),
        ({"first": "2026-10-01", "last": str(TODAY), "size": "hour"}, "too many by the hour", "hour 31"),
        ({"first": str(TODAY), "size": "decade"}, "no interval `decade`", "quarter, half-hour"),
        ({"first": str(TODAY), "zone": "Mars/Olympus"}, "unknown time zone", "zones"),
        ({"first": str(TODAY), "formula": "sla"}, "no formula `sla`", "callcenter, answered-only"),
        ({"first": str(TODAY), "threshold": -1}, "`threshold` must be from 0 to 86400", ""),
        ({"first": str(TODAY), "threshold": float("nan")}, "`threshold` must be", ""),
        ({"first": str(TODAY), "repeat_days": 1000}, "`repeat-days` must be from 0 to 90", ""),
        ({"first": "2016-01-01", "last": str(TODAY), "size": "all"}, "days are too many", "all 1100"),
        ({"first": str(TODAY), "only": ["x"] * 101}, "101 names are too many", ""),
        ({"first": str(TODAY), "only": ["sup\0port"]}, "`sup\\x00port` is no name", "none for all"),
        ({"first": str(TODAY), "only": [""]}, "`` is no name", "none for all"),
    ],
)
def test_nonsense_is_refused_in_words_before_anything_is_read(wanted, says, hints):
    with pytest.raises(ReportError) as refused:
        ask("queues", now_us=NOW_US, **wanted)

    assert says in refused.value.message
    assert hints in refused.value.hint


def test_a_refusal_is_a_400_with_what_is_allowed(api):
    ten_years = api.get("/api/v1/reports/queues", params={"from": "2016-01-01", "to": str(DAY)})
    assert ten_years.status_code == 400
    assert set(ten_years.json()) == {"error", "hint"}
    assert "at most so many days" in ten_years.json()["hint"]
    for query in ({}, {"from": str(DAY), "threshold": "x"}, {"from": str(DAY), "format": "pdf"}):
        assert api.get("/api/v1/reports/queues", params=query).status_code == 400
    assert api.get("/api/v1/reports/money", params={"from": str(DAY)}).status_code == 400
    assert api.get("/api/v1/reports/queues", params={"from": str(DAY), "name": "\0"}).status_code == 400


def test_a_slip_of_the_pen_is_not_answered_with_another_report(api):
    slip = api.get("/api/v1/reports/queues", params={"from": str(DAY), "intervall": "hour"})
    assert slip.status_code == 400
    assert slip.json()["error"] == "there is no parameter `intervall`"
    assert "interval, zone, formula, name" in slip.json()["hint"]
    twice = api.get("/api/v1/reports/queues", params={"from": [str(DAY), str(NEXT)]})
    assert twice.json() == {"error": "`from` is given more than once", "hint": "only `name` may be"}
    both = reported(api, "queues", interval="all", name=["support", "billing"])
    assert {row["queue"] for row in both["rows"]} == {"support", "billing"}


def test_intervals_in_which_nothing_happened_have_no_row_but_are_told(api):
    """So that a plot has no time missing."""
    found = reported(api, "queues", interval="hour")

    assert len(found["begins"]) == 48
    assert {row["begin"] for row in found["rows"]} < set(found["begins"])
    assert found["begins"] == sorted(found["begins"])


@pytest.mark.parametrize("what", ["queues", "calls", "agents"])
def test_a_report_of_more_rows_than_anybody_reads_is_refused(api, what, monkeypatch):
    for module in ("figures", "agent_times", "sheet"):
        monkeypatch.setattr(f"py_callcenter.store.{module}.MAX_ROWS", 3)
    refused = api.get(f"/api/v1/reports/{what}", params={**RANGE, "interval": "hour"})

    assert refused.status_code == 400
    assert refused.json() == {
        "error": "this report would have more than 3 rows",
        "hint": "ask for fewer days, longer intervals, or some names only",
    }


def test_a_report_on_nothing_is_empty_and_not_an_error(api):
    for what in ("queues", "calls", "agents"):
        found = reported(api, what, **{"from": "2020-01-01", "to": "2020-01-02"})
        assert found["rows"] == []
        assert found["total"]["answered"] == 0


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\uff1d1"])
def test_a_cell_that_a_spreadsheet_would_run_is_inert(cell):
    assert inert(cell) == f"'{cell}"
    assert inert("support") == "support"
    assert (inert(None), inert(0), inert(1.5)) == ("", 0, 1.5)


def test_the_table_itself_holds_no_cell_that_runs():
    """A queue's name is an operator's word; a spreadsheet must still not run it, nor split it into rows."""
    name = '=HYPERLINK("http://x","y"),\r\n@SUM(A1)'
    columns = ["queue", "begin", "end", "offered"]
    rows = [{"queue": name, "begin": "2026-11-22", "end": "2026-11-23", "offered": -1}]
    table = to_csv(SimpleNamespace(columns=columns, rows=rows, total={"offered": 1}))
    cells = list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))

    assert cells == [columns, [f"'{name}", "2026-11-22", "2026-11-23", "-1"], ["total", "", "", "1"]]


def test_a_controller_without_a_database_says_so():
    api = Api(create_app(FakeController(), token=TOKEN))
    assert api.get("/api/v1/reports/queues", params={"from": str(DAY)}).status_code == 503


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(30)",
}


def test_a_report_that_takes_too_long_is_given_up_with_a_503(url, day, monkeypatch):
    """Whichever database it is; the answer says what to do, and the next report is answered."""
    from sqlalchemy import text

    def slow(connection, *_arguments, **_more):
        connection.execute(text(ENDLESS[connection.dialect.name]))

    store = Store.open(url)
    history = StoredHistory(Controller(day.now_us), store, KEY)

    async def wanted():
        return await history.report("queues", first=str(DAY))

    with monkeypatch.context() as patched:
        patched.setattr("py_callcenter.reports.figures.QUERY_S", 1)
        patched.setattr("py_callcenter.reports.figures.leg_figures", slow)
        with pytest.raises(PortError, match=r"statement timeout|interrupted") as given_up:
            asyncio.run(wanted())
    assert given_up.value.status == 503
    assert "fewer days" in given_up.value.hint
    assert asyncio.run(wanted()).rows == []
    store.close()
