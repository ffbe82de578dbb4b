"""Reading and writing the database. Every method blocks: none may run in the hub's thread once calls flow."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import orjson
import structlog
from sqlalchemy import Connection, Engine, event, func, insert, select, text

from py_callcenter.config import Config
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.records import CallOffered
from py_callcenter.stats import AgentLine
from py_callcenter.store import arrivals, folding, keeping, rows, standing, versions
from py_callcenter.store.connect import WRITES, as_store_error, engine_for, given_up_after
from py_callcenter.store.counting import Counting
from py_callcenter.store.errors import LostTransactionsError
from py_callcenter.store.expected import WRITER
from py_callcenter.store.kept import StandingRow
from py_callcenter.store.progress import Progress
from py_callcenter.store.record import RecordLike, StoredRecord
from py_callcenter.store.retention import Erased, Retention
from py_callcenter.store.schema import agents, config, meta, records

if TYPE_CHECKING:
    from py_callcenter.stats import Worked

ARRIVALS_S: Final = 5
"""So long a look at past weeks may take at the most."""
HOURS_LISTED: Final = 200
"""Pieces of work found at once."""
WARN_EVERY_S: Final = 60

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """Queues, agents and tiers that were applied, as `Config.routing` gave them."""

    version: int
    applied_us: int
    routing: dict[str, Any]


class Database:
    """One database. Use `open`. One thread at a time may write.

    Where the folding is up to is known by heart. Another program that writes to the same database is found
    out by the row `WRITER`, which is locked in each transaction that folds; what is known is read again then.
    It counts our transactions too: a server that took over and lacks the last of them is found out likewise.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._name = secrets.token_hex(8)
        self._turns = 0
        """How many times we have written records, or erased a caller."""
        self._lost_turns = 0
        """So many of them the database has forgotten; until `append` says so."""
        self._warn_at_s: float | None = None
        """Not before; None until it is known that nobody else wrote before us."""
        self._folding: folding.AgentFolding | None = None
        self._standing: standing.Standing | None = None
        self._counting: Counting | None = None

    @classmethod
    def open(cls, url: str, progress: Progress | None = None) -> Database:
        """Connect; make the tables where there are none, or bring an older version's to this one's, which
        takes long where there are many records: `progress` is told.

        Raises `StoreError`, also for a database that a newer version of this program has written, and
        `GivenUpError`.
        """
        progress = progress or Progress()
        database = cls(engine_for(url))
        try:
            with database.write() as connection:
                event.listen(connection, "before_cursor_execute", progress.on_statement)
                versions.bring_to(connection, progress=progress)
                if not folding.is_folded(connection):
                    database._take_turn(connection)
                    folding.rebuild(connection, progress)
                if not standing.is_made(connection):
                    standing.rebuild(connection, folding.in_order(connection), progress)
        except BaseException:
            database.close()
            raise
        progress.end()
        database._forget()
        return database

    @classmethod
    def migrate(cls, url: str, version: str) -> bool:
        """Bring a database to another version, for an older program; tells whether it changed."""
        database = cls(engine_for(url))
        try:
            with database.write() as connection:
                return versions.bring_to(connection, version)
        finally:
            database.close()

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def stamp(self) -> str:
        """Who we are in the database, and how many times we have written records."""
        return f"{self._name} {self._turns}"

    def expect(self, stamp: str) -> None:
        """Go on as an earlier run of ours: what the database lacks of that one's is found out too."""
        name, _, turns = stamp.partition(" ")
        if turns.isdecimal():
            self._name, self._turns = name, int(turns)

    # Configuration.

    def seed(self, first: Config, *, now_us: int) -> bool:
        """Put a file's queues, agents and tiers in, if nothing was ever applied. Tells whether it did."""
        with self.write() as connection:
            if connection.scalar(select(func.count()).select_from(config)):
                return False
            _append_config(connection, first, now_us)
            return True

    def load_config(self) -> AppliedConfig | None:
        """What is in force; None in an empty database."""
        with self.reading() as connection:
            row = connection.execute(select(config).order_by(config.c.version.desc()).limit(1)).first()
        if row is None:
            return None
        return AppliedConfig(row.version, row.applied_us, orjson.loads(row.body))

    def apply(self, new: Config, *, now_us: int) -> int:
        """Make another configuration the one in force; give its version. Older ones are kept."""
        with self.write() as connection:
            return _append_config(connection, new, now_us)

    # Records.

    def append(self, batch: Sequence[RecordLike]) -> None:
        """Write records and what they come to, all or none. Those that are there already change nothing.

        Raises `LostTransactionsError`, once, when the database lacks what was written before: that first.
        """
        try:
            with self.write() as connection:
                counting = self._take_turn(connection)
                self._admit_loss()
                rows.put(connection, meta, [{"key": WRITER, "value": f"{self._name} {self._turns + 1}"}])
                fresh = rows.insert_new(connection, batch)
                touched = (getattr(record, "call", "") for record in fresh)
                folding.refold_calls(connection, filter(None, touched), counting)
                counting.came_again(
                    connection, [record.call for record in fresh if isinstance(record, CallOffered)]
                )
                if self._folding is None:
                    self._folding = folding.AgentFolding(connection)
                self._folding.fold(connection, fresh, counting)
                if self._standing is None:
                    self._standing = standing.Standing(connection)
                self._standing.fold(connection, fresh)
        except BaseException:
            self._forget()  # it may be ahead of the database now
            raise
        self._turns += 1

    def _take_turn(self, connection: Connection) -> Counting:
        """First of all in a transaction that folds: nobody else folds until it ends."""
        last = connection.scalar(select(meta.c.value).where(meta.c.key == WRITER).with_for_update())
        name, _, turns = (last or "").partition(" ")
        if name == self._name and turns.isdecimal():
            self._compare(int(turns))
        else:
            if self._warn_at_s is not None and time.monotonic() >= self._warn_at_s:
                self._warn_at_s = time.monotonic() + WARN_EVERY_S
                _log.warning(
                    "another_program_writes",
                    hint="two controllers share this database: figures stay right, writing is slower;"
                    " give each its own, or stop one",
                )
            self._forget()
            rows.put(connection, meta, [{"key": WRITER, "value": self.stamp}])
        if self._warn_at_s is None:
            self._warn_at_s = 0.0
        if self._counting is None:
            self._counting = Counting(connection)
        return self._counting

    def _compare(self, turns: int) -> None:
        """How often we wrote, as the database has it: once more when the end of the last never reached us."""
        if turns != self._turns:
            self._forget()
            self._lost_turns = max(0, self._lost_turns + self._turns - turns)
            self._turns = turns

    def _admit_loss(self) -> None:
        lost, self._lost_turns = self._lost_turns, 0
        if lost:
            raise LostTransactionsError(f"the database lacks the last {lost} transactions that it had")

    def _forget(self) -> None:
        self._folding = self._standing = self._counting = None

    def count_hours(self, *, now_us: int, at_most_s: float) -> bool:
        """Count hours beforehand that aren't, newest first, for about so long; False if some are left."""
        end_s = time.monotonic() + at_most_s
        try:
            with self.write() as connection:
                todo = list(islice(self._take_turn(connection).missing(connection, now_us), HOURS_LISTED))
            for what, from_us, until_us in todo:
                if time.monotonic() > end_s:
                    return False
                with self.write() as connection:
                    self._take_turn(connection).count(connection, what, from_us, until_us)
        except BaseException:
            self._forget()
            raise
        return len(todo) < HOURS_LISTED

    def read(
        self, *, since_us: int = 0, until_us: int | None = None, of_agents: bool = False
    ) -> Iterator[StoredRecord]:
        """Records in the order in which they happened; of agents: only those that name one."""
        query = select(records).where(records.c.at_us >= since_us)
        if until_us is not None:
            query = query.where(records.c.at_us < until_us)
        if of_agents:
            query = query.where(records.c.agent.is_not(None))
        yield from self._rows(query.order_by(records.c.at_us, records.c.epoch, records.c.sequence))

    def read_call(self, call: str) -> list[StoredRecord]:
        """All records of one call."""
        query = select(records).where(records.c.call == call)
        return list(self._rows(query.order_by(records.c.epoch, records.c.sequence)))

    def arrivals(self, stretches: Sequence[tuple[int, int]]) -> list[dict[str, int] | None]:
        """Queue legs that began in each stretch of time; see `arrivals`."""
        with self.reading(at_most_s=ARRIVALS_S) as connection:
            return arrivals.arrivals(connection, stretches)

    def worked(self, from_us: int, until_us: int) -> dict[str, Worked]:
        """What they came to, by queue; see `arrivals`."""
        with self.reading(at_most_s=ARRIVALS_S) as connection:
            return arrivals.worked(connection, from_us, until_us)

    def statuses(self) -> dict[str, str]:
        """Each agent's status by the last record that changed it."""
        return {name: line.status for name, line in self.agent_lines().items()}

    def memory(self) -> Memory:
        """What the records leave for the next start to take up."""
        with self.reading() as connection:
            return standing.read(connection)

    def standing(self) -> list[StandingRow]:
        """The same as rows, for a copy."""
        with self.reading() as connection:
            return standing.rows_of(connection)

    def agent_lines(self) -> dict[str, AgentLine]:
        """Where each agent was by the last record."""
        with self.reading() as connection:
            return {row.agent: AgentLine(**row._asdict()) for row in connection.execute(select(agents))}

    # Keeping and forgetting.

    def newest_us(self) -> int | None:
        """When the last record was written; None without any."""
        with self.reading() as connection:
            newest_us = connection.scalar(select(func.max(records.c.at_us)))
        return None if newest_us is None else int(newest_us)

    def purge(self, retention: Retention, *, now_us: int) -> int:
        """Delete what is too old, in small steps; how many rows it were."""
        gone = 0
        for table, age, before_us in keeping.cutoffs(retention, now_us):
            while True:
                with self.write() as connection:
                    count = keeping.delete_chunk(connection, table, age, before_us)
                gone += count
                if count < keeping.CHUNK:
                    break
        return gone

    def erase(self, caller: str) -> Erased:
        """Forget a caller, named by pseudonym (`engine.identity.Sealer.caller`).

        It counts as a turn, so that a database that lost it is found out.
        """
        try:
            with self.write() as connection:
                counting = self._take_turn(connection)
                rows.put(connection, meta, [{"key": WRITER, "value": f"{self._name} {self._turns + 1}"}])
                erased = keeping.erase(connection, caller, counting)
        except BaseException:
            self._forget()
            raise
        self._turns += 1
        return erased

    # Inside, and for the other modules of this layer.

    @contextmanager
    def reading(self, *, at_most_s: int = 0) -> Iterator[Connection]:
        """A transaction that only reads; what takes longer than `at_most_s` is given up."""
        with as_store_error(), self._engine.begin() as connection:
            if at_most_s and connection.dialect.name == "postgresql":
                # One moment for all that is read: what is counted beforehand changes meanwhile.
                connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
                connection.execute(text(f"SET LOCAL statement_timeout = '{at_most_s:d}s'"))
                # Compiling takes longer than counting a month; sums of a month fit into this memory.
                connection.execute(text("SET LOCAL jit = off"))
                connection.execute(text("SET LOCAL work_mem = '64MB'"))
            elif at_most_s:
                with given_up_after(connection, at_most_s):
                    yield connection
                return
            yield connection

    def transact(self, work: Callable[[Connection], T], /) -> T:
        """Run work in one transaction that writes; its result."""
        with self.write() as connection:
            return work(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes."""
        with as_store_error(), self._engine.connect() as connection:
            connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection

    def _rows(self, query: Any) -> Iterator[StoredRecord]:
        with self.reading() as connection:
            for row in connection.execute(query, execution_options={"yield_per": rows.BATCH}):
                yield rows.from_row(row)


def _append_config(connection: Connection, new: Config, now_us: int) -> int:
    version = (connection.scalar(select(func.max(config.c.version))) or 0) + 1
    body = orjson.dumps(new.routing())
    connection.execute(insert(config).values(version=version, applied_us=now_us, body=body))
    return int(version)
