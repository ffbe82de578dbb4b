"""The database's versions: made from nothing, brought up from an older program's, and back for one."""

from __future__ import annotations

import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, insert, inspect, text

from py_callcenter.config import Config, Queue
from py_callcenter.engine import records as r
from py_callcenter.store import Database, StoreError, versions
from py_callcenter.store.deliveries import Deliveries, Delivery
from py_callcenter.store.expected import VERSION, VERSION_TABLE, WRITER
from py_callcenter.store.schema import metadata

pytestmark = pytest.mark.app

SECOND = 1_000_000
LATER_US = 4 * 3600 * SECOND
COUNTED = {"cc_counted", "cc_leg_slots", "cc_call_slots", "cc_talk_slots", "cc_agent_hours"}
"""Tables that are counted anew in the background."""


def story():
    """One answered call, an agent, and a setting of the command line."""
    moments = iter(range(1, 100))

    def at(kind, node="fs1", **fields):
        n = next(moments)
        return kind(node=node, epoch=7, sequence=n, at_us=n * SECOND, **fields)

    where = {"call": "c1", "queue": "support"}
    return [
        at(r.AgentStatusChanged, "", agent="1000", status="Available", reason="initial"),
        at(r.CallOffered, **where, caller="abc"),
        at(r.QueueEntered, **where, leg=1, priority=0, position=1),
        at(r.OfferMade, **where, agent="1000", attempt=1),
        at(r.OfferEnded, **where, agent="1000", attempt=1, outcome="answered", cause="", ring_us=SECOND // 2),
        at(r.CallAnswered, **where, leg=1, agent="1000", wait_us=2 * SECOND, voice_us=9),
        at(
            r.ConversationEnded, **where, leg=1, agent="1000", talk_us=2 * SECOND, hold_us=0,
            ended_by="agent", transferred=False,
        ),
        at(r.CallEnded, call="c1", cause="NORMAL_CLEARING"),
        at(r.AgentStatusChanged, "", agent="1000", status="On Break", reason="set", break_reason="lunch"),
        at(r.AgentBreak, "", agent="1000", break_reason="lunch", step="overdue"),
        at(r.AgentStatusChanged, "", agent="1000", status="Available", reason="break-over"),
        r.AgentStatusChanged(
            node="cli", epoch=20, sequence=5, at_us=20 * SECOND, agent="1000", status="On Break", reason="set"
        ),
    ]  # fmt: skip


def emails():
    """One that arrived, one that may have, one that is still due."""
    days = {"first": "2026-11-21", "last": "2026-11-21", "due_us": 5, "next_us": 5, "changed_us": 6}
    ends = {"lead": "sent", "owner": "unknown", "board": "waiting"}
    return [
        Delivery(recipient=who, report="daily", state=state, attempts=1, **days)
        for who, state in ends.items()
    ]


def contents(url):
    engine = create_engine(url)
    with engine.begin() as connection:
        tables = [name for name in sorted(inspect(connection).get_table_names()) if name != VERSION_TABLE]
        found = {
            name: sorted(map(str, connection.execute(text(f"select * from {name}")).all())) for name in tables
        }
    engine.dispose()
    found["cc_meta"] = [row for row in found["cc_meta"] if WRITER not in row]  # whoever folded last
    return found


def by_alembic(url, check):
    engine = create_engine(url)
    with engine.begin() as connection:
        result = check(connection)
    engine.dispose()
    return result


def test_the_steps_lead_to_exactly_the_tables_that_the_program_uses(url):
    Database.open(url).close()

    def differences(connection):
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True}
        )
        return [change for change in compare_metadata(context, metadata) if "comment" not in str(change[0])]

    assert by_alembic(url, differences) == []


def test_down_and_up_again_loses_nothing(url):
    """With rows in every table, and by every step on the way."""
    with Database.open(url) as database:
        database.seed(Config(queues=(Queue(name="support"),)), now_us=SECOND)
        database.apply(Config(), now_us=2 * SECOND)
        database.append(story())
        again = {"epoch": 7, "sequence": 90, "at_us": 90 * SECOND, "call": "c2", "caller": "abc"}
        database.append([r.CallOffered(node="fs1", queue="support", **again)])
        assert database.count_hours(now_us=LATER_US, at_most_s=60)
        Deliveries(database.transact, "courier").add(emails())
        before_records = [stored.load() for stored in database.read()]
    before = contents(url)
    assert set(before) == metadata.tables.keys()
    assert [name for name, rows in before.items() if not rows] == []

    for version in reversed(versions.versions()[:-1]):
        assert Database.migrate(url, version)
    kept = {"cc_meta", "cc_config", "cc_records", "cc_agents", "cc_report_emails"}
    assert set(contents(url)) == kept
    assert by_alembic(url, versions.found) == "0001"
    with Database.open(url) as database:
        assert [stored.load() for stored in database.read()] == before_records
        now = contents(url)
        assert {name: now[name] for name in now.keys() - COUNTED} == {
            name: before[name] for name in before.keys() - COUNTED
        }
        assert database.count_hours(now_us=LATER_US, at_most_s=60)
    assert contents(url) == before


def test_an_email_is_not_sent_twice_for_an_older_program_s_sake(url):
    """The list of what was sent is made of nothing else, so it outlives the way back and forth."""
    with Database.open(url) as database:
        Deliveries(database.transact, "courier").add(emails())
    for version in ("0004", "0001"):
        Database.migrate(url, version)
        with Database.open(url) as database:
            courier = Deliveries(database.transact, "another")
            assert [row.recipient for row in courier.ready(["lead", "owner", "board"], now_us=9)] == ["board"]
            assert set(courier.newest()) == {("lead", "daily"), ("owner", "daily"), ("board", "daily")}
            sent, doubtful, _due = emails()
            assert courier.request(sent, again=False, now_us=9).state == "sent"
            assert courier.request(doubtful, again=False, now_us=9).state == "unknown"


def test_all_the_way_down_leaves_nothing(url):
    Database.open(url).close()
    for version in reversed(versions.versions()[:-1]):
        assert Database.migrate(url, version)
        assert not Database.migrate(url, version)


def test_a_database_from_before_versions_were_written_down_is_taken_over(url):
    """As the first program left it: no version table, records with their whole body."""
    Database.open(url).close()
    Database.migrate(url, "0001")
    old_shape = metadata.tables["cc_meta"]

    def age(connection):
        connection.execute(text(f"drop table {VERSION_TABLE}"))
        for record in story():
            body = {**record.as_dict()}
            row = {
                "id": body.pop("id"), "at_us": record.at_us, "kind": body.pop("kind"),
                "call": getattr(record, "call", "") or None, "body": orjson.dumps(body),
            }  # fmt: skip
            connection.execute(text("insert into cc_records values (:id, :at_us, :kind, :call, :body)"), row)
        connection.execute(text("insert into cc_agents values ('1000', 'On Break', 20000000)"))
        connection.execute(insert(old_shape).values(key="config", value="kept"))

    by_alembic(url, age)
    with Database.open(url) as database:
        assert [stored.load() for stored in database.read()] == story()
        assert database.statuses() == {"1000": "On Break"}
    found = contents(url)
    assert len(found["cc_legs"]) == len(found["cc_calls"]) == 1
    assert found["cc_agent_slots"]
    assert any("kept" in row for row in found["cc_meta"])


def test_two_controllers_that_start_at_once_migrate_once(postgres):
    from concurrent.futures import ThreadPoolExecutor

    url = postgres.new_database()
    with ThreadPoolExecutor(4) as pool:
        for database in pool.map(Database.open, [url] * 4):
            database.close()

    assert by_alembic(url, versions.found) == versions.versions()[-1] == VERSION


def test_a_version_that_nobody_knows_is_named(url):
    Database.open(url).close()

    with pytest.raises(StoreError, match=r"no version 0815.*known: 0001, 0002"):
        Database.migrate(url, "0815")
