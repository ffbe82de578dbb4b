"""The database: the configuration in force, the records of what happened, and what they come to.

`Store` is the controller's: it hands writing to a thread of its own. `Database` blocks: for the command
line, when no controller runs, and for reports. What needs SQLAlchemy is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from py_callcenter.lazy import names
from py_callcenter.store.errors import StoreError
from py_callcenter.store.retention import Erased, Retention

__all__ = [
    "UNANSWERED",
    "AppliedConfig",
    "Database",
    "Deliveries",
    "Delivery",
    "DeliveryState",
    "Erased",
    "Retention",
    "Store",
    "StoreError",
    "StoredRecord",
    "Transact",
    "Writer",
]

if TYPE_CHECKING:
    from py_callcenter.store.database import AppliedConfig, Database
    from py_callcenter.store.deliveries import UNANSWERED, Deliveries, Delivery, DeliveryState, Transact
    from py_callcenter.store.record import StoredRecord
    from py_callcenter.store.store import Store
    from py_callcenter.store.writer import Writer
else:
    __getattr__ = names(
        __name__,
        {
            "AppliedConfig": "database",
            "Database": "database",
            "Deliveries": "deliveries",
            "Delivery": "deliveries",
            "DeliveryState": "deliveries",
            "Store": "store",
            "StoredRecord": "record",
            "Transact": "deliveries",
            "UNANSWERED": "deliveries",
            "Writer": "writer",
        },
    )
