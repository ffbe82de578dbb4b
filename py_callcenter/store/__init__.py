"""The database: the configuration in force, the records of what happened, and what they come to.

`Store` is the controller's: it hands writing to a thread of its own. `Database` blocks: for the command
line, when no controller runs, and for reports.
"""

from __future__ import annotations

from py_callcenter.store.database import AppliedConfig, Database
from py_callcenter.store.errors import StoreError
from py_callcenter.store.keeping import Erased, Retention
from py_callcenter.store.rows import StoredRecord
from py_callcenter.store.store import Store
from py_callcenter.store.writer import Writer

__all__ = [
    "AppliedConfig",
    "Database",
    "Erased",
    "Retention",
    "Store",
    "StoreError",
    "StoredRecord",
    "Writer",
]
