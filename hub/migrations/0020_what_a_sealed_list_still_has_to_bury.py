"""what a sealed list still has to bury"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """From 0019 to 0020."""
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unburied", sa.Integer(), nullable=False, server_default="0"))
        batch_op.create_index("repository_disposal_list_unburied", ["unburied"], unique=False)


def downgrade() -> None:
    """From 0020 back to 0019."""
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.drop_index("repository_disposal_list_unburied")
        batch_op.drop_column("unburied")
