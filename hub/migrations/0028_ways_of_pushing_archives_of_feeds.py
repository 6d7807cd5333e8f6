"""ways of pushing: queues, former secrets; the archive of each entry of a feed"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.kernel.canonical import digest_of, sum_of_digests

revision = "0028"
down_revision = "0026"

_FEEDS = ("sharing_feed", "sharing_pending")
_Tallied = dict[tuple[str, str, int], tuple[int, str]]


def upgrade() -> None:
    """From 0026 to 0028."""
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("way", sa.String(length=10), server_default="webhook", nullable=False)
        )
        batch_op.add_column(sa.Column("former_secret", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("former_until", sa.String(length=27), nullable=True))
        batch_op.add_column(sa.Column("password_hash", sa.String(length=100), nullable=True))
        batch_op.add_column(
            sa.Column("tell", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
    for table in _FEEDS:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(
                sa.Column("archive", sa.String(length=20), server_default="", nullable=False)
            )
        # What is in a feed is in an archive's custody: `archive:<code>`.
        op.execute(
            sa.text(
                f"UPDATE {table} SET archive = COALESCE((SELECT substr(custody, 9)"
                f" FROM catalogue_record WHERE catalogue_record.id = {table}.record_id"
                " AND custody LIKE 'archive:%'), '')"
            )
        )
    with op.batch_alter_table("sharing_feed", schema=None) as batch_op:
        batch_op.create_index(
            "sharing_feed_archive", ["audience", "archive", "position"], unique=False
        )
    held = _tallied()
    rows = list(_by_archive(held))
    op.drop_table("sharing_tally")
    _create_tally(by_archive=True)
    _fill(rows)


def _tallied() -> _Tallied:
    found = op.get_bind().execute(
        sa.text("SELECT audience, fonds_id, year, records, sum FROM sharing_tally")
    )
    return {(row.audience, row.fonds_id, row.year): (row.records, row.sum) for row in found}


def _by_archive(held: _Tallied) -> list[dict[str, Any]]:
    """The same by archive; only a fonds of which several have received has to be summed up anew."""
    connection = op.get_bind()
    parts: dict[tuple[str, str, int], list[tuple[str, int]]] = {}
    for row in connection.execute(
        sa.text(
            "SELECT audience, fonds_id, year, archive, COUNT(*) AS many FROM sharing_feed"
            " WHERE kind = 'upsert' GROUP BY audience, fonds_id, year, archive"
        )
    ):
        key = (row.audience, row.fonds_id, row.year)
        parts.setdefault(key, []).append((row.archive, row.many))
    rows = []
    for key, archives in parts.items():
        for archive, many in archives:
            total = held[key][1] if len(archives) == 1 and key in held else _sum(key, archive)
            rows.append(
                {
                    "audience": key[0], "fonds_id": key[1], "year": key[2], "archive": archive,
                    "records": many, "sum": total,
                }
            )  # fmt: skip
    return rows


def _sum(key: tuple[str, str, int], archive: str) -> str:
    rows = op.get_bind().execute(
        sa.text(
            "SELECT record_id, digest FROM sharing_feed WHERE kind = 'upsert'"
            " AND audience = :audience AND fonds_id = :fonds AND year = :year"
            " AND archive = :archive"
        ),
        {"audience": key[0], "fonds": key[1], "year": key[2], "archive": archive},
    )
    return sum_of_digests(digest_of([row.record_id, row.digest]) for row in rows)


def _create_tally(*, by_archive: bool) -> None:
    archive = [sa.Column("archive", sa.String(length=20), nullable=False)] if by_archive else []
    keys = ["audience", *(each.name for each in archive), "fonds_id", "year"]
    op.create_table(
        "sharing_tally",
        sa.Column("audience", sa.String(length=40), nullable=False),
        *archive,
        sa.Column("fonds_id", sa.String(length=36), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("sum", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint(*keys),
        info={"origin": "derived"},
    )


def _fill(rows: list[dict[str, Any]]) -> None:
    table = sa.Table("sharing_tally", sa.MetaData(), autoload_with=op.get_bind())
    if rows:
        op.bulk_insert(table, rows)


def downgrade() -> None:
    """From 0028 back to 0026: a queue is no way there, and a tally is of fonds and year."""
    summed: _Tallied = {}
    found = op.get_bind().execute(
        sa.text("SELECT audience, fonds_id, year, records, sum FROM sharing_tally")
    )
    for row in found:
        key = (row.audience, row.fonds_id, row.year)
        records, total = summed.get(key, (0, f"{0:064x}"))
        summed[key] = (records + row.records, sum_of_digests([total, row.sum]))
    op.drop_table("sharing_tally")
    _create_tally(by_archive=False)
    _fill(
        [
            {"audience": key[0], "fonds_id": key[1], "year": key[2], "records": many, "sum": total}
            for key, (many, total) in summed.items()
        ]
    )
    with op.batch_alter_table("sharing_feed", schema=None) as batch_op:
        batch_op.drop_index("sharing_feed_archive")
    for table in _FEEDS:
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("archive")
    op.execute(sa.text("DELETE FROM sharing_push WHERE way = 'queue'"))
    with op.batch_alter_table("sharing_push", schema=None) as batch_op:
        for each in ("tell", "password_hash", "former_until", "former_secret", "way"):
            batch_op.drop_column(each)
