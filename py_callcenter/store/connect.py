"""Engines for the two databases, with what each of them needs to be told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from py_callcenter.store.errors import RecordRefused, StoreError, UnusableError
from py_callcenter.store.places import add_functions

WRITES: Final = "callcenter_writes"
"""Execution option of a connection that is going to write."""

_PATIENCE: Final = {
    "connect_timeout": 5,
    # A server that vanished without a word is found out, one that is only slow is waited for.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""libpq's connection parameters, seconds; the last in milliseconds."""

_SUPPORTED: Final = {"sqlite", "postgresql"}
_MEMORY: Final = {"sqlite://", "sqlite:///:memory:"}


def engine_for(url: str) -> Engine:
    """Raises `UnusableError` for a URL that can't be used."""
    hint = "write a URL such as sqlite:///callcenter.db or postgresql+psycopg://user@host/db"
    try:
        if not url.startswith("sqlite"):
            engine = create_engine(url, pool_pre_ping=True, pool_recycle=1800, connect_args=dict(_PATIENCE))
        elif url in _MEMORY:
            engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        else:
            engine = create_engine(url, connect_args={"timeout": 10})
    except (ArgumentError, ImportError, ValueError) as error:
        raise UnusableError(f"the database's URL can't be used ({type(error).__name__}); {hint}") from error
    if engine.dialect.name not in _SUPPORTED:
        raise UnusableError(f"the database's URL can't be used ({engine.dialect.name}); {hint}")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


@contextmanager
def as_store_error() -> Iterator[None]:
    """Whatever the database or its driver raises comes out as `StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        line = str(cause).partition("\n")[0][:200]
        kind = RecordRefused if isinstance(error, DataError | IntegrityError) else StoreError
        raise kind(f"the database failed: {type(cause).__name__}: {line}") from error


STEPS_BETWEEN_LOOKS: Final = 50_000
"""Of SQLite's virtual machine: about a millisecond."""


@contextmanager
def given_up_after(connection: Connection, seconds: int) -> Iterator[None]:
    """SQLite interrupts what takes longer; PostgreSQL has a setting for it."""
    driver: Any = connection.connection.driver_connection
    end_s = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > end_s, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _tune_sqlite(connection: Any, _record: object) -> None:
    """A write-ahead log lets the command line read while the controller writes."""
    connection.isolation_level = None  # we say BEGIN ourselves, or changes of tables would be committed apart
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
    add_functions(connection)


def _begin_sqlite(connection: Connection) -> None:
    """Who is going to write takes the lock at once: a reader that becomes a writer may be refused."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
