"""The thread that puts records on disk as they come, and hands them on to the database's thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Final

import structlog

from py_callcenter.store.backlog import Backlog, Task
from py_callcenter.store.errors import SpoolError
from py_callcenter.store.record import RecordLike
from py_callcenter.store.spool import Spool, encode

PAUSE_S: Final = 0.002
"""Between two writes to the spool: as much can be lost at the most when the process is killed."""
SYNC_S: Final = 1.0
"""How often the disk is told to write for good what only the spool has: as much a power cut may take."""
REFUSED_S: Final = 1.0
"""So long the disk is left alone after it refused."""

_log = structlog.get_logger(__name__)

Item = Sequence[RecordLike] | Task | Future[bool] | None
"""Records, a task, somebody who waits for what is before them (told False when the disk refuses it), or the
end."""


class Spooling:
    """`put` what is to be kept. `failing` says why nothing gets into the spool, empty while all is well."""

    def __init__(self, spool: Spool, backlog: Backlog, working: Callable[[], bool]) -> None:
        """`working`: whether the database takes what the spool has."""
        self._spool = spool
        self._backlog = backlog
        self._working = working
        self._inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self.failing = ""

    def put(self, item: Item) -> None:
        """Never blocks."""
        self._inbox.put(item)

    def _run(self) -> None:
        refused_until_s = synced_s = 0.0
        item: Item = ()
        while item is not None:
            records, item = self._from_inbox()
            if records and time.monotonic() < refused_until_s:
                self._backlog.add_refused(records, self._spool.end)
            elif records and not self._append(records):
                refused_until_s = time.monotonic() + REFUSED_S
            if isinstance(item, Future):
                if item.set_running_or_notify_cancel():
                    item.set_result(not self.failing)
            elif callable(item):
                self._backlog.add_task(item, self._spool.end)
            if not self._working() and time.monotonic() - synced_s > SYNC_S:
                synced_s = time.monotonic()
                self._sync()
            if not self._backlog.closing.is_set():
                time.sleep(PAUSE_S)
        self._sync()
        self._backlog.add_end()

    def _from_inbox(self) -> tuple[list[RecordLike], Item]:
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

    def _append(self, records: list[RecordLike]) -> bool:
        before = self._spool.end
        try:
            end = self._spool.append(b"".join(map(encode, records)))
        except SpoolError as error:
            if not self.failing:
                _log.error(
                    "spool_failing",
                    reason=str(error),
                    hint="make room in the state folder; until then records are lost when this process ends",
                )
            self.failing = str(error)
            self._backlog.add_refused(records, before)
            return False
        if self.failing:
            _log.info("spool_works_again")
            self.failing = ""
        self._backlog.add_spooled(records, before, end)
        return True

    def _sync(self) -> None:
        try:
            self._spool.sync()
        except SpoolError as error:
            self.failing = str(error)
