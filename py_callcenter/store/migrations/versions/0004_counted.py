"""Hours counted beforehand, for reports on long times. The controller fills them while it runs.

Revision ID: 0004
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_COUNTS = (
    "offered", "waiting", "answered", "abandoned", "overflowed", "callback", "lost", "hung_up_by_caller",
    "hung_up_by_agent", "hung_up_by_system", "talked",
)  # fmt: skip
_LEG_COUNTS = (
    "abandoned_ringing", "overflowed_timeout", "overflowed_no_agent", "overflowed_full",
    "overflowed_exit_key", "overflowed_transferred", "overflowed_diverted", "transferred",
)  # fmt: skip
_SUMS = (
    "answered_wait_us", "abandoned_wait_us", "overflowed_wait_us", "talk_us", "hold_us", "wrap_up_us",
    "missed",
)  # fmt: skip
_LEG_SUMS = ("voice_us", "offers")
_MAXIMA = ("longest_answered_us", "longest_abandoned_us")
_TIMES = ("waits_answered", "waits_abandoned", "waits_overflowed", "waits_callback", "talks_answered")
_TALK_COUNTS = (
    "offered", "answered", "hung_up_by_caller", "hung_up_by_agent", "hung_up_by_system", "talked",
    "transferred",
)  # fmt: skip
_REPEATS = ("gaps_before", "answered_gaps_before", "answered_gaps")
_STATES = (
    "waiting", "reserved", "receiving", "in_a_queue_call", "wrap_up", "idle", "busy_elsewhere", "on_break",
)  # fmt: skip
_OFFERS = (
    "answered", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "cc_leg_slots",
        *_key("queue"),
        *_counts(_COUNTS, _LEG_COUNTS),
        *_sums(_SUMS, _LEG_SUMS, _MAXIMA),
        *_times(_TIMES),
    )
    op.create_table(
        "cc_call_slots",
        *_key("queue"),
        *_counts(_COUNTS),
        *_sums(_SUMS, _MAXIMA),
        *_times(_TIMES),
        *_counts(("known", "known_answered")),
        *_times(_REPEATS),
    )
    op.create_table(
        "cc_talk_slots",
        *_key("agent")[1:],
        *_counts(_TALK_COUNTS),
        *_sums(("talk_us", "hold_us", "wrap_up_us")),
        *_times(("talks_answered",)),
    )
    op.create_table(
        "cc_agent_hours",
        *_key("agent")[1:],
        *_sums(tuple(f"{state}_us" for state in _STATES)),
        *_counts(tuple(f"offers_{outcome}" for outcome in _OFFERS)),
    )
    op.create_table(
        "cc_counted",
        sa.Column("what", sa.String(8), primary_key=True),
        sa.Column("hour_us", sa.BigInteger, primary_key=True, autoincrement=False),
    )


def downgrade() -> None:
    for table in ("cc_counted", "cc_agent_hours", "cc_talk_slots", "cc_call_slots", "cc_leg_slots"):
        op.drop_table(table)


def _key(name: str) -> list[sa.Column[Any]]:
    return [
        sa.Column("minutes", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("slot_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column(name, sa.String(64), primary_key=True),
    ]


def _counts(*names: tuple[str, ...]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Integer, nullable=False) for part in names for name in part]


def _sums(*names: tuple[str, ...]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for part in names for name in part]


def _times(names: tuple[str, ...]) -> list[sa.Column[Any]]:
    kind = sa.ARRAY(sa.BigInteger).with_variant(sa.LargeBinary, "sqlite")
    return [sa.Column(name, kind) for name in names]
