"""A start whose SQLite can't be opened goes on with the copy and the spool: callers are served as ever."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import time

import pytest
from app.fake_controller import configuration
from app.test_process import ANSWERS, Office, place_call, server, until
from structlog.testing import capture_logs

from py_callcenter.engine import records as r
from py_callcenter.store import Database, Store, StoreError

pytestmark = [pytest.mark.app, pytest.mark.timeout(120)]

_ = server  # the fixture


def status(sequence, agent, value):
    return r.AgentStatusChanged(
        node="",
        epoch=1,
        sequence=sequence,
        at_us=time.time_ns() // 1000,
        agent=agent,
        status=value,
        reason="set",
    )


@pytest.fixture
def place(tmp_path):
    """A folder for the database, in which a controller has run before; the state is elsewhere."""
    (tmp_path / "data").mkdir()
    url = f"sqlite:///{tmp_path}/data/cc.db"
    store = Store.open(url, state=tmp_path)
    store.seed(configuration())
    store.put([status(1, "1000", "Available")])
    assert store.flush(45)
    store.close()
    store = Store.open(url, state=tmp_path)
    store.warm_up()
    store.put([status(2, "1000", "On Break")])
    assert store.flush(45)
    until((tmp_path / "kept.json").exists, "the copy is made")
    store.close()
    return tmp_path


def folder_gone(data):
    data.rename(data.with_name("elsewhere"))
    return lambda: data.with_name("elsewhere").rename(data)


def something_else_in_its_place(data):
    aside = data.with_name("elsewhere")
    shutil.copytree(data, aside)
    for file in data.iterdir():
        file.unlink()
    (data / "cc.db").write_bytes(b"this was a database once\n" * 1000)

    def mend():
        shutil.rmtree(data)
        aside.rename(data)

    return mend


def locked_by_another(data):
    other = sqlite3.connect(data / "cc.db", isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA locking_mode=EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE cc_meta SET value = value")
    return other.close


@pytest.mark.parametrize("harm", [folder_gone, something_else_in_its_place, locked_by_another])
def test_a_start_goes_on_with_the_copy_and_writes_down_later(place, harm):
    url = f"sqlite:///{place}/data/cc.db"
    mend = harm(place / "data")

    with capture_logs() as said:
        store = Store.open(url, state=place)
    try:
        assert [line["event"] for line in said] == ["database_away"]
        assert store.load_routing()["queues"]
        assert {name: agent.status for name, agent in store.memory().agents.items()} == {"1000": "On Break"}
        store.warm_up()
        store.put([status(3, "1000", "Available")])
        until(lambda: not store.working, "it is noticed")
        assert store.keeping
    finally:
        mend()
    assert store.flush(45)
    store.close()
    with Database.open(url) as database:
        assert database.statuses() == {"1000": "Available"}


def test_a_database_of_a_newer_version_still_stops_the_start(place):
    with sqlite3.connect(place / "data" / "cc.db") as other:
        other.execute("UPDATE cc_schema SET version_num = '9999'")
    other.close()

    with pytest.raises(StoreError, match="newer than this program"):
        Store.open(f"sqlite:///{place}/data/cc.db", state=place)


def test_calls_are_taken_up_without_the_database_and_are_in_the_books_once(tmp_path, server):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    data = tmp_path / "data"
    data.mkdir()
    url = f"sqlite:///{data}/cc.db"
    place = Office(tmp_path, server)
    text = place.file.read_text("utf-8").replace("[[nodes]]", f'database = "{url}"\n[[nodes]]', 1)
    place.file.write_text(text, "utf-8")
    place.start()
    try:
        until((tmp_path / "state" / "kept.json").exists, "there is a copy for bad days")
        served = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the agent talks")
        waiting = place_call(server, "15552")
        until(lambda: len(place.calls()) == 2, "another one waits")

        place.end(signal.SIGKILL)
        mend = folder_gone(data)
        place.start()
        until(
            lambda: [row["id"] for row in place.calls()] == [waiting.uuid, served.uuid],
            "both calls are taken up",
        )
        assert place.agent()["state"] == "in_a_queue_call"
        assert "database_away" in place.log
        until(lambda: place.metric("callcenter_database_up") == 0, "it is noticed")
        ready = place.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["notes"][0].startswith("the database is away (")
        server.call(served.hang_up)
        server.call(waiting.hang_up)
        until(lambda: not place.calls(), "both are gone")

        mend()
        until(lambda: place.metric("callcenter_spool_bytes") == 0, "the database has caught up", 30)
        until(lambda: place.get("/readyz").json()["notes"] == [], "nothing is left to be said")
        assert place.end() == 0
    finally:
        if place.process is not None:
            place.process.kill()
            place.process.wait(10)
    with Database.open(url) as database:
        for call, end in ((served, "call-answered"), (waiting, "call-abandoned")):
            told = [record.kind for record in database.read_call(call.uuid)]
            assert (told.count("call-offered"), told.count(end), told.count("call-ended")) == (1, 1, 1)
