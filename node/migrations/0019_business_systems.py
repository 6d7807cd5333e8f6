"""business systems hand documents in, with keys of their own"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """From 0018 to 0019."""
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
    with op.batch_alter_table("registry_document", schema=None) as batch_op:
        batch_op.add_column(sa.Column("events", sa.JSON(), server_default="[]", nullable=False))
    op.create_table(
        "submission",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("system_id", sa.String(length=80), nullable=False),
        sa.Column("system_name", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("document_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["registry_document.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("system_id", "key", name="submission_key_once"),
    )
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.create_index("submission_list", ["fonds_id", "at"], unique=False)
        batch_op.create_index("submission_document", ["document_id"], unique=False)
    op.create_table(
        "submission_arrival",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("digests", sa.JSON(), nullable=False),
        sa.Column("began_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """From 0019 back to 0018."""
    op.drop_table("submission_arrival")
    with op.batch_alter_table("submission", schema=None) as batch_op:
        batch_op.drop_index("submission_document")
        batch_op.drop_index("submission_list")
    op.drop_table("submission")
    with op.batch_alter_table("registry_document", schema=None) as batch_op:
        batch_op.drop_column("events")
    op.drop_table("identity_access_key")
