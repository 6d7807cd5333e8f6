"""when a password was set"""

import sqlalchemy as sa
from alembic import op

import shared.kernel.database

revision = "0016"
down_revision = "0014"


def upgrade() -> None:
    """From 0014 to 0016."""
    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("password_set_at", shared.kernel.database.UtcTime(), nullable=True)
        )


def downgrade() -> None:
    """From 0016 back to 0014."""
    with op.batch_alter_table("identity_account", schema=None) as batch_op:
        batch_op.drop_column("password_set_at")
