"""Records on their way: at once to the spool on disk, in batches to the database, by a thread each.

The hub puts things in and never waits, neither for the disk nor for the database. What can't be kept is
counted, never silently gone.

    hub → inbox → spool's thread → spool (disk) → queue → database's thread → database

Without a spool the queue is filled directly. Records that pile up while the database is away stay on disk
only and are read again later; those that the disk refuses wait in memory, `max_pending` at most, and the
newest are dropped then.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from py_callcenter.store.errors import LostTransactionsError, RecordRefused, SpoolError, StoreError
from py_callcenter.store.record import RecordLike
from py_callcenter.store.spool import Position, Spool, encode

MAX_PENDING: Final = 200_000
IN_MEMORY: Final = 10_000
"""Records that are on disk and wait in memory too, so that they needn't be read again."""
MAX_BATCH: Final = 2_000
GATHER_SECONDS: Final = 0.5
"""Records come in ones and twos, and each transaction reads the call again: one for many costs a tenth. They
are on disk already, and nobody waits: whoever does hurries us."""
GATHER_UNSAFE_SECONDS: Final = 0.1
"""The same for records that are in memory only."""
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
PAUSE_S: Final = 0.002
"""Between two writes to the spool: as much can be lost at the most when the process is killed."""
SYNC_S: Final = 1.0
"""How often the disk is told to write for good what only the spool has: as much a power cut may take."""
REFUSED_S: Final = 1.0
"""So long the disk is left alone after it refused."""
LATE_S: Final = 10.0
"""So much later than it should a regular task is done though there are always records: on a busy site there
is no moment without any."""
HANGS_S: Final = 3.0
"""A database that doesn't answer for so long counts as away."""

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Task = Callable[[], object]
_Item = Sequence[RecordLike] | Task | Future[bool] | None
"""What the hub puts in: records, a task, somebody who waits for what is before them, the end."""


class Books(Protocol):
    """What the writer needs of a database. `StoreError`: later again; `RecordRefused`: not these;
    `LostTransactionsError`: what was written lately first.
    """

    def append(self, batch: Sequence[RecordLike]) -> None: ...


@dataclass(slots=True)
class Batch:
    """Records, and where the spool was before and after them; `end` None: they are in memory only."""

    records: Sequence[RecordLike]
    at: Position
    end: Position | None


@dataclass(slots=True)
class Job:
    """Something else to be done against the database, after what the spool held then."""

    run: Task
    at: Position


@dataclass(slots=True)
class _Regular:
    seconds: float
    run: Task
    due_s: float = 0.0


class Writer:
    """`dropped` counts records that are gone; `failing` says why nothing gets written, or is empty."""

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
        self._max_pending = max_pending
        self._inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._queue: queue.SimpleQueue[Batch | Job | None] = queue.SimpleQueue()
        self._head: list[Batch | Job | None] = []
        """What was taken from the queue and is not done yet: one thing at most."""
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._pending = 0
        self._held = 0
        """Records in memory."""
        self._queued = 0
        """Of them, those in the queue that are on disk too."""
        start = spool.begin if spool is not None else Position(0, 0)
        self._next = start
        """Up to where the spool was read, or had of memory."""
        self._ours_from = spool.end if spool is not None else start
        self._again: Position | None = None
        """From where the spool is written once more, as the database lost what it had."""
        self._after_loss = after_loss
        self._lost = False
        """It did, and not everything is as it was."""
        self._at_end = at_end
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        """Set when somebody waits for what is behind the records that are gathered."""
        self._flushes = 0
        """So many wait for all of them."""
        self._busy_since_s: float | None = None
        self._oldest_us: int | None = None
        self._threads = [threading.Thread(target=self._run, name="store-writer", daemon=True)]
        if spool is not None:
            self._threads.append(threading.Thread(target=self._spool_all, name="spool", daemon=True))
        self.dropped = 0
        self.written = 0
        self.failures = 0
        """Attempts that failed."""
        self.failing = ""
        self.spool_failing = ""
        """Why nothing gets into the spool, empty while all is well."""

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def pending(self) -> int:
        """Records (a task counts as one) taken and not yet in the database."""
        return self._pending

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
    def position(self) -> Position:
        """Where in the spool the database is up to. For tasks, in the database's thread."""
        return self._next

    def put(self, batch: Sequence[RecordLike]) -> bool:
        """Take records. Never blocks; False when there was no room, and then they are counted as dropped."""
        if not batch:
            return True
        with self._lock:
            if self._held + len(batch) > self._max_pending or self._stopping.is_set():
                self.dropped += len(batch)
                return False
            self._pending += len(batch)
            self._held += len(batch)
        self._take_in(batch)
        return True

    def do(self, task: Task) -> None:
        """Run something else against the database, after what was put in before. `StoreError` means again."""
        with self._lock:
            self._pending += 1
        self._take_in(task)

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
        if self._spool is None:
            return self.ask(lambda: True)
        future: Future[bool] = Future()
        self._take_in(future)
        return future

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything taken so far is written; False when time ran out."""
        with self._idle:
            self._flushes += 1
            self._hurry.set()
            try:
                return self._idle.wait_for(lambda: self._pending == 0 and not self._behind(), timeout_seconds)
            finally:
                self._flushes -= 1

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what is there, then end. What the database refuses now stays in the spool, or is dropped."""
        self._stopping.set()
        self._take_in(None)
        self._hurry.set()
        deadline_s = time.monotonic() + timeout_seconds
        for thread in reversed(self._threads):
            thread.join(max(0.0, deadline_s - time.monotonic()))

    def _take_in(self, item: _Item) -> None:
        if self._spool is not None:
            self._inbox.put(item)
        elif item is None:
            self._queue.put(None)
        elif callable(item):
            self._queue_job(item, self._next)
        elif not isinstance(item, Future):
            self._queue.put(Batch(item, self._next, None))

    def _queue_unsafe(self, records: Sequence[RecordLike], at: Position) -> None:
        self._queue.put(Batch(records, at, None))
        self._hurry.set()  # not to be gathered as long as what is on disk

    def _queue_job(self, task: Task, at: Position) -> None:
        self._queue.put(Job(task, at))
        self._hurry.set()  # somebody may wait for it

    # The spool's thread.

    def _spool_all(self) -> None:
        assert self._spool is not None  # noqa: S101 - the thread is there only with one
        refused_until_s = synced_s = 0.0
        item: _Item = ()
        while item is not None:
            records, item = self._from_inbox()
            if records:
                if time.monotonic() >= refused_until_s and not self._append(self._spool, records):
                    refused_until_s = time.monotonic() + REFUSED_S
                elif time.monotonic() < refused_until_s:
                    self._queue_unsafe(records, self._spool.end)
            if isinstance(item, Future):
                if item.set_running_or_notify_cancel():
                    item.set_result(not self.spool_failing)
            elif callable(item):
                self._queue_job(item, self._spool.end)
            if not self.working and time.monotonic() - synced_s > SYNC_S:
                synced_s = time.monotonic()
                self._sync(self._spool)
            if not self._stopping.is_set():
                time.sleep(PAUSE_S)
        self._sync(self._spool)
        self._queue.put(None)

    def _from_inbox(self) -> tuple[list[RecordLike], _Item]:
        """All records that are there, and what stands behind them: a task, one who waits, the end (None) or
        nothing.
        """
        records: list[RecordLike] = []
        with suppress(queue.Empty):
            item = self._inbox.get(timeout=SYNC_S)
            while item is not None and not callable(item) and not isinstance(item, Future):
                records += item
                item = self._inbox.get_nowait()
            return records, item
        return records, ()

    def _append(self, spool: Spool, records: list[RecordLike]) -> bool:
        before = spool.end
        try:
            end = spool.append(b"".join(map(encode, records)))
        except SpoolError as error:
            if not self.spool_failing:
                _log.error(
                    "spool_failing",
                    reason=str(error),
                    hint="make room in the state folder; until then records are lost when this process ends",
                )
            self.spool_failing = str(error)
            self._queue_unsafe(records, before)
            return False
        if self.spool_failing:
            _log.info("spool_works_again")
            self.spool_failing = ""
        with self._lock:
            room = self._queued + len(records) <= IN_MEMORY
            if room:
                self._queued += len(records)
            else:
                self._held -= len(records)
        if room:
            self._queue.put(Batch(records, before, end))
        return True

    def _sync(self, spool: Spool) -> None:
        try:
            spool.sync()
        except SpoolError as error:
            self.spool_failing = str(error)

    # The database's thread.

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            self._at_end()

    def _serve(self) -> None:
        for regular in self._every:
            regular.due_s = time.monotonic()
        while True:
            records, end, held = self._next_records()
            if records:
                if not self._write(records, end, held) and self._spool is not None:
                    return  # stopping; the next run reads them from the spool
                self._do_regularly(late_s=LATE_S)
                continue
            if not self._head:
                self._oldest_us = None
                with suppress(queue.Empty):
                    self._head.append(self._queue.get(timeout=self._patience_s))
            if self._head:
                item = self._head[0]
                if not isinstance(item, Batch):
                    self._head.pop()
                    if item is None:
                        return
                    self._try(item.run, 1)
            self._do_regularly()

    def _next_records(self) -> tuple[list[RecordLike], Position, int]:
        """Records to be written next, where the spool is behind them, and how many are from memory."""
        gap = self._gap()
        if gap is not None:
            return self._read_again(gap)
        out: list[RecordLike] = []
        end = self._next
        gather_until_s = math.inf
        while self._head and isinstance(batch := self._head[0], Batch) and batch.at <= end:
            self._head.pop()
            gather_s = GATHER_SECONDS if batch.end is not None else GATHER_UNSAFE_SECONDS
            gather_until_s = min(gather_until_s, time.monotonic() + gather_s)
            out += batch.records
            end = batch.end or end
            if batch.end is not None:
                with self._lock:
                    self._queued -= len(batch.records)
            if len(out) >= MAX_BATCH or not self._gather(gather_until_s):
                break
        return out, end, len(out)

    def _gather(self, until_s: float) -> bool:
        """Have the next thing of the queue at hand; wait until then for it to come. False: there is none.

        Sleeps through records that come: to be woken by each costs more than writing it.
        """
        while True:
            self._hurry.clear()  # before the look at the queue, so that what comes behind it is heard
            with suppress(queue.Empty):
                self._head.append(self._queue.get_nowait())
                return True
            left_s = until_s - time.monotonic()
            if left_s <= 0 or self._flushes or self._stopping.is_set():
                return False
            self._hurry.wait(left_s)

    def _gap(self) -> Position | None:
        """Up to where the spool must be read before anything of memory is written; None: nothing."""
        if self._spool is None:
            return None
        while True:
            end = self._spool.end  # before the queue is found empty, or what comes in between is overtaken
            if not self._head:
                try:
                    self._head.append(self._queue.get_nowait())
                except queue.Empty:
                    return end if end > self._next else None
            head = self._head[0]
            if head is None:
                return None
            if isinstance(head, Batch) and head.end is not None and head.at < self._next:
                if head.end > self._next:  # its first lines were read already
                    return head.end
                self._head.pop()
                with self._lock:
                    self._queued -= len(head.records)
                    self._held -= len(head.records)
                continue
            return head.at if head.at > self._next else None

    def _read_again(self, until: Position) -> tuple[list[RecordLike], Position, int]:
        assert self._spool is not None  # noqa: S101 - gaps are in one
        since = self._next
        if since < self._ours_from:
            until = min(until, self._ours_from)
        records, end = self._spool.read(since, until, MAX_BATCH)
        if since < self._ours_from:
            with self._lock:
                self._pending += len(records)
        if not records:
            self._next = end
            self._spool.written(end)
        return list(records), end, 0

    def _behind(self) -> bool:
        return self._spool is not None and self._next < self._spool.end

    def _write(self, records: list[RecordLike], end: Position, held: int) -> bool:
        self._oldest_us = records[0].at_us
        done = self._try(partial(self._append_all, records), len(records))
        with self._lock:
            self._held -= held
        if not done:
            return False
        self._next = end
        if self._spool is not None and end > self._spool.begin:
            self._spool.written(end)
        with self._idle:
            self._idle.notify_all()
        return True

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
            records, end = self._spool.read(self._again, self._next, MAX_BATCH)
            if records:
                self._append_some(records)
            self._again = end if end < self._next else None

    def _append_some(self, records: Sequence[RecordLike]) -> None:
        """All of them, but for one that the database will never take: the others must not wait behind it."""
        try:
            self._database.append(records)
        except RecordRefused as error:
            if len(records) == 1:
                self.dropped += 1
                self.written -= 1
                _log.error("record_refused", record=records[0].id, kind=records[0].kind, reason=str(error))
                return
            half = len(records) // 2
            self._append_some(records[:half])
            self._append_some(records[half:])

    def _do_regularly(self, *, late_s: float = 0.0) -> None:
        for regular in self._every:
            if self._stopping.is_set() or time.monotonic() < regular.due_s + late_s:
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
                if self._stopping.is_set() and tries > 0:
                    self._done(count, lost=True)
                    return False
                self._stopping.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
            else:
                if self.failing:
                    _log.info("database_works_again", pending=self._pending)
                self.failing = ""
                self._busy_since_s = None
                self._done(count, lost=False)
                return True

    def _done(self, count: int, *, lost: bool) -> None:
        with self._idle:
            self._pending -= count
            if lost and self._spool is None:
                self.dropped += count
            elif not lost:
                self.written += count
            self._idle.notify_all()
