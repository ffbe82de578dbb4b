"""The controller's view of its database: what is asked at the start, and what the hub hands over later."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, Final

import structlog

from py_callcenter.config import Config
from py_callcenter.engine.memory import Memory
from py_callcenter.store.database import Database
from py_callcenter.store.keeping import Erased, Retention
from py_callcenter.store.rows import RecordLike
from py_callcenter.store.writer import Writer

PURGE_EVERY_S: Final = 6 * 3600.0
COUNT_EVERY_S: Final = 15.0
COUNT_AT_MOST_S: Final = 1.0
"""A year that isn't counted yet takes some hours so; records that come meanwhile wait for a moment only."""

_log = structlog.get_logger(__name__)


class Store:
    """A database with a thread of its own for writing.

    `open`, `seed`, `load_routing` and `statuses` block: they belong to the start. `put`, `apply` and `erase`
    never block and may be called in the hub's thread at any time. `database` is for reading in other threads.
    """

    def __init__(self, database: Database, retention: Retention | None = None) -> None:
        self.database = database
        self._retention = retention or Retention()
        self._writer = Writer(
            database, every=((PURGE_EVERY_S, self._purge), (COUNT_EVERY_S, self._count_hours))
        )
        self._writer.start()

    @classmethod
    def open(cls, url: str, retention: Retention | None = None) -> Store:
        """Raises `StoreError`."""
        return cls(Database.open(url), retention)

    def seed(self, config: Config) -> bool:
        """Put a file's queues, agents and tiers into an empty database. Tells whether it was empty."""
        return self.database.seed(config, now_us=_now_us())

    def load_routing(self) -> dict[str, Any] | None:
        """Queues, agents and tiers in force, for `Config.with_routing`; None in an empty database."""
        applied = self.database.load_config()
        return None if applied is None else applied.routing

    def statuses(self) -> dict[str, str]:
        """Status of each agent whose status ever changed: what the agent's login comes back by."""
        return self.database.statuses()

    def memory(self) -> Memory:
        """What earlier runs leave to be taken up: how agents stand, and calls that hadn't ended."""
        return self.database.memory()

    def put(self, records: Sequence[RecordLike]) -> bool:
        """Keep records soon. False when there was no room; they are counted in `dropped` then."""
        return self._writer.put(records)

    def apply(self, config: Config) -> None:
        """Make queues, agents and tiers the ones in force at the next start."""
        self._writer.do(partial(self.database.apply, config, now_us=_now_us()))

    def erase(self, caller: str) -> Future[Erased]:
        """Forget a caller, named by pseudonym, when all records taken so far are written."""
        return self._writer.ask(partial(self.database.erase, caller))

    @property
    def working(self) -> bool:
        """False while nothing can be written."""
        return not self._writer.failing

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

    def flush(self, timeout_seconds: float = 5.0) -> bool:
        """Wait until everything is written; False when time ran out."""
        return self._writer.flush(timeout_seconds)

    def close(self) -> None:
        """Write what is left, at most for a few seconds, and let go."""
        self._writer.stop()
        self.database.close()

    def _count_hours(self) -> None:
        self.database.count_hours(now_us=_now_us(), at_most_s=COUNT_AT_MOST_S)

    def _purge(self) -> None:
        gone = self.database.purge(self._retention, now_us=_now_us())
        if gone:
            _log.info("old_records_deleted", rows=gone)


def _now_us() -> int:
    return time.time_ns() // 1000
