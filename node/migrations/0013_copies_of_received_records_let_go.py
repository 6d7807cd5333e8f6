"""copies of received records let go"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """From 0012 to 0013."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("released_at", sa.String(length=27), nullable=True))


def downgrade() -> None:
    """From 0013 back to 0012."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.drop_column("released_at")
