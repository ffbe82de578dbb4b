"""What keeps the records of the soak in virtual time: the production store, or nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sim.storm.books import Books
from sim.storm.centre import Centre

from py_callcenter.store import store as storing
from py_callcenter.store.store import Store

AHEAD = 5_000
"""Records that virtual time may be ahead of the database: a batch or two, as in a busy centre."""
HOUSEKEEPING_S = 60
"""Virtual seconds between two of the store's looks at what is to be counted and copied."""


class Nobody:
    """Looks at nothing and keeps nothing."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_arguments, **_more: None


class Forgetful(Books):
    """A database that is as fast as the storm's and keeps nothing."""

    def __init__(self, centre: Centre) -> None:
        super().__init__(centre)
        self.records = 0

    def put(self, records: Any) -> bool:
        self.records += len(records)
        return True

    def keep_up(self, second: int) -> None:
        """So many virtual seconds have passed."""

    def settle(self) -> bool:
        """Whether all that was put is kept."""
        return True

    def close(self) -> None:
        pass


class OnDisk(Forgetful):
    """The production store: its spool, its writer and SQLite, in a folder of its own."""

    def __init__(self, centre: Centre, folder: Path) -> None:
        super().__init__(centre)
        # Records are of virtual time, and what is counted or deleted goes by their age.
        storing._now_us = lambda: centre.now_us  # type: ignore[assignment]
        (folder / "state").mkdir()
        self.store = Store.open(f"sqlite:///{folder}/soak.db", state=folder / "state")
        self.store.seed(centre.config)
        self.store.warm_up()

    def memory(self) -> Any:
        return self.store.memory()

    def put(self, records: Any) -> bool:
        super().put(records)
        return self.store.put(records)

    def keep_up(self, second: int) -> None:
        if second % HOUSEKEEPING_S == 0:
            self.store._writer.do(self.store._count_hours)
            self.store._writer.do(self.store._keep)
        if second % round(storing.PURGE_EVERY_S) == 0:
            self.store._writer.do(self.store._purge)
        while self.store.pending > AHEAD:
            time.sleep(0.001)

    def settle(self) -> bool:
        """Waits until everything is written, so that a sample sees what stays."""
        written = self.store.flush(60)
        if not written or self.store.dropped or self.store.failures:
            print(
                f"NOT kept: {self.store.pending} records on their way, {self.store.dropped} lost, "
                f"{self.store.failures} attempts failed {self.store.why_not_working if not written else ''}"
            )
            return False
        return True

    def close(self) -> None:
        self.store.close()
