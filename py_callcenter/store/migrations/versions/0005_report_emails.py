"""Reports by e-mail, each once.

The way back leaves the table where it is: nothing else knows what was sent, so after another step forward an
e-mail could go out twice, or one that is still due never. Older programs don't look at it.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


TABLE = "cc_report_emails"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table(TABLE):
        return
    op.create_table(
        TABLE,
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
    """Nothing, see above."""
