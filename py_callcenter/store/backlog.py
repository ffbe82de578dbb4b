"""What is on its way to the database: in memory, or on disk only and read again when its turn comes.

One thread puts things in (the spool's, or the hub where there is no spool), the database's thread takes them
out, and whoever likes may ask for the counts.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from py_callcenter.store.record import RecordLike
from py_callcenter.store.spool import Position, Spool

IN_MEMORY: Final = 10_000
"""Records that are on disk and wait in memory too, so that they needn't be read again."""
MAX_BATCH: Final = 2_000
GATHER_SECONDS: Final = 0.5
"""Records come in ones and twos, and each transaction reads the call again: one for many costs a tenth. They
are on disk already, and nobody waits: whoever does hurries us."""
GATHER_UNSAFE_SECONDS: Final = 0.1
"""The same for records that are in memory only."""

Task = Callable[[], object]


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


class Backlog:
    """`dropped` counts records that are gone, `written` those that the database has got."""

    def __init__(self, spool: Spool | None, max_pending: int) -> None:
        """`max_pending`: records that may wait in memory."""
        self._spool = spool
        self._max_pending = max_pending
        self._queue: queue.SimpleQueue[Batch | Job | None] = queue.SimpleQueue()
        self._head: list[Batch | Job | None] = []
        """What was taken from the queue and is not done yet: one thing at most."""
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._held = 0
        """Records in memory."""
        self._queued = 0
        """Of them, those in the queue that are on disk too."""
        start = spool.begin if spool is not None else Position(0, 0)
        self._ours_from = spool.end if spool is not None else start
        self._hurry = threading.Event()
        """Set when somebody waits for what is behind the records that are gathered."""
        self._flushes = 0
        """So many wait for all of them."""
        self.position = start
        """Up to where the spool was read, or had of memory, and the database has it."""
        self.pending = 0
        """Records (a task counts as one) taken and not yet in the database."""
        self.dropped = 0
        self.written = 0
        self.closing = threading.Event()
        """No more records are taken."""
        self.ended = False
        """And all that was put in has been taken out."""

    # For the hub.

    def admit(self, records: int) -> bool:
        """Count records that are to be put in. False when there is no room: they count as dropped."""
        with self._lock:
            if self._held + records > self._max_pending or self.closing.is_set():
                self.dropped += records
                return False
            self.pending += records
            self._held += records
        return True

    def admit_task(self) -> None:
        with self._lock:
            self.pending += 1

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything admitted so far is written; False when time ran out."""
        with self._idle:
            self._flushes += 1
            self._hurry.set()
            try:
                return self._idle.wait_for(lambda: self.pending == 0 and not self._behind(), timeout_seconds)
            finally:
                self._flushes -= 1

    def close(self) -> None:
        """Take no more records, and hurry with those that are there."""
        self.closing.set()
        self._hurry.set()

    # Put in.

    def add(self, records: Sequence[RecordLike], at: Position) -> None:
        """Records that are in memory only, with what the spool held before them."""
        self._queue.put(Batch(records, at, None))

    def add_refused(self, records: Sequence[RecordLike], at: Position) -> None:
        """Likewise, as the disk doesn't take them: not to be gathered as long as what is on it."""
        self.add(records, at)
        self._hurry.set()

    def add_spooled(self, records: Sequence[RecordLike], at: Position, end: Position) -> None:
        """Records that are on disk; beyond what may wait in memory they are on disk only."""
        with self._lock:
            room = self._queued + len(records) <= IN_MEMORY
            if room:
                self._queued += len(records)
            else:
                self._held -= len(records)
        if room:
            self._queue.put(Batch(records, at, end))

    def add_task(self, task: Task, at: Position) -> None:
        self._queue.put(Job(task, at))
        self._hurry.set()  # somebody may wait for it

    def add_end(self) -> None:
        self._queue.put(None)

    # Taken out.

    def next_records(self) -> tuple[list[RecordLike], Position, int]:
        """Records to be written next, where the spool is behind them, and how many are from memory."""
        gap = self._gap()
        if gap is not None:
            return self._read_again(gap)
        out: list[RecordLike] = []
        end = self.position
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

    @property
    def at_hand(self) -> bool:
        """Something has been taken from the queue and is to be done next."""
        return bool(self._head)

    def next_task(self, patience_s: float | None) -> Task | None:
        """When no records are next: the task that is, waiting so long for anything. None: there is none."""
        if not self._head:
            with suppress(queue.Empty):
                self._head.append(self._queue.get(timeout=patience_s))
        if not self._head or isinstance(self._head[0], Batch):
            return None
        item = self._head.pop()
        self.ended = item is None
        return item.run if isinstance(item, Job) else None

    def done(self, count: int, *, lost: bool) -> None:
        """So many records were written, or a task was done; `lost`: never will be, but what a spool has."""
        with self._idle:
            self.pending -= count
            if lost and self._spool is None:
                self.dropped += count
            elif not lost:
                self.written += count
            self._idle.notify_all()

    def refused(self) -> None:
        """One of the records that will be `done` is none that the database takes."""
        with self._lock:
            self.dropped += 1
            self.written -= 1

    def let_go(self, records: int) -> None:
        """So many are no longer held in memory."""
        with self._lock:
            self._held -= records

    def reached(self, position: Position) -> None:
        """The database has all that the spool holds before it."""
        self.position = position
        if self._spool is not None and position > self._spool.begin:
            self._spool.written(position)
        with self._idle:
            self._idle.notify_all()

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
            if left_s <= 0 or self._flushes or self.closing.is_set():
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
                    return end if end > self.position else None
            head = self._head[0]
            if head is None:
                return None
            if isinstance(head, Batch) and head.end is not None and head.at < self.position:
                if head.end > self.position:  # its first lines were read already
                    return head.end
                self._head.pop()
                with self._lock:
                    self._queued -= len(head.records)
                    self._held -= len(head.records)
                continue
            return head.at if head.at > self.position else None

    def _read_again(self, until: Position) -> tuple[list[RecordLike], Position, int]:
        assert self._spool is not None  # noqa: S101 - gaps are in one
        since = self.position
        if since < self._ours_from:
            until = min(until, self._ours_from)
        records, end = self._spool.read(since, until, MAX_BATCH)
        if since < self._ours_from:
            with self._lock:
                self.pending += len(records)
        if not records:
            self.reached(end)
        return list(records), end, 0

    def _behind(self) -> bool:
        return self._spool is not None and self.position < self._spool.end
