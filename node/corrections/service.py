"""The verbs of corrections at the unit: ask, and follow what the archive answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from node.corrections.models import Correction
from node.filing import service as filing
from node.office.models import Standing
from node.office.service import (
    fonds_kept,
    fonds_of,
    office_of,
    require_writable,
    standing_of,
    standings,
    tell_hub,
    tell_hub_many,
)
from node.transfer import service as transfer
from shared import audit
from shared.kernel.actor import Actor, Role, system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import format_utc, now, parse_utc
from shared.kernel.errors import DanglianError, NotFound, WrongState
from shared.kernel.identifiers import is_id, new_id
from shared.messaging.models import IncomingStream, OutgoingStream
from shared.records.corrections import described, differing, read_reason, read_values
from shared.records.states import CORRECTION, RECORD
from shared.records.values import REASON_LENGTH, REMARK_LENGTH, repair_text

#: Who may ask for a correction.
ASKING = (Role.CLERK, Role.LEADER)
#: The states of a record of which this node has the mirror only.
MIRRORED = ("received",)
_HUB = system_actor("市级平台")


def to_ask_about(actor: Actor, record_id: str, *, session: Session) -> filing.Record:
    """The record, if a correction of it may be asked for now. Raises like `ask`."""
    record = filing.record_of(actor, record_id, session=session)
    filing.require_held(actor, [record], *ASKING)
    require_writable(record.fonds_id, session)
    if record.state not in MIRRORED:
        raise WrongState(
            f"档案现为“{RECORD.label(record.state)}”，不用请求更正。",
            "档案馆接收之前由本单位修改；移交中的请先撤回批次。",
            code="not_received",
        )
    if any(each.state == "asked" for each in of_record(record_id, session=session)):
        raise WrongState(
            "这件档案已有一份更正申请在等待答复。", "请等档案馆答复后再提出。", code="already_asked"
        )
    return record


def ask(
    actor: Actor, record_id: str, values: Mapping[str, object], reason: str, *, session: Session
) -> Correction:
    """Ask the archive to correct a received record 请求更正; goes up as an entry `correction`.

    `values` says what the fields of `shared.records.corrections.CORRECTABLE` should be; those that
    are so already are left out. Raises WrongState unless the record was received and no request of
    it is open, Invalid for a wrong value, Classified when a text bears a mark.
    """
    record = to_ask_about(actor, record_id, session=session)
    wire = filing.wire(record, session=session)
    before = described(wire)
    wanted = differing(wire, read_values(values))
    moment = now()
    correction_id = new_id()
    correction = Correction(
        id=correction_id,
        record_id=record.id,
        fonds_id=record.fonds_id,
        code=record.code,
        request={
            "correction_id": correction_id,
            "record_id": record.id,
            "record_version": record.version,
            "changes": [
                {"field": name, "was": before[name], "value": value}
                for name, value in wanted.items()
            ],
            "reason": read_reason(reason),
            "by": actor.name,
            "at": format_utc(moment),
        },
        began_at=moment,
    )
    session.add(correction)
    _tell(correction, session)
    audit.record(
        session, actor, "correction.asked", record, correction=correction.id, fields=list(wanted)
    )
    return correction


def _tell(correction: Correction, session: Session) -> None:
    tell_hub(session, "correction", correction.id, dict(correction.request or {}))
    stream = session.get(OutgoingStream, str(office_of(session).hub_id))
    correction.told_seq = stream.seq if stream else 0
    session.flush()


# ---- what comes down


class Ignored(Exception):
    """An answer is not followed; says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def apply_changed(session: Session, body: dict[str, Any]) -> None:
    """Follow a correction that the archive made (entry `changed`): the mirror gets the new version.

    One that the archive's seal does not cover, or about a record of nobody here, is ignored and
    reported.
    """
    try:
        record = body.get("record")
        if not isinstance(record, dict) or digest_of(record) != body.get("record_digest"):
            raise Ignored("malformed", "收到的更正结果与所附摘要不符，未予采用。")
        _require_ours(body, str(record.get("id")), str(record.get("fonds_id")), session)
        if standing_of(record["fonds_id"], session) == Standing.ARRIVING:
            return  # it comes with all that belongs to the fonds, in the hand-over's bundles
        filing.adopt_correction(session, record)
    except Ignored as ignored:
        transfer.report(session, "changed", ignored.code, ignored.message)
        return
    [mirror] = filing.records_named([record["id"]], session=session)
    _answered(session, body, "made", mirror)


def apply_declined(session: Session, body: dict[str, Any]) -> None:
    """Follow the archive's answer that it does not correct (entry `declined`), with its reason."""
    try:
        said = body.get("request")
        record_id = str(said.get("record_id")) if isinstance(said, dict) else ""
        try:
            [record] = filing.records_named([record_id], session=session)
        except NotFound:
            if any(each.standing == Standing.ARRIVING for each in standings(session).values()):
                return  # as in `apply_changed`
            raise Ignored("record_unknown", "收到一份更正答复，所说的档案不在本机。") from None
        _require_ours(body, record_id, record.fonds_id, session)
        known = session.get(Correction, body["correction_id"])
        if known is not None and known.state == "made":
            raise Ignored("other_answer", "收到一份“不予更正”，但本机已收到更正结果，未予采用。")
    except Ignored as ignored:
        transfer.report(session, "declined", ignored.code, ignored.message)
        return
    _answered(session, body, "declined", record)


def _require_ours(body: Mapping[str, Any], record_id: str, fonds_id: str, session: Session) -> None:
    """The answer must be sealed by the archive that keeps the record, and name a correction."""
    if not is_id(body.get("correction_id")):
        raise Ignored("malformed", "收到的更正答复编号无法识别，未予采用。")
    require_sealed(body, record_id, fonds_id, session)


def require_sealed(
    body: Mapping[str, Any], record_id: str, fonds_id: str, session: Session
) -> None:
    """What an archive says of a record must bear its seal, and it must be the one that keeps it."""
    archive = str(body.get("archive"))
    if not transfer.signed_by(transfer.archive_seals(session, archive), body, "archive_signature"):
        raise Ignored("bad_signature", "收到的文书没有档案馆的有效签章，未予采用。")
    keeper = transfer.received_by(record_id, session=session)
    try:
        keeper = keeper or fonds_of(fonds_id, session).receiving_archive
    except DanglianError:
        raise Ignored("foreign_fonds", "收到一份文书，所说的全宗不在本机。") from None
    if archive != keeper:
        raise Ignored("other_archive", "收到的文书不是保管这件档案的档案馆作出的，未予采用。")


def _answered(session: Session, body: dict[str, Any], state: str, record: filing.Record) -> None:
    correction = session.get(Correction, body["correction_id"])
    if correction is None:
        # The archive corrected by itself, or this folder was restored to before it asked.
        correction = Correction(
            id=body["correction_id"],
            record_id=record.id,
            fonds_id=record.fonds_id,
            request=body.get("request"),
            began_at=parse_utc((body.get("request") or body)["at"]),
        )
        session.add(correction)
    again = correction.document is not None and correction.state == state
    correction.code = record.code
    correction.state = state  # the archive's sealed word counts, whatever stood here before
    correction.document = body
    correction.problem = correction.remedy = None
    correction.answered_at = correction.answered_at or now()
    stream = session.get(IncomingStream, str(office_of(session).hub_id))
    correction.down_seq = stream.seq if stream else 0
    correction.down_epoch = office_of(session).epoch
    session.flush()
    if not again:
        audit.record(
            session, _HUB, f"correction.{state}", record,
            correction=correction.id, by=str(body.get("by")),
        )  # fmt: skip


def adopt_request(session: Session, body: dict[str, Any]) -> None:
    """Take over a request that the hub holds and this folder forgot (entry `correction_held`)."""
    if session.get(Correction, str(body["correction_id"])) is not None:
        return
    [record] = filing.records_named([str(body["record_id"])], session=session)
    session.add(
        Correction(
            id=str(body["correction_id"]),
            record_id=record.id,
            fonds_id=record.fonds_id,
            code=record.code,
            request=body,
            began_at=parse_utc(body["at"]),
        )
    )
    session.flush()


def note_refusal(session: Session, body: Mapping[str, Any]) -> bool:
    """Show a refusal of the hub (entry `refused`) at its request; False when it is about none.

    A request that was told again since (the hub was restored) waits for the later word.
    """
    subject = body.get("subject")
    correction = session.get(Correction, subject) if is_id(subject) else None
    if correction is None:
        return False
    seq = body.get("seq")
    older = isinstance(seq, int) and seq < correction.told_seq
    if not older and CORRECTION.may("refuse", correction.state):
        correction.state = CORRECTION.after("refuse", correction.state)
        correction.problem = repair_text(body.get("problem"))[:REMARK_LENGTH] or None
        correction.remedy = repair_text(body.get("remedy"))[:REASON_LENGTH] or None
        correction.answered_at = now()
        session.flush()
    return True


# ---- after a restore of either side


def meet_restored_hub(session: Session, lost_after: int) -> int:
    """The hub was restored: hand back the answers it may have lost, and tell open requests again.

    Comes after the receipts, without which the hub would not know that it keeps these records.
    Returns how many answers were handed back.
    """
    epoch = office_of(session).epoch
    lost = (Correction.down_epoch != epoch) | (Correction.down_seq >= lost_after)
    return _tell_again(session, lost)


def tell_again(session: Session) -> int:
    """In a new epoch: tell the hub what it did not say itself, answers and open requests."""
    return _tell_again(session, Correction.down_epoch != office_of(session).epoch)


def _tell_again(session: Session, lost: Any) -> int:
    kept = [each.id for each in fonds_kept(session)]  # a mirror is told of by its new keeper
    in_order = (
        select(Correction)
        .where(Correction.fonds_id.in_(kept))
        .order_by(Correction.answered_at, Correction.id)
    )
    answered = session.scalars(in_order.where(Correction.document.is_not(None), lost)).all()
    tell_hub_many(
        session,
        [
            (
                "evidence",
                each.id,
                {
                    "kind": "changed" if each.state == "made" else "declined",
                    "document": each.document,
                },
            )
            for each in answered
        ],
    )
    for each in session.scalars(in_order.where(Correction.state == "asked")).all():
        _tell(each, session)
    return len(answered)


# ---- questions


def listing(actor: Actor, *, session: Session) -> Select[Correction]:
    """The corrections of the fonds that the actor sees; unordered."""
    in_part = select(filing.Record.id).where(filing.records_seen(actor, session=session))
    return select(Correction).where(
        Correction.fonds_id.in_(filing.ids_seen(actor, session=session))
        | Correction.record_id.in_(in_part)
    )


def correction_of(actor: Actor, correction_id: str, *, session: Session) -> Correction:
    """A correction that the actor may see. Raises NotFound."""
    seen = listing(actor, session=session).where(Correction.id == correction_id)
    found = session.scalar(seen)
    if found is None:
        raise NotFound("没有这份更正。", "请回到更正申请列表查看。")
    return found


def of_record(record_id: str, *, session: Session) -> list[Correction]:
    """The corrections of a record, newest first."""
    return list(
        session.scalars(
            select(Correction)
            .where(Correction.record_id == record_id)
            .order_by(Correction.began_at.desc(), Correction.id.desc())
        )
    )
