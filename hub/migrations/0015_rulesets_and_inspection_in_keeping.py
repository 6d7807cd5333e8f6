"""rulesets of archives, inspection in keeping"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """From 0014 to 0015."""
    op.create_table(
        "repository_inspection",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("outcome", sa.String(length=12), nullable=False),
        sa.Column("scheme", sa.String(length=200), nullable=False),
        sa.Column("tool", sa.String(length=80), nullable=False),
        sa.Column("scanner", sa.String(length=200), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("repository_inspection", schema=None) as batch_op:
        batch_op.create_index("repository_inspection_place", ["place", "at"], unique=False)

    op.create_table(
        "repository_inspection_pause",
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("stopped_by", sa.String(length=200), nullable=False),
        sa.Column("stopped_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("archive_code"),
        info={"origin": "backup"},
    )
    op.create_table(
        "federation_ruleset",
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("active_from", sa.String(length=10), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_code"],
            ["federation_archive.code"],
        ),
        sa.PrimaryKeyConstraint("version"),
        sa.UniqueConstraint("archive_code", "number"),
        info={"origin": "repository"},
    )
    op.create_table(
        "federation_ruleset_draft",
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["archive_code"],
            ["federation_archive.code"],
        ),
        sa.PrimaryKeyConstraint("archive_code"),
        info={"origin": "backup"},
    )
    op.create_table(
        "federation_rules_told",
        sa.Column("node_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("software_version", sa.String(length=50), nullable=False),
        sa.Column("refused", sa.String(length=50), nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"],
            ["federation_node.id"],
        ),
        sa.PrimaryKeyConstraint("node_id", "subject"),
        info={"origin": "nodes"},
    )
    op.create_table(
        "federation_schedule",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("imported_by", sa.String(length=200), nullable=False),
        sa.Column("imported_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(
            ["fonds_id"],
            ["federation_fonds.id"],
        ),
        sa.PrimaryKeyConstraint("sha256"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("federation_schedule", schema=None) as batch_op:
        batch_op.create_index(
            "federation_schedule_fonds", ["fonds_id", "imported_at"], unique=False
        )

    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.add_column(sa.Column("scheme", sa.String(length=200), nullable=True))
        batch_op.add_column(
            sa.Column("inspection", sa.Integer(), server_default="1", nullable=False)
        )

    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.add_column(sa.Column("number", sa.Integer(), server_default="1", nullable=False))
        batch_op.add_column(
            sa.Column("program", sa.String(length=50), server_default="", nullable=False)
        )

    with op.batch_alter_table("repository_object", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "inspected_at",
                sa.String(length=27),
                server_default="1970-01-01T00:00:00.000000Z",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("inspection", sa.String(length=12), nullable=True))
        batch_op.create_index("repository_object_inspected", ["inspected_at"], unique=False)


def downgrade() -> None:
    """From 0015 back to 0014."""
    with op.batch_alter_table("repository_object", schema=None) as batch_op:
        batch_op.drop_index("repository_object_inspected")
        batch_op.drop_column("inspection")
        batch_op.drop_column("inspected_at")

    with op.batch_alter_table("receiving_inspection", schema=None) as batch_op:
        batch_op.drop_column("program")
        batch_op.drop_column("number")

    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.drop_column("inspection")
        batch_op.drop_column("scheme")

    with op.batch_alter_table("federation_schedule", schema=None) as batch_op:
        batch_op.drop_index("federation_schedule_fonds")

    op.drop_table("federation_schedule")
    op.drop_table("federation_rules_told")
    op.drop_table("federation_ruleset_draft")
    op.drop_table("federation_ruleset")
    op.drop_table("repository_inspection_pause")
    with op.batch_alter_table("repository_inspection", schema=None) as batch_op:
        batch_op.drop_index("repository_inspection_place")

    op.drop_table("repository_inspection")
