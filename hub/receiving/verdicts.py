"""The verdict on a batch, and the unit's signature that follows it.

A verdict is made in two verbs, because no signer is called inside a transaction: `draft_verdict`
reads and writes the document, the edge has the hub sign it, `settle_verdict` makes it count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.receiving.forms import form_of
from hub.receiving.inspections import (
    inspection_of,
    inspection_wire,
    require_decided,
    restore_decisions,
)
from hub.receiving.models import Batch, Offer, OfferState, Verdict
from hub.receiving.progress import current_round, give_back, locked_batch, offers_of
from hub.receiving.schemas import ConfirmationSchema
from hub.receiving.timeliness import require_timely
from hub.repository import service as repository
from shared import audit
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.canonical import canonical_json, digest_of
from shared.kernel.clock import now, utc_text
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.messaging.entry import ENTRY_BYTES, Entry
from shared.records import wire
from shared.records.states import HUB_BATCH

Outcome = Literal["accepted", "returned", "corrected"]
VERBS: dict[str, str] = {"accepted": "accept", "returned": "return", "corrected": "correct"}
WHOLE_BATCH = {
    "field": None,
    "problem": "整批退回",
    "remedy": "本件没有单独的问题，请改正同批其他各件后重新提交。",
    "code": "whole_batch",
}

_ACTOR = system_actor("receiving")


@dataclass(frozen=True)
class Ruling:
    """What the reviewer says of one offer; no outcome means that nothing was said."""

    outcome: Literal["accepted", "returned"] | None = None
    reasons: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


_NOTHING = Ruling()


def draft_verdict(
    actor: Actor,
    batch_row_id: str,
    outcome: Outcome,
    rulings: Mapping[str, Ruling],
    *,
    session: Session,
) -> dict[str, Any]:
    """The verdict on a batch under review, ready for the hub's signature; changes nothing.

    Raises NotAllowed outside the reviewing archive, WrongState unless the batch is under review,
    the rulings fit the outcome, and persons have decided on what is for them to inspect.
    """
    batch = _batch_to_judge(actor, batch_row_id, session)
    HUB_BATCH.after(VERBS[outcome], batch.state)
    offers = offers_of(batch.id, session=session)
    judged = [(offer, *_judge(offer, outcome, rulings.get(offer.id, _NOTHING))) for offer in offers]
    _check_fit(outcome, judged)
    accepted = [offer for offer, result, _reasons in judged if result == "accepted"]
    require_timely(batch, accepted, session=session)
    look = require_decided if accepted else inspection_of
    document = {
        "verdict_id": new_id(),
        "batch_id": batch.batch_id,
        "outcome": outcome,
        "offers": [
            {
                "offer_id": offer.id,
                "record_id": offer.record_id,
                "record_version": offer.record_version,
                "package_sha256": offer.package_sha256,
                "outcome": result,
                "reasons": reasons,
            }
            for offer, result, reasons in judged
        ],
        "form": form_of(actor, batch, accepted, session=session) if accepted else None,
        "inspection": inspection_wire(look(batch, session=session)),
        "archive": batch.reviewing_archive,
        "by": actor.name,
        "at": utc_text(),
    }
    if len(canonical_json(document)) > ENTRY_BYTES - 1024:
        raise Invalid(
            "reasons", "退回原因的文字总量过大，无法下发。", "请缩短各件的退回原因。",
            code="verdict_too_large",
        )  # fmt: skip
    return document


def _batch_to_judge(actor: Actor, batch_row_id: str, session: Session) -> Batch:
    batch = session.get(Batch, batch_row_id)
    if batch is None or not batch.concerns(actor):
        raise NotFound("没有这批移交。", "请回到审核列表重新查看。")
    require(actor, Role.REVIEWER, archive=batch.reviewing_archive, fonds=batch.fonds_id)
    return batch


def _judge(offer: Offer, outcome: Outcome, ruling: Ruling) -> tuple[str, list[dict[str, Any]]]:
    reasons = [dict(each) for each in ruling.reasons]
    if outcome == "returned":
        return "returned", reasons or [dict(WHOLE_BATCH)]
    if ruling.outcome == "returned":
        return "returned", reasons
    if not offer.sound:
        raise WrongState(
            f"“{offer.code or offer.title}”的数据包不能打开或不是所移交的内容，不能通过。",
            "请退回这件，或整批退回。",
            code="package_unsound",
        )
    if offer.errors and ruling.outcome != "accepted":
        raise WrongState(
            f"“{offer.code or offer.title}”检测不合格，还没有逐件决定。",
            "请打开这件，确认通过或说明退回原因。",
            code="undecided",
        )
    return "accepted", []


def _check_fit(outcome: Outcome, judged: Sequence[tuple[Offer, str, list[dict[str, Any]]]]) -> None:
    returned = [each for each in judged if each[1] == "returned"]
    if outcome == "accepted" and returned:
        raise WrongState(
            f"有 {len(returned)} 件已标为退回，不能整批通过。",
            "请改为整批退回，或提出更正后的登记表（只接收其余各件）。",
            code="some_returned",
        )
    if outcome == "corrected" and (not returned or len(returned) == len(judged)):
        raise WrongState(
            "更正登记表须有通过的，也有退回的。",
            "全部通过请选“整批通过”，全部退回请选“整批退回”。",
            code="nothing_to_correct",
        )
    for offer, _result, reasons in returned:
        if not reasons:
            raise Invalid(
                "reasons",
                f"“{offer.code or offer.title}”没有退回原因。",
                "请至少选择或填写一条原因。",
                code="reason_missing",
            )


def settle_verdict(
    actor: Actor, batch_row_id: str, document: Mapping[str, Any], *, session: Session
) -> Batch:
    """Make a signed verdict count: the batch moves on, and the node hears it.

    Raises WrongState when the batch moved on since the draft (it was withdrawn, or concluded).
    """
    batch = _batch_to_judge(actor, batch_row_id, session)
    batch = locked_batch(session, batch.id)
    batch.state = HUB_BATCH.after(VERBS[document["outcome"]], batch.state)
    if document["outcome"] != "returned":
        require_decided(batch, session=session)
    record_verdict(batch, document, session=session)
    audit.record(
        session,
        actor,
        "batch.concluded",
        f"batch:{batch.id}",
        outcome=document["outcome"],
        verdict=document["verdict_id"],
        returned=sum(each["outcome"] == "returned" for each in document["offers"]),
    )
    federation.tell_node(session, batch.node_id, "verdict", batch.batch_id, dict(document))
    confirm_early(batch, session=session)
    return batch


def record_verdict(batch: Batch, document: Mapping[str, Any], *, session: Session) -> None:
    """Write a verdict to its batch and offers; the batch's state is the caller's."""
    offers = {offer.id: offer for offer in offers_of(batch.id, session=session)}
    if {each["offer_id"] for each in document["offers"]} != set(offers):
        raise Conflict("审核结论与这批移交的内容不一致。", "请重新打开这批移交再审核。")
    for each in document["offers"]:
        offer = offers[each["offer_id"]]
        offer.state = OfferState(each["outcome"])
        offer.reasons = list(each["reasons"])
        if offer.state == OfferState.RETURNED:
            offer.inline = None
    give_back(session, [each for each in offers.values() if each.state == OfferState.RETURNED])
    batch.form = document["form"]
    batch.form_digest = None if batch.form is None else digest_of(batch.form)
    batch.concluded_at = now()
    session.add(
        Verdict(
            id=document["verdict_id"],
            batch_id=batch.id,
            outcome=document["outcome"],
            document=dict(document),
            made_by=document["by"],
        )
    )
    restore_decisions(batch, document, session=session)
    session.flush()
    repository.keep_paper(
        session, batch.reviewing_archive, "verdicts", document["verdict_id"], document
    )


def apply_confirmation(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Take the unit's signature of the form 移交与接收登记表, whole or corrected.

    The signature must be of the unit's seal, over exactly the form that the verdict carried. One
    that comes before its verdict (the hub was restored meanwhile) waits for it.
    """
    for entry in entries:
        body = wire.load(ConfirmationSchema(), entry.body)
        batch = current_round(session, body["batch_id"])
        if batch is None:
            raise NotFound("平台没有这批移交。", "请核对后重新提交。", code="batch_unknown")
        if batch.node_id != node_id:
            raise NotAllowed(
                "这批移交属于另一个节点。", "请联系市档案馆核对。", code="foreign_batch"
            )
        signature = _signature_in(entry.body)
        if digest_of(body["form"]) != body["form_digest"]:
            raise Invalid(
                "form_digest", "登记表与所报摘要不符。", "请重新签字。", code="form_altered"
            )
        seal = _unit_seal(node_id, signature, session)
        if not _signed_by_unit(seal, body["form"], signature):
            raise NotAllowed(
                "登记表的签名不是本单位印章所签，或登记表已被改动。",
                "请用登记的单位印章重新签字。",
                code="bad_signature",
            )
        if batch.form_digest is None and HUB_BATCH.may("withdraw", batch.state):
            batch.early_confirmation = dict(entry.body)
            session.flush()
            continue
        if batch.form_digest != body["form_digest"]:
            raise Conflict(
                "签字的登记表不是档案馆下发的那一份。",
                "请同步后打开最新的登记表再签字。",
                code="other_form",
            )
        if not HUB_BATCH.may("confirm", batch.state):
            if batch.unit_signature is not None:
                continue  # the same signature again
            HUB_BATCH.after("confirm", batch.state)
        _confirm(batch, {**signature, "public_key": seal.hex if seal else None}, session)


def confirm_early(batch: Batch, *, session: Session) -> None:
    """Use a unit's signature that waits, when it is over the form of the verdict that came now."""
    waiting = batch.early_confirmation
    if (
        waiting is not None
        and waiting["form_digest"] == batch.form_digest
        and HUB_BATCH.may("confirm", batch.state)
    ):
        signature = _signature_in(waiting)
        seal = _unit_seal(batch.node_id, signature, session)
        _confirm(batch, {**signature, "public_key": seal.hex if seal else None}, session)


def _confirm(batch: Batch, signature: dict[str, Any], session: Session) -> None:
    batch.state = HUB_BATCH.after("confirm", batch.state)
    batch.unit_signature = signature
    batch.unit_signed_at = now()
    batch.early_confirmation = None
    session.flush()
    audit.record(
        session,
        _ACTOR,
        "batch.signed_by_unit",
        f"batch:{batch.id}",
        by=signature["signed_by"],
        form=batch.form_digest,
    )


def _signature_in(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ("signed_by", "signed_at", "signature", "key")}


def _unit_seal(node_id: str, signed: Mapping[str, Any], session: Session) -> PublicKey | None:
    """The seal of the unit that a signature names, of those that were registered for it."""
    return signer_of(federation.node_seals(node_id, session), signed)


def _signed_by_unit(
    seal: PublicKey | None, form: Mapping[str, Any], signed: Mapping[str, Any]
) -> bool:
    if seal is None:
        return False
    try:
        return document_is_signed_by(seal, form, signed)
    except TypeError:  # a value without canonical form was never signed
        return False
