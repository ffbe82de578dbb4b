"""The whole controller on a PostgreSQL that stands still: calls don't notice, whoever configures is told."""

from __future__ import annotations

import signal

import httpx
import pytest
from app.postgres import running_postgres
from app.test_process import ANSWERS, SLOW_S, Office, place_call, server, until

from py_callcenter.store import Database

pytestmark = [pytest.mark.app, pytest.mark.timeout(300)]

_ = server  # the fixture


@pytest.fixture
def postgres_of_our_own():
    with running_postgres() as running:
        yield running


def kinds(url, call):
    with Database.open(url) as database:
        return [record.kind for record in database.read_call(call)]


def test_calls_go_on_without_the_database_over_a_crash_and_are_in_the_books_once(
    tmp_path, server, postgres_of_our_own
):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    url = postgres_of_our_own.new_database()
    place = Office(tmp_path, server)
    text = place.file.read_text("utf-8").replace("[[nodes]]", f'database = "{url}"\n[[nodes]]', 1)
    place.file.write_text(text, "utf-8")
    place.start()
    try:
        until((tmp_path / "state" / "kept.json").exists, "there is a copy for bad days")
        postgres_of_our_own.pause()
        served = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the agent talks")
        waiting = place_call(server, "15552")
        until(lambda: len(place.calls()) == 2, "another one waits")
        until(lambda: place.metric("callcenter_database_up") == 0, "it is noticed")
        until(lambda: place.metric("callcenter_spool_bytes") > 0, "records are on disk")
        until(lambda: place.metric("callcenter_spool_age_seconds") > 1, "they become old")
        assert place.get("/readyz").status_code == 200

        token = (tmp_path / "state" / "token").read_text("ascii").strip()
        routing = place.get("/api/v1/config").json()
        routing["queues"][0]["max-wait-time"] = 77
        answer = httpx.put(
            f"{place.url}/api/v1/config",
            json=routing,
            headers={"authorization": f"Bearer {token}"},
            timeout=SLOW_S,
            trust_env=False,
        )
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
        assert "nothing was changed" in answer.json()["hint"]
        assert place.get("/api/v1/config").json()["queues"][0]["max-wait-time"] == 0
        place.must("agent", "set", "1000", "status", "On Break")

        place.end(signal.SIGKILL)
        place.start()
        until(
            lambda: [row["id"] for row in place.calls()] == [waiting.uuid, served.uuid],
            "both calls are taken up",
        )
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the agent talks")
        assert place.agent()["status"] == "On Break"
        assert "database_away" in place.log
        server.call(served.hang_up)
        server.call(waiting.hang_up)
        until(lambda: not place.calls(), "both are gone")

        postgres_of_our_own.go_on()
        until(lambda: place.metric("callcenter_spool_bytes") == 0, "the database has caught up")
        until(lambda: place.metric("callcenter_database_up") == 1, "it counts as up")
        assert place.end() == 0
    finally:
        postgres_of_our_own.go_on()
        if place.process is not None:
            place.process.kill()
            place.process.wait(10)
    told = kinds(url, served.uuid)
    assert (told.count("call-offered"), told.count("call-answered"), told.count("call-ended")) == (1, 1, 1)
    told = kinds(url, waiting.uuid)
    assert (told.count("call-offered"), told.count("call-abandoned"), told.count("call-ended")) == (1, 1, 1)
