"""Reading and writing the database. Every method blocks: none may run in the hub's thread once calls flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from py_callcenter.config import Config
from py_callcenter.store.schema import SCHEMA_VERSION, agents, config, meta, metadata, records

_BATCH: Final = 500
_KEY: Final = "schema"


class StoreError(Exception):
    """The database can't do what was asked. The message holds no password."""


class RecordLike(Protocol):
    """A dataclass; fields beside these are its kind's own."""

    @property
    def id(self) -> str: ...
    @property
    def at_us(self) -> int: ...
    @property
    def kind(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """Queues, agents and tiers that were applied, as `Config.routing` gave them."""

    version: int
    applied_us: int
    routing: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as read back; `body` holds all fields of the dataclass."""

    id: str
    at_us: int
    kind: str
    body: dict[str, Any]


class Database:
    """One database. Use `open`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Database:
        """Connect and make the tables where there are none.

        Raises `StoreError`, also for a database that a newer version of this program has written.
        """
        try:
            engine = _engine(url)
        except (ArgumentError, ImportError) as error:
            hint = "write a URL such as sqlite:///callcenter.db"
            raise StoreError(f"the database's URL can't be used ({type(error).__name__}); {hint}") from error
        store = cls(engine)
        with store._begin() as connection:
            metadata.create_all(connection)
            found = connection.scalar(select(meta.c.value).where(meta.c.key == _KEY))
            if found is None:
                connection.execute(insert(meta).values(key=_KEY, value=str(SCHEMA_VERSION)))
            elif int(found) > SCHEMA_VERSION:
                raise StoreError(f"the database is of version {found}, newer than this program knows")
        return store

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def seed(self, first: Config, *, now_us: int) -> bool:
        """Put a file's queues, agents and tiers in, if nothing was ever applied. Tells whether it did."""
        with self._begin() as connection:
            if connection.scalar(select(func.count()).select_from(config)):
                return False
            _append_config(connection, first, now_us)
            return True

    def load_config(self) -> AppliedConfig | None:
        """What is in force; None in an empty database."""
        with self._begin() as connection:
            row = connection.execute(select(config).order_by(config.c.version.desc()).limit(1)).first()
        if row is None:
            return None
        return AppliedConfig(row.version, row.applied_us, orjson.loads(row.body))

    def apply(self, new: Config, *, now_us: int) -> int:
        """Make another configuration the one in force; give its version. Older ones are kept."""
        with self._begin() as connection:
            return _append_config(connection, new, now_us)

    def append(self, batch: Sequence[RecordLike]) -> None:
        """Write records, all or none. Those that are there already are left as they are."""
        rows = [_row(record) for record in batch]
        with self._begin() as connection:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            statement = dialect.insert(records).on_conflict_do_nothing(index_elements=["id"])
            for start in range(0, len(rows), _BATCH):
                connection.execute(statement, rows[start : start + _BATCH])
            changed = _last_statuses(batch)
            if changed:
                put = dialect.insert(agents)
                new = {"status": put.excluded.status, "changed_us": put.excluded.changed_us}
                newer = put.excluded.changed_us >= agents.c.changed_us
                connection.execute(
                    put.on_conflict_do_update(index_elements=["agent"], set_=new, where=newer), changed
                )

    def read(self, *, since_us: int = 0) -> Iterator[StoredRecord]:
        """Records in the order in which they happened."""
        query = select(records).where(records.c.at_us >= since_us)
        yield from self._rows(query.order_by(records.c.at_us, records.c.id))

    def read_call(self, call: str) -> list[StoredRecord]:
        """All records of one call."""
        query = select(records).where(records.c.call == call).order_by(records.c.at_us, records.c.id)
        return sorted(self._rows(query), key=lambda record: (record.at_us, record.body.get("sequence", 0)))

    def recent_calls(self, limit: int = 50) -> list[str]:
        """Ids of the calls that came last, newest first."""
        query = (
            select(records.c.call)
            .where(records.c.call.is_not(None))
            .group_by(records.c.call)
            .order_by(func.min(records.c.at_us).desc())
            .limit(limit)
        )
        with self._begin() as connection:
            return [str(row.call) for row in connection.execute(query)]

    def statuses(self) -> dict[str, str]:
        """Each agent's status by the last record that changed it."""
        with self._begin() as connection:
            return {row.agent: row.status for row in connection.execute(select(agents))}

    def _rows(self, query: Any) -> Iterator[StoredRecord]:
        with self._begin() as connection:
            for row in connection.execution_options(yield_per=_BATCH).execute(query):
                yield StoredRecord(row.id, row.at_us, row.kind, orjson.loads(row.body))

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise StoreError(f"the database failed: {type(cause).__name__}: {_one_line(cause)}") from error


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_recycle=1800)
    if url in {"sqlite://", "sqlite:///:memory:"}:
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url, connect_args={"timeout": 10})
    event.listen(engine, "connect", _tune_sqlite)
    return engine


def _tune_sqlite(connection: Any, _record: object) -> None:
    """A write-ahead log lets the command line read while the controller writes."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _append_config(connection: Connection, new: Config, now_us: int) -> int:
    version = (connection.scalar(select(func.max(config.c.version))) or 0) + 1
    body = orjson.dumps(new.routing())
    connection.execute(insert(config).values(version=version, applied_us=now_us, body=body))
    return int(version)


def _row(record: RecordLike) -> dict[str, Any]:
    return {
        "id": record.id,
        "at_us": record.at_us,
        "kind": record.kind,
        "call": getattr(record, "call", "") or None,
        "body": orjson.dumps(record),
    }


def _last_statuses(batch: Sequence[RecordLike]) -> list[dict[str, Any]]:
    """What the `agent-status` records of a batch come to, one row for each agent."""
    rows: dict[str, dict[str, Any]] = {}
    for record in batch:
        if record.kind == "agent-status":
            change: Any = record
            row = {"agent": change.agent, "status": change.status, "changed_us": change.at_us}
            rows[change.agent] = row
    return list(rows.values())


def _one_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
