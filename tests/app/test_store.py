"""What is kept comes back; what can't be kept is counted."""

import threading
import time

import pytest
from app.fake_controller import configuration
from sqlalchemy import create_engine, text

from py_callcenter.config import Config, Queue
from py_callcenter.engine import records as r
from py_callcenter.store import Database, Store, StoreError, Writer
from py_callcenter.store.spool import Spool

pytestmark = pytest.mark.app


def entered(sequence, call="call-1", at_us=1000):
    return r.QueueEntered(
        node="fs1", epoch=1, sequence=sequence, at_us=at_us, call=call, queue="support", leg=1, priority=0
    )


def status(sequence, agent, value, at_us):
    return r.AgentStatusChanged(
        node="", epoch=1, sequence=sequence, at_us=at_us, agent=agent, status=value, reason="set"
    )


def count(url, table):
    engine = create_engine(url)
    with engine.begin() as connection:
        found = connection.scalar(text(f"select count(*) from {table}"))
    engine.dispose()
    return found


def test_a_file_seeds_an_empty_database_and_never_again(url):
    with Database.open(url) as database:
        assert database.load_config() is None
        assert database.seed(configuration(), now_us=5)
        assert not database.seed(Config(queues=(Queue(name="other"),)), now_us=6)
        applied = database.load_config()

    assert (applied.version, applied.applied_us) == (1, 5)
    assert Config().with_routing(applied.routing).queues == configuration().queues


def test_apply_makes_a_new_version_and_keeps_the_old(url):
    with Database.open(url) as database:
        database.seed(configuration(), now_us=5)
        assert database.apply(Config(queues=(Queue(name="only"),)), now_us=9) == 2
        assert [row["name"] for row in database.load_config().routing["queues"]] == ["only"]
    assert count(url, "cc_config") == 2


def test_a_record_written_twice_is_there_once(url):
    with Database.open(url) as database:
        database.append([entered(1), entered(2)])
        database.append([entered(2), entered(3, call="call-2")])

        assert [record.id for record in database.read()] == ["fs1:1:1", "fs1:1:2", "fs1:1:3"]
        assert [record.body["call"] for record in database.read_call("call-2")] == ["call-2"]


def test_a_calls_records_come_in_the_order_of_their_sequence(url):
    with Database.open(url) as database:
        database.append([entered(n) for n in (10, 9, 2)])

        assert [record.body["sequence"] for record in database.read_call("call-1")] == [2, 9, 10]


def test_agents_come_back_with_their_last_status(url):
    with Database.open(url) as database:
        database.append([status(1, "1000", "Available", 1), status(2, "1001", "Available", 2)])
        database.append([status(3, "1000", "On Break", 3)])
        database.append([status(1, "1000", "Available", 1)])  # the same record again, late

        assert database.statuses() == {"1000": "On Break", "1001": "Available"}


def test_a_database_of_a_newer_version_is_left_alone(url):
    Database.open(url).close()
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("update cc_schema set version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreError, match="newer than this program"):
        Database.open(url)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "sqlite:////does/not/exist/cc.db"])
def test_a_database_that_cannot_be_opened_says_so(url):
    with pytest.raises(StoreError):
        Database.open(url)


def test_the_password_of_a_url_is_in_no_message():
    with pytest.raises(StoreError) as caught:
        Database.open("postgresql+nodriver://user:topsecret@host/db")

    assert "topsecret" not in str(caught.value)


def test_the_hub_hands_records_over_and_they_are_written_elsewhere(url):
    store = Store.open(url)
    now_us = time.time_ns() // 1000  # older ones would be tidied away
    assert store.put([entered(n, at_us=now_us) for n in range(1, 2001)])
    store.apply(configuration())
    assert store.flush()
    assert (store.pending, store.dropped, store.working) == (0, 0, True)
    store.close()

    with Database.open(url) as database:
        assert sum(1 for _ in database.read()) == 2000
        assert database.load_config().version == 1


class Away:
    """A database that fails until it is back."""

    def __init__(self):
        self.back = threading.Event()
        self.failed = threading.Event()
        self.failures = 0
        self.written = []

    def append(self, batch):
        if not self.back.is_set():
            self.failures += 1
            if self.failures > 1:
                self.failed.set()
            raise StoreError("the database failed: away")
        self.written += batch


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("py_callcenter.store.writer.RETRY_SECONDS", (0.01,))


def test_a_database_that_was_away_gets_everything_in_order(quick):
    away = Away()
    writer = Writer(away)
    writer.start()
    writer.put([entered(1)])
    assert away.failed.wait(45)
    writer.put([entered(2)])
    assert "away" in writer.failing
    away.back.set()

    assert writer.flush(45)
    assert ([record.sequence for record in away.written], writer.failing, writer.dropped) == ([1, 2], "", 0)
    writer.stop()


def test_what_does_not_fit_is_counted_and_the_hub_never_waits(quick):
    away = Away()
    writer = Writer(away, max_pending=10)
    writer.start()
    assert writer.put([entered(n) for n in range(8)])
    assert not writer.put([entered(n) for n in range(8, 12)])

    assert (writer.dropped, writer.pending) == (4, 8)
    writer.stop()
    assert (writer.dropped, writer.pending) == (12, 0)


def test_housekeeping_is_done_at_the_start_and_may_fail(quick):
    done = threading.Event()

    def tidy():
        done.set()
        raise StoreError("not now")

    away = Away()
    away.back.set()
    writer = Writer(away, every=[(0.01, tidy)])
    writer.start()
    assert done.wait(45)
    writer.put([entered(1)])
    assert writer.flush(45)
    assert (writer.failing, len(away.written)) == ("", 1)
    writer.stop()


def test_housekeeping_is_done_where_there_are_always_records(tmp_path, monkeypatch):
    monkeypatch.setattr("py_callcenter.store.writer.LATE_S", 0.0)
    monkeypatch.setattr("py_callcenter.store.backlog.GATHER_SECONDS", 0.0)
    spool = Spool(tmp_path)
    over = threading.Event()
    amid = []

    class Busy:
        written = 0

        def append(self, batch):
            self.written += len(batch)
            if amid or self.written == 200:
                over.set()
                return
            end = spool.end
            writer.put([entered(self.written + 1)])
            while spool.end == end:
                time.sleep(0.001)

    def tidy():
        if 0 < busy.written < 200:
            amid.append(busy.written)

    busy = Busy()
    writer = Writer(busy, spool=spool, every=[(0.01, tidy)])
    writer.put([entered(1)])
    writer.start()

    assert over.wait(50)
    writer.stop()
    assert amid


def test_a_question_is_answered_after_what_was_put_in_before(url):
    store = Store.open(url)
    store.put([entered(n, at_us=time.time_ns() // 1000) for n in range(1, 500)])
    count_then = store._writer.ask(lambda: sum(1 for _ in store.database.read()))

    assert count_then.result(20) == 499
    assert store.erase("nobody").result(20).calls == 0
    store.close()
