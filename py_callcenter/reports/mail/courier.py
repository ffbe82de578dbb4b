"""Sees to it that every report that is due is sent, and none twice.

What is due becomes a row in the database; a row is claimed, counted, worded and handed to the mail server.
What the server doesn't take is tried again, at longer and longer intervals, for a day. What may have arrived
is never tried again unless somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog

from py_callcenter.config import Mail, Recipient, ReportName, ServiceLevel
from py_callcenter.languages import language_named
from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.handed import Handed, HandedOver
from py_callcenter.reports.mail.letter import write
from py_callcenter.reports.mail.message import Key, compose
from py_callcenter.reports.mail.periods import Period, choose, due, due_us, last_due
from py_callcenter.reports.mail.smtp import Outcome, send
from py_callcenter.stats import moment
from py_callcenter.store import (
    UNANSWERED,
    Database,
    Deliveries,
    Delivery,
    DeliveryState,
    StoreError,
    Transact,
)

SECOND_US: Final = 1_000_000
BACK_OFF_S: Final = (60, 300, 900, *(3600 for _ in range(24)))
"""Pauses between attempts: about a day, then it is given up."""

OUTCOMES: Final = ("sent", "retried", "failed", "unknown")

_log = structlog.get_logger(__name__)


class Courier:
    """`turn` and `deliver` are for one thread, the other methods for any. All may block."""

    def __init__(
        self,
        mail: Mail,
        recipients: Sequence[Recipient],
        database: Callable[[], Database],
        transact: Transact,
        *,
        now_us: Callable[[], int],
        targets: Callable[[], Mapping[str, ServiceLevel]],
        stopping: Callable[[], bool] = lambda: False,
        state: Path | None = None,
    ) -> None:
        """`database`: where to count, raises `StoreError` while it is away; `transact`: how deliveries are
        written; `stopping`: whether to begin nothing more; `state`: the folder to note in what was sent.
        """
        self._mail = mail
        self._recipients = {recipient.name: recipient for recipient in recipients}
        self._database = database
        self._deliveries = Deliveries(transact, uuid4().hex)
        self._now_us = now_us
        self._targets = targets
        self._stopping = stopping
        self._unsettled: list[Callable[[], object]] = []
        self._handed = Handed(state)
        self.outcomes: dict[str, int] = dict.fromkeys(OUTCOMES, 0)
        """How attempts ended since this process started."""

    def turn(self) -> None:
        """Do what there is to do now. Raises `StoreError`; the next turn goes on from there."""
        while self._unsettled:
            self._unsettled[0]()
            del self._unsettled[0]
        self.outcomes["unknown"] += self._deliveries.expire(now_us=self._now_us())
        self._plan()
        for row in self._deliveries.ready(list(self._recipients), now_us=self._now_us()):
            if self._stopping():
                return
            self.deliver(row)

    def request(self, recipient: str, report: ReportName, day: date | None, *, again: bool) -> Delivery:
        """Have the next turn send a report of the period that `day` is in, by default the last that is over.

        Gives its row; one that isn't `waiting` isn't sent, see `Deliveries.request`. Raises `ReportError` for
        somebody who isn't configured and for a period that isn't over, and `StoreError`.
        """
        who = self._recipients.get(recipient)
        if who is None:
            known = ", ".join(self._recipients) or "nobody yet"
            raise ReportError(f"there is no recipient `{recipient[:64]}`", f"known: {known}")
        now_us = self._now_us()
        today = moment(now_us, ZoneInfo(who.zone)).date()
        period = choose(report, who.own_calendar, day, today)
        if period.last >= today:
            raise ReportError(
                f"that period isn't over: {period.first} to {period.last}",
                "it is sent once, when its days are over; `callcenter report preview` shows what there is",
            )
        row = _row(who, period, now_us, state="waiting")
        if again:
            self._handed.drop(row.key)
        else:
            row = self._known(row)
        return self._deliveries.request(row, again=again, now_us=now_us)

    def now(self, row: Delivery) -> Delivery:
        """A row as it is now. Raises `StoreError`."""
        return self._deliveries.again(row)

    def latest(self, limit: int) -> list[Delivery]:
        """What became of the last ones. Raises `StoreError`."""
        return self._deliveries.latest(limit)

    def _plan(self) -> None:
        """Rows for what fell due. Who is new begins with what falls due next."""
        newest, now_us = self._deliveries.newest(), self._now_us()
        rows: list[Delivery] = []
        for who in self._recipients.values():
            zone = ZoneInfo(who.zone)
            for report in who.reports:
                last = newest.get((who.name, report))
                if last is None:
                    before = last_due(report, who.own_calendar, zone, who.at_time, now_us)
                    rows.append(_row(who, before, now_us, state="skipped", reason="due before it was wanted"))
                    continue
                periods = due(report, who.own_calendar, zone, who.at_time, now_us)
                new = [period for period in periods if period.first.isoformat() > last]
                rows += [self._known(_row(who, period, now_us, state="waiting")) for period in new]
        self._deliveries.add(rows)

    def _known(self, row: Delivery) -> Delivery:
        """A row that is wanted; or that the database has lost, when it was handed over already."""
        handed = self._handed.get(row.key)
        return row if handed is None else replace(row, state=handed.state, reason=handed.reason)

    def deliver(self, row: Delivery) -> None:
        """Try to send one that is `ready`, unless another was quicker. Raises `StoreError`."""
        attempt = self._deliveries.claim(row, now_us=self._now_us())
        if attempt is None:
            return
        key = key_of(row)
        handed = self._handed.get(row.key)
        if handed is not None and row.changed_us <= handed.at_us:  # nobody has asked for it again since
            _log.warning("report_email_forgotten", delivery=key.id[:12], hint="the database lacked its end")
            self._deliveries.end(row, handed.state, now_us=self._now_us(), reason=handed.reason)
            return
        try:
            outcome = self._send(row, key)
        except (StoreError, ReportError) as error:
            # These come before anything is handed over.
            _log.warning("report_email_not_made", delivery=key.id[:12], reason=str(error))
            outcome = Outcome("later", "the report could not be made")
        self._end(row, key, outcome, attempt)

    def _send(self, row: Delivery, key: Key) -> Outcome:
        who = self._recipients[row.recipient]
        wish = Wish(
            period=key.period, zone=who.zone, queues=who.queues, agents=who.agents, formula=who.formula
        )
        facts = gather(self._database(), wish, self._targets(), now_us=self._now_us())
        message = compose(
            write(facts, language_named(who.language), who.own_calendar),
            key,
            sender=self._mail.sender,
            sender_name=self._mail.sender_name,
            address=who.address,
            now_us=self._now_us(),
        )
        return send(
            self._mail,
            message,
            who.address,
            begin=partial(self._begin, row),
        )

    def _begin(self, row: Delivery) -> bool:
        now_us = self._now_us()
        if not self._deliveries.begin(row, now_us=now_us):
            return False
        self._handed.add(row.key, HandedOver("unknown", UNANSWERED, now_us))
        return True

    def _end(self, row: Delivery, key: Key, outcome: Outcome, attempt: int) -> None:
        state: DeliveryState
        now_us, reason, next_us = self._now_us(), outcome.reason, None
        match outcome.state:
            case "sent":
                state, word = "sent", "sent"
            case "unknown":
                state, word = "unknown", "unknown"
            case "later" if attempt <= len(BACK_OFF_S):
                state, word = "waiting", "retried"
                next_us = now_us + BACK_OFF_S[attempt - 1] * SECOND_US
            case "later":
                state, word, reason = "failed", "failed", f"given up after {attempt} attempts: {reason}"
            case "refused":
                state, word = "failed", "failed"
        self.outcomes[word] += 1
        say = _log.info if word == "sent" else _log.warning
        say(
            f"report_email_{word}",
            delivery=key.id[:12],
            report=row.report,
            first=row.first,
            attempt=attempt,
            **({"reason": reason} if reason else {}),
        )
        if state in ("sent", "unknown"):
            self._handed.add(row.key, HandedOver(state, reason, now_us))
        else:
            self._handed.drop(row.key)
        settle: Callable[[], Any] = partial(
            self._deliveries.end, row, state, now_us=now_us, reason=reason, next_us=next_us
        )
        try:
            settle()
        except StoreError:
            # What is sent is never sent again, for it isn't `waiting`; it is only not yet known to be sent.
            self._unsettled.append(settle)
            raise


def shown(row: Delivery) -> dict[str, Any]:
    """A row as the API and the command line show it; moments are epoch seconds."""
    return {
        "id": key_of(row).id[:12],
        "recipient": row.recipient,
        "report": row.report,
        "first": row.first,
        "last": row.last,
        "state": row.state,
        "attempts": row.attempts,
        "due_at": row.due_us / SECOND_US,
        "changed_at": row.changed_us / SECOND_US,
        "next_at": row.next_us / SECOND_US if row.state == "waiting" else None,
        "reason": row.reason,
    }


def why_not(row: Mapping[str, Any]) -> tuple[str, str]:
    """Why a row isn't sent though somebody asked, and what to do."""
    what = f"the {row['report']} report of {row['first']} for {row['recipient']}"
    match row["state"]:
        case "sent":
            return f"{what} was sent already", "ask for it `again` to send it once more"
        case "unknown":
            return (
                f"{what} may have arrived: {row['reason']}",
                "ask the reader; send it `again` if it has not",
            )
        case _:
            return f"{what} is being sent at this moment", "look again in a minute"


def key_of(row: Delivery) -> Key:
    """What a row is about."""
    report: Any = row.report
    return Key(row.recipient, Period(report, date.fromisoformat(row.first), date.fromisoformat(row.last)))


def _row(who: Recipient, period: Period, now_us: int, *, state: str, reason: str = "") -> Delivery:
    return Delivery(
        recipient=who.name,
        report=period.report,
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        state=state,
        due_us=due_us(period, ZoneInfo(who.zone), who.at_time),
        next_us=now_us,
        changed_us=now_us,
        reason=reason,
    )
