"""Agents and open calls as the records leave them.

Filled from the records when the database is opened next.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "cc_standing",
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("fields", sa.Text, nullable=False, comment="JSON"),
        comment="Agents and open calls as the records leave them: what the next start takes up.",
    )


def downgrade() -> None:
    op.drop_table("cc_standing")
    op.execute(sa.text("DELETE FROM cc_meta WHERE key = 'standing'"))
