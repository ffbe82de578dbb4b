"""Tables. Portable SQL: the same on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

SCHEMA_VERSION: Final = 1

metadata = MetaData()

meta = Table(
    "cc_meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", String(255), nullable=False),
)

config = Table(
    "cc_config",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    comment="Every configuration that was applied; the one with the highest version is in force.",
)

records = Table(
    "cc_records",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("call", String(64)),
    Column("body", LargeBinary, nullable=False),
    Index("cc_records_at", "at_us"),
    Index("cc_records_call", "call"),
    comment="What happened, append-only. The id is node:epoch:sequence, so writing twice is harmless.",
)

agents = Table(
    "cc_agents",
    metadata,
    Column("agent", String(64), primary_key=True),
    Column("status", String(32), nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    comment="Last status of each agent, folded from the records so that a start needs not read them all.",
)
