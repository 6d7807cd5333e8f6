"""time stamps of receipts"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """From 0006 to 0007."""
    op.create_table(
        "receiving_stamp",
        sa.Column("receipt_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("stamped_at", sa.String(length=27), nullable=False),
        sa.Column("stamped_by", sa.String(length=200), nullable=False),
        sa.Column("ends_at", sa.String(length=27), nullable=False),
        sa.Column("algorithms", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["receipt_id"],
            ["receiving_receipt.id"],
        ),
        sa.PrimaryKeyConstraint("receipt_id", "number"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("receiving_stamp", schema=None) as batch_op:
        batch_op.create_index("receiving_stamp_ends", ["ends_at"], unique=False)


def downgrade() -> None:
    """From 0007 back to 0006."""
    with op.batch_alter_table("receiving_stamp", schema=None) as batch_op:
        batch_op.drop_index("receiving_stamp_ends")

    op.drop_table("receiving_stamp")
