"""Operators' standing orders outlive the process, and a damaged file never keeps it from starting."""

from __future__ import annotations

import signal

import pytest
from app.test_process import office, server

from py_callcenter.app.orders import FILE, Orders
from py_callcenter.config import HANGUP, Exit

pytestmark = [pytest.mark.app, pytest.mark.timeout(90)]

_ = server  # the fixture


def test_what_was_saved_is_there_again(tmp_path):
    orders = Orders({"support": Exit("voicemail", "default"), "sales": HANGUP}, {"fs1"})
    orders.save(tmp_path / "state")

    assert Orders.load(tmp_path / "state") == orders


def test_without_a_file_nothing_is_ordered(tmp_path):
    assert Orders.load(tmp_path) == Orders()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"diverts": {"a": "../x"}, "drained": []}', '{"diverts": [], "drained": []}'],
)
def test_a_damaged_file_costs_its_orders_and_nothing_else(tmp_path, text):
    (tmp_path / FILE).write_text(text)

    assert Orders.load(tmp_path) == Orders()


def test_an_order_that_cannot_be_kept_is_in_force_and_says_so(tmp_path, server):
    with office(tmp_path, server, status="On Break") as place:
        in_the_way = tmp_path / "state" / "orders.json.new"
        in_the_way.mkdir()
        told = place.command("queue", "divert", "support", "voicemail@default")

        assert told.returncode == 1
        assert "the order is in force, but not kept for the next start" in told.stderr
        assert "repeat the order" in told.stderr
        assert place.get("/api/v1/queues").json()[0]["divert"] == "voicemail@default"

        in_the_way.rmdir()
        place.must("queue", "divert", "support", "voicemail@default")
        place.must("node", "drain", "fs1")
        place.end(signal.SIGKILL)
        place.start()
        assert place.get("/api/v1/queues").json()[0]["divert"] == "voicemail@default"
        assert place.get("/api/v1/nodes").json()[0]["drained"] is True
