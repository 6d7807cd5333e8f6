"""Rulesets of archives that came."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """From 0008 to 0009."""
    op.create_table(
        "office_ruleset",
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("active_from", sa.String(length=10), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "office_schedule",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )


def downgrade() -> None:
    """From 0009 back to 0008."""
    op.drop_table("office_schedule")
    op.drop_table("office_ruleset")
