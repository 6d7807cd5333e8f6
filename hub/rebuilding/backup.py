"""What only a backup has: the rows of the tables whose origin says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, inspect, select, update
from sqlalchemy.orm import Session

from hub.federation.models import EnrolmentCode
from hub.federation.origins import origin_of
from hub.federation.places import DATABASE_NAME, HubFolder
from shared.identity.models import BearerToken
from shared.kernel.database import Database
from shared.kernel.errors import NotFound

#: What must not be taken up again: signed in before the loss, tried, half done by a dead process.
_LEFT = {BearerToken.__tablename__, "federation_enrolment_attempt", "kernel_job"}

Rows = dict[str, list[dict[str, Any]]]


def backup_tables(folder: HubFolder) -> list[Table]:
    """The tables that come from a backup or not at all, those that others refer to first."""
    tables = folder.database().tables()
    order = tables[0].metadata.sorted_tables if tables else []
    return [each for each in order if each in tables and origin_of(each) == "backup"]


def read_backup(backup: str, tables: list[Table]) -> Rows:
    """The rows that a backup has: `hub.sqlite`, a folder with it, or a PostgreSQL address.

    Also of an older version of the program: columns that it lacks take what a new row has. Raises
    NotFound when there is no database of a hub.
    """
    path = Path(backup)
    if "://" not in backup:
        path = path / DATABASE_NAME if path.is_dir() else path
        if not path.is_file():
            raise _no_backup(backup)
    database = Database(backup if "://" in backup else f"sqlite:///{path.resolve()}", ("hub",))
    try:
        with database.read() as session:
            there = inspect(session.connection())
            if not there.has_table("federation_hub"):
                raise _no_backup(backup)
            return {
                table.name: _rows(table, session)
                for table in tables
                if table.name not in _LEFT and there.has_table(table.name)
            }
    finally:
        database.close()


def _rows(table: Table, session: Session) -> list[dict[str, Any]]:
    held = {each["name"] for each in inspect(session.connection()).get_columns(table.name)}
    columns = [each for each in table.columns if each.name in held]
    return [dict(row) for row in session.execute(select(*columns)).mappings()]


def take_backup(rows: Rows, tables: list[Table], *, session: Session) -> int:
    """Write the rows of a backup into a database that has none of them; returns how many.

    A row that refers to what is not registered is left out. No enrolment code can be used again:
    that it was used may have been after the backup.
    """
    taken = 0
    for table in tables:
        for row in rows.get(table.name, []):
            if all(
                row.get(key.parent.name) is None
                or session.scalar(select(key.column).where(key.column == row[key.parent.name]))
                is not None
                for key in table.foreign_keys
            ):
                session.execute(insert(table).values(row))
                taken += 1
    session.execute(
        update(EnrolmentCode).where(EnrolmentCode.used_at.is_(None)).values(cancelled=True)
    )
    return taken


def _no_backup(backup: str) -> NotFound:
    return NotFound(
        f"{backup} 里没有平台的数据库。",
        "请给出备份里的 hub.sqlite（或它所在的目录）；PostgreSQL 的先还原成一个库，再给它的地址。",
    )
