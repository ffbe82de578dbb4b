"""Records and folded rows as rows of the tables, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from py_callcenter.stats import LOGGED_IN_STATES, OFFER_OUTCOMES, AgentLine, AgentSlot, CallRow, LegRow
from py_callcenter.store.record import RecordLike, StoredRecord
from py_callcenter.store.schema import records

BATCH: Final = 500
_HEAD: Final = frozenset({"node", "epoch", "sequence", "at_us"})


@cache
def _own_fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in _HEAD)


def to_row(record: RecordLike) -> dict[str, Any]:
    own = {name: getattr(record, name) for name in _own_fields(type(record))}
    return {
        "epoch": record.epoch,
        "sequence": record.sequence,
        "node": record.node,
        "at_us": record.at_us,
        "kind": record.kind,
        "call": own.get("call") or None,
        "agent": own.get("agent") or None,
        "fields": orjson.dumps(own).decode(),
    }


def from_row(row: Any) -> StoredRecord:
    head = {"node": row.node, "epoch": row.epoch, "sequence": row.sequence, "at_us": row.at_us}
    record_id = f"{row.node}:{row.epoch}:{row.sequence}"
    return StoredRecord(record_id, row.at_us, row.kind, {**head, **orjson.loads(row.fields)})


def call_row(row: CallRow | LegRow) -> dict[str, Any]:
    return {**asdict(row), "caller": row.caller or None}


def line_row(line: AgentLine) -> dict[str, Any]:
    return asdict(line)


def slot_row(slot: AgentSlot) -> dict[str, Any]:
    return {
        "agent": slot.agent,
        "slot_us": slot.slot_us,
        **{f"{state}_us": slot.spent_us.get(state, 0) for state in LOGGED_IN_STATES},
        **{f"offers_{outcome}": slot.offers.get(outcome, 0) for outcome in OFFER_OUTCOMES},
    }


def break_rows(slots: Iterable[AgentSlot]) -> list[dict[str, Any]]:
    return [
        {"slot_us": slot.slot_us, "agent": slot.agent, "reason": reason, **asdict(count)}
        for slot in slots
        for reason, count in slot.breaks.items()
    ]


def insert_new(connection: Connection, batch: Sequence[RecordLike]) -> list[RecordLike]:
    """Write those that aren't there yet; give them, in their order."""
    statement = _insert(connection.dialect.name, records).on_conflict_do_nothing()
    keys = (records.c.epoch, records.c.sequence, records.c.node)
    fresh: set[tuple[int, int, str]] = set()
    for start in range(0, len(batch), BATCH):
        rows = [to_row(record) for record in batch[start : start + BATCH]]
        fresh |= {tuple(row) for row in connection.execute(statement.returning(*keys), rows)}
    out: list[RecordLike] = []
    for record in batch:
        key = (record.epoch, record.sequence, record.node)
        if key in fresh:
            fresh.remove(key)  # twice in one batch
            out.append(record)
    return out


def insert_or_leave(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows that aren't there yet; those that are there stay as they are."""
    _many(connection, _insert(connection.dialect.name, table).on_conflict_do_nothing(), rows)


def put(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows; those that are there are replaced."""
    _many(connection, _upsert(connection.dialect.name, table, add=False), rows)


def add(connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows; their numbers are added to those of rows that are there."""
    _many(connection, _upsert(connection.dialect.name, table, add=True), rows)


# Building one takes longer than running it; there are a handful.
@cache
def _upsert(dialect: str, table: Table, *, add: bool) -> Any:
    statement = _insert(dialect, table)
    new = statement.excluded
    keys = [column.name for column in table.primary_key]
    values = {
        column.name: column + new[column.name] if add else new[column.name]
        for column in table.c
        if column.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=keys, set_=values)


def _many(connection: Connection, statement: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    data = list(rows)
    for start in range(0, len(data), BATCH):
        connection.execute(statement, data[start : start + BATCH])


def _insert(dialect: str, table: Table) -> Any:
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)
