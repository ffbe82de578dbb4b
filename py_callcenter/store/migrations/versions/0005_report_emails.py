"""Reports by e-mail, each once.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "cc_report_emails",
        sa.Column("recipient", sa.String(64), primary_key=True),
        sa.Column("report", sa.String(16), primary_key=True),
        sa.Column("first", sa.String(10), primary_key=True),
        sa.Column("last", sa.String(10), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("changed_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        comment="Reports by e-mail and how far each came, so that none is sent twice. No addresses.",
    )


def downgrade() -> None:
    op.drop_table("cc_report_emails")
