"""Records on their way: at once to the spool on disk, in batches to the database, by a thread each.

The hub puts things in and never waits, neither for the disk nor for the database. What can't be kept is
counted, never silently gone.

    hub → spooling's thread → spool (disk) → backlog → database's thread → database

Without a spool the backlog is filled directly. Records that pile up while the database is away stay on disk
only and are read again later; those that the disk refuses wait in memory, `max_pending` at most, and the
newest are dropped then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from py_callcenter.store.backlog import MAX_BATCH, Backlog, Task
from py_callcenter.store.errors import LostTransactionsError, RecordRefused, StoreError
from py_callcenter.store.record import RecordLike
from py_callcenter.store.spool import Position, Spool
from py_callcenter.store.spooling import Spooling

MAX_PENDING: Final = 200_000
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
LATE_S: Final = 10.0
"""So much later than it should a regular task is done though there are always records: on a busy site there
is no moment without any."""
HANGS_S: Final = 3.0
"""A database that doesn't answer for so long counts as away."""

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Books(Protocol):
    """What the writer needs of a database. `StoreError`: later again; `RecordRefused`: not these;
    `LostTransactionsError`: what was written lately first.
    """

    def append(self, batch: Sequence[RecordLike]) -> None: ...


@dataclass(slots=True)
class _Regular:
    seconds: float
    run: Task
    due_s: float = 0.0


class Writer:
    """`failing` says why nothing gets written, and is empty while all is well."""

    def __init__(
        self,
        database: Books,
        *,
        spool: Spool | None = None,
        max_pending: int = MAX_PENDING,
        every: Sequence[tuple[float, Task]] = (),
        after_loss: Task = lambda: None,
        at_end: Task = lambda: None,
    ) -> None:
        """`every`: seconds and tasks to be done that often, first soon; their failures are only logged.

        `after_loss` follows what is written again because the database had lost it; `StoreError` means again.

        `at_end` lets the database go, in its thread; that may be after `stop` when the database hangs.
        """
        self._database = database
        self._spool = spool
        self._every = [_Regular(seconds, task) for seconds, task in every]
        self._patience_s = min((seconds for seconds, _ in every), default=None)
        self._backlog = Backlog(spool, max_pending)
        self._again: Position | None = None
        """From where the spool is written once more, as the database lost what it had."""
        self._after_loss = after_loss
        self._lost = False
        """It did, and not everything is as it was."""
        self._at_end = at_end
        self._busy_since_s: float | None = None
        self._oldest_us: int | None = None
        self._threads = [threading.Thread(target=self._run, name="store-writer", daemon=True)]
        self._spooling = None
        if spool is not None:
            self._spooling = Spooling(spool, self._backlog, lambda: self.working)
            self._threads.append(self._spooling.thread)
        self.failures = 0
        """Attempts that failed."""
        self.failing = ""

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def pending(self) -> int:
        """Records (a task counts as one) taken and not yet in the database."""
        return self._backlog.pending

    @property
    def dropped(self) -> int:
        """Records that are gone."""
        return self._backlog.dropped

    @property
    def written(self) -> int:
        """Records (a task counts as one) that the database has got."""
        return self._backlog.written

    @property
    def oldest_us(self) -> int | None:
        """Moment of the oldest record that is on its way; None when none is."""
        return self._oldest_us

    @property
    def working(self) -> bool:
        """False while the database takes nothing, with an error or without an answer."""
        begun_s = self._busy_since_s
        return not self.failing and (begun_s is None or time.monotonic() - begun_s < HANGS_S)

    @property
    def spool_failing(self) -> str:
        """Why nothing gets into the spool, empty while all is well."""
        return "" if self._spooling is None else self._spooling.failing

    @property
    def position(self) -> Position:
        """Where in the spool the database is up to. For tasks, in the database's thread."""
        return self._backlog.position

    def put(self, batch: Sequence[RecordLike]) -> bool:
        """Take records. Never blocks; False when there was no room, and then they are counted as dropped."""
        if not batch:
            return True
        if not self._backlog.admit(len(batch)):
            return False
        if self._spooling is not None:
            self._spooling.put(batch)
        else:
            self._backlog.add(batch, self._backlog.position)
        return True

    def do(self, task: Task) -> None:
        """Run something else against the database, after what was put in before. `StoreError` means again."""
        self._backlog.admit_task()
        if self._spooling is not None:
            self._spooling.put(task)
        else:
            self._backlog.add_task(task, self._backlog.position)

    def ask(self, task: Callable[[], T]) -> Future[T]:
        """Run something once, after what was put in before; its result or its `StoreError` comes back.

        Who no longer wants it may cancel it until it has begun.
        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = task()
            except StoreError as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.do(run)
        return future

    def kept(self) -> Future[bool]:
        """Comes when what was put in before is where a killed process doesn't take it along; False: the disk
        refuses it. Without a spool that is the database.
        """
        if self._spooling is None:
            return self.ask(lambda: True)
        future: Future[bool] = Future()
        self._spooling.put(future)
        return future

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything taken so far is written; False when time ran out."""
        return self._backlog.flush(timeout_seconds)

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what is there, then end. What the database refuses now stays in the spool, or is dropped."""
        self._backlog.close()
        if self._spooling is not None:
            self._spooling.put(None)
        else:
            self._backlog.add_end()
        deadline_s = time.monotonic() + timeout_seconds
        for thread in reversed(self._threads):
            thread.join(max(0.0, deadline_s - time.monotonic()))

    # The database's thread.

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._at_end()

    def _serve(self) -> None:
        for regular in self._every:
            regular.due_s = time.monotonic()
        backlog = self._backlog
        while not backlog.ended:
            records, end, held = backlog.next_records()
            if records:
                if not self._write(records, end, held) and self._spool is not None:
                    return  # stopping; the next run reads them from the spool
                self._do_regularly(late_s=LATE_S)
                continue
            if not backlog.at_hand:
                self._oldest_us = None
            task = backlog.next_task(self._patience_s)
            if task is not None:
                self._try(task, 1)
            self._do_regularly()

    def _write(self, records: list[RecordLike], end: Position, held: int) -> bool:
        self._oldest_us = records[0].at_us
        done = self._try(partial(self._append_all, records), len(records))
        self._backlog.let_go(held)
        if done:
            self._backlog.reached(end)
        return done

    def _append_all(self, records: Sequence[RecordLike]) -> None:
        try:
            self._write_again()
            self._append_some(records)
            if self._lost:
                self._after_loss()
                self._lost = False
        except LostTransactionsError as error:
            _log.error(
                "database_lost_transactions",
                reason=str(error),
                hint="a server that lacked them has taken over; what is still on this disk (the last"
                " minute at least) is written again",
            )
            self._lost = True
            self._again = None if self._spool is None else self._spool.kept_from
            self._append_all(records)

    def _write_again(self) -> None:
        """All that is still on disk and was written: what the database has changes nothing there."""
        while self._spool is not None and self._again is not None:
            records, end = self._spool.read(self._again, self._backlog.position, MAX_BATCH)
            if records:
                self._append_some(records)
            self._again = end if end < self._backlog.position else None

    def _append_some(self, records: Sequence[RecordLike]) -> None:
        """All of them, but for one that the database will never take: the others must not wait behind it."""
        try:
            self._database.append(records)
        except RecordRefused as error:
            if len(records) == 1:
                self._backlog.refused()
                _log.error("record_refused", record=records[0].id, kind=records[0].kind, reason=str(error))
                return
            half = len(records) // 2
            self._append_some(records[:half])
            self._append_some(records[half:])

    def _do_regularly(self, *, late_s: float = 0.0) -> None:
        for regular in self._every:
            if self._backlog.closing.is_set() or time.monotonic() < regular.due_s + late_s:
                continue
            regular.due_s = time.monotonic() + regular.seconds
            try:
                regular.run()
            except StoreError as error:
                _log.warning("housekeeping_failed", reason=str(error))

    def _try(self, task: Task, count: int) -> bool:
        """Until it works; once stopping, twice more at most."""
        tries = 0
        while True:
            if self._busy_since_s is None:
                self._busy_since_s = time.monotonic()
            try:
                task()
            except StoreError as error:
                first, self.failing = not self.failing, str(error)
                self.failures += 1
                if first:
                    _log.error(
                        "database_failing",
                        reason=self.failing,
                        hint="calls go on; records are kept until it is back",
                    )
                if self._backlog.closing.is_set() and tries > 0:
                    self._backlog.done(count, lost=True)
                    return False
                self._backlog.closing.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
            else:
                if self.failing:
                    _log.info("database_works_again", pending=self.pending)
                self.failing = ""
                self._busy_since_s = None
                self._backlog.done(count, lost=False)
                return True
