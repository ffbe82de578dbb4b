"""Tables. Portable SQL: the same on SQLite and PostgreSQL. `migrations/` holds the way here, step by step."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    false,
)

from py_callcenter.stats import LOGGED_IN_STATES, OFFER_OUTCOMES, CallRow, LegRow
from py_callcenter.stats.definitions import CALLS, LEGS, OFFERED, TALKS, Family

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
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("call", String(64)),
    Column("agent", String(64)),
    Column("fields", Text, nullable=False, comment="all other fields, JSON"),
    Index("cc_records_at", "at_us"),
    Index("cc_records_call", "call"),
    comment="What happened, append-only. The key makes writing twice harmless.",
)
Index(
    "cc_records_agent",
    records.c.epoch,
    records.c.sequence,
    records.c.agent,
    sqlite_where=records.c.agent.is_not(None),
    postgresql_where=records.c.agent.is_not(None),
)

_TYPES: Final[dict[str, Any]] = {
    "leg": SmallInteger,
    "priority": SmallInteger,
    "legs": SmallInteger,
    "offers": Integer,
    "missed": Integer,
    "transfers": SmallInteger,
    "position": Integer,
    "left_position": Integer,
    "transferred": Boolean,
    "caller": String(64),
    "outcome": String(16),
    "detail": String(16),
    "ended_by": String(16),
}


def _columns(row: Any, keys: tuple[str, ...]) -> list[Column[Any]]:
    """A column for each field of a row of `stats.calls`. No caller is NULL, so that indexes may skip it."""
    made: list[Column[Any]] = []
    for field in fields(row):
        kind = _TYPES.get(field.name, BigInteger if field.name.endswith("_us") else String(64))
        made.append(
            Column(
                field.name,
                kind,
                primary_key=field.name in keys,
                nullable=field.name == "caller",
                autoincrement=False,
            )
        )
    return made


legs = Table(
    "cc_legs",
    metadata,
    *_columns(LegRow, ("call", "leg")),
    Index("cc_legs_entered", "entered_us"),
    Index("cc_legs_queue", "queue", "entered_us"),
    Index("cc_legs_agent", "agent", "entered_us"),
    comment="Queue legs, folded from the records of their call.",
)

calls = Table(
    "cc_calls",
    metadata,
    *_columns(CallRow, ("call",)),
    Index("cc_calls_offered", "offered_us"),
    comment="Calls over all their queue legs, folded from the records.",
)
Index(
    "cc_calls_caller",
    calls.c.caller,
    calls.c.offered_us,
    sqlite_where=calls.c.caller.is_not(None),
    postgresql_where=calls.c.caller.is_not(None),
)

agents = Table(
    "cc_agents",
    metadata,
    Column("agent", String(64), primary_key=True),
    Column("status", String(32), nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("state", String(32), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("break_reason", String(64), nullable=False, server_default=""),
    Column("served", Boolean, nullable=False, server_default=false()),
    comment="Where each agent is by the last record, so that a start needs not read them all.",
)

standing = Table(
    "cc_standing",
    metadata,
    Column("kind", String(8), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("fields", Text, nullable=False, comment="JSON"),
    comment="Agents and open calls as the records leave them: what the next start takes up.",
)

agent_slots = Table(
    "cc_agent_slots",
    metadata,
    Column("slot_us", BigInteger, primary_key=True, autoincrement=False),
    Column("agent", String(64), primary_key=True),
    *(Column(f"{state}_us", BigInteger, nullable=False) for state in LOGGED_IN_STATES),
    *(Column(f"offers_{outcome}", Integer, nullable=False) for outcome in OFFER_OUTCOMES),
    comment="What each agent did in each quarter of an hour while logged in; what goes on is not in it yet.",
)

break_slots = Table(
    "cc_break_slots",
    metadata,
    Column("slot_us", BigInteger, primary_key=True, autoincrement=False),
    Column("agent", String(64), primary_key=True),
    Column("reason", String(64), primary_key=True),
    Column("spent_us", BigInteger, nullable=False),
    Column("begun", Integer, nullable=False),
    Column("overdue", Integer, nullable=False),
    comment="Breaks of each agent by reason and quarter of an hour; what goes on is not in it yet.",
)

Times: Final = ARRAY(BigInteger).with_variant(LargeBinary, "sqlite")
"""Sorted times in microseconds; in SQLite as 64-bit numbers one after the other (`places.within`)."""

REPEAT_COUNTS: Final = ("known", "known_answered")
REPEAT_TIMES: Final = ("gaps_before", "answered_gaps_before", "answered_gaps")


def _summed(family: Family) -> list[Column[Any]]:
    """What doesn't depend on any limit or moment, and the times that limits are compared with."""
    return [
        *(Column(name, Integer, nullable=False) for name in (OFFERED, *family.beforehand)),
        *(Column(name, BigInteger, nullable=False) for name in (*family.sums, *family.maxima)),
        *(Column(name, Times) for name in family.times),
    ]


def _slot_key(name: str) -> list[Column[Any]]:
    return [
        Column("minutes", SmallInteger, primary_key=True, autoincrement=False, comment="15 or 60"),
        Column("slot_us", BigInteger, primary_key=True, autoincrement=False),
        Column(name, String(64), primary_key=True),
    ]


leg_slots = Table(
    "cc_leg_slots",
    metadata,
    *_slot_key("queue"),
    *_summed(LEGS),
    comment="Queue legs of each quarter and hour, counted beforehand from cc_legs.",
)

call_slots = Table(
    "cc_call_slots",
    metadata,
    *_slot_key("queue"),
    *_summed(CALLS),
    *(Column(name, Integer, nullable=False) for name in REPEAT_COUNTS),
    *(Column(name, Times) for name in REPEAT_TIMES),
    comment="Calls of each quarter and hour, counted beforehand from cc_calls.",
)

talk_slots = Table(
    "cc_talk_slots",
    metadata,
    *_slot_key("agent")[1:],
    *_summed(TALKS),
    comment="Queue legs of each hour by the agent who answered, counted beforehand from cc_legs.",
)

agent_hours = Table(
    "cc_agent_hours",
    metadata,
    Column("slot_us", BigInteger, primary_key=True, autoincrement=False),
    Column("agent", String(64), primary_key=True),
    *(Column(f"{state}_us", BigInteger, nullable=False) for state in LOGGED_IN_STATES),
    *(Column(f"offers_{outcome}", Integer, nullable=False) for outcome in OFFER_OUTCOMES),
    comment="Agents' time by the hour, counted beforehand from cc_agent_slots.",
)

counted = Table(
    "cc_counted",
    metadata,
    Column("what", String(8), primary_key=True, comment="legs, calls, talks or times"),
    Column("hour_us", BigInteger, primary_key=True, autoincrement=False),
    comment="Hours that are counted beforehand. A row goes when something of its hour changes.",
)

report_emails = Table(
    "cc_report_emails",
    metadata,
    Column("recipient", String(64), primary_key=True),
    Column("report", String(16), primary_key=True),
    Column("first", String(10), primary_key=True),
    Column("last", String(10), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("next_us", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("reason", String(255), nullable=False),
    comment="Reports by e-mail and how far each came, so that none is sent twice. No addresses.",
)
