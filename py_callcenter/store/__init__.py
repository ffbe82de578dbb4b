"""The database: the configuration in force and the records of what happened.

`Store` talks to the database and blocks; `Writer` does so in a thread of its own, never in the hub's.
"""

from __future__ import annotations

from py_callcenter.store.store import AppliedConfig, Store, StoredRecord, StoreError
from py_callcenter.store.writer import Writer

__all__ = ["AppliedConfig", "Store", "StoreError", "StoredRecord", "Writer"]
