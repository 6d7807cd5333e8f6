"""what a sealed list still has to bury"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0015"


def upgrade() -> None:
    """From 0015 to 0024."""
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unburied", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index("repository_disposal_list_unburied", ["unburied"], unique=False)


def downgrade() -> None:
    """From 0024 back to 0015."""
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.drop_index("repository_disposal_list_unburied")
        batch_op.drop_column("unburied")
