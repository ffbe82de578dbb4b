"""The controller's view of its database: what is asked at the start, and what the hub hands over later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from py_callcenter.config import Config
from py_callcenter.engine.memory import Memory
from py_callcenter.store import first
from py_callcenter.store.backlog import MAX_BATCH
from py_callcenter.store.errors import StoreError, UnusableError
from py_callcenter.store.forgotten import Forgotten
from py_callcenter.store.kept import Kept, StandingRow
from py_callcenter.store.progress import Progress
from py_callcenter.store.record import RecordLike
from py_callcenter.store.retention import DAY_US, Erased, Retention
from py_callcenter.store.spool import Position, Spool
from py_callcenter.store.writer import Writer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from py_callcenter.store.database import Database

PURGE_EVERY_S: Final = 6 * 3600.0
COUNT_EVERY_S: Final = 15.0
COUNT_AT_MOST_S: Final = 1.0
"""A year that isn't counted yet takes some hours so; records that come meanwhile wait for a moment only."""
KEEP_EVERY_S: Final = 60.0
OPEN_LATER_S: Final = 3.0
"""So long at the most the database's libraries are not loaded while calls are taken up."""
TRANSACT_S: Final = 30.0

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class LateDatabase:
    """A database that is opened when it is first needed, and again and again while that fails."""

    def __init__(self, url: str, database: Database | None = None, *, stamp: str = "") -> None:
        """`stamp`: where an earlier run of ours left it."""
        self._url = url
        self._stamp = stamp
        self._database = database
        self._lock = threading.Lock()
        self._may_open = threading.Event()

    def hurry(self) -> None:
        """From now on nobody is disturbed by opening it."""
        self._may_open.set()

    def get(self) -> Database:
        """Blocks. Raises `StoreError`."""
        if self._database is None:
            self._may_open.wait(OPEN_LATER_S)
            from py_callcenter.store.database import Database  # noqa: PLC0415 - takes long to load

            with self._lock:
                if self._database is None:
                    database = Database.open(self._url)
                    database.expect(self._stamp)
                    self._database = database
        return self._database

    def stamp(self) -> str:
        """How it counts what was written; as it was left while it isn't open."""
        return self._stamp if self._database is None else self._database.stamp

    def append(self, batch: Sequence[RecordLike]) -> None:
        self.get().append(batch)

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


class Store:
    """A database with a spool on disk before it, and threads of its own for writing.

    `open`, `seed`, `load_routing` and `memory` block: they belong to the start. `put`, `apply` and `erase`
    never block and may be called in the hub's thread at any time. `database` is for reading in other threads.
    """

    def __init__(
        self,
        database: Database | LateDatabase,
        retention: Retention | None = None,
        *,
        spool: Spool | None = None,
        state: Path | None = None,
        routing: dict[str, Any] | None = None,
        memory: Memory | None = None,
    ) -> None:
        """`routing` and `memory`: what is known already. `state`: where a copy of both is kept."""
        self._late = database if isinstance(database, LateDatabase) else LateDatabase("", database)
        self._retention = retention or Retention()
        self._spool = spool
        self._state = state
        self._routing = routing
        self._memory = memory
        self._kept_at = None if spool is None else spool.begin
        """Where the copy before the last one was made."""
        self._saved: tuple[dict[str, Any] | None, Position | None] = (None, None)
        if spool is not None:
            spool.stamp = self._late.stamp
        self._forgotten = None if spool is None or state is None else Forgotten(state)
        self._writer = Writer(
            self._late,
            spool=spool,
            every=[
                (PURGE_EVERY_S, self._purge),
                (COUNT_EVERY_S, self._count_hours),
                (KEEP_EVERY_S, self._keep),
            ],
            after_loss=self._erase_again,
            at_end=self._late.close,
        )
        self._writer.start()
        if self._forgotten is not None and self._forgotten.callers:
            self._writer.do(self._erase_again)  # what the last run left may be written again first

    @classmethod
    def open(
        cls,
        url: str,
        retention: Retention | None = None,
        state: Path | None = None,
        progress: Progress | None = None,
    ) -> Store:
        """`state`: the folder for the spool and for the copy that a start needs when the database is away.

        Raises `StoreError` when there is no such copy, or when the database is none for this program, and
        `GivenUpError` as `progress` has it.
        """
        if state is None:
            return cls(LateDatabase(url, _open(url, progress)), retention)
        spool = Spool(state / "spool")
        spool.keep_from(Kept.position_in(state) or spool.begin)
        tail = list(_records(spool, spool.begin))
        found = kept = None
        try:
            found = first.read(url, tail)
            if found is not None and found.lacks(spool.marked):
                _log.error(
                    "database_lost_transactions",
                    hint="a server that lacked them has taken over; what is still on this disk is written"
                    " again",
                )
                spool.go_back()
                tail = list(_records(spool, spool.begin))
                found = first.read(url, tail)
        except StoreError as error:
            kept = _copy(state, error)
        if found is None and kept is None:  # it is new, of another version, or perhaps only slow
            try:
                return cls(_caught_up(url, tail, progress), retention, spool=spool, state=state)
            except UnusableError:
                raise
            except StoreError as error:
                kept = _copy(state, error)
                if kept is None:
                    raise
        if found is not None:
            routing, memory = found.routing, _memory(found.standing, tail, found.known)
        elif kept is not None:
            routing, memory = kept.routing, _memory(kept.standing, _records(spool, kept.position))
        late = LateDatabase(url, stamp=spool.marked)
        return cls(late, retention, spool=spool, state=state, routing=routing, memory=memory)

    def seed(self, config: Config) -> bool:
        """Put a file's queues, agents and tiers into an empty database. Tells whether it was empty."""
        return self._routing is None and self.database.seed(config, now_us=_now_us())

    def load_routing(self) -> dict[str, Any] | None:
        """Queues, agents and tiers in force, for `Config.with_routing`; None in an empty database."""
        if self._routing is None:
            applied = self.database.load_config()
            self._routing = None if applied is None else applied.routing
        return self._routing

    def memory(self) -> Memory:
        """What earlier runs leave to be taken up: how agents stand, and calls that hadn't ended."""
        return self._memory if self._memory is not None else self.database.memory()

    def warm_up(self) -> None:
        """Calls are taken up: load what the database needs, if that isn't done."""
        self._late.hurry()
        self._writer.do(self._late.get)

    @property
    def database(self) -> Database:
        """Blocks while it isn't open yet; then raises `StoreError` when it is away."""
        return self._late.get()

    def put(self, records: Sequence[RecordLike]) -> bool:
        """Keep records soon. False when there was no room; they are counted in `dropped` then."""
        return self._writer.put(records)

    def kept(self) -> Future[bool]:
        """Comes when what was put before outlives this process; False: the disk refuses it."""
        return self._writer.kept()

    def apply(self, config: Config) -> Future[int]:
        """Make queues, agents and tiers the ones in force at the next start; its version when it is done."""
        return self._writer.ask(partial(self._apply, config))

    def erase(self, caller: str) -> Future[Erased]:
        """Forget a caller, named by pseudonym, when all records taken so far are written."""
        return self._writer.ask(partial(self._erase, caller))

    def transact(self, work: Callable[[Connection], T], /) -> T:
        """Run work in one transaction of the writing thread, after all records taken so far; its result.

        Blocks: not for the hub. Raises `StoreError`, also when the database is away for long; then the work
        isn't done later either, unless it has begun.
        """
        future = self._writer.ask(lambda: self.database.transact(work))
        try:
            return future.result(TRANSACT_S)
        except TimeoutError as error:
            future.cancel()
            raise StoreError("the database doesn't answer") from error

    @property
    def working(self) -> bool:
        """False while the database takes nothing; records go to the spool meanwhile."""
        return self._writer.working

    @property
    def keeping(self) -> bool:
        """False while records are in memory only: neither the database nor the disk takes them."""
        return self._writer.working or (self._spool is not None and not self._writer.spool_failing)

    @property
    def why_not_working(self) -> str:
        return self._writer.failing or "it doesn't answer"

    @property
    def dropped(self) -> int:
        """Records that are gone."""
        return self._writer.dropped

    @property
    def failures(self) -> int:
        """Attempts to write that failed; they are made again."""
        return self._writer.failures

    @property
    def pending(self) -> int:
        """Records on their way."""
        return self._writer.pending

    @property
    def spooled_bytes(self) -> int:
        """Size of what only the spool has."""
        return 0 if self._spool is None else self._spool.bytes_unwritten

    @property
    def oldest_us(self) -> int | None:
        """Moment of the oldest record that the database has not got; None when it has all."""
        return self._writer.oldest_us

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything is written; False when time ran out."""
        return self._writer.flush(timeout_seconds)

    def close(self) -> None:
        """Write what is left, at most for a few seconds, and let go."""
        self._late.hurry()
        self._writer.stop()
        if self._spool is not None:
            self._spool.close()

    # In the database's thread.

    def _apply(self, config: Config) -> int:
        version = self.database.apply(config, now_us=_now_us())
        self._routing = config.routing()
        return version

    def _erase(self, caller: str) -> Erased:
        if self._forgotten is not None and self._spool is not None:
            _note_erasure(self._forgotten, caller, self._spool.end)
        erased = self.database.erase(caller)
        if self._spool is not None:
            self._spool.turn_over()
        return erased

    def _erase_again(self) -> None:
        """Callers who were erased lately: records of theirs may just have been written again."""
        for caller in () if self._forgotten is None else self._forgotten.callers:
            self.database.erase(caller)

    def _count_hours(self) -> None:
        self.database.count_hours(now_us=_now_us(), at_most_s=COUNT_AT_MOST_S)

    def _purge(self) -> None:
        """What is deleted doesn't come back: nothing goes where all records are too old, for the clock may be
        far ahead, or nobody has written for so long. After the next records nothing is in doubt.
        """
        now_us, newest_us = _now_us(), self.database.newest_us()
        if newest_us is not None and newest_us < now_us - self._retention.records_days * DAY_US:
            _log.warning("old_records_kept", hint="all are older than keep-records-days; is the clock right?")
            return
        gone = self.database.purge(self._retention, now_us=now_us)
        if gone:
            _log.info("old_records_deleted", rows=gone)

    def _keep(self) -> None:
        """Make the copy for a start without the database; the spool keeps what comes after it."""
        if self._state is None or self._spool is None:
            return
        routing, position = self.load_routing(), self._writer.position
        if routing is None or (self._saved[0] is routing and self._saved[1] == position):
            return
        try:
            Kept(routing, self.database.standing(), position).save(self._state)
            if self._kept_at is not None:
                self._spool.keep_from(self._kept_at)  # one copy earlier: what another server may lack
            if self._forgotten is not None:
                self._forgotten.keep_from(self._spool.kept_from)
        except OSError as error:
            _log.warning("copy_not_kept", reason=error.strerror)
            return
        self._saved = (routing, position)
        self._kept_at = position


def catch_up(database: Database, state: Path) -> None:
    """Write down what the last run left in its spool, for whoever uses the database while none runs."""
    if (state / "spool").is_dir():
        spool = Spool(state / "spool")
        database.append(_records(spool, spool.begin))
        spool.written(spool.end)
        spool.close()


def erase_unattended(database: Database, state: Path, caller: str) -> Erased:
    """What `Store.erase` is, while no controller runs. Raises `StoreError`."""
    if (state / "spool").is_dir():
        spool = Spool(state / "spool")
        _note_erasure(Forgotten(state), caller, spool.end)
        spool.close()
    return database.erase(caller)


def _note_erasure(forgotten: Forgotten, caller: str, until: Position) -> None:
    try:
        forgotten.add(caller, until)
    except OSError as error:
        raise StoreError(f"the state folder takes nothing: {error.strerror}") from error


def _open(url: str, progress: Progress | None) -> Database:
    from py_callcenter.store.database import Database  # noqa: PLC0415 - takes long to load

    return Database.open(url, progress)


def _caught_up(url: str, tail: Sequence[RecordLike], progress: Progress | None) -> Database:
    """Open it and write down what the last run left."""
    database = _open(url, progress)
    try:
        if progress is not None:
            progress.begin("what the last run left on this disk is written down")
        database.append(tail)
        if progress is not None:
            progress.end()
    except BaseException:
        database.close()
        raise
    return database


def _copy(state: Path, error: StoreError) -> Kept | None:
    """What a start without the database goes by; None when there is nothing."""
    kept = Kept.load(state)
    if kept is not None:
        _log.error(
            "database_away",
            reason=str(error),
            hint="started with the copy in the state folder; records are kept until it is back",
        )
    return kept


def _records(spool: Spool, since: Position) -> list[RecordLike]:
    found: list[RecordLike] = []
    while since < spool.end:
        records, since = spool.read(since, spool.end, MAX_BATCH)
        found += records
    return found


def _memory(
    standing: Sequence[StandingRow],
    since: Sequence[RecordLike],
    known: frozenset[tuple[int, int, str]] = frozenset(),
) -> Memory:
    """`known`: epoch, sequence and node of records that are in `standing` already."""
    memory = Memory.load(standing)
    for record in since:
        if (record.epoch, record.sequence, record.node) not in known:
            memory.fold(record)
    return memory


def _now_us() -> int:
    return time.time_ns() // 1000
