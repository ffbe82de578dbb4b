"""A month's report of a 1 000-agent site with a year of call records, on PostgreSQL.

    make bench-reports            # 20 million calls: 20 GB of disk, some twenty minutes
    .venv/bin/python bench/python/bench_reports.py --calls 2000000 --days 37

The times mean something on an idle machine only; PostgreSQL has one core for each query. A time is that of
`reports.build`: asking the database, and making rows of the answer.

Rows are made by the server itself, like those of a site: 50 queues, 1 000 agents in shifts of nine hours, one
call in ten abandoned, one in five from a caller who came before. The goal is 2 s for a month.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from app.postgres import WHY_NOT, Postgres, binaries
from sqlalchemy import Connection, text

from py_callcenter.reports import ask, build
from py_callcenter.store import Database
from py_callcenter.store.counting import WHATS, Counting

YEAR = 365
LAST = datetime(2026, 10, 1, tzinfo=UTC)
"""The day after the last one with calls."""

CALLS = """
INSERT INTO cc_calls (call, node, queue, caller, offered_us, outcome, detail, wait_us, agent, legs, talk_us,
    hold_us, wrap_up_us, transfers, missed, ended_by, ended_us, cause)
SELECT 'call-' || n, 'fs1', 'queue-' || n % 50, md5((n * 7919 % (:calls * 4 / 5))::text),
    :begin_us + (n * :step_us)::bigint,
    CASE WHEN n % 10 = 0 THEN 'abandoned' ELSE 'answered' END, CASE WHEN n % 10 = 0 THEN 'queued' ELSE '' END,
    (n * 104729 % 90000000), CASE WHEN n % 10 = 0 THEN '' ELSE 'agent-' || n * 31 % 1000 END, 1,
    CASE WHEN n % 10 = 0 THEN 0 ELSE 30000000 + n * 15485863 % 300000000 END, 0,
    CASE WHEN n % 10 = 0 THEN 0 ELSE 10000000 END, 0, (n % 17 = 0)::int,
    CASE WHEN n % 10 = 0 THEN '' WHEN n % 3 = 0 THEN 'agent' ELSE 'caller' END,
    :begin_us + (n * :step_us)::bigint + 400000000, 'NORMAL_CLEARING'
FROM generate_series(cast(:first AS bigint), cast(:last AS bigint)) AS n
"""
LEGS = """
INSERT INTO cc_legs (call, leg, node, queue, caller, entered_us, priority, position, outcome, detail, wait_us,
    left_position, offers, missed, agent, ring_us, voice_us, talk_us, hold_us, wrap_up_us, ended_by,
    transferred)
SELECT call, 1, node, queue, caller, offered_us, 0, 1, outcome, detail, wait_us, 0, 1 + missed, missed, agent,
    3000000, 40000, talk_us, hold_us, wrap_up_us, ended_by, false
FROM cc_calls
"""
SLOTS = """
INSERT INTO cc_agent_slots
SELECT :begin_us + (d * 86400 + 28800 + q * 900)::bigint * 1000000, 'agent-' || a, 300000000, 5000000,
    20000000, 500000000, 60000000, 0, 0, 15000000, 3, 0, 0, 1, 0, 0, 0, 0
FROM generate_series(0, :days - 1) AS d, generate_series(0, 35) AS q, generate_series(0, 999) AS a
"""
INDEXES = ("cc_legs_entered", "cc_legs_queue", "cc_legs_agent", "cc_calls_offered", "cc_calls_caller")
FILLED = ("cc_calls", "cc_legs", "cc_agent_slots")

SERVER = {
    "wal_level": "minimal",  # a table that begins empty in the transaction that fills it needs no log
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "4GB",  # the index of callers is looked up at random
    "maintenance_work_mem": "1GB",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}
"""As for a machine that is nothing but a database and has 16 GB; every query has one core."""


def fill(database: Database, calls: int, days: int) -> None:
    """Rows first, keys and indexes after: the other way takes several times as long."""
    begin_us = round((LAST - timedelta(days=days)).timestamp()) * 1_000_000
    step_us = days * 86_400_000_000 / calls
    with database.write() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(FILLED)}"))
        again = [*_without_indexes(connection), *_without_keys(connection)]
        part = 1_000_000
        for first in range(0, calls, part):
            values = {"first": first, "last": min(first + part, calls) - 1, "calls": calls}
            connection.execute(text(CALLS), {**values, "begin_us": begin_us, "step_us": step_us})
        connection.execute(text(LEGS))
        connection.execute(text(SLOTS), {"begin_us": begin_us, "days": days})
        lap("rows")
        for statement in again:
            connection.execute(text(statement))
        lap("keys and indexes")
    vacuum(database)
    lap("vacuum")
    count_hours(database, days)
    vacuum(database)
    lap("vacuum")


def _without_indexes(connection: Connection) -> Iterator[str]:
    """Drop indexes; how to make them again."""
    for name in INDEXES:
        found = connection.scalar(
            text("SELECT indexdef FROM pg_indexes WHERE indexname = :name"), {"name": name}
        )
        connection.execute(text(f"DROP INDEX {name}"))
        yield str(found)


def _without_keys(connection: Connection) -> Iterator[str]:
    """Likewise primary keys."""
    query = text(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'p' AND conrelid::regclass::text = ANY(:tables)"
    )
    for table, name, definition in connection.execute(query, {"tables": list(FILLED)}).all():
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"


def count_hours(database: Database, days: int) -> None:
    """What the controller does in the background, a day at a time."""
    day_us = 86_400_000_000
    end_us = round(LAST.timestamp()) * 1_000_000
    for what in WHATS:
        for day in range(days):
            with database.write() as connection:
                if day == 0:
                    counting = Counting(connection)
                counting.count(connection, what, end_us - (day + 1) * day_us, end_us - day * day_us)
        lap(f"hours of {what} counted beforehand")


_lap = [time.perf_counter()]


def lap(what: str) -> None:
    """Say what took so long."""
    before, _lap[0] = _lap[0], time.perf_counter()
    print(f"  {_lap[0] - before:6.1f} s {what}", flush=True)


def sizes(database: Database) -> str:
    """What the tables with their indexes take."""
    tables = (
        "cc_calls", "cc_legs", "cc_agent_slots", "cc_leg_slots", "cc_call_slots", "cc_talk_slots",
        "cc_agent_hours",
    )  # fmt: skip
    with database.reading() as connection:
        found = {
            name: connection.scalar(text("SELECT pg_total_relation_size(:name)"), {"name": name}) or 0
            for name in tables
        }
    return "GB with indexes: " + ", ".join(f"{name} {size / 1e9:.2f}" for name, size in found.items())


def vacuum(database: Database) -> None:
    with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000_000)
    parser.add_argument("--days", type=int, default=YEAR)
    options = parser.parse_args()
    found = binaries()
    if found is None:
        print(WHY_NOT)
        return
    server = Postgres(found, SERVER)
    try:
        with Database.open(server.new_database()) as database:
            begun = time.perf_counter()
            fill(database, options.calls, options.days)
            machine = platform.processor() or platform.machine()
            versions = f"Python {platform.python_version()}, PostgreSQL {found.parent.name}"
            print(f"{machine}, {os.cpu_count()} cores, {versions}")
            print(
                f"{options.calls:,} calls over {options.days} days, 50 queues, 1000 agents;"
                f" filled in {time.perf_counter() - begun:.0f} s"
            )
            print(sizes(database), flush=True)
            measure(database)
            uncounted(database)
    finally:
        server.stop()


MONTH = {"first": "2026-09-01", "last": "2026-09-30"}
BERLIN, TEHRAN = {"zone": "Europe/Berlin"}, {"zone": "Asia/Tehran"}
ASKED: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("a month of queues, in one line each", "queues", "month", BERLIN),
    ("a month of queues by the day", "queues", "day", BERLIN),
    ("the same with another threshold, short limits and formula", "queues", "day",
     {**BERLIN, "threshold": 37, "short_abandon": 8, "short_answer": 25, "formula": "connect"}),
    ("the same where midnight is within an hour of ours", "queues", "day", TEHRAN),
    ("a month of queues by the hour", "queues", "hour", BERLIN),
    ("a month of calls with repeats by the hour", "calls", "hour", BERLIN),
    ("a month of calls with repeats, in one line each", "calls", "month", BERLIN),
    ("a month of calls with repeats by the day", "calls", "day", BERLIN),
    ("the same with repeats within 30 days", "calls", "day", {**BERLIN, "repeat_days": 30}),
    ("a month of agents, in one line each", "agents", "month", BERLIN),
    ("a month of agents by the day", "agents", "day", BERLIN),
    ("a year of queues by the month", "queues", "month", {**BERLIN, "first": "2025-10-01"}),
    ("a year of calls by the week", "calls", "week", {**BERLIN, "first": "2025-10-01"}),
)  # fmt: skip


AT_MOST_S = 2.0


def measure(database: Database) -> None:
    now_us = round(LAST.timestamp()) * 1_000_000
    print(
        f"load {os.getloadavg()[0]:.1f}; each asked for three times: the first, which passes or misses, and"
    )
    print("the fastest, by the clock; then the least processor time of Python + PostgreSQL")
    for words, what, size, more in ASKED:
        walls, works = [], []
        for _ in range(3):
            begun, python, server = time.perf_counter(), time.process_time(), server_s(database)
            report = build(database, ask(what, size=size, now_us=now_us, **{**MONTH, **more}), {})
            walls.append(time.perf_counter() - begun)
            works.append((time.process_time() - python, server_s(database) - server))
        offered = report.total.get("offered", report.total["answered"])
        work = min(works, key=sum)
        verdict = "" if "year" in words else " PASS" if walls[0] <= AT_MOST_S else " MISS"
        print(
            f"{words:58} {len(report.rows):6} rows of {offered:10,} calls:"
            f" {walls[0]:5.2f} s, {min(walls):5.2f} s; {work[0]:4.2f} + {work[1]:4.2f} s{verdict}",
            flush=True,
        )


def server_s(database: Database) -> float:
    """Processor time of our connection's process on the server, which is this machine."""
    with database.reading() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def uncounted(database: Database) -> None:
    """What it would take without the hours counted beforehand; they are gone afterwards."""
    now_us = round(LAST.timestamp()) * 1_000_000
    with database.write() as connection:
        connection.execute(text("DELETE FROM cc_counted"))
    begun = time.perf_counter()
    build(database, ask("queues", size="month", now_us=now_us, **MONTH, **BERLIN), {})
    spent = time.perf_counter() - begun
    print(f"for comparison, the first of them with nothing counted beforehand: {spent:.2f} s")


if __name__ == "__main__":
    main()
