"""From the registry to filing 列入归档: a closed document becomes a record, with its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from node.filing.collecting import collect
from node.filing.history import note_happened
from node.filing.models import Record
from node.registry import service as registry
from node.registry.models import Registered
from shared.kernel.actor import Actor, Role, require
from shared.records.states import DOCUMENT


def send_to_filing(
    actor: Actor,
    document: Registered,
    values: Mapping[str, Any] | None = None,
    *,
    session: Session,
) -> Record:
    """Bring a closed document to file: a record with the same description and the same files.

    What was done with it before, elsewhere, begins its history. `values` add what filing knows
    (class, retention, organ …). Raises WrongState unless closed.
    """
    require(actor, Role.CLERK, fonds=document.fonds_id)
    DOCUMENT.after("file", document.state)
    grouped: dict[str, dict[str, Any]] = {}
    for file in registry.files_of(document.id, session=session):
        key = file.id if file.role == "附件" else file.role
        entry = grouped.setdefault(key, {"role": file.role, "title": None, "files": []})
        entry["files"].append(
            {
                "name": file.name,
                "size": file.size,
                "sha256": file.sha256,
                "format": file.format,
                "kind": file.kind,
            }
        )
    date = document.date
    record = collect(
        actor,
        document.fonds_id,
        {
            "class_code": "WS",
            "title": document.title,
            "doc_no": document.doc_no,
            "author": document.author,
            "date": date,
            "year": int((date or document.registered_on)[:4]),
            "security": document.security,
            "pages": document.pages,
            "remark": document.remark,
            "holding": _holding(document, session),
            **(values or {}),
            "documents": list(grouped.values()),
        },
        session=session,
    )
    note_happened(record.id, document.events, session=session)
    registry.mark_filed(actor, document, record.id, session=session)
    return record


def _holding(document: Registered, session: Session) -> str:
    kinds = {file.kind for file in registry.files_of(document.id, session=session)}
    if not kinds:
        return "paper"
    return (
        "electronic"
        if kinds == {"born_digital"}
        else "both"
        if len(kinds) > 1
        else ("paper_with_copy")
    )
