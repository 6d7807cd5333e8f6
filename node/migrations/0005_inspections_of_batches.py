"""runs of the inspection of a batch"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """From 0004 to 0005."""
    op.create_table(
        "transfer_inspection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("scheme", sa.String(length=200), nullable=False),
        sa.Column("tool", sa.String(length=80), nullable=False),
        sa.Column("tally", sa.JSON(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["transfer_batch.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("transfer_inspection", schema=None) as batch_op:
        batch_op.create_index("transfer_inspection_batch", ["batch_id", "at"], unique=False)


def downgrade() -> None:
    """From 0005 back to 0004."""
    with op.batch_alter_table("transfer_inspection", schema=None) as batch_op:
        batch_op.drop_index("transfer_inspection_batch")
    op.drop_table("transfer_inspection")
