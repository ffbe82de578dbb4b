"""Alembic's way in: runs the steps on the connection and within the transaction that it is given."""

from __future__ import annotations

from alembic import context

from py_callcenter.store.expected import VERSION_TABLE
from py_callcenter.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
)
context.run_migrations()
