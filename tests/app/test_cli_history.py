"""Reports and forgetting a caller at the command line, with a controller running and with none."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from app.day import CALLERS, busy_day
from app.fake_controller import FakeController
from app.test_cli import CONFIG, TOKEN, Shell
from sim.world import KEY, START_US
from typer.testing import CliRunner

from py_callcenter.api import create_app
from py_callcenter.api.server import ApiServer
from py_callcenter.app.history import StoredHistory
from py_callcenter.app.secrets import write_private
from py_callcenter.cli.commands import app
from py_callcenter.store import Database, Store

pytestmark = pytest.mark.app

DAY = datetime.fromtimestamp(START_US / 1e6, ZoneInfo("Europe/Berlin")).date()
RANGE = ("--from", str(DAY), "--to", str(DAY + timedelta(days=1)), "--zone", "Europe/Berlin")


@pytest.fixture(scope="module")
def day():
    return busy_day(moments=300, seed=3, closes=True)


@pytest.fixture(autouse=True)
def later(monkeypatch, day):
    """The simulated day is over; for the command line too."""
    monkeypatch.setattr(
        "py_callcenter.cli.stopped_history.time.time_ns", lambda: (day.now_us + 86_400_000_000) * 1000
    )


@pytest.fixture(params=["running", "stopped"])
def shell(request, tmp_path, monkeypatch, day):
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path)
    server = ApiServer("127.0.0.1", 0)
    shell.file.write_text(CONFIG.format(port=server.port))
    write_private(tmp_path / "state/seal.key", KEY.hex())
    write_private(tmp_path / "state/token", TOKEN)
    store = Store.open("sqlite:///callcenter.db")
    store.database.append(day.records)
    if request.param == "stopped":
        store.close()
        server.stop()
        yield shell
        return

    class Clock:
        def now_us(self):
            return day.now_us + 86_400_000_000

    controller = FakeController()
    controller.clock = Clock()
    server.start(create_app(controller, token=TOKEN, history=StoredHistory(controller, store, KEY)))
    yield shell
    server.stop()
    store.close()


def test_a_report_is_read_at_the_terminal(shell):
    result = shell("report", "show", "queues", *RANGE, "--interval", "all", "--formula", "vonage")
    lines = result.stdout.splitlines()

    assert lines[0].split()[:4] == ["QUEUE", "FROM", "OFFERED", "ANSWERED"]
    assert [line.split()[0] for line in lines[1:]] == ["billing", "support", "total"]
    assert " %" in lines[1]
    assert "`vonage`: answered in time / (answered + abandoned + overflowed)" in result.stderr
    agents = shell.out("report", "show", "agents", *RANGE, "--interval", "all", "--name", "1001").splitlines()
    assert [line.split()[0] for line in agents[1:]] == ["1001", "total"]


def test_figures_at_the_terminal_are_those_of_the_page_and_an_hour_that_comes_twice_is_told_apart(capsys):
    """Missed offers are all that bounced back, halves go up, and two in the morning has two names."""
    from py_callcenter.cli.history import _print

    agent = {
        "agent": "1000", "begin": "2026-10-25T02:00:00+01:00", "answered": 3, "offers_no_answer": 1,
        "offers_rejected": 2, "offers_busy": 4, "logged_in_seconds": 62.5, "talk_seconds": 59.6,
        "hold_seconds": 0.0, "wrap_up_seconds": 0.0, "state_on_break_seconds": 0.0, "occupancy": 0.125,
    }  # fmt: skip
    begins = [f"2026-10-25T0{hour}:00:00+0{offset}:00" for hour, offset in ((1, 2), (2, 2), (2, 1), (3, 1))]
    earlier = {**agent, "begin": begins[1]}
    _print(
        {"report": "agents", "columns": ["agent"], "begins": begins, "rows": [earlier, agent], "total": agent}
    )

    _, first, second, total = capsys.readouterr().out.splitlines()
    assert "2026-10-25 02:00 +02:00" in first
    assert "2026-10-25 02:00 +01:00" in second
    assert total.split()[1:5] == ["3", "7", "1:03", "1:00"]
    assert total.endswith("13 %")


def test_programs_get_everything(shell, day):
    told = json.loads(shell.out("report", "show", "calls", *RANGE, "--interval", "hour", "--json"))
    table = CliRunner().invoke(
        app, ["report", "show", "calls", *RANGE, "--interval", "hour", "--csv"],
        env={"CALLCENTER_CONFIG": str(shell.file)},
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(table.stdout_bytes.decode("utf-8-sig"))))

    offered = sum(record.kind == "call-offered" for record in day.records)
    assert told["total"]["offered"] == int(rows[-1]["offered"]) == offered
    assert [row["begin"] for row in told["rows"]] == [row["begin"] for row in rows[:-1]]
    assert list(rows[0]) == told["columns"]


def test_limits_are_chosen_when_asking(shell):
    def level(*words):
        found = json.loads(
            shell.out("report", "show", "queues", *RANGE, "--interval", "all", "--json", *words)
        )
        return found["total"]["answered_in_time"], found["total"]["abandoned_short"]

    strict, usual = level("--threshold", "1", "--short-abandon", "0"), level()
    assert strict[0] < usual[0]
    assert strict[1] == 0 < usual[1]


def test_a_mistyped_name_is_not_answered_with_silence(shell):
    result = CliRunner().invoke(
        app, ["report", "show", "queues", *RANGE, "--name", "support", "--name", "suport"],
        env={"CALLCENTER_CONFIG": str(shell.file)},
    )  # fmt: skip
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == "nothing is known of these days about: suport"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("money", "--from", "2026-01-01"), "one of queues, calls, agents"),
        (("queues", "--from", "soon"), "must be a day"),
        (("queues", "--from", "2016-01-01", "--to", "2026-01-01"), "at most so many days"),
        (("queues", "--from", "2026-01-01", "--formula", "sla"), "no formula `sla`"),
        (("queues", "--from", "2026-01-01", "--interval", "decade"), "no interval `decade`"),
        (("queues", "--from", "2026-01-01", "--threshold", "-3"), ""),
    ],
)
def test_nonsense_is_bad_input_with_what_is_allowed(shell, words, says):
    assert says in shell.err("report", "show", *words, code=2)


def test_a_caller_is_forgotten_by_number(shell, day):
    def known():
        found = json.loads(shell.out("report", "show", "calls", *RANGE, "--interval", "all", "--json"))
        return found["total"]["known_callers"], found["total"]["offered"]

    before = known()
    result = CliRunner().invoke(
        app, ["erase", "-"], input=f"{CALLERS[2]}\n", env={"CALLCENTER_CONFIG": str(shell.file)}
    )
    assert result.exit_code == 0
    assert result.stderr.startswith("forgotten: ")
    after = known()
    assert after[0] < before[0]
    assert after[1] == before[1]
    assert json.loads(shell.out("erase", CALLERS[2], "--json")) == {"calls": 0, "recordings": []}
    assert "three digits" in shell.err("erase", "anonymous", code=2)


def test_nobody_is_known_where_no_controller_ever_ran(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shell = Shell(tmp_path)
    server = ApiServer("127.0.0.1", 0)
    shell.file.write_text(CONFIG.format(port=server.port))
    server.stop()

    assert "no controller has ever run" in shell.err("erase", "+491234567", code=1)
    assert not (tmp_path / "state").exists()


def test_recordings_of_the_forgotten_are_named(tmp_path, day):
    """They lie on the switches, where we delete nothing."""
    from py_callcenter.engine.records import RecordingStarted

    call = next(record for record in day.records if record.kind == "call-offered")
    with Database.open(f"sqlite:///{tmp_path}/cc.db") as database:
        started = RecordingStarted(
            node="fs1", epoch=9, sequence=1, at_us=call.at_us, call=call.call, agent="1000", path="/r/1.wav"
        )
        database.append([*day.records, started])
        erased = database.erase(call.caller)
        assert erased.recordings == ("/r/1.wav",)
        text = str([stored.body for stored in database.read()])

    assert call.caller not in text
    assert "/r/1.wav" not in text
