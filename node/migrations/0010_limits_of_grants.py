"""grants reach classes and openness until a day"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """From 0009 to 0010."""
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("class_code", sa.String(length=2), nullable=True))
        batch_op.add_column(
            sa.Column("openness", sa.String(length=10), server_default="all", nullable=False)
        )
        batch_op.add_column(sa.Column("until", sa.String(length=10), nullable=True))


def downgrade() -> None:
    """From 0010 back to 0009."""
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.drop_column("until")
        batch_op.drop_column("openness")
        batch_op.drop_column("class_code")
