"""Writing in a thread of its own, in batches, behind a bounded queue.

The hub puts things in and never waits. What can't be kept is counted, never silently gone.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final, TypeVar

import structlog

from py_callcenter.store.database import Database
from py_callcenter.store.errors import StoreError
from py_callcenter.store.rows import RecordLike

MAX_PENDING: Final = 200_000
MAX_BATCH: Final = 2_000
GATHER_SECONDS: Final = 0.1
"""Records come in ones and twos, and each transaction reads the call again: one for many costs a tenth."""
RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)

_log = structlog.get_logger(__name__)

T = TypeVar("T")
Task = Callable[[], object]
Item = Sequence[RecordLike] | Task | None


class Writer:
    """One thread, one queue of record batches and other tasks, done in order.

    `dropped` counts records that are gone; `failing` says why nothing gets written, empty while all is well.
    """

    def __init__(
        self,
        database: Database,
        *,
        max_pending: int = MAX_PENDING,
        every: Sequence[tuple[float, Task]] = (),
    ) -> None:
        """`every`: seconds and a task to be done that often, first soon; it may fail, that is only logged."""
        self._database = database
        self._every = every
        self._every_at_s = [0.0] * len(every)
        self._max_pending = max_pending
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._pending = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self.dropped = 0
        self.written = 0
        self.failures = 0
        """Attempts that failed."""
        self.failing = ""

    def start(self) -> None:
        self._thread.start()

    @property
    def pending(self) -> int:
        """Records (a task counts as one) taken and not yet in the database."""
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

    def do(self, task: Task) -> None:
        """Run something else against the database, after what was put in before. `StoreError` means again."""
        with self._lock:
            self._pending += 1
        self._queue.put(task)

    def ask(self, task: Callable[[], T]) -> Future[T]:
        """Run something once, after what was put in before; its result or its `StoreError` comes back."""
        future: Future[T] = Future()

        def run() -> None:
            try:
                result = task()
            except StoreError as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.do(run)
        return future

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until everything taken so far is written; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout_seconds)

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what is there, then end. What the database refuses now is counted as dropped."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._queue.empty()):
            batch, task = self._take()
            if batch:
                self._try(partial(self._database.append, batch), len(batch))
            if task is not None:
                self._try(task, 1)
            self._do_regularly()

    def _take(self) -> tuple[list[RecordLike], Task | None]:
        """Wait for something; join what follows within `GATHER_SECONDS`, up to a task."""
        out: list[RecordLike] = []
        try:
            item = self._queue.get(timeout=min((seconds for seconds, _ in self._every), default=None))
        except queue.Empty:
            return out, None
        gather_until_s = time.monotonic() + GATHER_SECONDS
        while True:
            if callable(item):
                return out, item
            out.extend(item or ())
            if len(out) >= MAX_BATCH:
                return out, None
            try:
                left_s = 0.0 if self._stopping.is_set() else gather_until_s - time.monotonic()
                item = self._queue.get(timeout=left_s) if left_s > 0 else self._queue.get_nowait()
            except queue.Empty:
                return out, None

    def _do_regularly(self) -> None:
        for index, (seconds, task) in enumerate(self._every):
            if self._stopping.is_set() or time.monotonic() < self._every_at_s[index]:
                continue
            self._every_at_s[index] = time.monotonic() + seconds
            try:
                task()
            except StoreError as error:
                _log.warning("housekeeping_failed", reason=str(error))

    def _try(self, task: Task, count: int) -> None:
        """Until it works; once stopping, twice more at most."""
        tries = 0
        while True:
            try:
                task()
            except StoreError as error:
                first, self.failing = not self.failing, str(error)
                self.failures += 1
                if first:
                    _log.error("database_failing", reason=self.failing)
                if self._stopping.is_set() and tries > 0:
                    self._done(count, lost=True)
                    return
                self._stopping.wait(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
                tries += 1
            else:
                if self.failing:
                    _log.info("database_works_again", pending=self._pending)
                self.failing = ""
                self._done(count, lost=False)
                return

    def _done(self, count: int, *, lost: bool) -> None:
        with self._idle:
            self._pending -= count
            if lost:
                self.dropped += count
            else:
                self.written += count
            self._idle.notify_all()
