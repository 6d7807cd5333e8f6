"""lists of units"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """From 0024 to 0025."""
    op.create_table(
        "disposal_unit_list",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("destroyed", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("disposal_unit_list", schema=None) as batch_op:
        batch_op.create_index("disposal_unit_list_fonds", ["fonds_id", "at"], unique=False)


def downgrade() -> None:
    """From 0025 back to 0024."""
    with op.batch_alter_table("disposal_unit_list", schema=None) as batch_op:
        batch_op.drop_index("disposal_unit_list_fonds")

    op.drop_table("disposal_unit_list")
