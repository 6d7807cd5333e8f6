"""What became of what was handed in: read from the document, its record and the batches it was in.

Nothing of this is kept: a state that is stored twice is wrong once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.registry import service as registry
from node.registry.models import Registered
from node.submission.models import Submission
from node.transfer import service as transfer
from shared.records.states import DRAFT_STATES

STATE_NAMES = {
    "registered": "已登记，待归档",
    "not_kept": "不归档",
    "returned_to_issuer": "已清退",
    "kept_elsewhere": "另处保存",
    "arranging": "待整理",
    "filed": "已归档",
    "offered": "移交中",
    "returned": "被退回",
    "received": "档案馆已接收",
    "void": "作废",
    "disposed": "已销毁",
}
_DECIDED = ("not_kept", "returned_to_issuer", "kept_elsewhere")


@dataclass(frozen=True)
class Standing:
    """How one submission stands. `findings` and `files` are told of one alone, not in lists."""

    submission_id: str
    key: str
    fonds_id: str
    document_id: str
    system_name: str
    title: str
    doc_no: str | None
    number: str
    submitted_at: datetime
    state: str
    code: str | None = None
    reason: str | None = None
    files: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()

    @property
    def state_name(self) -> str:
        """The state in words."""
        return STATE_NAMES[self.state]


def standings(rows: Sequence[Submission], *, session: Session) -> list[Standing]:
    """How these stand, in their order; the same few statements for any number."""
    documents = {
        each.id: each
        for each in session.scalars(
            select(Registered).where(Registered.id.in_({row.document_id for row in rows}))
        )
    }
    wanted = {each.record_id for each in documents.values() if each.record_id}
    records = {
        each.id: each
        for each in session.scalars(select(filing.Record).where(filing.Record.id.in_(wanted)))
    }
    back = set(
        session.scalars(
            filing.objected_by(
                "returned",
                filing.Objection.settled_at.is_(None),
                filing.Objection.record_id.in_(wanted),
            )
        )
    )
    found = []
    for row in rows:
        document = documents[row.document_id]
        record = records.get(document.record_id or "")
        found.append(_standing(row, document, record, returned=(record and record.id) in back))
    return found


def standing_of(row: Submission, *, session: Session) -> Standing:
    """How one stands, with its files and what was found wrong."""
    (brief,) = standings([row], session=session)
    document = session.get_one(Registered, row.document_id)
    files = tuple(
        {name: getattr(each, name) for name in ("name", "role", "kind", "size", "sha256")}
        for each in registry.files_of(document.id, session=session)
    )
    findings = tuple(_findings(document.record_id, session)) if document.record_id else ()
    return Standing(**{**vars(brief), "files": files, "findings": findings})


def _standing(
    row: Submission, document: Registered, record: filing.Record | None, *, returned: bool
) -> Standing:
    return Standing(
        submission_id=row.id,
        key=row.key,
        fonds_id=row.fonds_id,
        document_id=row.document_id,
        system_name=row.system_name,
        title=document.title,
        doc_no=document.doc_no,
        number=document.number,
        submitted_at=row.at,
        state=_state(document, record, returned=returned),
        code=record.code if record is not None and record.state not in DRAFT_STATES else None,
        reason=document.reason,
    )


def _state(document: Registered, record: filing.Record | None, *, returned: bool) -> str:
    if record is None:
        return document.state if document.state in _DECIDED else "registered"
    if record.state in DRAFT_STATES:
        return "arranging"
    return "returned" if returned and record.state == "filed" else record.state


def _findings(record_id: str, session: Session) -> Iterable[Mapping[str, Any]]:
    """What the last inspection before handing over, the archive and the platform found wrong."""
    latest = transfer.latest_of(record_id, session=session)
    if latest is not None:
        for each in latest[1].findings:
            yield {"source": "inspection", **_told(each)}
    for objection in filing.open_objections(record_id, session=session):
        yield {"source": objection.source, **_told(vars(objection))}


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    names = ("number", "severity", "code", "field", "problem", "remedy")
    return {name: found.get(name) for name in names}
