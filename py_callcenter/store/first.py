"""The little that a start needs of the database, read by the driver alone.

SQLAlchemy takes longer to load than callers should wait after a crash. So when the database is as this
program leaves it, two plain queries are enough, and the rest comes when calls are served. In every other case
(new, older, newer, to be folded anew, not to be reached) `store.database` does it, or says what is wrong.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson

from py_callcenter.store.errors import StoreError
from py_callcenter.store.expected import FOLDED, STANDING, VERSION, VERSION_TABLE, WRITER
from py_callcenter.store.kept import StandingRow
from py_callcenter.store.record import RecordLike
from py_callcenter.value import value

AT_MOST_S: Final = 2
"""libpq waits no shorter for a connection."""

_PRIMARY: Final = 0xFF
"""Of SQLite's extended result codes, the part that says what kind of error it is."""
_OTHER_TABLES: Final = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA}
"""It answers, but its tables are not those of this version."""

Ask = Callable[[str], list[tuple[Any, ...]]]


@value
class First:
    """`known`: ids of those records that were asked about and are in the database."""

    routing: dict[str, Any]
    standing: list[StandingRow]
    known: frozenset[tuple[int, int, str]]
    writer: str
    """Who wrote last, and how often: `Database.stamp` of then."""

    def lacks(self, stamp: str) -> bool:
        """Whether the database knows of less than we wrote: another server has taken over."""
        name, _, turns = stamp.partition(" ")
        who, _, count = self.writer.partition(" ")
        return bool(name) and (who != name or not count.isdecimal() or int(count) < int(turns))


def read(url: str, about: Iterable[RecordLike] = ()) -> First | None:
    """None when it takes more than this. Blocks for some seconds at most.

    Raises `StoreError` when nobody is there to be asked, or there is no answer.
    """
    try:
        if url.startswith("sqlite:///") and "?" not in url:
            return _read_sqlite(url.removeprefix("sqlite:///"), about)
        if url.startswith("postgresql+psycopg://"):
            return _read_postgresql("postgresql" + url.removeprefix("postgresql+psycopg"), about)
    except (LookupError, ValueError):
        pass
    return None


def _read_sqlite(path: str, about: Iterable[RecordLike]) -> First | None:
    if not Path(path).is_file():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=AT_MOST_S, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            return _read(lambda query: connection.execute(query).fetchall(), about)
    except sqlite3.Error as error:
        if error.sqlite_errorcode & _PRIMARY in _OTHER_TABLES:
            return None
        raise _failed(error) from error


def _read_postgresql(url: str, about: Iterable[RecordLike]) -> First | None:
    import psycopg  # noqa: PLC0415 - who uses SQLite needs it not

    try:
        connection = psycopg.connect(url, connect_timeout=AT_MOST_S)
    except psycopg.OperationalError as error:
        raise _failed(error) from error
    except psycopg.Error:  # an address that only SQLAlchemy reads; what this says may hold the password
        return None
    try:
        with connection:
            connection.execute(f"SET statement_timeout = '{AT_MOST_S}s'")
            # The text is ours and holds no values but numbers.
            return _read(lambda query: connection.execute(query.encode()).fetchall(), about)
    except psycopg.OperationalError as error:  # it stands still, or has just gone
        raise _failed(error) from error
    except psycopg.Error:
        return None


def _failed(error: Exception) -> StoreError:
    reason = str(error).partition("\n")[0][:200]
    return StoreError(f"the database failed: {type(error).__name__}: {reason}")


def _read(ask: Ask, about: Iterable[RecordLike]) -> First | None:
    """One transaction sees one state."""
    if ask(f"SELECT version_num FROM {VERSION_TABLE}") != [(VERSION,)]:  # noqa: S608 - a constant
        return None
    made = {key: value for key, value in ask("SELECT key, value FROM cc_meta")}  # noqa: C416 - pairs of Any
    if any(made.get(name) != number for name, number in (FOLDED, STANDING)):
        return None
    bodies = ask("SELECT body FROM cc_config ORDER BY version DESC LIMIT 1")
    if not bodies:
        return None
    rows = ask("SELECT kind, name, fields FROM cc_standing")
    return First(
        routing=orjson.loads(bytes(bodies[0][0])),
        standing=[(kind, name, orjson.loads(fields)) for kind, name, fields in rows],
        known=frozenset(_known(ask, about)),
        writer=made.get(WRITER, ""),
    )


def _known(ask: Ask, about: Iterable[RecordLike]) -> Iterable[tuple[int, int, str]]:
    since: dict[int, int] = {}
    for record in about:
        since[record.epoch] = min(record.sequence, since.get(record.epoch, record.sequence))
    for epoch, sequence in since.items():
        yield from map(
            _id,
            ask(
                "SELECT epoch, sequence, node FROM cc_records"  # noqa: S608 - numbers
                f" WHERE epoch = {epoch:d} AND sequence >= {sequence:d}"
            ),
        )


def _id(row: tuple[Any, ...]) -> tuple[int, int, str]:
    epoch, sequence, node = row
    return epoch, sequence, node
