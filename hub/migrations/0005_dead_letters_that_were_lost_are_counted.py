"""Dead letters that were lost are counted"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """From 0004 to 0005."""
    with op.batch_alter_table("federation_hub", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("letters_lost", sa.BigInteger(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    """From 0005 back to 0004."""
    with op.batch_alter_table("federation_hub", schema=None) as batch_op:
        batch_op.drop_column("letters_lost")
