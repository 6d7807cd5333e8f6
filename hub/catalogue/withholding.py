"""Records in which the check found a mark of classification 密级标志: no title of them stays.

What their node told of them is kept only by its version and content digest, so that the node may
tell it again and both sides still compare equal (design, rule 6); what is shown and searched is
masked. Newer versions are masked as well, until the check of an offer finds no mark any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from hub.catalogue import text
from hub.catalogue.events import tell_changed
from hub.catalogue.models import CatalogueRecord
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.records.record import content_digest, record_from_wire

#: What stands in place of the title of a record that must not be here.
WITHHELD_TITLE = "（含密级标志，未保存题名）"


def masked(wire: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it travels, without title, number text and whatever else its unit wrote."""
    return {
        **wire,
        "title": WITHHELD_TITLE,
        "doc_no": None,
        "remark": None,
        "documents": [
            {
                **document,
                "title": None,
                "files": [
                    {**file, "name": f"{file['id']}.{file['format'] or 'bin'}"}
                    for file in document["files"]
                ],
            }
            for document in wire["documents"]
        ],
        "events": [{**event, "description": None} for event in wire["events"]],
    }


def is_withheld(title: str) -> bool:
    """Whether a row with this title is that of a withheld record."""
    return title == WITHHELD_TITLE


def withhold(session: Session, record: CatalogueRecord) -> None:
    """Keep no title of a record, nor anything by which it could be found but its codes."""
    if not is_withheld(record.title):
        _show(session, record, masked(record.wire))


def show_again(session: Session, record: CatalogueRecord, told: Mapping[str, Any]) -> None:
    """A check found no mark any more: show the record as its node had told it.

    `told` comes from the package; what is not the very version that was told changes nothing.
    """
    if is_withheld(record.title) and content_digest(told) == record.digest:
        _show(session, record, told)


def _show(session: Session, record: CatalogueRecord, wire: Mapping[str, Any]) -> None:
    shape = record_from_wire(dict(wire))
    session.execute(
        update(CatalogueRecord)
        .where(CatalogueRecord.row == record.row)
        .values(
            wire=canonical_json(dict(wire)),
            title=shape.title,
            doc_no=shape.doc_no,
            updated_at=now(),
        )
        .execution_options(synchronize_session=False)
    )
    session.expire(record)
    text.index_again(session, record.row, shape)
    if record.received:
        tell_changed(session, [record.id])
