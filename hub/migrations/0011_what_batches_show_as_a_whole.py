"""what the inspection of a batch as a whole has found"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """From 0010 to 0011."""
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("set_report", sa.Text(), nullable=True))


def downgrade() -> None:
    """From 0011 back to 0010."""
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.drop_column("set_report")
