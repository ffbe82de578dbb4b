"""The database: the configuration in force and the records of what happened.

`Store` is the controller's: it hands writing to a thread of its own. `Database` blocks: for the command
line, when no controller runs.
"""

from __future__ import annotations

from py_callcenter.store.database import AppliedConfig, Database, StoredRecord, StoreError
from py_callcenter.store.store import Store
from py_callcenter.store.writer import Writer

__all__ = ["AppliedConfig", "Database", "Store", "StoreError", "StoredRecord", "Writer"]
