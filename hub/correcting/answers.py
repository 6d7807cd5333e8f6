"""What an archive answers: the correction, or why not. Drafted, sealed outside, then settled.

As with a receipt no signer is called inside a transaction, and a settled correction has no way
back: `making` does what remains, also after a kill.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting.asking import archive_of
from hub.correcting.models import Correction
from hub.federation import service as federation
from hub.federation.events import RecordAnswered, tell
from hub.receiving.service import Receipt
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import canonical_json, digest_of
from shared.kernel.clock import parse_utc, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.messaging.entry import ENTRY_BYTES
from shared.records.corrections import (
    CORRECTABLE,
    Value,
    corrected,
    described,
    differing,
    read_reason,
    read_values,
    shown,
)
from shared.records.states import CORRECTION
from shared.records.text import REMARK_LENGTH

#: An answer must fit into an entry also as `evidence`.
_LARGEST = ENTRY_BYTES - 1024


def draft_correction(
    actor: Actor,
    record_id: str,
    values: Mapping[str, object],
    reason: str,
    *,
    correction_id: str | None = None,
    session: Session,
) -> dict[str, Any]:
    """The next version of a received record, ready for the archive's seal; changes nothing.

    `correction_id` names the request that it answers; without one the archive corrects by itself.
    Raises NotAllowed outside the archive that has the record, WrongState for a request that was
    answered, Invalid when nothing changes or a value is wrong, Classified for a mark.
    """
    record = catalogue.record_of(record_id, session)
    archive = archive_of(record, session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=archive,
        **record.scope,
        missing=catalogue.no_record(),
    )
    if not record.received:
        raise WrongState(
            "这件档案正在写入馆藏库，接收还没有办完。", "请稍候，接收完成后再更正。",
            code="not_in_custody",
        )  # fmt: skip
    require_not_destroyed(record)
    request = None
    if correction_id is not None:
        asked = _asked(correction_id, session)
        CORRECTION.after("decide", asked.state)
        request = asked.request
    _require_no_other(record, session)
    wanted = differing(record.wire, read_values(values))
    why = read_reason(reason)
    moment = utc_text()
    by_archive = {
        "agent": actor.name,
        "agent_unit": federation.archive_of(archive, session).name,
    }
    events = [
        *receipt_event(record, archive, session),
        {
            "id": new_id(),
            "action": "更正",
            "time": moment,
            **by_archive,
            "basis": why,
            "description": _described(record.wire, wanted),
        },
    ]
    made = corrected(record.wire, wanted, events, state=record.state)
    document = {
        "correction_id": correction_id or new_id(),
        "archive": archive,
        "record": made,
        "record_digest": digest_of(made),
        "request": request,
        "reason": why,
        "by": actor.name,
        "at": moment,
    }
    if len(canonical_json(document)) > _LARGEST:
        raise Invalid(
            "documents", "这件档案的著录过大，更正后无法下发。", "请联系系统管理员。",
            code="entry_too_large",
        )  # fmt: skip
    return document


def draft_version(
    record: CatalogueRecord,
    changes: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    correction_id: str,
    session: Session,
) -> dict[str, Any]:
    """The next version of a record that people have decided elsewhere, ready for the seal.

    An appraisal keeps it longer 续存, or two people have declassified it 解密, and have authorised
    that. `changes` are values of the wire, `event` is what the history says of it. It goes
    the way of a correction. Raises WrongState and Conflict as `draft_correction` does.
    """
    archive = archive_of(record, session)
    require_not_destroyed(record)
    _require_no_other(record, session)
    events = [*receipt_event(record, archive, session), event]
    made = corrected({**record.wire, **changes}, {}, events, state=record.state)
    return {
        "correction_id": correction_id,
        "archive": archive,
        "record": made,
        "record_digest": digest_of(made),
        "request": None,
        "reason": event["basis"],
        "by": event["agent"],
        "at": event["time"],
    }


def _asked(correction_id: str, session: Session) -> Correction:
    found = session.get(Correction, correction_id)
    if found is None:
        raise _no_request()
    return found


def _no_request() -> NotFound:
    return NotFound("没有这份更正申请。", "请回到更正列表重新查看。")


def _held(correction_id: str, session: Session) -> Correction:
    return locked(session, Correction, correction_id) or _asked(correction_id, session)


def held_record(record_id: str, session: Session) -> CatalogueRecord:
    """A record as it stands, while its keeper's stream and its fonds are held. Raises NotFound."""
    record = catalogue.record_of(record_id, session)
    federation.locked_fonds([record.fonds_id], session)
    session.refresh(record)
    return record


def require_not_destroyed(record: CatalogueRecord) -> None:
    """Raise WrongState for a record of which only the catalogue is left."""
    if record.state == "disposed":
        raise WrongState("这件档案已经销毁，只保留目录。", "请查看它的销毁清册。", code="destroyed")


def _require_no_other(record: CatalogueRecord, session: Session) -> None:
    """One correction of a record after the other: each makes the next version."""
    other = session.scalar(
        select(Correction.id)
        .where(Correction.record_id == record.id)
        .where((Correction.state == "making") | (Correction.version > record.version))
        .limit(1)
    )
    if other is not None:
        raise Conflict(
            "这件档案的另一份更正正在写入馆藏库。",
            "请稍候刷新，核对后再更正。",
            code="correction_under_way",
        )


def receipt_event(record: CatalogueRecord, archive: str, session: Session) -> list[dict[str, Any]]:
    """That the archive received the record, for the first version that it writes itself.

    Until then the history is the unit's own, which ends with the hand-over.
    """
    if any(event["action"] == "接收" for event in record.wire["events"]):
        return []
    receipt = session.get_one(Receipt, record.receipt_id)
    return [
        {
            "id": new_id(),
            "action": "接收",
            "time": receipt.document["at"],
            "agent": receipt.document["by"],
            "agent_unit": federation.archive_of(archive, session).name,
            "basis": f"接收凭证 {receipt.id}",
            "description": None,
        }
    ]


def _described(wire: Mapping[str, Any], wanted: Mapping[str, Value]) -> str:
    """What was corrected, with what stood there before, as far as there is room."""
    before = described(wire)
    names = [CORRECTABLE[name] for name in wanted]
    told = "；".join(
        f"{CORRECTABLE[name]}原为“{shown(name, before[name]) or '空'}”" for name in wanted
    )
    return told if len(told) <= REMARK_LENGTH else f"更正{'、'.join(names)}"


def settle_correction(actor: Actor, document: Mapping[str, Any], *, session: Session) -> Correction:
    """Step 1: the sealed correction is stored; no way back. `making` does steps 2 and 3.

    Raises Conflict when the record was corrected since the draft, WrongState when the request was
    answered since.
    """
    record = held_record(document["record"]["id"], session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=document["archive"],
        **record.scope,
        missing=catalogue.no_record(),
    )
    tell(session, RecordAnswered(record.fonds_id))
    require_not_destroyed(record)
    _require_no_other(record, session)
    if document["record"]["version"] != record.version + 1:
        raise Conflict(
            f"目录中已是这件档案的第 {record.version} 版，与要更正的不是同一版。",
            "请重新打开这件档案，核对后再更正。",
            code="version_conflict",
        )
    correction = record_made(document, record, session=session)
    audit.record(
        session,
        actor,
        "correction.signed",
        f"correction:{correction.id}",
        record=record.id,
        version=correction.version,
    )
    return correction


def record_made(
    document: Mapping[str, Any], record: CatalogueRecord, *, session: Session
) -> Correction:
    """Write a sealed correction to its request, or as one of the archive's own."""
    correction = _row(document, record, session)
    correction.state = CORRECTION.after("decide", correction.state)
    correction.version = document["record"]["version"]
    return _with_answer(correction, document, session)


def draft_decline(
    actor: Actor, correction_id: str, reason: str, *, session: Session
) -> dict[str, Any]:
    """The archive's answer that it does not correct, with its reason, ready for its seal.

    Raises NotAllowed outside the archive, WrongState for a request that was answered.
    """
    asked = _asked(correction_id, session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=asked.archive_code,
        fonds=asked.fonds_id,
        missing=_no_request(),
    )
    CORRECTION.after("decline", asked.state)
    return {
        "correction_id": asked.id,
        "archive": asked.archive_code,
        "request": asked.request,
        "reason": read_reason(reason),
        "by": actor.name,
        "at": utc_text(),
    }


def settle_decline(actor: Actor, document: Mapping[str, Any], *, session: Session) -> Correction:
    """Make a sealed refusal count: the unit hears it. Raises WrongState when it was answered."""
    record = held_record(_asked(document["correction_id"], session).record_id, session)
    asked = _held(document["correction_id"], session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=asked.archive_code,
        fonds=asked.fonds_id,
        missing=_no_request(),
    )
    tell(session, RecordAnswered(record.fonds_id))
    record_declined(document, record, session=session)
    audit.record(session, actor, "correction.declined", f"correction:{asked.id}", record=record.id)
    tell_keeper(session, record, "declined", asked.id, document)
    return asked


def record_declined(
    document: Mapping[str, Any], record: CatalogueRecord, *, session: Session
) -> Correction:
    """Write a sealed refusal to its request; the repository keeps it as a paper."""
    correction = _row(document, record, session)
    correction.state = CORRECTION.after("decline", correction.state)
    _with_answer(correction, document, session)
    repository.keep_paper(session, correction.archive_code, "corrections", correction.id, document)
    return correction


def tell_keeper(
    session: Session,
    record: CatalogueRecord,
    kind: str,
    subject: str,
    document: Mapping[str, Any],
) -> None:
    """Tell whichever node has the mirror of a record; without one nobody is told.

    A node that takes the fonds over later hears of it at its own start.
    """
    keeper = federation.fonds_of(record.fonds_id, session).keeping_node
    if keeper is not None:
        federation.tell_node(session, keeper, kind, subject, dict(document))


def _row(document: Mapping[str, Any], record: CatalogueRecord, session: Session) -> Correction:
    correction = locked(session, Correction, document["correction_id"])
    if correction is None:
        correction = Correction(
            id=document["correction_id"],
            archive_code=document["archive"],
            fonds_id=record.fonds_id,
            record_id=record.id,
            code=record.code,
            state="asked",
            request=document["request"],
            began_at=parse_utc((document["request"] or document)["at"]),
        )
        session.add(correction)
    return correction


def _with_answer(
    correction: Correction, document: Mapping[str, Any], session: Session
) -> Correction:
    correction.document = dict(document)
    correction.decided_by = document["by"]
    correction.decided_at = parse_utc(document["at"])
    session.flush()
    return correction
