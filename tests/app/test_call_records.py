"""What the database makes of the records: call records, agents' time; kept for a while, and forgotten."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pytest
from app.day import CALLERS, busy_day
from sim.world import KEY, START_US, World, agent, queue
from sqlalchemy import select

from py_callcenter.config import Config, Tier
from py_callcenter.engine import records as r
from py_callcenter.engine.identity import Sealer
from py_callcenter.engine.returning import SETTLE_US
from py_callcenter.reports import ask, build
from py_callcenter.stats import LOGGED_IN_STATES, fold_call, moment, zone_named
from py_callcenter.store import Database, Retention, StoreError
from py_callcenter.store.schema import agent_slots, calls, legs, records

pytestmark = pytest.mark.app

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND


@pytest.fixture(scope="module")
def morning():
    return busy_day(moments=700)


def all_rows(database, table):
    with database.reading() as connection:
        key = tuple(table.primary_key)
        return [row._asdict() for row in connection.execute(select(table).order_by(*key))]


def everything(database):
    return {table.name: all_rows(database, table) for table in (records, calls, legs, agent_slots)}


def filled(url, story, sizes=(100,)):
    database = Database.open(url)
    start, n = 0, 0
    while start < len(story):
        size = sizes[n % len(sizes)]
        database.append(story[start : start + size])
        start, n = start + size, n + 1
    return database


def test_every_queue_leg_has_one_row_and_every_leg_one_outcome(url, morning):
    with filled(url, morning.records) as database:
        found = all_rows(database, legs)

    entered = [record for record in morning.records if record.kind == "queue-entered"]
    ended = {"call-answered": "answered", "call-abandoned": "abandoned", "call-left": "overflowed"}
    assert len(found) == len(entered) > 150
    by_hand: dict[str, int] = {}
    for record in morning.records:
        if record.kind in ended:
            by_hand[ended[record.kind]] = by_hand.get(ended[record.kind], 0) + 1
    counted = {name: sum(row["outcome"] == name for row in found) for name in by_hand}
    assert counted == by_hand
    waiting = sum(row["outcome"] == "waiting" for row in found)
    assert len(found) == sum(counted.values()) + waiting
    assert waiting == sum(1 for call in morning.engine.view(morning.now_us).calls if call.phase != "talking")


def test_a_call_tells_its_wait_talk_and_who_hung_up(url, morning):
    with filled(url, morning.records) as database:
        by_call = {row["call"]: row for row in all_rows(database, calls)}

    talks = [record for record in morning.records if record.kind == "conversation-ended"]
    for talk in talks:
        row = by_call[talk.call]
        ended_by = "transfer" if talk.transferred else talk.ended_by
        assert (row["talk_us"], row["ended_by"], row["agent"]) == (talk.talk_us, ended_by, talk.agent)
        assert row["outcome"] == "answered"
    assert any(row["wrap_up_us"] == 5 * SECOND for row in by_call.values())
    assert any(row["missed"] for row in by_call.values())


def test_replaying_everything_in_other_batches_changes_nothing(url, morning):
    with filled(url, morning.records) as database:
        once = everything(database)
        rng = random.Random(3)
        for _ in range(3):
            start = rng.randrange(len(morning.records))
            database.append(morning.records[start : start + 900])
        assert everything(database) == once


def test_batches_of_any_size_come_to_the_same(postgres, tmp_path, morning):
    """On both databases: record by record, in one go, and in between."""
    some = morning.records[:600]
    with filled(postgres.new_database(), some, (600,)) as one:
        expected = everything(one)
    with filled(f"sqlite:///{tmp_path}/a.db", some, (1, 7, 50)) as other:
        assert everything(other) == expected


def test_a_batch_that_failed_is_no_time_of_agents(url, morning, monkeypatch):
    """The database goes away in the middle; the batch comes again and counts once."""
    from py_callcenter.store import folding

    with filled(f"{url}", morning.records[:500]) as database:
        real = folding.AgentFolding.fold

        def fails(self, *given):
            real(self, *given)
            raise StoreError("away")

        monkeypatch.setattr(folding.AgentFolding, "fold", fails)
        with pytest.raises(StoreError):
            database.append(morning.records[500:900])
        monkeypatch.undo()
        database.append(morning.records[500:900])
        retried = everything(database)
        times = all_rows(database, agent_slots)

    assert times
    assert retried["cc_records"] == sorted(
        retried["cc_records"], key=lambda row: (row["epoch"], row["sequence"], row["node"])
    )
    spent = sum(row[f"{state}_us"] for row in times for state in LOGGED_IN_STATES)
    assert spent <= 3 * (morning.records[899].at_us - START_US)


def test_an_agents_states_add_up_to_the_time_logged_in(url, morning):
    with filled(url, morning.records) as database:
        slots, lines = all_rows(database, agent_slots), database.agent_lines()

    for name, line in lines.items():
        spent = sum(row[f"{state}_us"] for row in slots if row["agent"] == name for state in LOGGED_IN_STATES)
        logged_in = logged_in_by_hand(morning.records, name, line.since_us)
        assert spent == logged_in > 0
        assert all(sum(row[f"{state}_us"] for state in LOGGED_IN_STATES) <= 15 * MINUTE for row in slots)


def logged_in_by_hand(story, name, until_us):
    """A walk over what changes. Who logs out in a conversation finishes it."""
    total, at_us, logged_in, talking = 0, 0, False, False
    for record in story:
        if getattr(record, "agent", "") != name or record.at_us > until_us:
            continue
        total += (logged_in or talking) * (record.at_us - at_us)
        at_us = record.at_us
        if record.kind == "agent-status":
            logged_in = record.status != "Logged Out"
        elif record.kind == "offer-ended" and record.outcome == "answered":
            talking = True
        elif record.kind == "conversation-ended":
            talking = False
    return total + (logged_in or talking) * (until_us - at_us)


def test_agents_time_is_what_the_core_says(url, morning):
    """Conversations by the quarters are the sums of the records; offers are counted by outcome."""
    with filled(url, morning.records) as database:
        slots, lines = all_rows(database, agent_slots), database.agent_lines()

    for outcome in ("answered", "busy", "no_answer", "withdrawn"):
        counted = sum(row[f"offers_{outcome}"] for row in slots)
        assert counted == sum(r.kind == "offer-ended" and r.outcome == outcome for r in morning.records)
    talks = [record for record in morning.records if record.kind == "conversation-ended"]
    in_calls = sum(row["in_a_queue_call_us"] for row in slots)
    assert in_calls == sum(talk.talk_us for talk in talks)
    assert {name: line.status for name, line in lines.items()} == {
        line.name: line.status for line in morning.engine.view(morning.now_us).agents
    }


def test_the_talk_after_an_attended_transfer_is_the_agents_and_no_queues(url):
    """A colleague asks in billing and connects the caller: billing's agent talks without any wait before."""
    world = World(
        Config(
            queues=(queue("support"), queue("billing")),
            agents=(agent("1000"), agent("2000", wrap_up_time=7)),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
        )
    )
    world.phone("1000")
    world.phone("2000")
    call = world.call()
    world.run(5)
    colleague = world.does(
        lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=4 * SECOND)
    )
    world.run(16)
    world.does(call.hang_up)
    world.run(20)
    talks = {(record.call, record.agent): record.talk_us for record in world.all("conversation-ended")}
    both_us = talks[colleague.uuid, "2000"] + talks[call.uuid, "2000"]
    day = str(moment(START_US, zone_named("UTC")).date())
    with filled(url, world.records, sizes=(3,)) as database:

        def report(what):
            return build(database, ask(what, first=day, size="all", now_us=world.now_us), {})

        for _ in ("from the rows", "from hours counted beforehand"):
            agents = {row["agent"]: row for row in report("agents").rows}
            assert agents["2000"]["talk_seconds"] == round(both_us / SECOND, 3)
            assert agents["2000"]["average_talk_seconds"] == round(both_us / 2 / SECOND, 3)
            assert agents["2000"]["answered"] == 1
            assert agents["2000"]["wrap_up_seconds"] == 7
            # The agent is in the call until their own phone is gone, some ticks after the caller has left.
            letting_go = agents["2000"]["state_in_a_queue_call_seconds"] - agents["2000"]["talk_seconds"]
            assert 0 <= letting_go <= SETTLE_US / SECOND
            queues = {row["queue"]: row for row in report("queues").rows}
            assert sorted(queues) == ["billing", "support"]
            assert queues["billing"]["offered"] == queues["billing"]["answered"] == 1
            assert queues["billing"]["talk_seconds"] == round(talks[colleague.uuid, "2000"] / SECOND, 3)
            assert report("calls").total["talk_seconds"] == round(sum(talks.values()) / SECOND, 3)
            assert database.arrivals([(START_US, world.now_us)]) == [{"support": 1, "billing": 1}]
            assert database.count_hours(now_us=world.now_us + DAY, at_most_s=60)


def test_records_come_back_in_their_order_as_the_engine_wrote_them(url, morning):
    with filled(url, morning.records) as database:
        assert [stored.load() for stored in database.read()] == morning.records
        of_agents = [stored.load() for stored in database.read(of_agents=True)]

    assert of_agents == [record for record in morning.records if getattr(record, "agent", "")]


def test_a_call_that_a_start_met_as_new_once_more_is_one_call(url, morning):
    """Of its first lines only one was left."""
    first = next(record for record in morning.records if record.kind == "call-offered")
    again = replace(first, epoch=first.epoch + 1, sequence=1, at_us=first.at_us + SECOND)
    entered = r.QueueEntered(
        node="fs1", epoch=again.epoch, sequence=2, at_us=again.at_us, call=first.call, queue=first.queue,
        leg=1, priority=0, position=1,
    )  # fmt: skip
    with filled(url, [first, again, entered]) as database:
        [row] = all_rows(database, calls)

    assert row["offered_us"] == first.at_us
    assert row["legs"] == 1


def test_old_records_go_and_call_records_stay_longer(url, morning):
    with filled(url, morning.records) as database:
        before = everything(database)
        end_us = morning.records[-1].at_us
        keep = Retention(records_days=10, calls_days=100)

        assert database.purge(keep, now_us=end_us + 9 * DAY) == 0
        assert database.purge(keep, now_us=end_us + 11 * DAY) == len(morning.records)
        assert {**everything(database), "cc_records": before["cc_records"]} == before
        assert database.purge(keep, now_us=end_us + 101 * DAY) > 0
        assert not any(everything(database).values())
        assert database.statuses()  # who is logged in outlives everything


def test_a_caller_is_forgotten_and_every_figure_stays(url, morning):
    caller = Sealer(KEY).caller(CALLERS[3])
    with filled(url, morning.records) as database:
        before = {row["call"]: row for row in all_rows(database, calls)}
        theirs = {name for name, row in before.items() if row["caller"] == caller}
        some = next(iter(theirs))
        recording = r.RecordingStarted(
            node="fs1", epoch=1, sequence=10**9, at_us=before[some]["offered_us"], call=some, agent="1000",
            path="/recordings/x.wav",
        )  # fmt: skip
        database.append([recording])

        erased = database.erase(caller)

        assert (erased.calls, erased.recordings) == (len(theirs), ("/recordings/x.wav",))
        after = {row["call"]: row for row in all_rows(database, calls)}
        assert {n: {**row, "caller": None} for n, row in before.items() if n in theirs} == {
            n: row for n, row in after.items() if n in theirs
        }
        assert {n: row for n, row in after.items() if n not in theirs} == {
            n: row for n, row in before.items() if n not in theirs
        }
        database.append([recording])  # a late replay brings nobody back
        assert not any(
            caller in str(row) or "/recordings" in str(row)
            for rows_ in everything(database).values()
            for row in rows_
        )
        assert database.erase(caller).calls == 0


def test_folding_is_the_same_in_python_and_from_the_database(url, morning):
    with filled(url, morning.records) as database:
        stored = {(row["call"], row["leg"]): row for row in all_rows(database, legs)}
        by_call: dict[str, list] = {}
        for record in morning.records:
            by_call.setdefault(getattr(record, "call", ""), []).append(record)
        for name, story in by_call.items():
            if name:
                for leg in fold_call(story)[1]:
                    assert {**asdict(leg), "caller": leg.caller or None} == stored[name, leg.leg]
