"""Asterisk's `queue_log` as a file that grows.

Written in a thread of its own, and opened anew for each batch, so `logrotate` may move it away at any time.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from py_callcenter.engine import AnyRecord
from py_callcenter.engine.memory import Memory
from py_callcenter.stats import QueueLog

MAX_UNWRITTEN: Final = 100_000
"""Lines kept while the disk refuses them; older ones are dropped, the database has all that they say."""

AGAIN_S: Final = 1.0
"""So long a disk that refused lines is left alone."""

_log = structlog.get_logger(__name__)


class QueueLogFile:
    """`put` is the hub's and never waits. What the disk refuses is said once and goes into the file later."""

    def __init__(self, path: Path, memory: Memory | None = None) -> None:
        """`memory`: what goes on from an earlier run."""
        self._path = path
        self._fold = queue_log(memory or Memory())
        self._queue: queue.SimpleQueue[Sequence[AnyRecord] | None] = queue.SimpleQueue()
        self._unwritten: list[str] = []
        self._failing = False
        self._again_at = 0.0
        self._thread = threading.Thread(target=self._run, name="queue-log", daemon=True)
        self._thread.start()

    def put(self, records: Sequence[AnyRecord]) -> None:
        self._queue.put(records)

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Write what is there, then end."""
        self._queue.put(None)
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        while (records := self._queue.get()) is not None:
            for record in records:
                self._unwritten += self._fold.lines(record)
            if self._unwritten and time.monotonic() >= self._again_at:
                self._write()
        if self._unwritten:
            self._write()

    def _write(self) -> None:
        before: int | None = None
        try:
            with self._path.open("a", encoding="utf-8") as file:
                before = file.tell()
                file.write("".join(f"{line}\n" for line in self._unwritten))
        except OSError as error:
            if not self._failing:
                _log.error("queue_log_failing", reason=error.strerror)
            self._failing = True
            self._again_at = time.monotonic() + AGAIN_S
            del self._unwritten[:-MAX_UNWRITTEN]
            with suppress(OSError):  # a part may be in the file, and is written again
                if before is not None and self._path.stat().st_size > before:
                    os.truncate(self._path, before)
        else:
            self._unwritten.clear()
            self._failing, self._again_at = False, 0.0


def queue_log(memory: Memory) -> QueueLog:
    """The fold, with calls and agents' sessions that go on from an earlier run."""
    calls = {
        name: (call.queue, max(0, call.talk_since_us - call.entered_us) if call.talk_since_us else 0)
        for name, call in memory.calls.items()
    }
    agents = {
        name: (agent.status, agent.login_us or agent.since_us)
        for name, agent in memory.agents.items()
        if agent.status
    }
    return QueueLog(calls, agents)
