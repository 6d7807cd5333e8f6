"""Records that look like others of their fonds: the very questions that the archive will ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from node.filing.models import ComputerFile, Record
from shared.inspection.twins import Twin, twins_among
from shared.records.states import NUMBERED_STATES


def twins_of(fonds_id: str, record_ids: Collection[str], *, session: Session) -> list[Twin]:
    """The records among these that share number 文号 and title, or the bytes of a file, with any.

    Over all of the fonds that is numbered; void numbers are left out.
    """
    known = _numbered(
        fonds_id,
        *(Record.id, Record.code, Record.doc_no, Record.title),
        func.count().over(partition_by=(Record.doc_no, Record.title)).label("many"),
    ).where(Record.doc_no.is_not(None))
    named = known.subquery()
    rows = session.execute(select(named).where(named.c.many > 1))
    alike = [(row.id, row.code, (row.doc_no, row.title)) for row in rows]
    shared = select(ComputerFile.sha256).group_by(ComputerFile.sha256)
    often = shared.having(func.count(ComputerFile.record_id.distinct()) > 1)
    filed = _numbered(fonds_id, Record.id, Record.code, ComputerFile.sha256).join(
        ComputerFile, ComputerFile.record_id == Record.id
    )
    rows = session.execute(filed.where(ComputerFile.sha256.in_(often)))
    same = [(row.id, row.code, row.sha256) for row in rows]
    wanted = set(record_ids)
    return [
        *twins_among(alike, wanted, by_content=False),
        *twins_among(same, wanted, by_content=True),
    ]


def _numbered(fonds_id: str, *columns: Any) -> Select[Any]:
    return select(*columns).where(
        Record.fonds_id == fonds_id,
        Record.state.in_(sorted(NUMBERED_STATES)),
        Record.code.is_not(None),
    )
