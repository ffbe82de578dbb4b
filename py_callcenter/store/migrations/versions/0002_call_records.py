"""Records by (epoch, sequence, node), call records, and agents' time.

The new tables are filled from the records when the database is opened next.

Revision ID: 0002
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BATCH = 5000
_HEAD = ("node", "epoch", "sequence", "at_us")
_STATES = (
    "waiting", "reserved", "receiving", "in_a_queue_call", "wrap_up", "idle", "busy_elsewhere", "on_break",
)  # fmt: skip
_OFFERS = (
    "answered", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn",
)  # fmt: skip


def upgrade() -> None:
    op.drop_index("cc_records_at", "cc_records")
    op.drop_index("cc_records_call", "cc_records")
    op.rename_table("cc_records", "cc_records_old")
    old = sa.table("cc_records_old", *(sa.column(c) for c in ("id", "at_us", "kind", "call", "body")))
    _create_records()
    new = sa.table(
        "cc_records",
        *(sa.column(c) for c in ("epoch", "sequence", "node", "at_us", "kind", "call", "agent", "fields")),
    )
    for batch in _read(old, (old.c.id,)):
        op.get_bind().execute(sa.insert(new), [_split(row) for row in batch])
    op.drop_table("cc_records_old")
    op.drop_table("cc_agents")
    _create_agents()
    _create_calls()
    op.execute(sa.text("DELETE FROM cc_meta WHERE key = 'schema'"))


def downgrade() -> None:
    statuses = op.get_bind().execute(sa.text("SELECT agent, status, changed_us FROM cc_agents")).all()
    for table in ("cc_agent_slots", "cc_calls", "cc_legs", "cc_agents"):
        op.drop_table(table)
    op.drop_index("cc_records_agent", "cc_records")
    op.drop_index("cc_records_at", "cc_records")
    op.drop_index("cc_records_call", "cc_records")
    op.rename_table("cc_records", "cc_records_new")
    names = ("epoch", "sequence", "node", "at_us", "kind", "call", "agent", "fields")
    new = sa.table("cc_records_new", *(sa.column(c) for c in names))
    op.create_table(
        "cc_records",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("call", sa.String(64)),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    old = sa.table(
        "cc_records",
        *(sa.column(c) for c in ("id", "at_us", "kind", "call")),
        sa.column("body", sa.LargeBinary),
    )
    for batch in _read(new, (new.c.epoch, new.c.sequence, new.c.node)):
        op.get_bind().execute(sa.insert(old), [_join(row) for row in batch])
    op.drop_table("cc_records_new")
    op.create_index("cc_records_at", "cc_records", ["at_us"])
    op.create_index("cc_records_call", "cc_records", ["call"])
    op.create_table(
        "cc_agents",
        sa.Column("agent", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
    )
    for row in statuses:
        op.get_bind().execute(
            sa.text("INSERT INTO cc_agents VALUES (:agent, :status, :changed_us)"),
            row._asdict(),
        )
    op.execute(sa.text("DELETE FROM cc_meta WHERE key = 'folded'"))
    op.execute(sa.text("INSERT INTO cc_meta (key, value) VALUES ('schema', '1')"))


def _read(table: Any, key: Sequence[Any]) -> Iterator[list[Any]]:
    """All rows in batches, by key: a server would hold the whole result otherwise."""
    last: tuple[Any, ...] | None = None
    while True:
        query = sa.select(table).order_by(*key).limit(_BATCH)
        if last is not None:
            query = query.where(sa.tuple_(*key) > sa.tuple_(*(sa.literal(value) for value in last)))
        rows = op.get_bind().execute(query).all()
        if not rows:
            return
        yield list(rows)
        last = tuple(getattr(rows[-1], column.name) for column in key)


def _split(row: Any) -> dict[str, Any]:
    fields = orjson.loads(row.body)
    node, epoch, sequence, _at_us = (fields.pop(name) for name in _HEAD)
    return {
        "epoch": epoch,
        "sequence": sequence,
        "node": node,
        "at_us": row.at_us,
        "kind": row.kind,
        "call": row.call,
        "agent": fields.get("agent") or None,
        "fields": orjson.dumps(fields).decode(),
    }


def _join(row: Any) -> dict[str, Any]:
    head = {"node": row.node, "epoch": row.epoch, "sequence": row.sequence, "at_us": row.at_us}
    return {
        "id": f"{row.node}:{row.epoch}:{row.sequence}",
        "at_us": row.at_us,
        "kind": row.kind,
        "call": row.call,
        "body": orjson.dumps({**head, **orjson.loads(row.fields)}),
    }


def _create_records() -> None:
    op.create_table(
        "cc_records",
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("node", sa.String(64), primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("call", sa.String(64)),
        sa.Column("agent", sa.String(64)),
        sa.Column("fields", sa.Text, nullable=False),
    )
    op.create_index("cc_records_at", "cc_records", ["at_us"])
    op.create_index("cc_records_call", "cc_records", ["call"])
    some = sa.text("agent IS NOT NULL")
    op.create_index(
        "cc_records_agent",
        "cc_records",
        ["epoch", "sequence", "agent"],
        sqlite_where=some,
        postgresql_where=some,
    )


def _create_agents() -> None:
    op.create_table(
        "cc_agents",
        sa.Column("agent", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "cc_agent_slots",
        sa.Column("slot_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("agent", sa.String(64), primary_key=True),
        *(sa.Column(f"{state}_us", sa.BigInteger, nullable=False) for state in _STATES),
        *(sa.Column(f"offers_{outcome}", sa.Integer, nullable=False) for outcome in _OFFERS),
    )


def _create_calls() -> None:
    text, number = sa.String(64), sa.BigInteger
    op.create_table(
        "cc_legs",
        sa.Column("call", text, primary_key=True),
        sa.Column("leg", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("node", text, nullable=False),
        sa.Column("queue", text, nullable=False),
        sa.Column("caller", text),
        sa.Column("entered_us", number, nullable=False),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(16), nullable=False),
        sa.Column("wait_us", number, nullable=False),
        sa.Column("left_position", sa.Integer, nullable=False),
        sa.Column("offers", sa.Integer, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("agent", text, nullable=False),
        sa.Column("ring_us", number, nullable=False),
        sa.Column("voice_us", number, nullable=False),
        sa.Column("talk_us", number, nullable=False),
        sa.Column("hold_us", number, nullable=False),
        sa.Column("wrap_up_us", number, nullable=False),
        sa.Column("ended_by", sa.String(16), nullable=False),
        sa.Column("transferred", sa.Boolean, nullable=False),
    )
    op.create_index("cc_legs_entered", "cc_legs", ["entered_us"])
    op.create_index("cc_legs_queue", "cc_legs", ["queue", "entered_us"])
    op.create_index("cc_legs_agent", "cc_legs", ["agent", "entered_us"])
    op.create_table(
        "cc_calls",
        sa.Column("call", text, primary_key=True),
        sa.Column("node", text, nullable=False),
        sa.Column("queue", text, nullable=False),
        sa.Column("caller", text),
        sa.Column("offered_us", number, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("detail", sa.String(16), nullable=False),
        sa.Column("wait_us", number, nullable=False),
        sa.Column("agent", text, nullable=False),
        sa.Column("legs", sa.SmallInteger, nullable=False),
        sa.Column("talk_us", number, nullable=False),
        sa.Column("hold_us", number, nullable=False),
        sa.Column("wrap_up_us", number, nullable=False),
        sa.Column("transfers", sa.SmallInteger, nullable=False),
        sa.Column("missed", sa.Integer, nullable=False),
        sa.Column("ended_by", sa.String(16), nullable=False),
        sa.Column("ended_us", number, nullable=False),
        sa.Column("cause", text, nullable=False),
    )
    op.create_index("cc_calls_offered", "cc_calls", ["offered_us"])
    some = sa.text("caller IS NOT NULL")
    op.create_index(
        "cc_calls_caller", "cc_calls", ["caller", "offered_us"], sqlite_where=some, postgresql_where=some
    )
