"""what is shared with whom, and its feeds"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """From 0020 to 0021."""
    op.create_table(
        "sharing_due",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("noted_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
        info={"origin": "derived"},
    )
    op.create_table(
        "sharing_feed",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stamped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("audience", "record_id"),
        info={"origin": "derived"},
    )
    with op.batch_alter_table("sharing_feed", schema=None) as batch_op:
        batch_op.create_index("sharing_feed_position", ["audience", "position"], unique=True)
        batch_op.create_index("sharing_feed_stamp", ["audience", "stamped", "position"])
        batch_op.create_index("sharing_feed_fonds", ["audience", "fonds_id", "position"])

    op.create_table(
        "sharing_mark",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stamped", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("audience"),
        info={"origin": "derived"},
    )
    op.create_table(
        "sharing_pending",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("audience", "record_id"),
        info={"origin": "derived"},
    )
    op.create_table(
        "sharing_policy",
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("closed_fields", sa.Text(), nullable=False),
        sa.Column("closed_years", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("archive_code", "audience"),
        info={"origin": "backup"},
    )
    op.create_table(
        "sharing_publication",
        sa.Column("series", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("series", "number"),
        info={"origin": "backup"},
    )
    op.create_table(
        "sharing_state",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("record_id", "audience"),
        info={"origin": "derived"},
    )
    with op.batch_alter_table("sharing_state", schema=None) as batch_op:
        batch_op.create_index("sharing_state_due", ["due"], unique=False)

    op.create_table(
        "sharing_sweep",
        sa.Column("scope", sa.String(length=60), nullable=False),
        sa.Column("after_row", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope"),
        info={"origin": "derived"},
    )
    op.create_table(
        "sharing_tally",
        sa.Column("audience", sa.String(length=40), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("sum", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("audience", "fonds_id", "year"),
        info={"origin": "derived"},
    )
    op.create_table(
        "sharing_withdrawal",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("decided_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
        info={"origin": "backup"},
    )


def downgrade() -> None:
    """From 0021 back to 0020."""
    op.drop_table("sharing_withdrawal")
    op.drop_table("sharing_tally")
    op.drop_table("sharing_sweep")
    with op.batch_alter_table("sharing_state", schema=None) as batch_op:
        batch_op.drop_index("sharing_state_due")

    op.drop_table("sharing_state")
    op.drop_table("sharing_publication")
    op.drop_table("sharing_policy")
    op.drop_table("sharing_pending")
    op.drop_table("sharing_mark")
    with op.batch_alter_table("sharing_feed", schema=None) as batch_op:
        batch_op.drop_index("sharing_feed_fonds")
        batch_op.drop_index("sharing_feed_stamp")
        batch_op.drop_index("sharing_feed_position")

    op.drop_table("sharing_feed")
    op.drop_table("sharing_due")
