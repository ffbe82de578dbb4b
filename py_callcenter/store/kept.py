"""What a start needs when the database is away: the configuration in force and how everybody stood.

A copy beside the spool, made now and then; the spool keeps what happened since. The database stays the truth
(design 3): the copy is read only when the database can't be.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from py_callcenter.store.spool import Position
from py_callcenter.value import value

FILE: Final = "kept.json"

_log = structlog.get_logger(__name__)

StandingRow = tuple[str, str, dict[str, Any]]
"""Kind, name and fields, as `engine.memory.Memory.load` takes them."""


@value
class Kept:
    """`standing` is how everybody stood at `position` of the spool."""

    routing: dict[str, Any]
    standing: list[StandingRow]
    position: Position

    @classmethod
    def load(cls, folder: Path) -> Kept | None:
        """None without one, or when it is damaged."""
        path = folder / FILE
        try:
            head, _, body = path.read_bytes().partition(b"\n")
            segment, offset, checksum = head.split()
            if int(checksum, 16) != zlib.crc32(body):
                raise ValueError("the checksum is wrong")  # noqa: TRY301 - one way for all that is damaged
            data = orjson.loads(body)
            standing = [(kind, name, fields) for kind, name, fields in data["standing"]]
            return cls(data["routing"], standing, Position(int(segment), int(offset)))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            _log.error("kept_copy_unreadable", file=str(path), problem=type(error).__name__)
            return None

    @staticmethod
    def position_in(folder: Path) -> Position | None:
        """Its position alone: what comes after it must stay in the spool."""
        try:
            with (folder / FILE).open("rb") as file:
                segment, offset, _checksum = file.readline(100).split()
            return Position(int(segment), int(offset))
        except (OSError, ValueError):
            return None

    def save(self, folder: Path) -> None:
        """Put it in the file, whole or not at all. Raises `OSError`."""
        body = orjson.dumps({"routing": self.routing, "standing": self.standing})
        fresh = folder / f"{FILE}.new"
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(b"%d %d %08x\n%s" % (*self.position, zlib.crc32(body), body))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(folder / FILE)
