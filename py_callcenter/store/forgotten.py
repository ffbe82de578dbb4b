"""Who was erased lately: while a spool still holds records of them, these may be written again.

They are when the database has lost transactions, perhaps the erasure itself; then it is done again.
The file has pseudonyms only, and each goes from it when the spool's files from before the erasure are gone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import orjson
import structlog

from py_callcenter.store.spool import Position

FILE: Final = "forgotten.json"

_log = structlog.get_logger(__name__)


class Forgotten:
    """For the database's thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._until: dict[str, Position] = {}
        try:
            for caller, segment, offset in orjson.loads((folder / FILE).read_bytes()):
                self._until[str(caller)] = Position(int(segment), int(offset))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError) as error:
            _log.error(
                "erasures_unreadable",
                file=str(folder / FILE),
                problem=type(error).__name__,
                hint="callers who were erased within the last minutes: erase them once more",
            )

    @property
    def callers(self) -> tuple[str, ...]:
        """Pseudonyms of those who are to be erased again when the spool is written again."""
        return tuple(self._until)

    def add(self, caller: str, until: Position) -> None:
        """The spool may hold records of theirs before `until`. Raises `OSError`; it is known then, too."""
        self._until[caller] = until
        self._save()

    def keep_from(self, position: Position) -> None:
        """The spool has nothing from before it any more. Raises `OSError`."""
        left = {caller: until for caller, until in self._until.items() if until > position}
        if len(left) < len(self._until):
            self._until = left
            self._save()

    def _save(self) -> None:
        fresh = self._folder / f"{FILE}.new"
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(orjson.dumps([[caller, *until] for caller, until in self._until.items()]))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._folder / FILE)
