"""How calls end, told better: transfers apart from hang-ups, abandoned by whether a phone rang, the longest
wait of those who overflowed, transfers by call; and whether an agent has had a call since the status was set.

Hours are counted anew in the background, as after 0004. Calls are not folded anew from their records, which
takes hours where there are millions: those that were abandoned within five seconds before this step count as
without a phone that rang, and wrap-ups with a break in them stay as they were counted.

Revision ID: 0007
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COUNTS = (
    "offered", "waiting", "answered", "abandoned", "overflowed", "callback", "lost", "hung_up_by_caller",
    "hung_up_by_agent", "hung_up_by_system", "talked",
)  # fmt: skip
_LEG_COUNTS = (
    "overflowed_timeout", "overflowed_no_agent", "overflowed_full", "overflowed_exit_key",
    "overflowed_transferred", "overflowed_diverted", "transferred",
)  # fmt: skip
_SUMS = (
    "answered_wait_us", "abandoned_wait_us", "overflowed_wait_us", "talk_us", "hold_us", "wrap_up_us",
    "missed",
)  # fmt: skip
_LEG_SUMS = ("voice_us", "offers")
_MAXIMA = ("longest_answered_us", "longest_abandoned_us")
_TIMES = ("waits_answered", "waits_abandoned", "waits_overflowed", "waits_callback", "talks_answered")
_REPEATED = ("known", "known_answered")
_REPEATS = ("gaps_before", "answered_gaps_before", "answered_gaps")

_legs = sa.table(
    "cc_legs", *map(sa.column, ("call", "leg", "outcome", "detail", "ended_by", "transferred", "wait_us"))
)
_calls = sa.table("cc_calls", *map(sa.column, ("call", "outcome", "detail", "ended_by", "transfers")))


def upgrade() -> None:
    op.add_column("cc_agents", sa.Column("served", sa.Boolean, nullable=False, server_default=sa.false()))
    longest = (*_MAXIMA, "longest_overflowed_us")
    _slots_anew(
        [*_counts(_COUNTS, ("abandoned_rang",), _LEG_COUNTS), *_sums(_SUMS, _LEG_SUMS, longest)],
        [*_counts(_COUNTS, _REPEATED), *_sums(_SUMS, ("transfers",), longest)],
        ("waits_rang",),
    )
    moved = _legs.c.transferred == sa.true()
    op.execute(sa.update(_legs).where(moved).values(ended_by="transfer"))
    later = _legs.alias("later")
    after = sa.exists().where(
        (later.c.call == _legs.c.call) & (later.c.leg > _legs.c.leg) & (later.c.ended_by != "")
    )
    last = sa.exists().where((_legs.c.call == _calls.c.call) & moved & ~after)
    op.execute(sa.update(_calls).where((_calls.c.transfers > 0) & last).values(ended_by="transfer"))
    for table in (_legs, _calls):
        short = (table.c.outcome == "abandoned") & (table.c.detail == "short")
        op.execute(sa.update(table).where(short).values(detail="queued"))


def downgrade() -> None:
    op.drop_column("cc_agents", "served")
    _slots_anew(
        [*_counts(_COUNTS, ("abandoned_ringing",), _LEG_COUNTS), *_sums(_SUMS, _LEG_SUMS, _MAXIMA)],
        [*_counts(_COUNTS, _REPEATED), *_sums(_SUMS, _MAXIMA)],
        (),
    )
    # Folded anew at the next start, as far back as there are records.
    op.execute(sa.text("DELETE FROM cc_meta WHERE key = 'folded'"))
    for table in (_legs, _calls):
        op.execute(sa.update(table).where(table.c.ended_by == "transfer").values(ended_by="agent"))
    soon = (_legs.c.outcome == "abandoned") & (_legs.c.wait_us < 5_000_000)
    op.execute(sa.update(_legs).where(soon).values(detail="short"))


def _slots_anew(
    of_legs: list[sa.Column[Any]], of_calls: list[sa.Column[Any]], more_times: tuple[str, ...]
) -> None:
    """What was counted beforehand goes, and its place is made again."""
    op.execute(sa.text("DELETE FROM cc_counted WHERE what IN ('legs', 'talks', 'calls')"))
    op.drop_table("cc_leg_slots")
    op.create_table(
        "cc_leg_slots",
        *_key(),
        *of_legs,
        *_times(_TIMES, more_times),
        comment="Queue legs of each quarter and hour, counted beforehand from cc_legs.",
    )
    op.drop_table("cc_call_slots")
    op.create_table(
        "cc_call_slots",
        *_key(),
        *of_calls,
        *_times(_TIMES, _REPEATS),
        comment="Calls of each quarter and hour, counted beforehand from cc_calls.",
    )


def _key() -> list[sa.Column[Any]]:
    return [
        sa.Column("minutes", sa.SmallInteger, primary_key=True, autoincrement=False, comment="15 or 60"),
        sa.Column("slot_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("queue", sa.String(64), primary_key=True),
    ]


def _counts(*names: tuple[str, ...]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Integer, nullable=False) for part in names for name in part]


def _sums(*names: tuple[str, ...]) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for part in names for name in part]


def _times(*names: tuple[str, ...]) -> list[sa.Column[Any]]:
    kind = sa.ARRAY(sa.BigInteger).with_variant(sa.LargeBinary, "sqlite")
    return [sa.Column(name, kind) for part in names for name in part]
