"""when a password was set"""

import sqlalchemy as sa
from alembic import op

import shared.kernel.database

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    """From 0028 to 0029."""
    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("password_set_at", shared.kernel.database.UtcTime(), nullable=True)
        )


def downgrade() -> None:
    """From 0029 back to 0028."""
    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.drop_column("password_set_at")
