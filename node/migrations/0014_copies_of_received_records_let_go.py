"""copies of received records let go"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0009"


def upgrade() -> None:
    """From 0009 to 0014."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("released_at", sa.String(length=27), nullable=True))


def downgrade() -> None:
    """From 0014 back to 0009."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.drop_column("released_at")
