"""Each report that is due arrives once: whatever the mail server, the database or a crash does meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime, timedelta

import pytest
from app.day import busy_day
from app.mail_server import MailServer
from sqlalchemy import delete, select, update
from structlog.testing import capture_logs

from py_callcenter.config import Mail, Recipient, ServiceLevel
from py_callcenter.reports import ReportError
from py_callcenter.reports.mail import handed
from py_callcenter.reports.mail.courier import BACK_OFF_S, Courier
from py_callcenter.store import Database, Deliveries, Retention, Store, StoreError
from py_callcenter.store.deliveries import CLAIM_US, SENDING_US
from py_callcenter.store.schema import report_emails

pytestmark = [pytest.mark.app, pytest.mark.timeout(180)]

SECOND = 1_000_000
MORNING = datetime(2026, 11, 21, 7, tzinfo=UTC)
"""A Saturday, after everything that is due was due."""


class Clock:
    def __init__(self, at=MORNING):
        self.at = at

    def us(self):
        return round(self.at.timestamp() * SECOND)

    def on(self, **more):
        self.at += timedelta(**more)


class Office:
    """One database, one mail server, one clock; as many controllers as wanted."""

    def __init__(self, database, server, state):
        self.database = database
        self.server = server
        self.state = state
        """The controller's folder on its own disk."""
        self.clock = Clock()
        self.transact = database.transact
        self.broken = False
        """Whether deliveries can't be written."""

    def courier(self, *recipients):
        mail = Mail(host="127.0.0.1", port=self.server.port, security="none", sender="acd@example.org")
        return Courier(
            mail, recipients, lambda: self.database, self._transact, now_us=self.clock.us,
            targets=lambda: {"support": ServiceLevel()}, state=self.state,
        )  # fmt: skip

    def _transact(self, work):
        if self.broken:
            raise StoreError("the database is away")
        return self.transact(work)

    def rows(self):
        """State by report and first day."""
        with self.database.reading() as connection:
            found = connection.execute(select(report_emails)).all()
        return {(row.recipient, row.report, row.first): row for row in found}

    def states(self):
        return {(report, first): row.state for (_, report, first), row in self.rows().items()}

    def arrived(self):
        return [message["Subject"] for message in self.server.messages]


@pytest.fixture
def office(url, tmp_path):
    server = MailServer()
    with Database.open(url) as database:
        yield Office(database, server, tmp_path)
    server.stop()


def boss(**more):
    return Recipient(**{"name": "boss", "address": "boss@example.org", **more})


def settled(office, *recipients):
    """A courier that has been there for a day, so that what falls due next is sent."""
    courier = office.courier(*(recipients or (boss(),)))
    courier.turn()
    office.clock.on(days=1)
    return courier


def test_who_is_new_gets_no_report_of_the_past_and_then_each_once(office):
    courier = office.courier(boss(reports=("daily", "weekly", "monthly")))
    courier.turn()

    assert office.arrived() == []
    assert set(office.states().values()) == {"skipped"}

    for _ in range(10 * 24):  # ten days by the hour
        office.clock.on(hours=1)
        courier.turn()

    days = [
        f"Daily report: {datetime(2026, 11, day, tzinfo=UTC):%A, %B} {day}, 2026" for day in range(21, 31)
    ]
    assert office.arrived() == [
        *days[:2], "Weekly report: Nov 16\u2009–\u200922, 2026", *days[2:9],
        "Weekly report: Nov 23\u2009–\u200929, 2026", *days[9:], "Monthly report: November 2026",
    ]  # fmt: skip


def test_two_controllers_send_one(office):
    """Both see at the same moment that it is due."""
    office.courier(boss()).turn()
    office.clock.on(days=1)
    couriers = [office.courier(boss()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(courier.turn) for courier in couriers]:
            done.result()

    for courier in couriers:
        courier.turn()
    assert len(office.server.got) == 1
    assert sum(courier.outcomes["sent"] for courier in couriers) == 1


def test_of_two_who_see_the_same_one_claims_it(office):
    courier = settled(office)
    courier._plan()
    one, two = Deliveries(office.database.transact, "one"), Deliveries(office.database.transact, "two")
    now_us = office.clock.us()
    (row,) = one.ready(["boss"], now_us=now_us)
    assert two.ready(["boss"], now_us=now_us) == [row]

    assert one.claim(row, now_us=now_us) == 1
    assert two.claim(row, now_us=now_us) is None
    assert not two.begin(row, now_us=now_us)
    assert not two.end(row, "sent", now_us=now_us)

    # The first one is stuck, its claim expires, the second takes it: then the first may not go on.
    later_us = now_us + CLAIM_US
    assert two.claim(row, now_us=later_us) == 2
    assert not one.begin(row, now_us=later_us)
    assert not one.end(row, "waiting", now_us=later_us)
    assert two.begin(row, now_us=later_us)
    assert one.claim(row, now_us=later_us + 10 * CLAIM_US) is None  # handed over: nobody's any more


def test_what_fell_due_while_nobody_ran_is_sent_once_and_what_is_too_old_is_not(office):
    settled(office)
    office.clock.on(days=20)
    for _ in range(3):
        office.courier(boss()).turn()

    assert office.arrived() == [
        "Daily report: Wednesday, December 9, 2026",
        "Daily report: Thursday, December 10, 2026",
        "Daily report: Friday, December 11, 2026",
    ]


@pytest.mark.parametrize("step", ["rcpt", "end"])
def test_what_is_not_taken_now_is_tried_again_later_and_later(office, step):
    office.server.script[step] = ["451 4.7.1 greylisted", "451 4.7.1 greylisted"]
    courier = settled(office)
    courier.turn()

    for pause_s in BACK_OFF_S[:2]:
        assert office.states()["daily", "2026-11-21"] == "waiting"
        office.clock.on(seconds=pause_s - 1)
        courier.turn()
        assert office.server.got == []
        office.clock.on(seconds=1)
        courier.turn()

    row = office.rows()["boss", "daily", "2026-11-21"]
    assert (row.state, row.attempts, len(office.server.got)) == ("sent", 3, 1)
    assert courier.outcomes == {"sent": 1, "retried": 2, "failed": 0, "unknown": 0}


def test_after_a_day_of_refusals_it_is_given_up(office):
    courier = settled(office)
    office.server.stop()
    courier.turn()
    for pause_s in BACK_OFF_S:
        office.clock.on(seconds=pause_s)
        courier.turn()

    row = office.rows()["boss", "daily", "2026-11-21"]
    assert (row.state, row.attempts) == ("failed", len(BACK_OFF_S) + 1)
    assert row.reason.startswith("given up after 28 attempts: the mail server can't be reached")
    assert timedelta(hours=23) < timedelta(seconds=sum(BACK_OFF_S)) < timedelta(hours=26)


def test_a_recipient_who_does_not_exist_is_not_tried_again(office):
    office.server.script["rcpt"] = ["550 5.1.1 <boss@example.org>: no such user"]
    courier = settled(office)
    courier.turn()
    office.clock.on(hours=2)
    courier.turn()

    row = office.rows()["boss", "daily", "2026-11-21"]
    assert (row.state, row.reason) == ("failed", "the server refuses the recipient (550 5.1.1)")
    assert office.server.got == []
    assert courier.outcomes["failed"] == 1


def test_what_may_have_arrived_is_sent_again_only_when_somebody_asks(office):
    """The server took the message and broke off before it said so."""
    office.server.script["end"] = ["silent"]
    courier = settled(office)
    courier.turn()
    office.clock.on(hours=3)
    courier.turn()
    office.courier(boss()).turn()

    assert office.states()["daily", "2026-11-21"] == "unknown"
    assert len(office.server.got) == 1
    day = datetime(2026, 11, 21, tzinfo=UTC).date()
    assert courier.request("boss", "daily", day, again=False).state == "unknown"
    courier.turn()
    assert len(office.server.got) == 1

    assert courier.request("boss", "daily", day, again=True).state == "waiting"
    courier.turn()
    assert office.states()["daily", "2026-11-21"] == "sent"
    first, second = office.server.messages
    assert first["Message-ID"] == second["Message-ID"]  # so the reader's program can tell


def test_a_controller_that_dies_before_it_hands_over_is_taken_over(office):
    courier = settled(office)
    dead = Deliveries(office.database.transact, "dead")
    courier._plan()
    (row,) = dead.ready(["boss"], now_us=office.clock.us())
    assert dead.claim(row, now_us=office.clock.us()) == 1

    courier.turn()
    assert office.server.got == []  # it may be at it
    office.clock.on(microseconds=CLAIM_US)
    courier.turn()
    assert office.states()["daily", "2026-11-21"] == "sent"
    assert len(office.server.got) == 1
    assert not dead.begin(row, now_us=office.clock.us())  # and if it was only slow, it sends nothing
    assert not dead.end(row, "waiting", now_us=office.clock.us())


def test_a_controller_that_dies_while_it_hands_over_leaves_a_doubt_and_no_second_copy(office):
    courier = settled(office)
    dead = Deliveries(office.database.transact, "dead")
    courier._plan()
    (row,) = dead.ready(["boss"], now_us=office.clock.us())
    dead.claim(row, now_us=office.clock.us())
    assert dead.begin(row, now_us=office.clock.us())

    office.clock.on(microseconds=SENDING_US - 1)
    courier.turn()
    assert office.states()["daily", "2026-11-21"] == "sending"
    office.clock.on(microseconds=1)
    courier.turn()
    office.clock.on(hours=20)
    courier.turn()
    row = office.rows()["boss", "daily", "2026-11-21"]
    assert row.state == "unknown"
    assert "may have arrived" in row.reason
    assert office.server.got == []
    assert courier.outcomes["unknown"] == 1


def test_a_database_that_fails_after_the_server_took_it_costs_no_second_copy(office):
    courier = settled(office)
    office.server.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(courier.turn)
        assert office.server.entered.wait(45)
        office.broken = True
        office.server.go_on.set()
        with pytest.raises(StoreError):
            turn.result()
    assert office.states()["daily", "2026-11-21"] == "sending"

    office.broken = False
    office.clock.on(minutes=5)
    courier.turn()
    assert office.states()["daily", "2026-11-21"] == "sent"
    assert len(office.server.got) == 1


def forget(office, what):
    """F35: another database server takes over and lacks the last transactions."""
    before = office.rows()["boss", "daily", "2026-11-21"]
    mine = report_emails.c.first == "2026-11-21"
    as_planned = {"state": "waiting", "attempts": 0, "owner": "", "next_us": before.due_us}
    lost = delete(report_emails) if what == "the whole row" else update(report_emails).values(**as_planned)
    office.transact(lambda connection: connection.execute(lost.where(mine)))
    office.clock.on(minutes=5)
    return before


@pytest.mark.parametrize("asked", ["nobody asks", "somebody asks for it"])
@pytest.mark.parametrize("then", ["it goes on", "it is started anew"])
@pytest.mark.parametrize("lost", ["its end", "the whole row"])
@pytest.mark.parametrize("end", ["sent", "unknown"])
def test_a_database_that_forgets_what_was_sent_costs_no_second_copy(office, end, lost, then, asked):
    if end == "unknown":
        office.server.script["end"] = ["silent"]
    courier = settled(office)
    courier.turn()
    before = forget(office, lost)
    assert (before.state, len(office.server.got)) == (end, 1)
    day = datetime(2026, 11, 21, tzinfo=UTC).date()
    if then == "it is started anew":
        courier = office.courier(boss())
    if asked == "somebody asks for it":
        assert courier.request("boss", "daily", day, again=False).state == end
    courier.turn()

    after = office.rows()["boss", "daily", "2026-11-21"]
    assert (after.state, after.reason, len(office.server.got)) == (end, before.reason, 1)
    assert courier.request("boss", "daily", day, again=True).state == "waiting"
    courier.turn()
    assert len(office.server.got) == 2, "who asks for it again gets it"
    assert office.courier(boss()).request("boss", "daily", day, again=False).state == "sent"


def test_a_controller_that_dies_in_the_middle_of_a_message_costs_no_second_copy_either(office):
    """The database has lost that it was being handed over."""
    courier = settled(office)
    office.server.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(courier.turn)
        assert office.server.entered.wait(45)
        forget(office, "its end")
        office.courier(boss()).turn()
        office.server.go_on.set()
        turn.result()

    row = office.rows()["boss", "daily", "2026-11-21"]
    assert (row.state, len(office.server.got)) == ("unknown", 1)
    assert "may have arrived" in row.reason


def test_what_the_server_did_not_take_is_sent_by_the_next_controller(office):
    """Nothing of the first attempt is held against it."""
    office.server.script["end"] = ["451 later"]
    settled(office).turn()
    assert office.server.got == []
    office.clock.on(minutes=5)
    office.courier(boss()).turn()

    assert office.states()["daily", "2026-11-21"] == "sent"
    assert len(office.server.got) == 1


@pytest.mark.parametrize(
    ("rest", "said"),
    [(b'["boss","daily","20', []), (b"what is this?\n", ["reports_sent_unreadable"])],
    ids=["torn", "something else"],
)
def test_a_note_of_what_was_sent_that_is_torn_or_spoilt_stops_nothing(office, rest, said):
    settled(office).turn()
    with (office.state / "mailed").open("ab") as file:
        file.write(rest)
    office.clock.on(days=1)
    with capture_logs() as logs:
        office.courier(boss()).turn()
        office.courier(boss()).turn()

    assert len(office.server.got) == 2
    assert [line["event"] for line in logs if line["log_level"] == "error"] == said
    forget(office, "the whole row")
    office.courier(boss()).turn()
    assert len(office.server.got) == 2, "what was noted before still counts"


def test_a_disk_that_takes_no_note_of_what_was_sent_is_told_and_stops_nothing(office):
    office.state = office.state / "nowhere"
    with capture_logs() as logs:
        settled(office).turn()
    assert len(office.server.got) == 1
    assert "report_email_not_noted" in {line["event"] for line in logs}


def test_the_note_of_what_was_sent_stays_small(tmp_path, monkeypatch):
    monkeypatch.setattr(handed, "KEPT", 3)
    note = handed.Handed(tmp_path)
    for day in range(20):
        note.add(("boss", "daily", f"2026-11-{day:02}"), handed.HandedOver("sent", "", day))
    again = handed.Handed(tmp_path)

    assert [again.get(("boss", "daily", f"2026-11-{day}")) is not None for day in (16, 17, 18, 19)] == [
        False, True, True, True
    ]  # fmt: skip
    assert (tmp_path / "mailed").read_bytes().count(b"\n") == 3


def test_a_database_that_fails_before_leaves_everything_to_be_done(office):
    courier = settled(office)
    office.broken = True
    with pytest.raises(StoreError):
        courier.turn()
    office.broken = False
    courier.turn()

    assert len(office.server.got) == 1


def test_no_report_is_sent_before_the_database_has_the_calls_of_its_days(url, tmp_path, office, monkeypatch):
    """It was away in the night; what was kept on disk gets into it before anything is counted."""
    day = busy_day(moments=40, closes=True, start_us=office.clock.us() + 3600 * SECOND)
    came = sum(record.kind == "call-offered" for record in day.records)
    store = Store.open(url, state=tmp_path)
    office.database, office.transact = store.database, store.transact
    courier = settled(office)
    taken, go_on = threading.Event(), threading.Event()
    append = Database.append

    def slowly(database, batch):
        taken.set()
        assert go_on.wait(30)
        append(database, batch)

    monkeypatch.setattr(Database, "append", slowly)
    store.put(day.records)
    assert taken.wait(30)
    with ThreadPoolExecutor(1) as pool:
        turn = pool.submit(courier.turn)
        with pytest.raises(NotYet):
            turn.result(0.5)
        assert office.server.got == []
        go_on.set()
        turn.result(30)
    store.close()

    (message,) = office.server.messages
    text = message.get_body(("plain",)).get_content()
    assert came > 10
    assert f"  Offered: {came}\n" in text.replace("\r\n", "\n")


def test_each_reader_has_language_calendar_and_hour(office):
    team = [
        boss(reports=("monthly",), language="fa", zone="Asia/Tehran", at="07:30", name="modir"),
        boss(reports=("daily",), language="uk", zone="Europe/Kyiv", at="08:00", name="kerivnyk"),
    ]
    courier = office.courier(*team)
    courier.turn()
    office.clock.at = datetime(2026, 11, 22, 3, 59, tzinfo=UTC)  # 07:29 in Tehran, 05:59 in Kyiv
    courier.turn()
    assert office.arrived() == []
    office.clock.on(minutes=1)
    courier.turn()
    assert office.arrived() == ["گزارش ماهانه: آبان ۱۴۰۵"]
    office.clock.at = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    courier.turn()
    assert office.arrived()[1:] == ["Щоденний звіт: субота, 21 листопада 2026\u202fр."]


@pytest.mark.parametrize("begin", [datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
def test_days_on_which_the_clocks_change_are_reported_once_as_all_others(office, begin):
    """At half past two, which doesn't come in spring and comes twice in autumn."""
    courier = office.courier(boss(zone="Europe/Berlin", at="02:30"))
    office.clock.at = begin
    for _ in range(5 * 24):
        courier.turn()
        office.clock.on(hours=1)

    days = [begin + timedelta(days=n) for n in range(-1, 4)]
    assert office.arrived() == [f"Daily report: {day:%A, %B} {day.day}, 2026" for day in days]


def test_neither_database_nor_log_holds_an_address(office):
    office.server.script["rcpt"] = [None, "550 5.1.1 <boss@example.org> no such user"]
    with capture_logs() as logs:
        courier = settled(office, boss(), boss(name="other"))
        courier.turn()

    assert {entry["event"] for entry in logs} == {"report_email_sent", "report_email_failed"}
    assert "@" not in str(logs) + str(office.rows())
    assert "boss" not in str(logs)


def test_who_left_the_configuration_gets_nothing_more(office):
    office.server.script["rcpt"] = ["451 later"]
    settled(office).turn()
    office.clock.on(hours=1)
    office.courier(boss(name="successor")).turn()
    office.clock.on(days=8)
    office.courier(boss(name="successor")).turn()

    assert office.rows()["boss", "daily", "2026-11-21"].state == "failed"
    assert all("boss" not in str(message["Message-ID"]) for message in office.server.messages)


def test_what_can_not_be_sent_is_refused_with_words(office):
    courier = settled(office)

    with pytest.raises(ReportError, match="no recipient `bos`"):
        courier.request("bos", "daily", None, again=False)
    with pytest.raises(ReportError, match="isn't over: 2026-11-16 to 2026-11-22"):
        courier.request("boss", "weekly", office.clock.at.date(), again=False)
    with pytest.raises(ReportError, match="is in the future"):
        courier.request("boss", "daily", office.clock.at.date() + timedelta(days=30), again=True)


def test_old_rows_go_with_the_call_records(office):
    settled(office).turn()
    gone = office.database.purge(Retention(2, 30), now_us=office.clock.us() + 28 * 86_400 * SECOND)
    assert (gone, len(office.rows())) == (0, 2)
    office.database.purge(Retention(2, 30), now_us=office.clock.us() + 32 * 86_400 * SECOND)
    assert office.rows() == {}
