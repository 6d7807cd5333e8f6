"""Which parcel was taken in last from each peer"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """From 0003 to 0004."""
    op.create_table(
        "messaging_taken_parcel",
        sa.Column("peer", sa.String(length=80), nullable=False),
        sa.Column("parcel_id", sa.String(length=36), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=True),
        sa.Column("taken_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("peer"),
    )


def downgrade() -> None:
    """From 0004 back to 0003."""
    op.drop_table("messaging_taken_parcel")
