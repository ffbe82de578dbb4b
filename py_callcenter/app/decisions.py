"""The core's decision log on disk: one file a start or day, each a log of its own; the oldest ones go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import gevent
import structlog

from py_callcenter._router import Router, RouterError

_log = structlog.get_logger(__name__)

FETCH_S: Final = 1.0
PAUSE_S: Final = 60.0
FILE_S: Final = 86400
FILE_BYTES: Final = 256 << 20
KEPT_FILES: Final = 14


class DecisionLog:
    """Carries what the router notes into `decisions-….log` files of a folder, once a second.

    The files hold names of queues and agents, so only this user may read them. A disk that refuses ends the
    file, not the calls: the next one is tried after `PAUSE_S`.
    """

    def __init__(self, router: Router, folder: Path) -> None:
        self._router = router
        self._folder = folder
        self._file: int | None = None
        self._written = 0
        self._age_s = 0.0

    def run(self) -> None:
        """In a greenlet, until killed."""
        while True:
            gevent.sleep(FETCH_S if self.write() else PAUSE_S)
            self._age_s += FETCH_S

    def write(self) -> bool:
        """Move what was noted to the file; begin a new file when there is none or it has had its time. False:
        that failed, and what was noted is lost.
        """
        try:
            if self._file is None or self._written > FILE_BYTES or self._age_s > FILE_S:
                self._begin()
            self._append(self._router.fetch_log())
        except (OSError, RouterError) as error:
            _log.warning("decision_log_broken", error=type(error).__name__, hint="free room on the disk")
            self._router.stop_log()
            self._close()
            return False
        return True

    def stop(self) -> None:
        """Write what is left."""
        if self._file is not None:
            self.write()
        self._router.stop_log()
        self._close()

    def _begin(self) -> None:
        rest = self._router.start_log()
        if self._file is not None:
            self._append(rest)
            self._close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        numbers = sorted(int(path.stem.removeprefix("decisions-")) for path in self._files())
        for number in numbers[: max(0, len(numbers) + 1 - KEPT_FILES)]:
            self._path(number).unlink(missing_ok=True)
        path = self._path(numbers[-1] + 1 if numbers else 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._written = 0
        self._age_s = 0.0

    def _files(self) -> list[Path]:
        return [
            path
            for path in self._folder.glob("decisions-*.log")
            if path.stem.removeprefix("decisions-").isdecimal()
        ]

    def _path(self, number: int) -> Path:
        return self._folder / f"decisions-{number:06}.log"

    def _append(self, data: bytes) -> None:
        while data and self._file is not None:
            written = os.write(self._file, data)
            self._written += written
            data = data[written:]

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
