"""How long agents rested for what: in reports out of the database, also while a break goes on."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from py_callcenter.engine import records as r
from py_callcenter.reports.figures import build
from py_callcenter.reports.query import ask
from py_callcenter.store import Database
from py_callcenter.store.schema import break_slots

pytestmark = pytest.mark.app

SECOND = 1_000_000
ODD = ("overdue_x", "_overdue_x", "x", "x_us")
DAY_US = 1_795_046_400 * SECOND
"""A midnight in UTC."""


def told(*steps):
    """Records of agents by seconds after midnight."""
    return [
        kind(node="", epoch=1, sequence=n, at_us=DAY_US + seconds * SECOND, agent=agent, **fields)
        for n, (kind, seconds, agent, fields) in enumerate(steps, 1)
    ]


def status(seconds, agent, word, reason="", why="set"):
    return r.AgentStatusChanged, seconds, agent, {"status": word, "reason": why, "break_reason": reason}


def report(database, hours=24, **more):
    now_us = DAY_US + hours * 3600 * SECOND
    return build(database, ask("agents", now_us=now_us, first="2026-11-19", **{"size": "all", **more}), {})


def breaks_of(row):
    return {name: value for name, value in row.items() if name.startswith("break") and value}


def a_morning():
    return told(
        status(0, "ann", "Available", why="initial"),
        status(0, "bob", "Available", why="initial"),
        status(3000, "ann", "On Break", "coffee"),
        status(3300, "ann", "On Break", "lunch"),
        (r.AgentBreak, 5100, "ann", {"break_reason": "lunch", "step": "overdue"}),
        status(5400, "ann", "Available"),
        status(6000, "ann", "On Break"),
        status(6100, "ann", "Available"),
        status(7000, "bob", "On Break", "lunch"),
    )


def test_a_reason_that_begins_like_what_is_overdue_has_columns_of_its_own(url):
    steps = told(
        status(0, "ann", "Available", why="initial"),
        *(status(100 * n, "ann", "On Break", reason) for n, reason in enumerate(ODD, 1)),
        (r.AgentBreak, 350, "ann", {"break_reason": "x", "step": "overdue"}),
        status(450, "ann", "Available"),
    )
    with Database.open(url) as database:
        database.append(steps)
        found = breaks_of(report(database).total)

    assert found == {
        "break_overdue_x_seconds": 100, "breaks__overdue_x": 1, "break__overdue_x_seconds": 100,
        "breaks___overdue_x": 1, "break_x_us_seconds": 50, "breaks_x_us": 1, "break_x_seconds": 100,
        "breaks_x": 1, "breaks_overdue_x": 1,
    }  # fmt: skip


def test_breaks_by_agent_and_reason(url):
    with Database.open(url) as database:
        database.append(a_morning())
        found = report(database, hours=2)
        rows = {row["agent"]: row for row in found.rows}
    assert breaks_of(rows["ann"]) == {
        "break_coffee_seconds": 300,
        "breaks_coffee": 1,
        "break_lunch_seconds": 2100,
        "breaks_lunch": 1,
        "breaks_overdue_lunch": 1,
    }
    assert rows["ann"]["state_on_break_seconds"] == 2500
    assert breaks_of(rows["bob"]) == {"break_lunch_seconds": 200, "breaks_lunch": 1}
    assert found.total["break_lunch_seconds"] == 2300
    assert "break_lunch_seconds" in found.columns


def test_a_break_is_cut_at_the_hours_and_one_agent_can_be_asked_for(url):
    with Database.open(url) as database:
        database.append(a_morning())
        rows = report(database, hours=2, size="hour", only=("ann",)).rows
    assert [
        (row["begin"][11:13], row["break_lunch_seconds"]) for row in rows if row["break_lunch_seconds"]
    ] == [
        ("00", 300),
        ("01", 1800),
    ]


def test_without_reasons_there_are_no_columns(url):
    with Database.open(url) as database:
        database.append(told(status(0, "ann", "Available"), status(60, "ann", "On Break")))
        assert not [name for name in report(database).columns if name.startswith("break")]


def test_counted_anew_it_is_the_same(url):
    with Database.open(url) as database:
        database.append(a_morning())
        before = report(database).rows
        database.append(a_morning())
        assert report(database).rows == before, "the same records again"
    Database.migrate(url, "0005")
    with Database.open(url) as database:
        assert report(database).rows == before
        with database.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(break_slots)) == 5
