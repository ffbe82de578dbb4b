"""An upgrade, or the way back, after which the records must be counted anew: minutes in which callers wait.

In `folding` that takes until the test says go on.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import gevent
import pytest
from app.test_process import Office, office, place_call, server, until
from app.test_supervisor import Systemd

from py_callcenter.app import alive
from py_callcenter.app.loading import ANOTHER_TIME_S, EXTEND_S, KEPT_S, Loading, Patience
from py_callcenter.app.supervisor import Supervisor
from py_callcenter.sim.server import SwitchServer
from py_callcenter.store.progress import STEP_S, GivenUpError, Progress

pytestmark = [pytest.mark.app, pytest.mark.timeout(240)]

__all__ = ["server"]

SLOWLY = """
import time
from pathlib import Path
from py_callcenter.store import folding
honest = folding.in_order
def slowly(connection):
    yield from honest(connection)
    while not Path("go-on").exists():
        time.sleep(0.05)
        yield []
folding.in_order = slowly
from py_callcenter.cli import main
main()
"""


def counted_anew(place: Office) -> bool:
    """Whether the next start must count, as after another version of the program."""
    with closing(sqlite3.connect(place.folder / "callcenter.db")) as database:
        return not database.execute("SELECT * FROM cc_meta WHERE key = 'folded'").fetchall()


def upgrade(place: Office) -> None:
    with closing(sqlite3.connect(place.folder / "callcenter.db")) as database, database:
        database.execute("DELETE FROM cc_meta WHERE key = 'folded'")
    assert counted_anew(place)


@contextmanager
def long_start(place: Office) -> Iterator[Systemd]:
    systemd = Systemd(str(place.folder / "notify"))
    environment = {**os.environ, "NOTIFY_SOCKET": systemd.address}
    with (place.folder / "log").open("ab") as log:
        place.process = subprocess.Popen(
            [sys.executable, "-c", SLOWLY, "run", "-c", str(place.file)],
            stdout=log, stderr=log, cwd=place.folder, env=environment,
        )  # fmt: skip
    try:
        yield systemd
    finally:
        systemd.close()


def dead_man(server: SwitchServer) -> int:
    """The number of the task that would send callers away; each time it is set it is another."""
    tasks = server.call(lambda: dict(server.switch.tasks))
    return max(number for number, (group, _) in tasks.items() if group == "cc_deadman")


def left_s(server: SwitchServer) -> float:
    """How long the dead man still waits."""
    number = dead_man(server)
    agenda = server.call(lambda: list(server.switch._agenda))
    [due_us] = [due_us for due_us, _, _, arguments in agenda if arguments == (number,)]
    return (due_us - server.now_us()) / 1e6


def another_serves(server: SwitchServer) -> None:
    """Somebody else has told the dialplan so."""
    server.switch.run_api("sched_del cc_lease", lambda _output: None)
    server.switch.run_api("global_setvar cc_alive=true", lambda _output: None)


def test_callers_keep_their_places_while_an_upgrade_counts_anew_and_systemd_waits(tmp_path, server):
    with office(tmp_path, server, status="On Break") as place:
        call = place_call(server)
        [waiting] = until(place.calls, "one waits")
        place.end()
        upgrade(place)
        seen = len(place.log)
        with long_start(place) as systemd:
            first = until(systemd.heard, "it says that it takes longer")
            assert first[0].startswith(f"EXTEND_TIMEOUT_USEC={EXTEND_S * 1e6:.0f}\nSTATUS=Not ready yet: ")
            assert "counted anew from all records: " in first[0]
            until(systemd.heard, "and says it again")
            assert place.log[seen:].count("database_brought_up") == 1
            before = dead_man(server)
            until(lambda: dead_man(server) > before, "the switch is told to keep who waits")
            before = dead_man(server)
            until(lambda: dead_man(server) > before, "and again")
            assert server.call(lambda: server.switch.globals.get("cc_alive")) == "false", (
                "new callers are not made to wait for it"
            )
            assert (tmp_path / "state/start-begun").exists()

            (tmp_path / "go-on").touch()
            words = until(lambda: [word for word in systemd.heard() if "READY" in word], "it is ready")
            assert words == ["READY=1\nSTATUS="], "and what it did is no longer said"
            until(lambda: '"listening"' in place.log[seen:], "it listens")
        assert [row["id"] for row in place.calls()] == [call.uuid]
        assert place.calls()[0]["entered_at"] == waiting["entered_at"]
        assert server.call(lambda: server.switch.globals.get("cc_alive")) == "true"
        assert "invariant_violated" not in place.log, "no promise of the link's was broken by it"
        assert not (tmp_path / "state/start-begun").exists()
        assert not counted_anew(place)


def test_a_stop_while_it_counts_is_a_planned_stop(tmp_path, server):
    with office(tmp_path, server, status="On Break") as place:
        call = place_call(server)
        until(place.calls, "one waits")
        place.end(signal.SIGKILL)
        upgrade(place)
        with long_start(place) as systemd:
            until(systemd.heard, "it counts")
            server.call(lambda: another_serves(server))
            assert place.end() == 0
            assert systemd.heard()[-1] == "STOPPING=1"
        assert "start_given_up" in place.log
        assert "Traceback" not in place.log
        assert counted_anew(place), "nothing by halves"
        assert left_s(server) > 60, "who waits has the two minutes of any planned stop"
        assert server.call(lambda: server.switch.globals.get("cc_alive")) == "true", "what others say holds"

        place.start()
        assert [row["id"] for row in place.calls()] == [call.uuid]


def test_a_stop_doesnt_wait_for_a_statement_that_takes_for_ever(tmp_path, server, monkeypatch):
    monkeypatch.setattr(f"{__name__}.SLOWLY", SLOWLY.replace("time.sleep(0.05)", "time.sleep(1000)"))
    with office(tmp_path, server) as place:
        place.end()
        upgrade(place)
        with long_start(place) as systemd:
            until(systemd.heard, "it counts")
            assert place.end() == 0
        assert counted_anew(place)
        place.start()


class Link:
    """A switch's link, as a start sees it."""

    name = "fs1"
    patient = False


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(tmp_path, clock):
    """A start that can be looked at without waiting, its link, and what systemd hears."""
    systemd = Systemd(str(tmp_path / "notify"))
    link = Link()
    loading = Loading([link], Supervisor({"NOTIFY_SOCKET": systemd.address}), Patience(tmp_path, clock))
    loading.progress = Progress(clock)
    yield loading, link, systemd
    systemd.close()


def test_a_load_that_hangs_is_ended_by_systemd_and_its_callers_by_the_switch(start, clock):
    loading, link, systemd = start
    loading.progress.begin("calls are counted anew")
    loading._look()
    assert link.patient
    assert systemd.heard()
    clock.now_s += STEP_S + 1
    loading._look()
    assert not link.patient
    assert systemd.heard() == []


def test_an_ordinary_start_says_nothing(start):
    loading, link, systemd = start
    loading._look()
    assert not link.patient
    assert systemd.heard() == []


def test_callers_are_kept_for_ten_minutes_and_the_work_goes_on(start, clock):
    loading, link, systemd = start
    loading.progress.begin("calls are counted anew")
    loading._look()
    for _ in range(int(KEPT_S) // 10):
        assert link.patient
        assert systemd.heard()
        clock.now_s += 10
        loading.progress.step(500)
        loading._look()
    assert not link.patient
    assert "calls are counted anew: 30000 so far" in systemd.heard()[-1]


def test_a_stop_keeps_its_promise_while_the_last_step_comes_to_its_end(start, monkeypatch):
    loading, link, _systemd = start
    monkeypatch.setattr("py_callcenter.app.loading.LONG_S", 0.0)
    monkeypatch.setattr("py_callcenter.app.loading.LOOK_EVERY_S", 0.01)
    link.keep_callers = lambda *_promise: None
    loading.progress.begin("calls are counted anew")
    with loading:
        gevent.sleep(0.05)
        assert link.patient
        loading.leave()
        gevent.sleep(0.05)
        assert not link.patient, "or the dead man would be set to half a minute again"


def test_a_start_after_an_older_program_has_served_has_all_its_time(tmp_path, clock):
    assert Patience(tmp_path, clock).left_s() == KEPT_S
    clock.now_s += KEPT_S
    assert Patience(tmp_path, clock).left_s() == 0
    (tmp_path / alive.FILE).touch()
    os.utime(tmp_path / alive.FILE, (clock.now_s - 5, clock.now_s - 5))
    assert Patience(tmp_path, clock).left_s() == KEPT_S


def test_starts_that_fail_again_and_again_keep_nobody_for_longer(tmp_path, clock):
    assert Patience(tmp_path, clock).left_s() == KEPT_S
    clock.now_s += KEPT_S - 1
    assert Patience(tmp_path, clock).left_s() == 1
    clock.now_s += 1
    again = Patience(tmp_path, clock)
    assert again.left_s() == 0
    again.forget()  # it came through
    assert Patience(tmp_path, clock).left_s() == KEPT_S
    clock.now_s += ANOTHER_TIME_S + 1
    assert Patience(tmp_path, clock).left_s() == KEPT_S, "the next upgrade is another matter"
    clock.now_s -= 86_400
    assert Patience(tmp_path, clock).left_s() == KEPT_S, "and so is a clock that was set back"


def test_a_folder_that_takes_nothing_keeps_callers_all_the_same(tmp_path, clock):
    patience = Patience(tmp_path / "nowhere", clock)
    assert patience.left_s() == KEPT_S
    clock.now_s += KEPT_S
    assert patience.left_s() == 0
    patience.forget()


def test_work_that_is_given_up_ends_at_its_next_step():
    progress = Progress()
    progress.begin("calls are counted anew")
    progress.give_up()
    with pytest.raises(GivenUpError):
        progress.on_statement("connection", "statement")
