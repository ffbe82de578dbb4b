"""Breaks with a reason: what each agent rests for, and how long by reason.

The way back forgets the times by reason; the records still tell them, so the next start counts all anew.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("cc_agents", sa.Column("break_reason", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "cc_break_slots",
        sa.Column("slot_us", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("agent", sa.String(64), primary_key=True),
        sa.Column("reason", sa.String(64), primary_key=True),
        sa.Column("spent_us", sa.BigInteger, nullable=False),
        sa.Column("begun", sa.Integer, nullable=False),
        sa.Column("overdue", sa.Integer, nullable=False),
        comment="Breaks of each agent by reason and quarter of an hour; what goes on is not in it yet.",
    )


def downgrade() -> None:
    op.drop_table("cc_break_slots")
    op.drop_column("cc_agents", "break_reason")
    op.execute(sa.text("DELETE FROM cc_meta WHERE key = 'folded'"))
