"""Configuration, records and agents' statuses.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cc_meta",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(255), nullable=False),
    )
    op.create_table(
        "cc_config",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("applied_us", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "cc_records",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("call", sa.String(64)),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("cc_records_at", "cc_records", ["at_us"])
    op.create_index("cc_records_call", "cc_records", ["call"])
    op.create_table(
        "cc_agents",
        sa.Column("agent", sa.String(64), primary_key=True),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("cc_agents", "cc_records", "cc_config", "cc_meta"):
        op.drop_table(table)
