"""consents of the authority"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """From 0016 to 0017."""
    op.create_table(
        "federation_transfer_consent",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("timing", sa.String(length=10), nullable=False),
        sa.Column("first_year", sa.Integer(), nullable=False),
        sa.Column("last_year", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("given_by", sa.String(length=200), nullable=False),
        sa.Column("given_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["fonds_id"],
            ["federation_fonds.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("federation_transfer_consent", schema=None) as batch_op:
        batch_op.create_index("federation_transfer_consent_fonds", ["fonds_id"], unique=False)


def downgrade() -> None:
    """From 0017 back to 0016."""
    with op.batch_alter_table("federation_transfer_consent", schema=None) as batch_op:
        batch_op.drop_index("federation_transfer_consent_fonds")

    op.drop_table("federation_transfer_consent")
