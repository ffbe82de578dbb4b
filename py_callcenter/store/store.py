"""The controller's view of its database: what is asked at the start, and what the hub hands over later."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from py_callcenter.config import Config
from py_callcenter.store.database import Database, RecordLike
from py_callcenter.store.writer import Writer


class Store:
    """A database with a thread of its own for writing.

    `open`, `seed`, `load_routing` and `statuses` block: they belong to the start. `put` and `apply` never
    block and may be called in the hub's thread at any time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = Writer(database)
        self._writer.start()

    @classmethod
    def open(cls, url: str) -> Store:
        """Raises `StoreError`."""
        return cls(Database.open(url))

    def seed(self, config: Config) -> bool:
        """Put a file's queues, agents and tiers into an empty database. Tells whether it was empty."""
        return self._database.seed(config, now_us=time.time_ns() // 1000)

    def load_routing(self) -> dict[str, Any] | None:
        """Queues, agents and tiers in force, for `Config.with_routing`; None in an empty database."""
        applied = self._database.load_config()
        return None if applied is None else applied.routing

    def statuses(self) -> dict[str, str]:
        """Status of each agent whose status ever changed: what the agent's login comes back by."""
        return self._database.statuses()

    def put(self, records: Sequence[RecordLike]) -> bool:
        """Keep records soon. False when there was no room; they are counted in `dropped` then."""
        return self._writer.put(records)

    def apply(self, config: Config) -> None:
        """Make queues, agents and tiers the ones in force at the next start."""
        self._writer.do(partial(self._database.apply, config, now_us=time.time_ns() // 1000))

    @property
    def working(self) -> bool:
        """False while nothing can be written."""
        return not self._writer.failing

    @property
    def dropped(self) -> int:
        """Records that are gone."""
        return self._writer.dropped

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
        self._database.close()
