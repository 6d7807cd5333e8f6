"""pushes"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """From 0025 to 0026."""
    op.create_table(
        "sharing_push",
        sa.Column("consumer_id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("set_by", sa.String(length=200), nullable=False),
        sa.Column("set_at", sa.String(length=27), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.String(length=27), nullable=True),
        sa.Column("due_at", sa.String(length=27), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.String(length=27), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(
            ["consumer_id"],
            ["sharing_consumer.id"],
        ),
        sa.PrimaryKeyConstraint("consumer_id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        batch_op.create_index("sharing_push_due", ["state", "due_at"], unique=False)


def downgrade() -> None:
    """From 0026 back to 0025."""
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        batch_op.drop_index("sharing_push_due")

    op.drop_table("sharing_push")
