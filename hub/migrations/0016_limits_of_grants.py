"""grants reach classes and openness until a day"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """From 0015 to 0016."""
    with op.batch_alter_table("catalogue_record", schema=None) as batch_op:
        batch_op.add_column(sa.Column("opening", sa.String(length=20), nullable=True))
    opinion = (
        "wire::json #>> '{opening,opinion}'"
        if op.get_bind().dialect.name == "postgresql"
        else "json_extract(wire, '$.opening.opinion')"
    )
    op.execute(f"UPDATE catalogue_record SET opening = {opinion}")
    with op.batch_alter_table("catalogue_record", schema=None) as batch_op:
        batch_op.create_index(
            "catalogue_record_open",
            ["receiving_archive", "opening", "class_code", "code_key"],
            unique=False,
        )
        batch_op.create_index(
            "catalogue_record_reviewing", ["reviewing_archive", "code_key"], unique=False
        )
        batch_op.create_index(
            "catalogue_record_supervisor", ["supervisor", "code_key"], unique=False
        )

    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.add_column(sa.Column("class_code", sa.String(length=2), nullable=True))
        batch_op.add_column(
            sa.Column("openness", sa.String(length=10), server_default="all", nullable=False)
        )
        batch_op.add_column(sa.Column("until", sa.String(length=10), nullable=True))


def downgrade() -> None:
    """From 0016 back to 0015."""
    with op.batch_alter_table("identity_grant", schema=None) as batch_op:
        batch_op.drop_column("until")
        batch_op.drop_column("openness")
        batch_op.drop_column("class_code")

    with op.batch_alter_table("catalogue_record", schema=None) as batch_op:
        batch_op.drop_index("catalogue_record_supervisor")
        batch_op.drop_index("catalogue_record_reviewing")
        batch_op.drop_index("catalogue_record_open")
        batch_op.drop_column("opening")
