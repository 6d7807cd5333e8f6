"""A later release, for tests of upgrading: the same steps, and one more."""

from __future__ import annotations

import shutil
from pathlib import Path

_STEP = '''"""A later release."""

import sqlalchemy as sa
from alembic import op

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    with op.batch_alter_table("identity_account") as batch_op:
        batch_op.add_column(sa.Column("later", sa.String(length=20), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("identity_account") as batch_op:
        batch_op.drop_column("later")
'''


def later_release(revisions: Path, folder: Path) -> tuple[Path, str, str]:
    """The folder of a later release's steps; the number before, and the newest."""
    shutil.copytree(revisions, folder)
    before = max(path.name[:4] for path in folder.glob("[0-9]*_*.py"))
    number = f"{int(before) + 1:04d}"
    (folder / f"{number}_later.py").write_text(_STEP.format(number=number, before=before))
    return folder, before, number
