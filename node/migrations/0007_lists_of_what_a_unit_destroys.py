"""lists of what a unit destroys, and when its bytes were removed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """From 0006 to 0007."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", sa.String(length=27), nullable=True))
    op.create_table(
        "filing_disposal_list",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("record_ids", sa.JSON(), nullable=False),
        sa.Column("drawn", sa.JSON(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=True),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("filing_disposal_list", schema=None) as batch_op:
        batch_op.create_index("filing_disposal_list_fonds", ["fonds_id", "state"], unique=False)


def downgrade() -> None:
    """From 0007 back to 0006."""
    with op.batch_alter_table("filing_disposal_list", schema=None) as batch_op:
        batch_op.drop_index("filing_disposal_list_fonds")

    op.drop_table("filing_disposal_list")
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
