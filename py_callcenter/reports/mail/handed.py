"""What the mail server has, or may have: noted beside the database, for one that forgets.

A database server that takes over may lack the last transactions, and so that a report was sent. Whoever
handed it over then knows better, after a start too: a report is noted before it is handed over, as `unknown`,
and what came of it after that. A line for each; the last one of a report counts. The file names recipients as
the configuration does, and holds no address.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, NamedTuple

import orjson
import structlog

FILE: Final = "mailed"
KEPT: Final = 10_000
"""The newest; a server that takes over lacks minutes. The file grows to twice as many lines."""

Key = tuple[str, str, str]
"""Recipient, report, first day: a row's key."""

_NOT: Final = "not"
_HINT: Final = "it matters only when a database server took over that lacks what was sent"

_log = structlog.get_logger(__name__)


class HandedOver(NamedTuple):
    """What came of one report. `reason` as in its row."""

    state: Literal["sent", "unknown"]
    reason: str
    at_us: int


class Handed:
    """For any thread of one process. `folder`: where the file is; None keeps nothing over a start."""

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE
        self._lock = threading.Lock()
        self._known: dict[Key, HandedOver] | None = None
        """None until somebody asks: who only looks at a list needs no file."""

    def get(self, key: Key) -> HandedOver | None:
        with self._lock:
            return self._all().get(key)

    def add(self, key: Key, handed: HandedOver) -> None:
        """A disk that doesn't take it stops nothing: it is known until this process ends."""
        with self._lock:
            known = self._all()
            known.pop(key, None)
            known[key] = handed
            if len(known) > KEPT:
                del known[next(iter(known))]
            self._write([(*key, *handed)])

    def drop(self, key: Key) -> None:
        """It wasn't taken, or is wanted again."""
        with self._lock:
            if self._all().pop(key, None) is not None:
                self._write([(*key, _NOT, "", 0)])

    def _all(self) -> dict[Key, HandedOver]:
        if self._known is None:
            self._known = {}
            if self._file is not None:
                self._read(self._file, self._known)
        return self._known

    def _read(self, file: Path, known: dict[Key, HandedOver]) -> None:
        try:
            *lines, torn = file.read_bytes().split(b"\n")  # a torn line's report was not handed over
        except FileNotFoundError:
            return
        except OSError as error:
            _log.error("reports_sent_unreadable", file=str(file), problem=error.strerror, hint=_HINT)
            return
        spoilt = 0
        for line in lines:
            try:
                recipient, report, first, state, reason, at_us = orjson.loads(line)
                key = (str(recipient), str(report), str(first))
                handed = HandedOver("sent" if state == "sent" else "unknown", str(reason), int(at_us))
            except (ValueError, TypeError):
                spoilt += 1
                continue
            known.pop(key, None)
            if state != _NOT:
                known[key] = handed
        while len(known) > KEPT:
            del known[next(iter(known))]
        if spoilt:
            _log.error("reports_sent_unreadable", file=str(file), problem=f"{spoilt} lines", hint=_HINT)
        if torn or spoilt or len(lines) > 2 * KEPT:
            self._write([(*key, *handed) for key, handed in known.items()], afresh=True)

    def _write(self, rows: Iterable[tuple[str | int, ...]], *, afresh: bool = False) -> None:
        if self._file is None:
            return
        file = self._file.with_name(f"{FILE}.new") if afresh else self._file
        try:
            number = os.open(file, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if afresh else os.O_APPEND), 0o600)
            with os.fdopen(number, "wb") as out:
                out.write(b"".join(orjson.dumps(row) + b"\n" for row in rows))
                out.flush()
                os.fsync(out.fileno())
            file.replace(self._file)
        except OSError as error:
            _log.warning("report_email_not_noted", file=str(self._file), problem=error.strerror)
