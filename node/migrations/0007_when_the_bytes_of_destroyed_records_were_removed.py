"""when the bytes of destroyed records were removed"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    """From 0005 to 0007."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("erased_at", sa.String(length=27), nullable=True))


def downgrade() -> None:
    """From 0007 back to 0005."""
    with op.batch_alter_table("filing_record", schema=None) as batch_op:
        batch_op.drop_column("erased_at")
