"""A record in an archive's custody: only that archive makes its next version (protocol §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from hub.catalogue import text
from hub.catalogue.events import tell_changed
from hub.catalogue.models import CatalogueRecord
from hub.catalogue.tally import Changes, Counted
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.errors import Conflict, WrongState
from shared.records.record import record_from_wire


def take_correction(
    session: Session, record: CatalogueRecord, corrected: Mapping[str, Any]
) -> None:
    """Let the catalogue say what the archive that has the record corrected; told to nobody here.

    `record` is whole, as `record_of` gives it. The very same version again is nothing. Raises
    WrongState before receipt, Conflict unless it is the next version with the old history in it.
    """
    canonical = canonical_json(dict(corrected))
    digest = sha256_hex(canonical)
    if (record.version, record.digest) == (corrected["version"], digest):
        return
    if not record.received:
        raise WrongState(
            "这件档案还没有被接收，由形成单位修改。", "请在接收之后再更正。", code="not_in_custody"
        )
    events = record.wire["events"]
    if corrected["version"] != record.version + 1 or corrected["events"][: len(events)] != events:
        raise Conflict(
            f"目录中已是这件档案的第 {record.version} 版，与要更正的不是同一版。",
            "请重新打开这件档案，核对后再更正。",
            code="version_conflict",
            field="version",
        )
    write_version(session, record, corrected)


def write_version(
    session: Session, record: CatalogueRecord, made: Mapping[str, Any], *, state: str | None = None
) -> None:
    """Let the catalogue say what a version of its archive's says, whichever it had before.

    `state` is where the record stands from now on; without one that stays.
    """
    canonical = canonical_json(dict(made))
    shape = record_from_wire(dict(made))
    tally = Changes()
    tally.take(Counted.of(record))
    session.execute(
        update(CatalogueRecord)
        .where(CatalogueRecord.row == record.row)
        .values(
            version=shape.version,
            digest=sha256_hex(canonical),
            told_state=shape.state,
            wire=canonical,
            retention=shape.retention,
            security=shape.security,
            title=shape.title,
            doc_no=shape.doc_no,
            opening=shape.opening.opinion if shape.opening else None,
            date=shape.date.isoformat() if shape.date else None,
            state=state or record.state,
            updated_at=now(),
        )
        .execution_options(synchronize_session=False)
    )
    session.expire(record)
    tally.add(Counted.of(record))
    tally.write(session)
    text.index_again(session, record.row, shape)
    if record.received:
        tell_changed(session, [record.id])
