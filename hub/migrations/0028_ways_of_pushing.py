"""ways of pushing: queues, former secrets"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"


def upgrade() -> None:
    """From 0026 to 0028."""
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("way", sa.String(length=10), server_default="webhook", nullable=False)
        )
        batch_op.add_column(sa.Column("former_secret", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("former_until", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("password_hash", sa.String(length=100), nullable=True))
        batch_op.add_column(
            sa.Column("tell", sa.Boolean(), server_default=sa.false(), nullable=False)
        )


def downgrade() -> None:
    """From 0028 back to 0026: a queue is no way there."""
    op.execute(sa.text("DELETE FROM sharing_push WHERE way = 'queue'"))
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        for each in ("tell", "password_hash", "former_until", "former_secret", "way"):
            batch_op.drop_column(each)
