"""The decision log on disk, and what an operator makes of it."""

import json
import stat

import pytest
from typer.testing import CliRunner

from py_callcenter._router import Replay, Router
from py_callcenter.app import decisions
from py_callcenter.app.decisions import DecisionLog
from py_callcenter.cli.commands import app

pytestmark = pytest.mark.app


def callcenter(*words, code=0):
    result = CliRunner().invoke(app, ["decisions", *map(str, words)])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def a_call(router, now_us):
    queue = router.put_queue(now_us, "support", "ring-all")
    for name in ("1000", "1001", "1002"):
        agent = router.put_agent(now_us, name)
        router.put_tier(now_us, queue, agent, 1, 1)
        router.set_status(now_us, agent, "On Break" if name == "1001" else "Available")
    caller = router.enqueue(now_us, queue, entered_us=now_us)
    router.decide(now_us)
    router.leave(now_us, caller)


@pytest.fixture
def log(tmp_path):
    """A file with one call."""
    router = Router()
    writer = DecisionLog(router, tmp_path / "decisions")
    writer.write()
    a_call(router, 10**12)
    writer.stop()
    return tmp_path / "decisions" / "decisions-000001.log"


def test_the_same_decisions_again(log):
    assert "all the same" in callcenter("replay", log)
    assert json.loads(callcenter("replay", log, "--json"))["until"] == "1970-01-12T13:46:40.000+00:00"
    offers = json.loads(callcenter("list", log, "--json"))
    assert [(row["offer"], row["caller"], row["agent"]) for row in offers] == [(1, 1, "1000"), (2, 1, "1002")]
    assert "1002" in callcenter("list", log)


def test_who_was_considered_and_why_not(log):
    found = json.loads(callcenter("explain", log, 2, "--json"))
    rows = [(row["agent"], row["reason"]) for row in found["candidates"]]
    assert rows == [("1000", None), ("1002", None), ("1001", "on_break")]
    shown = callcenter("explain", log, 1)
    assert "on_break" in shown
    assert "no decision" in callcenter("explain", log, 3, code=1)


def test_a_damaged_log_names_the_entry(log):
    data = log.read_bytes()
    log.write_bytes(data[:-1])
    for words in (("replay", log), ("list", log), ("explain", log, 99)):
        assert "is cut short" in callcenter(*words, code=1)
    log.write_bytes(b"something else")
    for words in (("replay", log), ("list", log), ("explain", log, 1)):
        assert "no decision log" in callcenter(*words, code=2)
    assert "can't be read" in callcenter("replay", log.parent / "none.log", code=2)


def test_only_this_user_may_read_it(log):
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700


def test_each_file_is_whole_by_itself_and_old_ones_go(tmp_path, monkeypatch):
    monkeypatch.setattr(decisions, "FILE_BYTES", 0)
    monkeypatch.setattr(decisions, "KEPT_FILES", 3)
    router = Router()
    writer = DecisionLog(router, tmp_path)
    for now_us in range(6):
        writer.write()
        a_call(router, now_us)
    writer.stop()
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [f"decisions-00000{number}.log" for number in (5, 6, 7)]
    for path in files:
        replay = Replay(path.read_bytes())
        replay.run()
    assert replay.snapshot() == router.snapshot()
    assert router.log_length is None


def test_a_disk_that_refuses_stops_no_call(tmp_path):
    folder = tmp_path / "decisions"
    folder.write_text("in the way")
    router = Router()
    writer = DecisionLog(router, folder)
    assert not writer.write()
    a_call(router, 1)
    folder.unlink()
    assert writer.write()
    writer.stop()
    assert Replay((folder / "decisions-000001.log").read_bytes()).run() == 0
