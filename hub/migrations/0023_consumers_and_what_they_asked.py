"""consumers and what they asked"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """From 0022 to 0023."""
    op.create_table(
        "sharing_consumer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("body", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("approved", sa.Text(), nullable=True),
        sa.Column("proposed", sa.Text(), nullable=True),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("client_elsewhere", sa.String(length=255), nullable=True),
        sa.Column("applied_by_id", sa.String(length=60), nullable=False),
        sa.Column("applied_by", sa.String(length=200), nullable=False),
        sa.Column("applied_at", sa.String(length=27), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=True),
        sa.Column("decided_at", sa.String(length=27), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("secret_digest", sa.String(length=64), nullable=True),
        sa.Column("secret_made_at", sa.String(length=27), nullable=True),
        sa.Column("public_keys", sa.Text(), nullable=True),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("sharing_consumer", schema=None) as batch_op:
        batch_op.create_index("sharing_consumer_elsewhere", ["client_elsewhere"], unique=True)

    op.create_table(
        "sharing_consumer_assertion",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        info={"origin": "derived"},
    )
    with op.batch_alter_table("sharing_consumer_assertion", schema=None) as batch_op:
        batch_op.create_index("sharing_consumer_assertion_expiry", ["expires_at"], unique=False)

    op.create_table(
        "sharing_consumer_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("consumer_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("place", sa.String(length=60), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("sharing_consumer_request", schema=None) as batch_op:
        batch_op.create_index("sharing_consumer_request_at", ["at"], unique=False)
        batch_op.create_index("sharing_consumer_request_of", ["consumer_id", "at"], unique=False)

    op.create_table(
        "sharing_consumer_usage",
        sa.Column("consumer_id", sa.String(length=36), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("in_minute", sa.Integer(), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer_id", "day"),
        info={"origin": "backup"},
    )


def downgrade() -> None:
    """From 0023 back to 0022."""
    op.drop_table("sharing_consumer_usage")
    with op.batch_alter_table("sharing_consumer_request", schema=None) as batch_op:
        batch_op.drop_index("sharing_consumer_request_of")
        batch_op.drop_index("sharing_consumer_request_at")

    op.drop_table("sharing_consumer_request")
    with op.batch_alter_table("sharing_consumer_assertion", schema=None) as batch_op:
        batch_op.drop_index("sharing_consumer_assertion_expiry")

    op.drop_table("sharing_consumer_assertion")
    with op.batch_alter_table("sharing_consumer", schema=None) as batch_op:
        batch_op.drop_index("sharing_consumer_elsewhere")

    op.drop_table("sharing_consumer")
