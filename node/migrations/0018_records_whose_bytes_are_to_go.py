"""records whose bytes are to go are found without going through all"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"


def upgrade() -> None:
    """From 0016 to 0018."""
    op.create_index(
        "filing_record_to_erase",
        "filing_record",
        ["id"],
        sqlite_where=sa.text(
            "erased_at IS NULL AND (state = 'disposed' OR released_at IS NOT NULL)"
        ),
    )


def downgrade() -> None:
    """From 0018 back to 0016."""
    op.drop_index("filing_record_to_erase", table_name="filing_record")
