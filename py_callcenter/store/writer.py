"""Writing records in a thread of its own, in batches, behind a bounded queue.

The hub puts records in and never waits. What can't be kept is counted, never silently gone.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Final

import structlog

from py_callcenter.store.store import RecordLike, Store, StoreError

MAX_PENDING: Final = 200_000
MAX_BATCH: Final = 2_000
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_log = structlog.get_logger(__name__)


class Writer:
    """One thread, one queue of batches. `dropped` counts records that are gone, `failing` says why."""

    def __init__(self, store: Store, *, max_pending: int = MAX_PENDING) -> None:
        self._store = store
        self._max_pending = max_pending
        self._queue: queue.SimpleQueue[Sequence[RecordLike] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pending = 0
        self._idle = threading.Condition(self._lock)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self.dropped = 0
        self.written = 0
        self.failing = ""

    def start(self) -> None:
        self._thread.start()

    @property
    def pending(self) -> int:
        """Records taken and not yet in the database."""
        return self._pending

    def put(self, batch: Sequence[RecordLike]) -> bool:
        """Take records. Never blocks; False when there was no room, and then they are counted as dropped."""
        if not batch:
            return True
        with self._lock:
            if self._pending + len(batch) > self._max_pending or self._stopping.is_set():
                self.dropped += len(batch)
                return False
            self._pending += len(batch)
        self._queue.put(batch)
        return True

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything taken so far is written; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout_seconds)

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what is there, then end. What can't be written in time is counted as dropped."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout_seconds)
        with self._lock:
            self.dropped += self._pending
            self._pending = 0

    def _run(self) -> None:
        while True:
            batch = self._take()
            if batch:
                self._write(batch)
            if self._stopping.is_set() and self._queue.empty():
                return

    def _take(self) -> list[RecordLike]:
        """Wait for a batch, then add what else is there."""
        out: list[RecordLike] = list(self._queue.get() or ())
        while len(out) < MAX_BATCH:
            try:
                out.extend(self._queue.get_nowait() or ())
            except queue.Empty:
                break
        return out

    def _write(self, batch: list[RecordLike]) -> None:
        tries = 0
        while True:
            try:
                self._store.append(batch)
            except StoreError as error:
                if not self.failing:
                    _log.error("records_not_written", reason=str(error), records=len(batch))
                self.failing = str(error)
                if self._stopping.is_set() and tries > 0:
                    self._done(len(batch), lost=True)
                    return
                self._stopping.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
            else:
                if self.failing:
                    _log.info("records_written_again", records=len(batch))
                self.failing = ""
                self._done(len(batch), lost=False)
                return

    def _done(self, count: int, *, lost: bool) -> None:
        with self._idle:
            self._pending = max(0, self._pending - count)
            if lost:
                self.dropped += count
            else:
                self.written += count
            self._idle.notify_all()
