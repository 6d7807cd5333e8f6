"""The unit's mirror of what its archive has destroyed 销毁: its description stays, its bytes go."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from node.corrections.service import Ignored, require_sealed
from node.filing import service as filing
from node.office.models import Standing
from node.office.service import standing_of
from node.transfer import service as transfer
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of

_HUB = system_actor("市级平台")


def apply_destroyed(session: Session, body: dict[str, Any]) -> None:
    """Follow the tombstone of a record (entry `disposed`): the mirror is destroyed, too.

    One that the seal of the archive that keeps the record does not cover is ignored and reported.
    `node.transfer.erasing` removes the bytes.
    """
    try:
        record = body.get("record")
        if (
            not isinstance(record, dict)
            or record.get("state") != "disposed"
            or digest_of(record) != body.get("record_digest")
        ):
            raise Ignored("malformed", "收到的销毁存根与所附摘要不符，未予采用。")
        require_sealed(body, str(record.get("id")), str(record.get("fonds_id")), session)
        if standing_of(record["fonds_id"], session) == Standing.ARRIVING:
            return  # it comes with all that belongs to the fonds, in the hand-over's bundles
        is_new = filing.adopt_correction(session, record)
    except Ignored as ignored:
        transfer.report(session, "disposed", ignored.code, ignored.message)
        return
    if is_new:
        [mirror] = filing.records_named([record["id"]], session=session)
        audit.record(
            session, _HUB, "record.disposed", mirror,
            code=mirror.code, records=1, reason=str(body.get("reason")),
        )  # fmt: skip
