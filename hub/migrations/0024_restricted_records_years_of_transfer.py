"""restricted records, years of transfer"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """From 0023 to 0024."""
    op.create_index(
        "catalogue_record_internal",
        "catalogue_record",
        ["fonds_id", "year", "class_code", "retention", "state", "level"],
        sqlite_where=sa.text("security <> 'none'"),
        postgresql_where=sa.text("security <> 'none'"),
    )
    op.drop_index("catalogue_record_supervisor", table_name="catalogue_record")
    op.create_index(
        "catalogue_record_supervisor",
        "catalogue_record",
        ["supervisor", "code_key"],
        sqlite_where=sa.text("supervisor IS NOT NULL"),
        postgresql_where=sa.text("supervisor IS NOT NULL"),
    )
    op.create_table(
        "federation_transfer_rule",
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("earliest", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Integer(), nullable=True),
        sa.Column("set_by", sa.String(length=200), nullable=False),
        sa.Column("set_at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["fonds_id"], ["federation_fonds.id"]),
        sa.PrimaryKeyConstraint("fonds_id"),
        info={"origin": "backup"},
    )


def downgrade() -> None:
    """From 0024 to 0023."""
    op.drop_table("federation_transfer_rule")
    op.drop_index("catalogue_record_supervisor", table_name="catalogue_record")
    op.create_index("catalogue_record_supervisor", "catalogue_record", ["supervisor", "code_key"])
    op.drop_index("catalogue_record_internal", table_name="catalogue_record")
