"""numbers without what is internal"""

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
