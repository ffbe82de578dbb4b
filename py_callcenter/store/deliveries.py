"""Reports by e-mail: which were sent, and who is at it; so each is sent once, by one of several controllers.

A row goes `waiting` → `claimed` → `sending` → `sent`. It is claimed before anything is said to the mail
server and marked `sending` before the message is handed over, each in a transaction of its own. So a crash
leaves one doubt only: what was `sending` may have arrived. That becomes `unknown`, and nobody sends it again
unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

from sqlalchemy import Connection, func, select, tuple_, update

from py_callcenter.store.rows import insert_or_leave
from py_callcenter.store.schema import report_emails as table

DeliveryState = Literal["waiting", "claimed", "sending", "sent", "unknown", "failed", "skipped"]

MINUTE_US: Final = 60_000_000
CLAIM_US: Final = 15 * MINUTE_US
"""Longer than it takes to count, to connect and to log in; then the claim is anybody's."""
SENDING_US: Final = 20 * MINUTE_US
"""Longer than a server may take to answer (RFC 5321 §4.5.3.2: 10 minutes); then nobody knows."""
FORGOTTEN_US: Final = 7 * 24 * 60 * MINUTE_US
"""What nobody tried to send for so long is not wanted any more: a recipient who left the configuration."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Transact(Protocol):
    """Runs work in one transaction that writes; raises `StoreError`."""

    def __call__(self, work: Callable[[Connection], T], /) -> T: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One report of one period for one recipient. `first`, `last`: its days, as 2026-11-21."""

    recipient: str
    report: str
    first: str
    last: str
    state: str = "waiting"
    attempts: int = 0
    owner: str = ""
    due_us: int
    next_us: int
    """Waiting: when it is tried next. Claimed or sending: until when that holds."""
    changed_us: int
    reason: str = ""
    """Why it isn't sent, without anybody's address."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.recipient, self.report, self.first


class Deliveries:
    """All methods raise `StoreError`. `owner`: who claims, another one for each process."""

    def __init__(self, transact: Transact, owner: str) -> None:
        self._transact = transact
        self._owner = owner

    def newest(self) -> dict[tuple[str, str], str]:
        """By recipient and report: the first day of the last period that there is a row of."""
        query = select(table.c.recipient, table.c.report, func.max(table.c.first)).group_by(
            table.c.recipient, table.c.report
        )
        return self._transact(
            lambda connection: {(row[0], row[1]): str(row[2]) for row in connection.execute(query)}
        )

    def add(self, rows: Sequence[Delivery]) -> None:
        """Rows that aren't there yet; others stay as they are."""
        values = [_values(row) for row in rows]
        if values:
            self._transact(lambda connection: insert_or_leave(connection, table, values))

    def request(self, row: Delivery, *, again: bool, now_us: int) -> Delivery:
        """Have something sent now that is `waiting`, `skipped`, `failed` or not there; with `again` also what
        is `sent` or `unknown`. Gives the row as it is then: not `waiting` means that nothing is sent for it.
        A row that comes as `sent` or `unknown` is what the database has lost, and is put right.
        """
        states = ["waiting", "skipped", "failed", *(("sent", "unknown") if again else ())]

        def work(connection: Connection) -> Delivery:
            insert_or_leave(connection, table, [_values(row)])
            connection.execute(
                update(table)
                .where(_is(row.key), table.c.state.in_(states))
                .values(
                    state=row.state,
                    attempts=0,
                    next_us=now_us,
                    changed_us=now_us,
                    reason=row.reason,
                    owner="",
                )
            )
            return _delivery(connection.execute(select(table).where(_is(row.key))).one())

        return self._transact(work)

    def ready(self, recipients: Sequence[str], *, now_us: int) -> list[Delivery]:
        """What could be claimed now, oldest first."""
        query = (
            select(table)
            .where(table.c.recipient.in_(recipients), _claimable(now_us))
            .order_by(table.c.due_us, table.c.recipient, table.c.report)
        )
        return self._transact(lambda connection: [_delivery(row) for row in connection.execute(query)])

    def claim(self, row: Delivery, *, now_us: int) -> int | None:
        """Take one for oneself: the number of this attempt, or None when another was quicker."""
        statement = (
            update(table)
            .where(_is(row.key), _claimable(now_us))
            .values(
                state="claimed",
                owner=self._owner,
                attempts=table.c.attempts + 1,
                next_us=now_us + CLAIM_US,
                changed_us=now_us,
            )
        )

        def work(connection: Connection) -> int | None:
            if connection.execute(statement).rowcount != 1:
                return None
            return int(connection.execute(select(table.c.attempts).where(_is(row.key))).scalar_one())

        return self._transact(work)

    def begin(self, row: Delivery, *, now_us: int) -> bool:
        """The message is handed over next. False when the claim is lost: then nothing may be sent."""
        values = {"state": "sending", "next_us": now_us + SENDING_US, "changed_us": now_us}
        return self._update(row, ("claimed",), values)

    def end(
        self,
        row: Delivery,
        state: DeliveryState,
        *,
        now_us: int,
        reason: str = "",
        next_us: int | None = None,
    ) -> bool:
        """What came of it. `unknown` is overruled by who knows better."""
        values = {"state": state, "reason": reason, "changed_us": now_us, "next_us": next_us or now_us}
        return self._update(row, ("claimed", "sending", "unknown"), values)

    def expire(self, *, now_us: int) -> int:
        """Settle what nobody will settle any more; how many became `unknown`."""
        lost = (
            update(table)
            .where(table.c.state == "sending", table.c.next_us <= now_us)
            .values(state="unknown", changed_us=now_us, reason=UNANSWERED)
        )
        forgotten = (
            update(table)
            .where(table.c.state == "waiting", table.c.next_us <= now_us - FORGOTTEN_US)
            .values(state="failed", changed_us=now_us, reason="nobody tried to send it for a week")
        )

        def work(connection: Connection) -> int:
            connection.execute(forgotten)
            return int(connection.execute(lost).rowcount)

        return self._transact(work)

    def again(self, row: Delivery) -> Delivery:
        """A row as it is now."""
        query = select(table).where(_is(row.key))
        return self._transact(lambda connection: _delivery(connection.execute(query).one()))

    def latest(self, limit: int) -> list[Delivery]:
        """What changed last, newest first."""
        query = (
            select(table)
            .order_by(table.c.changed_us.desc(), table.c.due_us.desc(), table.c.recipient, table.c.report)
            .limit(limit)
        )
        return self._transact(lambda connection: [_delivery(row) for row in connection.execute(query)])

    def _update(self, row: Delivery, states: Sequence[str], values: dict[str, Any]) -> bool:
        statement = (
            update(table)
            .where(_is(row.key), table.c.owner == self._owner, table.c.state.in_(states))
            .values(**values)
        )
        return self._transact(lambda connection: connection.execute(statement).rowcount == 1)


UNANSWERED: Final = "the controller ended while the server had not answered; it may have arrived"


def _is(key: tuple[str, str, str]) -> Any:
    return tuple_(table.c.recipient, table.c.report, table.c.first) == tuple_(*key)


def _claimable(now_us: int) -> Any:
    return table.c.state.in_(("waiting", "claimed")) & (table.c.next_us <= now_us)


def _values(row: Delivery) -> dict[str, Any]:
    return {name: getattr(row, name) for name in table.c.keys()}  # noqa: SIM118 - a collection of columns


def _delivery(row: Any) -> Delivery:
    return Delivery(**row._asdict())
