"""Operators' standing orders outlive the process, and a damaged file never keeps it from starting."""

from __future__ import annotations

import pytest

from py_callcenter.app.orders import FILE, Orders
from py_callcenter.config import HANGUP, Exit

pytestmark = pytest.mark.app


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
