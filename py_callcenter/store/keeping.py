"""What is not kept: old records, and a caller who asked to be forgotten."""

from __future__ import annotations

from typing import Any, Final

import orjson
from sqlalchemy import Connection, Table, delete, select, tuple_, update

from py_callcenter.store.counting import Counting
from py_callcenter.store.places import HOUR_US
from py_callcenter.store.retention import DAY_US, Erased, Retention
from py_callcenter.store.schema import (
    agent_hours,
    agent_slots,
    break_slots,
    call_slots,
    calls,
    counted,
    leg_slots,
    legs,
    records,
    report_emails,
    talk_slots,
)

CHUNK: Final = 10_000
"""Rows deleted in one transaction, so that records written meanwhile wait for milliseconds only."""

COUNTED: Final = (leg_slots, call_slots, talk_slots, agent_hours)


def cutoffs(retention: Retention, now_us: int) -> tuple[tuple[Table, Any, int], ...]:
    """Tables with the column that tells a row's age, and the moment before which rows go."""
    old_records_us = now_us - retention.records_days * DAY_US
    old_calls_us = now_us - max(retention.calls_days, retention.records_days) * DAY_US
    old_calls_us -= old_calls_us % HOUR_US  # hours are counted as wholes
    return (
        (records, records.c.at_us, old_records_us),
        (legs, legs.c.entered_us, old_calls_us),
        (calls, calls.c.offered_us, old_calls_us),
        (agent_slots, agent_slots.c.slot_us, old_calls_us),
        (break_slots, break_slots.c.slot_us, old_calls_us),
        *((table, table.c.slot_us, old_calls_us) for table in COUNTED),
        (counted, counted.c.hour_us, old_calls_us),
        (report_emails, report_emails.c.due_us, old_calls_us),
    )


def delete_chunk(connection: Connection, table: Table, age: Any, before_us: int) -> int:
    """Delete some rows that are too old; how many it were."""
    keys = tuple(table.primary_key)
    old = select(*keys).where(age < before_us).limit(CHUNK)
    result = connection.execute(delete(table).where(tuple_(*keys).in_(old)))
    return int(result.rowcount)


def erase(connection: Connection, caller: str, counting: Counting) -> Erased:
    """Forget one caller: the pseudonym goes from records and call records, the names of recordings go.

    The calls stay in every figure; nothing links them to each other or to a person any more. Every record of
    a call has its row in `cc_calls`, written with it and kept at least as long, so the index finds them all.
    """
    names = set(connection.scalars(select(calls.c.call).where(calls.c.caller == caller)))
    recordings: list[str] = []
    for name in sorted(names):
        telling = records.c.kind.in_(("call-offered", "recording-started"))
        for row in connection.execute(select(records).where(records.c.call == name, telling)).all():
            own = orjson.loads(row.fields)
            if row.kind == "call-offered":
                own["caller"] = ""
            elif own["path"]:
                recordings.append(own["path"])
                own["path"] = ""
            this = (
                (records.c.epoch == row.epoch)
                & (records.c.sequence == row.sequence)
                & (records.c.node == row.node)
            )
            connection.execute(update(records).where(this).values(fields=orjson.dumps(own).decode()))
    moments_us = connection.scalars(select(calls.c.offered_us).where(calls.c.caller == caller))
    counting.changed(connection, "calls", moments_us)
    for table in (calls, legs):
        connection.execute(update(table).where(table.c.caller == caller).values(caller=None))
    return Erased(len(names), tuple(recordings))
