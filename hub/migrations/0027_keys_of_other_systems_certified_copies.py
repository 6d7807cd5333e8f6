"""keys of other systems, certified copies"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """From 0026 to 0027."""
    op.create_table(
        "identity_access_key",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("made_by", sa.String(length=60), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("used_at", sa.String(length=27), nullable=True),
        sa.Column("used_from", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["identity_account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("digest", name="identity_access_key_digest"),
    )


def downgrade() -> None:
    """From 0027 back to 0026."""
    op.drop_table("identity_access_key")
