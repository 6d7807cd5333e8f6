"""What comes from the hub about batches: verdicts, receipts, answers to a withdrawal.

Each is checked before it is followed: the signature, and that it names exactly the offers, record
versions and packages of the batch. One that does not is ignored, audited, and shown as a notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import fonds_of, hub_key_named, office_of
from node.transfer.models import Batch, BatchRecord, Notice, Paper, PaperKind
from node.transfer.questions import records_of
from node.transfer.recovery import remember
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now
from shared.kernel.identifiers import is_id
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.messaging.models import IncomingStream
from shared.records.states import NODE_BATCH
from shared.records.values import REASON_LENGTH, REMARK_LENGTH, repair_text

_HUB = system_actor("市级平台")
_VERDICT_STATES = ("offered", "withdrawing")
_WITHDRAWABLE = ("withdrawing", "accepted", "corrected")
_FINAL_STATES = ("received", "withdrawn", "returned")
_OUTCOMES = ("accepted", "returned", "corrected")
#: The reason of a record that is sound itself, but came back with the whole batch.
_WITH_ITS_BATCH = "whole_batch"


class _Ignored(Exception):
    """A paper is not followed; says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def apply_verdict(session: Session, body: dict[str, Any]) -> None:
    """Follow the archive's verdict on a batch (entry `verdict`).

    Returned records are filed again, with the reasons beside their fields. A verdict that is not
    the hub's, or names other offers, is ignored and reported.
    """
    try:
        _verdict(session, body)
    except _Ignored as ignored:
        _report(session, "verdict", body, ignored)


def apply_receipt(session: Session, body: dict[str, Any]) -> None:
    """Follow the archive's receipt (entry `receipt`): custody has passed, a mirror stays here."""
    try:
        _receipt(session, body)
    except _Ignored as ignored:
        _report(session, "receipt", body, ignored)


def apply_withdrawn(session: Session, body: dict[str, Any]) -> None:
    """Follow the hub's answer to a withdrawal (entry `withdrawn`)."""
    batch = session.get(Batch, str(body.get("batch_id")))
    # The verdict may have come first, when it crossed the request on the line.
    if batch is None or batch.withdraw_reason is None or batch.state not in _WITHDRAWABLE:
        if batch is None or batch.state != "withdrawn":
            ignored = _Ignored("no_withdrawal", "收到撤回的答复，但本机没有等待答复的撤回申请。")
            _report(session, "withdrawn", body, ignored)
        return
    answer = repair_text(body.get("reason"))[:REASON_LENGTH] or None
    batch.withdraw_answer = answer
    if not body.get("granted"):
        if batch.state != "withdrawing":
            return
        batch.state = NODE_BATCH.after("keep_offered", batch.state)
        audit.record(session, _HUB, "batch.withdrawal_refused", f"batch:{batch.id}", reason=answer)
        return
    records = records_of(batch.id, session=session)
    given_back = _offered([each.record_id for each in records], session)
    filing.mark_withdrawn(_HUB, given_back, session=session, reason=batch.withdraw_reason)
    for each in records:
        each.outcome = "withdrawn"
    batch.state = NODE_BATCH.after("withdrawn", batch.state)
    batch.concluded_at = now()
    audit.record(
        session, _HUB, "batch.withdrawn", f"batch:{batch.id}",
        audit.Act(each=[each.record_id for each in records]), records=len(records),
    )  # fmt: skip


def note_refusal(session: Session, body: Mapping[str, Any]) -> bool:
    """Show what the hub did not take of a transfer; False for what is of none.

    An offer is shown at its record; what was said of a whole batch as a notice at the batch.
    """
    subject = str(body.get("subject") or "")
    if (offer := session.get(BatchRecord, subject)) is not None:
        return filing.note_refusal(session, {**body, "subject": offer.record_id})
    batch = session.get(Batch, subject)
    if batch is None:
        return False
    said = f"{body.get('problem') or ''}{body.get('remedy') or ''}"
    message = repair_text(f"市级平台没有接受“{batch.title}”：{said}")[:REMARK_LENGTH]
    code = repair_text(body.get("code"))[:60]
    session.add(Notice(batch_id=batch.id, code=code, message=message))
    audit.record(session, _HUB, "batch.refused", f"batch:{batch.id}", code=code)
    session.flush()
    return True


def _verdict(session: Session, body: dict[str, Any]) -> None:
    hub_key = hub_key_named(_signature_in(body, "signature").get("key"), session)
    if not signed_by([hub_key] if hub_key else [], body, "signature"):
        raise _Ignored("bad_signature", "收到的审核结论没有市级平台的有效签名，未予采用。")
    batch = _batch_named(session, body)
    if session.get(Paper, body["verdict_id"]) is not None:
        return
    outcome = body.get("outcome")
    if outcome not in _OUTCOMES:
        raise _Ignored("unknown_outcome", "收到的审核结论无法识别，未予采用。")
    records = _matching(session, batch, body, whole=True)
    if batch.state not in _VERDICT_STATES:
        if batch.state not in ("preparing", "approved") or not _lately_lost(records):
            raise _Ignored(
                "wrong_state",
                f"批次“{batch.title}”现为“{NODE_BATCH.label(batch.state)}”，"
                "又收到一份审核结论，未予采用。",
            )
        batch.state = "offered"
    _adopt(records, body)
    batch.state = NODE_BATCH.after(str(outcome), batch.state)
    batch.offering = False
    batch.verdict_id = body["verdict_id"]
    batch.concluded_at = now()
    batch.form = body.get("form")
    _keep(session, PaperKind.VERDICT, body["verdict_id"], batch, body)
    _give_back_returned(session, body, records)
    audit.record(
        session, _HUB, "batch.verdict", f"batch:{batch.id}", outcome=outcome,
        verdict=body["verdict_id"], by=str(body.get("by")),
    )  # fmt: skip


def _give_back_returned(
    session: Session, body: Mapping[str, Any], records: Mapping[str, BatchRecord]
) -> None:
    reasons: dict[str, list[dict[str, Any]]] = {}
    for said in body["offers"]:
        each = records[said["offer_id"]]
        each.outcome = said["outcome"]
        if each.outcome == "returned":
            said_of_it = (dict(reason) for reason in said.get("reasons") or ())
            each.reasons = [one for one in said_of_it if one.get("code") != _WITH_ITS_BATCH]
            reasons[each.record_id] = each.reasons
    offered = set(_offered(list(reasons), session))
    if back := {key: value for key, value in reasons.items() if key in offered}:
        filing.mark_returned(_HUB, back, session=session, basis=f"审核结论 {body['verdict_id']}")


def _receipt(session: Session, body: dict[str, Any]) -> None:
    seals = archive_seals(session, str(body.get("archive")))
    if not signed_by(seals, body, "archive_signature"):
        raise _Ignored("bad_signature", "收到的接收凭证没有档案馆的有效签章，未予采用。")
    batch = _batch_named(session, body)
    if body.get("archive") != fonds_of(batch.fonds_id, session).receiving_archive:
        raise _Ignored("other_archive", "收到的接收凭证不是本全宗的接收档案馆出具的，未予采用。")
    if digest_of(body.get("form")) != body.get("form_digest"):
        raise _Ignored("form_altered", "收到的接收凭证与所附登记表不符，未予采用。")
    if batch.confirmation and batch.confirmation["form_digest"] != body["form_digest"]:
        raise _Ignored("other_form", "收到的接收凭证所附登记表不是本单位签字的那一份，未予采用。")
    if session.get(Paper, body["receipt_id"]) is not None:
        return
    if batch.state in _FINAL_STATES:
        raise _Ignored(
            "wrong_state",
            f"批次“{batch.title}”现为“{NODE_BATCH.label(batch.state)}”，却收到接收凭证，未予采用。",
        )
    records = _matching(session, batch, body, whole=False)
    _adopt(records, body)
    batch.state = "received"  # the archive's signed word counts, whatever a restore forgot
    batch.offering = False
    batch.receipt_id = body["receipt_id"]
    batch.received_at = now()
    batch.form = body["form"]
    for each in records.values():
        each.outcome = "received"
        each.uploaded = True  # says the archive, whichever way the package came
    _keep(session, PaperKind.RECEIPT, body["receipt_id"], batch, body)
    received = _offered([each.record_id for each in records.values()], session)
    filing.mark_received(_HUB, received, body, session=session)
    audit.record(
        session, _HUB, "batch.received", f"batch:{batch.id}",
        audit.Act(each=[each.record_id for each in records.values()]), receipt=body["receipt_id"],
        records=len(records),
    )  # fmt: skip


def _signature_in(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    signed = body.get(name)
    return signed if isinstance(signed, Mapping) else {}


def signed_by(keys: Iterable[PublicKey], body: Mapping[str, Any], name: str) -> bool:
    """Whether `body[name]` is the signature over the rest of the body by one of these keys."""
    signed = _signature_in(body, name)
    key = signer_of(keys, signed)
    document = {each: value for each, value in body.items() if each != name}
    try:
        return key is not None and document_is_signed_by(key, document, signed)
    except TypeError:  # a value without canonical form was never signed
        return False


def archive_seals(session: Session, archive: str) -> list[PublicKey]:
    """The seals that an archive has had, as the hub's signed assignment names them."""
    for each in office_of(session).archives:
        if each.get("code") == archive and each.get("seal_public_key"):
            texts = [each["seal_public_key"], *each.get("former_seals", ())]
            return [PublicKey.from_hex(text) for text in texts]
    return []


def _batch_named(session: Session, body: Mapping[str, Any]) -> Batch:
    batch_id = body.get("batch_id")
    for name in ("verdict_id", "receipt_id"):
        if name in body and not is_id(body[name]):
            raise _Ignored("malformed", "收到的凭证编号无法识别，未予采用。")
    batch = session.get(Batch, batch_id) if is_id(batch_id) else None
    if batch is None and is_id(batch_id):
        batch = remember(session, body)
    if batch is None:
        raise _Ignored("unknown_batch", "收到一份凭证，所说的移交批次不在本机，未予采用。")
    return batch


def _matching(
    session: Session, batch: Batch, body: Mapping[str, Any], *, whole: bool
) -> dict[str, BatchRecord]:
    """The offers that the paper names, by id; each must be ours, with its version and package.

    `whole`: all of the batch must be named (a verdict); else what was not returned (a receipt).
    """
    ours = {each.offer_id: each for each in records_of(batch.id, session=session)}
    named = {}
    for said in body.get("offers") or ():
        each = ours.get(said.get("offer_id"))
        if each is None or not _is_about(each, said):
            raise _Ignored(
                "other_offer",
                f"收到关于批次“{batch.title}”的凭证，其中的提交编号、版本或数据包摘要"
                "与本机提交的不一致，未予采用。",
            )
        named[each.offer_id] = each
    wanted = {offer_id for offer_id, each in ours.items() if whole or each.outcome != "returned"}
    if set(named) != wanted:
        raise _Ignored(
            "other_offers",
            f"收到关于批次“{batch.title}”的凭证，所列件数与本机提交的不一致，未予采用。",
        )
    return named


def _is_about(each: BatchRecord, said: Mapping[str, Any]) -> bool:
    if said.get("record_id") != each.record_id:
        return False
    if each.package_sha256 is None:
        return True  # built before a restore that this folder does not remember
    return (
        said.get("record_version") == each.record_version
        and said.get("package_sha256") == each.package_sha256
    )


def _lately_lost(records: Mapping[str, BatchRecord]) -> bool:
    """Whether this folder was restored to before the offer was made."""
    return all(not each.told for each in records.values())


def _adopt(records: Mapping[str, BatchRecord], body: Mapping[str, Any]) -> None:
    for said in body["offers"]:
        each = records[said["offer_id"]]
        if each.package_sha256 is None:
            each.package_sha256 = said["package_sha256"]
            each.record_version = said["record_version"]
            each.package_size = int(said.get("size") or 0)
        each.uploaded = True


def _offered(record_ids: Sequence[str], session: Session) -> list[str]:
    records = filing.records_named(record_ids, session=session) if record_ids else []
    return [record.id for record in records if record.state == "offered"]


def _keep(
    session: Session, kind: PaperKind, paper_id: str, batch: Batch, body: dict[str, Any]
) -> None:
    stream = session.get(IncomingStream, str(office_of(session).hub_id))
    session.add(
        Paper(
            id=paper_id,
            kind=kind,
            batch_id=batch.id,
            document=body,
            down_seq=stream.seq if stream else 0,
        )
    )
    session.flush()


def received_by(record_id: str, *, session: Session) -> str | None:
    """The archive whose receipt for a record lies here; None when there is none."""
    receipt = session.scalar(
        select(Paper)
        .join(Batch, Batch.receipt_id == Paper.id)
        .join(BatchRecord, BatchRecord.batch_id == Batch.id)
        .where(BatchRecord.record_id == record_id, BatchRecord.outcome == "received")
    )
    return None if receipt is None else str(receipt.document["archive"])


def _report(session: Session, kind: str, body: Mapping[str, Any], ignored: _Ignored) -> None:
    batch_id = body.get("batch_id")
    known = is_id(batch_id) and session.get(Batch, batch_id) is not None
    report(session, kind, ignored.code, ignored.message, batch_id=str(batch_id) if known else None)


def report(
    session: Session, kind: str, code: str, message: str, *, batch_id: str | None = None
) -> None:
    """Show a notice that something of the hub was not followed, and write it down."""
    session.add(Notice(batch_id=batch_id, code=code, message=repair_text(message)[:REMARK_LENGTH]))
    audit.record(session, _HUB, f"{kind}.ignored", f"batch:{batch_id or 'unknown'}", code=code)
    session.flush()
