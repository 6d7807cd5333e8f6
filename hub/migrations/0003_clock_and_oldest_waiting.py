"""What nodes say of their clock and oldest waiting change"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """From 0002 to 0003."""
    with op.batch_alter_table("federation_node", schema=None) as batch_op:
        batch_op.add_column(sa.Column("oldest_waiting", sa.String(length=27), nullable=True))
        batch_op.alter_column(
            "clock_offset_ms",
            existing_type=sa.INTEGER(),
            type_=sa.BigInteger(),
            existing_nullable=True,
        )


def downgrade() -> None:
    """From 0003 back to 0002."""
    # A clock that is off by more than this did not fit before; the next greeting tells it again.
    op.execute(
        "UPDATE federation_node SET clock_offset_ms = NULL WHERE abs(clock_offset_ms) > 2147483647"
    )
    with op.batch_alter_table("federation_node", schema=None) as batch_op:
        batch_op.alter_column(
            "clock_offset_ms",
            existing_type=sa.BigInteger(),
            type_=sa.INTEGER(),
            existing_nullable=True,
        )
        batch_op.drop_column("oldest_waiting")
