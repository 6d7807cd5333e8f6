"""later versions of objects; papers of the hub are read again too; incomplete batches"""

import sqlalchemy as sa
from alembic import op

from shared.kernel.clock import utc_text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """From 0007 to 0008."""
    op.create_table(
        "repository_event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("archive_code", sa.String(length=20), nullable=False),
        sa.Column("record_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        info={"origin": "repository"},
    )
    with op.batch_alter_table("repository_event", schema=None) as batch_op:
        batch_op.create_index("repository_event_record", ["record_id"], unique=False)
        batch_op.create_index("repository_event_version", ["version", "at"], unique=False)
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("incomplete", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    op.get_bind().execute(
        sa.text(
            "INSERT INTO repository_object"
            " (place, archive_code, looked_at, waiting_since)"
            " SELECT name, 'hub', stored_at, :now FROM repository_paper"
            " WHERE name LIKE 'hub/%' AND stored_at IS NOT NULL AND NOT refused"
            " AND name NOT IN (SELECT place FROM repository_object)"
        ),
        {"now": utc_text()},
    )


def downgrade() -> None:
    """From 0008 back to 0007."""
    op.execute("DELETE FROM repository_fault WHERE archive_code = 'hub'")
    op.execute("DELETE FROM repository_object WHERE archive_code = 'hub'")
    with op.batch_alter_table("receiving_batch", schema=None) as batch_op:
        batch_op.drop_column("incomplete")
    with op.batch_alter_table("repository_event", schema=None) as batch_op:
        batch_op.drop_index("repository_event_version")
        batch_op.drop_index("repository_event_record")
    op.drop_table("repository_event")
