"""what hub and nodes hold of the ends of each other's audit logs"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """From 0005 to 0006."""
    op.create_table(
        "audit_witness",
        sa.Column("party", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.String(length=27), nullable=True),
        sa.Column("contradicted_seq", sa.Integer(), nullable=True),
        sa.Column("missing_seq", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("party"),
    )


def downgrade() -> None:
    """From 0006 back to 0005."""
    op.drop_table("audit_witness")
