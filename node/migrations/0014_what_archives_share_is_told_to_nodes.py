"""what archives share is told to nodes"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """From 0013 to 0014."""
    op.create_table(
        "sync_shared_cursor",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("cursor", sa.String(length=40), nullable=False),
        sa.Column("fonds", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("audience"),
    )
    op.create_table(
        "sync_shared_record",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("since", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("record_id", "audience"),
    )


def downgrade() -> None:
    """From 0014 back to 0013."""
    op.drop_table("sync_shared_record")
    op.drop_table("sync_shared_cursor")
