"""Records on disk until the database has them: an append-only file a few megabytes long, then the next.

A line is `crc32 kind json`; the sum covers what follows it. A line that was torn by a kill or damaged costs
itself, never its neighbours. Where the database is up to stands in the file `position`; when that file is
lost, more is written to the database again, which changes nothing there. Beside it stands how the database
itself counts what was written: one that knows of less has lost transactions.

Durability: a line survives the death of this process as soon as `append` returns (it is in the kernel's
hands). A power cut may take what the disk has not written yet; `sync` is what bounds that.
"""

from __future__ import annotations

import os
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import structlog

from py_callcenter.engine.records import AnyRecord, load
from py_callcenter.store.errors import SpoolError
from py_callcenter.store.record import RecordLike

SEGMENT_BYTES: Final = 4 << 20
MAX_BYTES: Final = 256 << 20
"""About a million records, a day of 1 000 agents."""
READ_BYTES: Final = 1 << 20
_SUM_CHARS: Final = 9
_POSITION: Final = "position"
_HEAD: Final = ("node", "epoch", "sequence", "at_us")

_log = structlog.get_logger(__name__)


class Position(NamedTuple):
    """A place between two lines; later ones are greater."""

    segment: int
    offset: int


def encode(record: RecordLike) -> bytes:
    """One line of the spool."""
    text = record.kind.encode() + b" " + orjson.dumps(record)
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode(line: bytes) -> AnyRecord | None:
    """A record from its line without the newline; None when it is damaged or nothing that we know."""
    text = line[_SUM_CHARS:]
    try:
        if int(line[: _SUM_CHARS - 1], 16) != zlib.crc32(text):
            return None
        kind, _, body = text.partition(b" ")
        return load(kind.decode(), orjson.loads(body))
    except ValueError:
        return None


class Spool:
    """One thread appends, one thread reads and marks; both may ask for sizes."""

    def __init__(
        self, folder: Path, *, max_bytes: int = MAX_BYTES, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Finds what is there. Never appends to a file of an earlier run. Raises `SpoolError`."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._file: int | None = None
        self._turn = False
        self.damaged = 0
        """Lines that were passed over."""
        self.stamp: Callable[[], str] = str
        """How the database counts what was written: two words, or none while that isn't known."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._sizes = {int(path.stem): path.stat().st_size for path in folder.glob("[0-9]*.log")}
            marked, self.marked = self._read_position()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise SpoolError(f"{folder} can't be used: {reason}") from error
        first = min(self._sizes, default=0)
        last = max(self._sizes, default=0)
        self.end = Position(last, self._sizes.get(last, 0))
        """Behind the last line that is whole in the file."""
        self.begin = min(max(marked, Position(first, 0)), self.end)
        """Where the database is up to."""
        self._kept_from = self.begin
        self._bytes = sum(self._sizes.values())
        self._unwritten = self._between(self.begin, self.end)

    @property
    def bytes_on_disk(self) -> int:
        return self._bytes

    @property
    def bytes_unwritten(self) -> int:
        """Of them, what the database has not got."""
        return self._unwritten

    def append(self, data: bytes) -> Position:
        """Put whole lines at the end; the position behind them. Raises `SpoolError`, having put nothing."""
        if self._bytes + len(data) > self._max_bytes:
            self._tidy(self.begin)  # what is only kept goes before anything new is refused
        if self._bytes + len(data) > self._max_bytes:
            raise SpoolError(f"the spool holds {self._bytes >> 20} MiB, which is all it may")
        try:
            if self._file is None or self._turn or self.end.offset >= self._segment_bytes:
                self._next_segment()
            self._write(data)
        except OSError as error:
            raise SpoolError(f"the disk refuses records: {error.strerror}") from error
        with self._lock:
            self.end = Position(self.end.segment, self.end.offset + len(data))
            self._sizes[self.end.segment] = self.end.offset
            self._bytes += len(data)
            self._unwritten += len(data)
        return self.end

    @property
    def kept_from(self) -> Position:
        """From there on everything is still here, written or not, and may be written again."""
        with self._lock:
            oldest = Position(min(self._sizes, default=self.begin.segment), 0)
        return min(self.begin, oldest)

    def go_back(self) -> None:
        """At a start: the database lacks some of what it had."""
        self.begin = self.kept_from
        self._unwritten = self._between(self.begin, self.end)

    def sync(self) -> None:
        """Have what was appended on the disk itself. Raises `SpoolError`."""
        if self._file is not None:
            try:
                os.fdatasync(self._file)
            except OSError as error:
                raise SpoolError(f"the disk refuses records: {error.strerror}") from error

    def read(self, since: Position, until: Position, limit: int) -> tuple[list[AnyRecord], Position]:
        """At most so many records, and the position behind them; no record and `until`: that was all."""
        records: list[AnyRecord] = []
        while since < until and len(records) < limit:
            size = self._sizes.get(since.segment, 0)
            stop = until.offset if since.segment == until.segment else size
            if since.offset >= stop:
                if since.segment == until.segment:
                    return records, until
                since = Position(since.segment + 1, 0)
                continue
            since = self._read_chunk(since, stop, limit, records)
        return records, since

    def written(self, position: Position) -> None:
        """The database has everything before it. Files that nobody needs any more go."""
        with self._lock:
            self._unwritten -= self._between(self.begin, position)
            self.begin = position
        self._mark(position)
        self._tidy(min(position, self._kept_from))

    def keep_from(self, position: Position) -> None:
        """Leave everything from there on, written or not."""
        self._kept_from = position
        self._tidy(min(self.begin, position))

    def turn_over(self) -> None:
        """Begin a new file with the next record: what is in this one is to go soon."""
        self._turn = True

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # Inside.

    def _next_segment(self) -> None:
        number = self.end.segment + 1
        file = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        if self._file is not None:
            os.close(self._file)
        self._file = file
        self._turn = False
        with self._lock:
            self._sizes[number] = 0
            self.end = Position(number, 0)

    def _write(self, data: bytes) -> None:
        """All or nothing: half a line is taken back, so that the next begins where one may."""
        assert self._file is not None  # noqa: S101 - the caller opened it
        try:
            written = os.write(self._file, data)
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, self.end.offset)
            raise

    def _read_chunk(self, since: Position, stop: int, limit: int, records: list[AnyRecord]) -> Position:
        """Lines of one file, some megabyte at most."""
        try:
            with self._path(since.segment).open("rb") as file:
                file.seek(since.offset)
                data = file.read(min(READ_BYTES, stop - since.offset))
        except OSError as error:
            _log.error("spool_file_unreadable", file=str(self._path(since.segment)), reason=error.strerror)
            self.damaged += 1
            return Position(since.segment, stop)
        at = 0
        while len(records) < limit:
            end = data.find(b"\n", at)
            if end < 0:
                break
            record = decode(data[at:end])
            if record is None:
                self._say_damaged(since.segment, since.offset + at)
            else:
                records.append(record)
            at = end + 1
        if not data:  # the file is shorter than it was
            return Position(since.segment, stop)
        if at == 0:  # a line without an end: torn, or longer than any of ours
            self._say_damaged(since.segment, since.offset)
            at = len(data)
        return Position(since.segment, since.offset + at)

    def _say_damaged(self, segment: int, offset: int) -> None:
        self.damaged += 1
        _log.error(
            "spooled_record_damaged",
            file=str(self._path(segment)),
            offset=offset,
            hint="a line was torn when a process ended, or was changed since; what stands around it counts",
        )

    def _between(self, start: Position, end: Position) -> int:
        if start.segment == end.segment:
            return max(0, end.offset - start.offset)
        middle = sum(self._sizes.get(number, 0) for number in range(start.segment + 1, end.segment))
        return self._sizes.get(start.segment, 0) - start.offset + middle + end.offset

    def _tidy(self, needed: Position) -> None:
        """Of both threads: each file's size is taken off once."""
        with self._lock:
            old = [number for number in self._sizes if number < needed.segment]
        for number in old:
            try:
                self._path(number).unlink(missing_ok=True)
            except OSError as error:
                _log.warning("spool_file_stays", file=str(self._path(number)), reason=error.strerror)
            with self._lock:
                self._bytes -= self._sizes.pop(number, 0)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:09}.log"

    def _mark(self, position: Position) -> None:
        text = (b"%09d %012d %s" % (*position, self.stamp().encode())).rstrip()
        try:
            file = os.open(self._folder / _POSITION, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.pwrite(file, b"%s %08x\n" % (text, zlib.crc32(text)), 0)
            finally:
                os.close(file)
        except OSError as error:  # then more is written again after the next start
            _log.warning("spool_position_not_kept", reason=error.strerror)

    def _read_position(self) -> tuple[Position, str]:
        """And the stamp. A shorter line than the last one leaves the end of that behind it."""
        try:
            line = (self._folder / _POSITION).read_bytes().partition(b"\n")[0]
            text, _, checksum = line.rpartition(b" ")
            if int(checksum, 16) == zlib.crc32(text):
                segment, offset, *stamp = text.decode().split()
                return Position(int(segment), int(offset)), " ".join(stamp)
        except (FileNotFoundError, ValueError):
            pass
        return Position(0, 0), ""
