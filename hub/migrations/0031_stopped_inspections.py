"""who stopped an inspection"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """From 0030 to 0031."""
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("inspection_stopped_by", sa.String(length=200), nullable=True)
        )
    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stopped_by", sa.String(length=200), nullable=True))


def downgrade() -> None:
    """From 0031 back to 0030."""
    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.drop_column("stopped_by")
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.drop_column("inspection_stopped_by")
