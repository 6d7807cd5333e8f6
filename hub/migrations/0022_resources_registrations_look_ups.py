"""resources, registrations, look-ups"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """From 0021 to 0022."""
    op.create_table(
        "sharing_lookup_use",
        sa.Column("account_id", sa.String(length=80), nullable=False),
        sa.Column("hour", sa.String(length=13), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "hour"),
        info={"origin": "backup"},
    )
    op.create_table(
        "sharing_resource",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sharing", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=True),
        sa.Column("front", sa.String(length=30), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("draft", sa.Text(), nullable=True),
        sa.Column("editors", sa.Text(), nullable=False),
        sa.Column("drafted_by", sa.String(length=200), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("returned", sa.String(length=500), nullable=True),
        sa.Column("withdrawn", sa.String(length=500), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_code"],
            ["federation_archive.code"],
        ),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("sharing_resource", schema=None) as batch_op:
        batch_op.create_index("sharing_resource_archive", ["archive_code", "state"], unique=False)
        batch_op.create_index("sharing_resource_code", ["code"], unique=True)
        batch_op.create_index("sharing_resource_front", ["front"], unique=False)

    op.create_table(
        "sharing_registration",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("returned", sa.String(length=500), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.Column("due_at", sa.String(length=27), nullable=True),
        sa.Column("begun", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("words", sa.String(length=500), nullable=True),
        sa.Column("heard_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(
            ["archive_code"],
            ["federation_archive.code"],
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["sharing_resource.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("sharing_registration", schema=None) as batch_op:
        batch_op.create_index(
            "sharing_registration_archive", ["archive_code", "state"], unique=False
        )
        batch_op.create_index("sharing_registration_due", ["state", "due_at"], unique=False)

    op.create_table(
        "sharing_resource_version",
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.Column("published_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["sharing_resource.id"],
        ),
        sa.PrimaryKeyConstraint("resource_id", "number"),
        info={"origin": "backup"},
    )


def downgrade() -> None:
    """From 0022 back to 0021."""
    op.drop_table("sharing_resource_version")
    with op.batch_alter_table("sharing_registration", schema=None) as batch_op:
        batch_op.drop_index("sharing_registration_due")
        batch_op.drop_index("sharing_registration_archive")

    op.drop_table("sharing_registration")
    with op.batch_alter_table("sharing_resource", schema=None) as batch_op:
        batch_op.drop_index("sharing_resource_front")
        batch_op.drop_index("sharing_resource_code")
        batch_op.drop_index("sharing_resource_archive")

    op.drop_table("sharing_resource")
    op.drop_table("sharing_lookup_use")
