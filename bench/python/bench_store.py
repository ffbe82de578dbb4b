"""How fast the database takes records, and what 1 000 calls weigh: SQLite, and PostgreSQL if it is installed.

Run: .venv/bin/python bench/python/bench_store.py [--calls 20000]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from app.postgres import Postgres, binaries
from sqlalchemy import create_engine, text

from py_callcenter.engine import records as r
from py_callcenter.store import Database

SECOND = 1_000_000
START_US = 1_790_000_000 * SECOND


def story(calls: int, agents: int = 50) -> Iterator[Any]:
    """Answered calls with one missed offer in three, as the engine writes them: about nine records each."""
    rng = random.Random(1)
    sequence = 0

    def at(kind: Any, at_us: int, **fields: Any) -> Any:
        nonlocal sequence
        sequence += 1
        return kind(node="fs1", epoch=1, sequence=sequence, at_us=at_us, **fields)

    for n in range(agents):
        yield at(r.AgentStatusChanged, START_US, agent=f"agent-{n}", status="Available", reason="initial")
    for n in range(calls):
        call = f"{n:08x}-aaaa-bbbb-cccc-0123456789ab"
        where = {"call": call, "queue": f"queue-{rng.randrange(10)}"}
        t = START_US + n * 3 * SECOND
        caller = f"{rng.randrange(calls):032x}"
        yield at(r.CallOffered, t, **where, caller=caller)
        yield at(r.QueueEntered, t, **where, leg=1, priority=0, position=1)
        attempt = 0
        if rng.random() < 0.33:
            attempt += 1
            missed = {"agent": f"agent-{rng.randrange(agents)}", "attempt": attempt}
            yield at(r.OfferMade, t, **where, **missed)
            yield at(
                r.OfferEnded, t + 9 * SECOND, **where, **missed, outcome="no_answer", cause="NO_ANSWER",
                ring_us=9 * SECOND,
            )  # fmt: skip
        agent = f"agent-{rng.randrange(agents)}"
        taken = {"agent": agent, "attempt": attempt + 1}
        yield at(r.OfferMade, t + 9 * SECOND, **where, **taken)
        yield at(
            r.OfferEnded, t + 12 * SECOND, **where, **taken, outcome="answered", cause="", ring_us=3 * SECOND
        )
        yield at(
            r.CallAnswered, t + 13 * SECOND, **where, leg=1, agent=agent, wait_us=12 * SECOND, voice_us=40_000
        )
        talk_us = rng.randrange(20, 400) * SECOND
        yield at(
            r.ConversationEnded, t + 12 * SECOND + talk_us, **where, leg=1, agent=agent, talk_us=talk_us,
            hold_us=0, ended_by="caller", transferred=False,
        )  # fmt: skip
        wrapped_us = t + 12 * SECOND + talk_us + 10_000
        yield at(r.AgentWrapUp, wrapped_us, agent=agent, until_us=wrapped_us + 10 * SECOND, call=call)
        yield at(r.CallEnded, wrapped_us, call=call, cause="NORMAL_CLEARING")


def run(name: str, url: str, calls: int) -> None:
    records = list(story(calls))
    with Database.open(url) as database:
        begun = time.perf_counter()
        for start in range(0, len(records), 2000):
            database.append(records[start : start + 2000])
        spent = time.perf_counter() - begun
    size = bytes_of(url)
    print(
        f"{name:11} {len(records)} records of {calls} calls in {spent:.1f} s:"
        f" {len(records) / spent:,.0f} records/s, {calls / spent:,.0f} calls/s;"
        f" {size * 1000 / calls / 1e6:.2f} MB for 1 000 calls"
        f" ({records_share(url) * 1000 / calls / 1e6:.2f} MB of it records)"
    )


def bytes_of(url: str) -> int:
    if url.startswith("sqlite"):
        return sum(path.stat().st_size for path in Path(url.removeprefix("sqlite:///")).parent.iterdir())
    return _ask(url, "select pg_database_size(current_database())") - _EMPTY[0]


_EMPTY = [0]


def records_share(url: str) -> int:
    if url.startswith("sqlite"):
        return _ask(url, "select sum(pgsize) from dbstat where name like 'cc_records%'")
    return _ask(url, "select pg_total_relation_size('cc_records')")


def _ask(url: str, query: str) -> int:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return int(connection.scalar(text(query)) or 0)
    except Exception:  # noqa: BLE001 - not every SQLite is built with dbstat
        return 0
    finally:
        engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run("SQLite", f"sqlite:///{folder}/cc.db", options.calls)
    found = binaries()
    if found is None:
        print("PostgreSQL  isn't installed")
        return
    server = Postgres(found)
    try:
        url = server.new_database()
        _EMPTY[0] = _ask(url, "select pg_database_size(current_database())")
        run("PostgreSQL", url, options.calls)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
