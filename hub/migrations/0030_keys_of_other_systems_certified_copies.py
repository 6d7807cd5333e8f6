"""keys of other systems, certified copies"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    """From 0029 to 0030."""
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
    op.create_table(
        "reading_certified_copy",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("reader", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.String(length=500), nullable=False),
        sa.Column("basis", sa.String(length=500), nullable=True),
        sa.Column("pdf_sha256", sa.String(length=64), nullable=False),
        sa.Column("pdf_size", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("issued_by", sa.String(length=200), nullable=False),
        sa.Column("issued_at", sa.String(length=27), nullable=False),
        sa.Column("withdrawn_by", sa.String(length=200), nullable=True),
        sa.Column("withdrawn_at", sa.String(length=27), nullable=True),
        sa.Column("withdraw_reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("reading_certified_copy", schema=None) as batch_op:
        batch_op.create_index(
            "reading_certified_copy_list", ["archive_code", "issued_at"], unique=False
        )
        batch_op.create_index("reading_certified_copy_record", ["record_id"], unique=False)


def downgrade() -> None:
    """From 0030 back to 0029."""
    with op.batch_alter_table("reading_certified_copy", schema=None) as batch_op:
        batch_op.drop_index("reading_certified_copy_record")
        batch_op.drop_index("reading_certified_copy_list")
    op.drop_table("reading_certified_copy")
    op.drop_table("identity_access_key")
