"""What is kept is read again, copy by copy"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# A package is `<place>/v1/content/<64 digits>.zip` in an object, `<place>/<64 digits>.zip` in a
# folder of version 0.1, which waits for its second copy only once it has been moved.
_RECORDS = """
INSERT INTO repository_object
    (place, archive_code, record_id, looked_at, intact, waiting_since)
SELECT substr(name, 1, length(name) - CASE WHEN name LIKE 'archives/%/ocfl/%' THEN 80 ELSE 69 END),
    archive_code, record_id, COALESCE(verified_at, stored_at), intact,
    CASE WHEN name LIKE 'archives/%/ocfl/%' THEN stored_at END
FROM repository_package WHERE name LIKE 'archives/%/v1/%.zip' ON CONFLICT DO NOTHING
"""
_PAPERS = """
INSERT INTO repository_object (place, archive_code, looked_at, waiting_since)
SELECT paper.name, archive.code, paper.stored_at, paper.stored_at
FROM repository_paper AS paper
JOIN federation_archive AS archive ON paper.name LIKE 'archives/' || archive.code || '/%'
WHERE paper.stored_at IS NOT NULL
"""


def upgrade() -> None:
    """From 0005 to 0006."""
    op.create_table(
        "repository_fault",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("copy", sa.String(length=10), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("expected", sa.String(length=64), nullable=True),
        sa.Column("actual", sa.String(length=64), nullable=True),
        sa.Column("found_at", sa.String(length=27), nullable=False),
        sa.Column("wish", sa.String(length=10), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("repository_fault", schema=None) as batch_op:
        batch_op.create_index("repository_fault_archive", ["archive_code"], unique=False)
        batch_op.create_index("repository_fault_place", ["place", "copy"], unique=False)

    op.create_table(
        "repository_object",
        sa.Column("place", sa.String(length=300), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=True),
        sa.Column("looked_at", sa.String(length=27), nullable=False),
        sa.Column("intact", sa.Boolean(), nullable=True),
        sa.Column("waiting_since", sa.String(length=27), nullable=True),
        sa.Column("second_looked_at", sa.String(length=27), nullable=True),
        sa.Column("second_intact", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("place"),
        info={"origin": "backup"},
    )
    with op.batch_alter_table("repository_object", schema=None) as batch_op:
        batch_op.create_index(
            "repository_object_archive", ["archive_code", "looked_at"], unique=False
        )
        batch_op.create_index("repository_object_looked", ["looked_at"], unique=False)
        batch_op.create_index("repository_object_record", ["record_id"], unique=False)
        batch_op.create_index("repository_object_second_looked", ["second_looked_at"], unique=False)
        batch_op.create_index("repository_object_waiting", ["waiting_since"], unique=False)

    op.execute(_RECORDS)
    op.execute(_PAPERS)

    with op.batch_alter_table("repository_description", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("repository_description_archive"))
        batch_op.drop_column("verified_at")
        batch_op.drop_column("intact")

    with op.batch_alter_table("repository_package", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("repository_package_archive"))
        batch_op.create_index("repository_package_archive", ["archive_code"], unique=False)
        batch_op.drop_column("verified_at")
        batch_op.drop_column("intact")


def downgrade() -> None:
    """From 0006 back to 0005."""
    with op.batch_alter_table("repository_package", schema=None) as batch_op:
        batch_op.add_column(sa.Column("intact", sa.BOOLEAN(), nullable=True))
        batch_op.add_column(sa.Column("verified_at", sa.VARCHAR(length=27), nullable=True))
        batch_op.drop_index("repository_package_archive")
        batch_op.create_index(
            batch_op.f("repository_package_archive"), ["archive_code", "verified_at"], unique=False
        )

    with op.batch_alter_table("repository_description", schema=None) as batch_op:
        batch_op.add_column(sa.Column("intact", sa.BOOLEAN(), nullable=True))
        batch_op.add_column(sa.Column("verified_at", sa.VARCHAR(length=27), nullable=True))
        batch_op.create_index(
            batch_op.f("repository_description_archive"),
            ["archive_code", "verified_at"],
            unique=False,
        )

    with op.batch_alter_table("repository_object", schema=None) as batch_op:
        batch_op.drop_index("repository_object_waiting")
        batch_op.drop_index("repository_object_second_looked")
        batch_op.drop_index("repository_object_record")
        batch_op.drop_index("repository_object_looked")
        batch_op.drop_index("repository_object_archive")

    op.drop_table("repository_object")
    with op.batch_alter_table("repository_fault", schema=None) as batch_op:
        batch_op.drop_index("repository_fault_place")
        batch_op.drop_index("repository_fault_archive")

    op.drop_table("repository_fault")
