"""Acknowledgements and progress of batches"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From 0002 to 0003."""
    op.create_table(
        "sync_acknowledgement",
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "seq"),
    )
    op.create_table(
        "sync_batch_progress",
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("checked", sa.Integer(), nullable=False),
        sa.Column("arrived_at", sa.String(length=27), nullable=True),
        sa.Column("reviewable_at", sa.String(length=27), nullable=True),
        sa.Column("heard_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("batch_id"),
    )


def downgrade() -> None:
    """From 0003 back to 0002."""
    op.drop_table("sync_batch_progress")
    op.drop_table("sync_acknowledgement")
