"""Slow is not dead: while the database is away, full or slow, the disk keeps what happens, once."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from app.fake_controller import configuration
from app.postgres import running_postgres
from app.test_store import Away, entered, quick, status
from sqlalchemy import event

from py_callcenter.store import Database, Store, StoreError, Writer
from py_callcenter.store.errors import RecordRefused, SpoolError
from py_callcenter.store.spool import Position, Spool, decode, encode
from py_callcenter.store.store import catch_up
from py_callcenter.store.writer import HANGS_S

pytestmark = [pytest.mark.app, pytest.mark.timeout(180)]

SLOW_S = 45
"""What takes a moment may take that long on a busy machine."""

_ = quick  # the fixture


def lines(*records):
    return b"".join(map(encode, records))


def read_all(spool, since=None):
    found, since = [], since or spool.begin
    while since < spool.end:
        records, since = spool.read(since, spool.end, 100)
        found += records
    return found


def numbers(records):
    return [record.sequence for record in records]


def until(look, what, wait_s=SLOW_S):
    deadline = time.monotonic() + wait_s
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def in_database(url):
    with Database.open(url) as database:
        return [record.body["sequence"] for record in database.read()]


def now_us():
    return time.time_ns() // 1000


# The file.


def test_a_record_comes_back_as_it_went():
    record = entered(7, call="c\n\u0627")

    assert decode(encode(record).rstrip(b"\n")) == record


def test_what_was_appended_is_read_by_the_next_run_in_its_order(tmp_path):
    spool = Spool(tmp_path, segment_bytes=300)
    for number in range(1, 11):
        spool.append(lines(entered(number)))
    spool.close()

    again = Spool(tmp_path)
    assert len(list(tmp_path.glob("*.log"))) > 3
    assert numbers(read_all(again)) == list(range(1, 11))


def test_what_the_database_has_is_not_read_again_and_its_files_go(tmp_path):
    spool = Spool(tmp_path, segment_bytes=300)
    for number in range(1, 11):
        end = spool.append(lines(entered(number)))
        if number == 6:
            spool.keep_from(end)
            spool.written(end)
    left = spool.bytes_unwritten
    spool.close()

    again = Spool(tmp_path)
    assert numbers(read_all(again)) == [7, 8, 9, 10]
    assert again.bytes_unwritten == left == len(lines(*(entered(n) for n in (7, 8, 9, 10))))
    assert again.bytes_on_disk < 5 * left


def test_what_an_erased_caller_left_on_disk_goes_with_its_file(tmp_path):
    """A quiet site would keep the file for weeks otherwise."""
    spool = Spool(tmp_path)
    spool.append(lines(entered(1)))
    spool.turn_over()
    second = spool.append(lines(entered(2)))
    spool.written(second)
    spool.keep_from(second)

    assert numbers(read_all(spool, Position(0, 0))) == [2]
    assert len(list(tmp_path.glob("*.log"))) == 1
    spool.close()


def test_a_torn_line_and_a_flipped_bit_cost_themselves_only(tmp_path, capsys):
    spool = Spool(tmp_path)
    spool.append(lines(*(entered(n) for n in range(1, 6))))
    spool.close()
    [path] = tmp_path.glob("*.log")
    data = bytearray(path.read_bytes())
    data[data.index(b'"sequence":3') + 11] ^= 1
    path.write_bytes(bytes(data[:-7]))  # the last line is torn

    again = Spool(tmp_path)
    assert numbers(read_all(again)) == [1, 2, 4]
    assert again.damaged == 2
    again.append(lines(entered(6)))
    assert numbers(read_all(again)) == [1, 2, 4, 6]


def test_a_lost_mark_means_that_everything_is_read_again(tmp_path):
    spool = Spool(tmp_path)
    spool.written(spool.append(lines(entered(1))))
    spool.append(lines(entered(2)))
    spool.close()
    (tmp_path / "position").write_bytes(b"rubbish")

    assert numbers(read_all(Spool(tmp_path))) == [1, 2]


def test_what_is_only_kept_goes_before_a_new_record_is_refused(tmp_path):
    one = len(lines(entered(1)))
    spool = Spool(tmp_path, max_bytes=3 * one, segment_bytes=1)
    for number in (1, 2, 3):
        end = spool.append(lines(entered(number)))
        if number == 2:
            spool.written(end)
    assert spool.bytes_on_disk == 3 * one

    spool.append(lines(entered(4)))
    assert (spool.bytes_on_disk, numbers(read_all(spool))) == (3 * one, [3, 4])
    with pytest.raises(SpoolError, match="all it may"):
        spool.append(lines(entered(5)))


def test_a_spool_never_grows_over_its_bound(tmp_path):
    one = len(lines(entered(1)))
    spool = Spool(tmp_path, max_bytes=3 * one)
    for number in (1, 2, 3):
        end = spool.append(lines(entered(number)))
    with pytest.raises(SpoolError, match="all it may"):
        spool.append(lines(entered(4)))
    assert spool.end == end


# The way to the database.


@pytest.fixture
def away_writer(tmp_path, quick):
    """A writer with a spool, whose database is away."""
    away = Away()
    spool = Spool(tmp_path / "spool")
    writer = Writer(away, spool=spool)
    writer.start()
    yield away, spool, writer
    writer.stop(1)


def test_records_are_on_disk_before_the_database_has_them(away_writer):
    away, spool, writer = away_writer
    writer.put([entered(1), entered(2)])
    until(lambda: spool.bytes_unwritten, "they are on disk")
    assert away.failed.wait(SLOW_S)
    assert not writer.working

    away.back.set()
    assert writer.flush(SLOW_S)
    assert (numbers(away.written), spool.bytes_unwritten, writer.dropped) == ([1, 2], 0, 0)
    until(lambda: writer.oldest_us is None, "nothing is old")


def test_who_waits_is_told_when_records_are_on_disk_whatever_the_database_does(away_writer):
    _away, spool, writer = away_writer
    writer.put([entered(1), entered(2)])
    assert writer.kept().result(SLOW_S)
    assert numbers(read_all(spool)) == [1, 2]


def test_without_a_spool_who_waits_is_told_when_they_are_in_the_database(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/cc.db")
    store.put([entered(1)])
    assert store.kept().result(SLOW_S)
    assert in_database(f"sqlite:///{tmp_path}/cc.db") == [1]
    store.close()


def test_what_piles_up_is_read_from_disk_in_order(away_writer, monkeypatch):
    monkeypatch.setattr("py_callcenter.store.backlog.IN_MEMORY", 10)
    away, _spool, writer = away_writer
    for number in range(1, 101):
        writer.put([entered(number), entered(1000 + number)])
        time.sleep(0.001)
    assert away.failed.wait(SLOW_S)
    assert writer.pending == 200
    done = []
    writer.do(lambda: done.append(len(away.written)))
    away.back.set()

    assert writer.flush(SLOW_S)
    assert away.written == [entered(n) for number in range(1, 101) for n in (number, 1000 + number)]
    assert done == [200], "a task comes after what was put in before it"
    writer.put([entered(500)])
    assert writer.flush(SLOW_S)
    assert away.written[-1] == entered(500)


def test_records_are_gathered_but_nobody_waits_for_that(tmp_path, monkeypatch):
    monkeypatch.setattr("py_callcenter.store.backlog.GATHER_SECONDS", 3600)
    batches = []

    class Books:
        def append(self, batch):
            batches.append(numbers(batch))

    spool = Spool(tmp_path)
    writer = Writer(Books(), spool=spool)
    writer.start()
    for number in range(1, 4):
        writer.put([entered(number)])
    until(lambda: numbers(read_all(spool)) == [1, 2, 3], "they are on disk")
    assert batches == []

    assert writer.ask(lambda: list(batches)).result(20) == [[1, 2, 3]], "a question comes after them"
    writer.put([entered(4)])
    assert writer.flush(SLOW_S)
    assert batches[-1] == [4]
    writer.put([entered(5)])
    writer.stop(20)
    assert batches[-1] == [5]


def test_records_that_the_disk_refuses_are_not_gathered_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr("py_callcenter.store.backlog.GATHER_SECONDS", 3600)
    away = Away()
    away.back.set()
    spool = Spool(tmp_path)
    writer = Writer(away, spool=spool)
    writer.start()
    writer.put([entered(1)])
    until(lambda: spool.bytes_unwritten, "it is on disk")

    spool._max_bytes = 0
    writer.put([entered(2)])
    until(lambda: len(away.written) == 2, "both are in the database")
    assert numbers(away.written) == [1, 2]
    writer.stop()


def test_the_next_run_writes_what_the_last_one_could_not(tmp_path, quick):
    first = Writer(Away(), spool=Spool(tmp_path))
    first.start()
    first.put([entered(n) for n in range(1, 50)])
    first.stop(2)
    assert first.dropped == 0

    away = Away()
    away.back.set()
    second = Writer(away, spool=Spool(tmp_path))
    second.start()
    second.put([entered(50)])
    assert second.flush(SLOW_S)
    assert numbers(away.written) == list(range(1, 51))
    second.stop()


def test_what_a_database_forgot_when_another_server_took_over_is_written_again_in_order(tmp_path):
    """F35: the server that took over lacks the last transactions; those are still on this machine's disk."""
    file, url = tmp_path / "cc.db", f"sqlite:///{tmp_path / 'cc.db'}"
    database = Database.open(url)
    writer = Writer(database, spool=Spool(tmp_path / "spool"))
    writer.start()
    writer.put([status(1, "1000", "Available", 1_000_000), entered(2)])
    assert writer.flush(SLOW_S)
    database.close()
    replica = file.read_bytes()
    writer.put([status(3, "1000", "On Break", 2_000_000)])
    assert writer.flush(SLOW_S)
    writer.put([status(4, "1001", "Available", 2_500_000)])
    assert writer.flush(SLOW_S)

    database.close()
    file.write_bytes(replica)
    assert sorted(in_database(url)) == [1, 2]
    writer.put([entered(5, "call-2", 3_000_000)])
    assert writer.flush(SLOW_S)
    writer.stop()

    assert sorted(in_database(url)) == [1, 2, 3, 4, 5]
    with Database.open(url) as found:
        memory = found.memory()
    assert {name: agent.status for name, agent in memory.agents.items()} == {
        "1000": "On Break",
        "1001": "Available",
    }
    assert memory.agents["1000"].since_us == 2_000_000, "in order: no clock was set back"


def test_what_a_database_forgot_while_no_controller_lived_is_known_at_the_next_start(tmp_path):
    """F35, and the controller's machine died with the server: what it wrote last is known and comes again."""
    file, url = tmp_path / "cc.db", f"sqlite:///{tmp_path / 'cc.db'}"
    with Database.open(url) as database:
        database.seed(configuration(), now_us=5)

    def a_run(*records):
        store = Store.open(url, state=tmp_path)
        standing = store.memory().agents
        store.warm_up()
        store.put(records)
        assert store.flush(SLOW_S)
        store.close()
        for thread in store._writer._threads:
            thread.join(20)
        return standing

    a_run(status(1, "1000", "Available", now_us()))
    replica = file.read_bytes()
    a_run(status(2, "1000", "On Break", now_us()))
    file.write_bytes(replica)

    assert a_run()["1000"].status == "On Break"
    assert sorted(in_database(url)) == [1, 2]


def test_a_database_that_forgot_is_told_from_one_whose_answer_was_lost(tmp_path):
    """The end of a transaction that nobody heard of is no loss."""
    with Database.open(f"sqlite:///{tmp_path}/cc.db") as database:
        database.append([entered(1)])
        database._turns -= 1  # as after a connection that broke while it committed

        database.append([entered(2)])

        assert [record.body["sequence"] for record in database.read()] == [1, 2]


def test_a_record_that_the_database_can_never_take_does_not_stop_the_others(tmp_path, quick):
    class Picky(Away):
        def append(self, batch):
            if any(record.sequence == 13 for record in batch):
                raise RecordRefused("a value is too long")
            self.written += batch

    picky = Picky()
    writer = Writer(picky, spool=Spool(tmp_path))
    writer.start()
    writer.put([entered(n) for n in range(1, 31)])
    assert writer.flush(SLOW_S)
    assert numbers(picky.written) == [n for n in range(1, 31) if n != 13]
    assert (writer.dropped, writer.written, writer.failing) == (1, 29, "")
    writer.stop()


def test_on_a_full_disk_records_wait_in_memory_and_nothing_is_torn(away_writer):
    away, spool, writer = away_writer
    writer.put([entered(1)])
    until(lambda: spool.bytes_unwritten, "the first is on disk")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (spool.end.offset + 50, hard))  # half a line more
    try:
        writer.put([entered(2)])
        until(lambda: writer.spool_failing, "it says so")
        assert "refuses" in writer.spool_failing
        assert not writer.kept().result(SLOW_S), "who waits is told that it isn't"
        writer.put([entered(3)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    time.sleep(1.1)  # the disk is left alone for a second
    writer.put([entered(4)])
    until(lambda: not writer.spool_failing, "it works again")
    assert numbers(read_all(spool, Position(1, 0))) == [1, 4]
    away.back.set()
    assert writer.flush(SLOW_S)
    assert numbers(away.written) == [1, 2, 3, 4]


# Real databases.


def test_a_database_that_is_read_only_for_a_while_gets_everything_later(tmp_path, quick):
    url = f"sqlite:///{tmp_path}/cc.db"
    store = Store.open(url, state=tmp_path)
    may_write = threading.Event()

    @event.listens_for(store.database._engine, "checkout")
    def forbid(connection, *_):
        connection.execute(f"PRAGMA query_only = {0 if may_write.is_set() else 1}")

    store.put([entered(n, at_us=now_us()) for n in range(1, 6)])
    until(lambda: not store.working, "it is noticed")
    assert "readonly" in store.why_not_working
    assert store.keeping
    until(lambda: store.spooled_bytes, "they are on disk")
    may_write.set()
    assert store.flush(SLOW_S)
    assert (store.spooled_bytes, store.dropped, store.working) == (0, 0, True)
    store.close()
    assert in_database(url) == [1, 2, 3, 4, 5]


CHILD = """
import os, signal, sys, time
from pathlib import Path
from app.test_spool import entered, now_us
from py_callcenter.store import Store
import py_callcenter.store.backlog as backlog

store = Store.open(sys.argv[1], state=Path(sys.argv[2]))
store.put([entered(1, at_us=now_us())])
assert store.flush(30)
backlog.GATHER_SECONDS = 3600
store.put([entered(n, at_us=now_us()) for n in range(2, 200)])
time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_that_it_was_still_gathering(url, tmp_path):
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths}
    child = [sys.executable, "-c", textwrap.dedent(CHILD), url, str(tmp_path)]
    done = subprocess.run(child, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert in_database(url) == [1]

    store = Store.open(url, state=tmp_path)
    assert store.flush(SLOW_S)
    store.close()
    assert in_database(url) == list(range(1, 200))
    with Database.open(url) as database:
        assert len(database.memory().calls) == 1


def test_the_memory_of_a_start_has_what_only_the_spool_knows(url, tmp_path):
    with Database.open(url) as database:
        database.seed(configuration(), now_us=1)
        database.append([status(1, "1000", "Available", 5), status(2, "1001", "Available", 6)])
    spool = Spool(tmp_path / "spool")
    spool.append(lines(status(2, "1001", "Available", 6), status(3, "1000", "On Break", 7)))
    spool.close()

    store = Store.open(url, state=tmp_path)
    agents = store.memory().agents
    assert {name: agent.status for name, agent in agents.items()} == {"1000": "On Break", "1001": "Available"}
    assert store.flush(SLOW_S)
    assert store.database.statuses() == {"1000": "On Break", "1001": "Available"}
    store.close()


def test_a_status_set_while_nothing_runs_comes_after_what_the_last_run_left(tmp_path):
    with Database.open(f"sqlite:///{tmp_path}/cc.db") as database:
        spool = Spool(tmp_path / "spool")
        spool.append(lines(status(3, "1000", "Available", 7)))
        spool.close()
        catch_up(database, tmp_path)
        database.append([status(9, "1000", "On Break", 9)])

    store = Store.open(f"sqlite:///{tmp_path}/cc.db", state=tmp_path)
    assert store.memory().agents["1000"].status == "On Break"
    store.close()


@pytest.fixture(scope="module")
def server():
    with running_postgres() as server:
        yield server


def test_a_paused_database_delays_nobody_and_a_start_without_it_knows_what_counts(server, tmp_path):
    url = server.new_database()
    store = Store.open(url, state=tmp_path)
    store.seed(configuration())
    store.put([status(1, "1000", "Available", now_us())])
    assert store.flush(SLOW_S)
    store.close()
    store = Store.open(url, state=tmp_path)
    store.warm_up()
    store.put([status(2, "1000", "On Break", now_us())])
    assert store.flush(SLOW_S)
    until((tmp_path / "kept.json").exists, "the copy is made")

    server.pause()
    try:
        begun_s = time.monotonic()
        store.put([status(3, "1001", "Available", now_us())])
        assert time.monotonic() - begun_s < HANGS_S, "nobody waits for the database"
        until(lambda: not store.working, "it is noticed")
        assert store.keeping
        until(lambda: store.spooled_bytes, "it is on disk")
        store.close()

        store = Store.open(url, state=tmp_path)
        assert store.load_routing()["queues"]
        told = {name: agent.status for name, agent in store.memory().agents.items()}
        assert told == {"1000": "On Break", "1001": "Available"}
        store.put([status(4, "1001", "On Break", now_us())])
    finally:
        server.go_on()
    assert store.flush(SLOW_S)
    assert store.database.statuses() == {"1000": "On Break", "1001": "On Break"}
    store.close()
    assert in_database(url) == [1, 2, 3, 4]


def test_a_database_that_dies_and_returns_has_each_record_once(server, tmp_path, quick):
    url = server.new_database()
    store = Store.open(url, state=tmp_path)
    for number in range(1, 1001):
        if number == 300:
            server.kill()
        if number == 700:
            server.start_again()
        store.put([entered(number, at_us=now_us())])
        time.sleep(0.001)
    assert store.flush(SLOW_S)
    assert (store.dropped, store.pending) == (0, 0)
    store.close()
    assert in_database(url) == list(range(1, 1001))


def test_the_very_first_start_needs_the_database(tmp_path):
    with pytest.raises(StoreError):
        Store.open("postgresql+psycopg://nobody@127.0.0.1:1/none", state=tmp_path)
