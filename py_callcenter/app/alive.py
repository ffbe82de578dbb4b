"""When a controller was last there, kept in the state folder for the next start.

What ended later was seen by nobody: in the books it ends at this moment, not at the start that finds it gone,
which may be a night later.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

EVERY_S: Final = 2.0
FILE: Final = "last-alive"
_DIGITS: Final = 20

_log = structlog.get_logger(__name__)


class Alive:
    """A thread that writes the moment down every two seconds: a disk that stands still delays no call.

    One write of so few bytes over the same place is whole or not there, whenever the process is killed. It
    isn't forced to the disk, so after a loss of power it may be half a minute old.
    """

    def __init__(self, state: Path, now_us: Callable[[], int], *, every_s: float = EVERY_S) -> None:
        """Reads what the last run left. `now_us`: a clock, epoch microseconds, for any thread."""
        self._file = state / FILE
        self._now_us = now_us
        self._every_s = every_s
        self._stopping = threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._run, name="alive", daemon=True)
        self.before_us = self._read()
        """When a run before this one was last there, in epoch microseconds; 0 when nobody knows."""

    def start(self) -> None:
        """Once what the last run left is in the books: a start that fails before must not move the moment."""
        if not self._stopping.is_set():
            self._thread.start()

    def stop(self) -> None:
        """Write it for the last time. May be called before `start`, too."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(1)

    def _run(self) -> None:
        self._write()
        while not self._stopping.wait(self._every_s):
            self._write()
        self._write()

    def _read(self) -> int:
        with suppress(OSError, ValueError):
            return max(0, int(self._file.read_bytes()[:_DIGITS]))
        return 0

    def _write(self) -> None:
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(descriptor, b"%0*d\n" % (_DIGITS, self._now_us()), 0)
            finally:
                os.close(descriptor)
        except OSError as error:
            if not self._told:
                self._told = True
                _log.warning(
                    "last_moment_not_kept",
                    reason=error.strerror,
                    hint="make room for the state folder: the next start can't tell when this run ended, and"
                    " its figures of what ended meanwhile are off",
                )
