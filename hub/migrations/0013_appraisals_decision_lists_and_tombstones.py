"""appraisals, decision lists and tombstones"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """From 0012 to 0013."""
    with op.batch_alter_table("receiving_receipt", schema=None) as batch_op:
        batch_op.add_column(sa.Column("statuses", sa.Text(), nullable=True))
    op.create_table(
        "disposal_appraisal",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("begun_at", sa.String(length=27), nullable=False),
        sa.Column("drawn", sa.Text(), nullable=False),
        sa.Column("approved", sa.Text(), nullable=True),
        sa.Column("witnesses", sa.Text(), nullable=False),
        sa.Column("returned", sa.String(length=500), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("disposal_appraisal", schema=None) as batch_op:
        batch_op.create_index(
            "disposal_appraisal_desk", ["archive_code", "state", "begun_at"], unique=False
        )

    op.create_table(
        "disposal_hold",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("placed_by", sa.String(length=200), nullable=False),
        sa.Column("placed_at", sa.String(length=27), nullable=False),
        sa.Column("lifted_by", sa.String(length=200), nullable=True),
        sa.Column("lifted_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("disposal_hold", schema=None) as batch_op:
        batch_op.create_index("disposal_hold_record", ["record_id", "lifted_at"], unique=False)

    op.create_table(
        "disposal_line",
        sa.Column("appraisal_id", sa.String(length=36), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("whole_id", sa.String(length=36), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("retention", sa.String(length=50), nullable=False),
        sa.Column("opinion", sa.String(length=10), nullable=True),
        sa.Column("longer", sa.String(length=50), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("appraisal_id", "record_id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("disposal_line", schema=None) as batch_op:
        batch_op.create_index("disposal_line_record", ["record_id"], unique=False)
        batch_op.create_index("disposal_line_whole", ["appraisal_id", "whole_id"], unique=False)

    op.create_table(
        "repository_disposal_list",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("destroyed", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.create_index(
            "repository_disposal_list_archive", ["archive_code", "at"], unique=False
        )

    op.create_table(
        "repository_tombstone",
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("list_id", sa.String(length=36), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("erased_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("record_id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_tombstone", schema=None) as batch_op:
        batch_op.create_index("repository_tombstone_erased", ["erased_at"], unique=False)
        batch_op.create_index("repository_tombstone_list", ["list_id"], unique=False)


def downgrade() -> None:
    """From 0013 back to 0012."""
    with op.batch_alter_table("receiving_receipt", schema=None) as batch_op:
        batch_op.drop_column("statuses")
    with op.batch_alter_table("repository_tombstone", schema=None) as batch_op:
        batch_op.drop_index("repository_tombstone_list")
        batch_op.drop_index("repository_tombstone_erased")

    op.drop_table("repository_tombstone")
    with op.batch_alter_table("repository_disposal_list", schema=None) as batch_op:
        batch_op.drop_index("repository_disposal_list_archive")

    op.drop_table("repository_disposal_list")
    with op.batch_alter_table("disposal_line", schema=None) as batch_op:
        batch_op.drop_index("disposal_line_whole")
        batch_op.drop_index("disposal_line_record")

    op.drop_table("disposal_line")
    with op.batch_alter_table("disposal_hold", schema=None) as batch_op:
        batch_op.drop_index("disposal_hold_record")

    op.drop_table("disposal_hold")
    with op.batch_alter_table("disposal_appraisal", schema=None) as batch_op:
        batch_op.drop_index("disposal_appraisal_desk")

    op.drop_table("disposal_appraisal")
