"""runs of the inspection of a batch, and what persons decide on its items"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    """From 0008 to 0010."""
    op.create_table(
        "receiving_inspection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("occasion", sa.String(length=20), nullable=False),
        sa.Column("scheme", sa.String(length=200), nullable=False),
        sa.Column("tool", sa.String(length=80), nullable=False),
        sa.Column("scanner", sa.String(length=200), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["receiving_batch.id"]),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.create_index("receiving_inspection_batch", ["batch_id", "at"], unique=False)
    op.create_table(
        "receiving_manual_decision",
        sa.Column("batch_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["receiving_batch.id"]),
        sa.PrimaryKeyConstraint("batch_id", "number"),
        info={"origin": "nodes"},
    )


def downgrade() -> None:
    """From 0010 back to 0008."""
    op.drop_table("receiving_manual_decision")
    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.drop_index("receiving_inspection_batch")
    op.drop_table("receiving_inspection")
