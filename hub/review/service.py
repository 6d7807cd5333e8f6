"""The verbs of the desk: decide of records, decide of all with the same cause, conclude."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, undefer

from hub.federation.places import HubFolder
from hub.receiving import service as receiving
from hub.receiving.service import Batch, Offer, Outcome, Ruling
from hub.review.models import Decision
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.records.record import FIELD_NAMES
from shared.records.text import REASON_LENGTH, SHORT_LENGTH, clean_text

MOST_REASONS = 20

#: Reasons that reviewers give most, for the case that no finding says it: text and field.
PRESET_REASONS: tuple[tuple[str, str, str], ...] = (
    ("title", "题名不能准确反映文件内容。", "请照文件标题改正，或自拟题名并加方括号。"),
    ("author", "责任者与文件不符。", "请照发文机关或署名改正。"),
    ("date", "日期与文件落款不符。", "请照落款日期改正。"),
    ("doc_no", "文号与文件不符。", "请照文件上的发文字号改正。"),
    ("retention", "保管期限不符合本单位的保管期限表。", "请对照归档范围和保管期限表改正。"),
    ("documents", "正文、处理单或附件不齐。", "请补齐后重新提交。"),
    ("documents", "文件打不开，或内容不清晰。", "请重新转换或扫描后提交。"),
    ("opening", "开放意见不当或缺少理由。", "请对照开放审核规定改正。"),
    ("class_code", "不属于移交进馆的范围。", "请从这批移交中去掉。"),
)


@dataclass(frozen=True)
class Decided:
    """What is to be decided of one offer; no outcome takes a decision back."""

    offer_id: str
    outcome: Literal["accepted", "returned"] | None
    reasons: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def decide(
    actor: Actor, batch_row_id: str, decided: Sequence[Decided], *, session: Session
) -> Batch:
    """Decide of records under review: accepted, or returned with at least one reason each.

    A draft until the batch is concluded. Raises NotFound for another archive's batch, NotAllowed
    for who only may look, WrongState unless it is under review, Invalid for a missing reason.
    """
    batch = batch_to_decide(actor, batch_row_id, session=session, held=True)
    offers = receiving.offers_named(batch, [each.offer_id for each in decided], session=session)
    for each in decided:
        offer = offers.get(each.offer_id)
        if offer is None:
            raise NotFound("这批移交中没有这件档案。", "请回到这批移交的清单。")
        _write(actor, offer, each, session)
    session.flush()
    counts = dict(Counter(each.outcome or "undecided" for each in decided))
    act = audit.Act(each=[each.offer_id for each in decided])
    audit.record(session, actor, "review.decided", f"batch:{batch.id}", act, counts=counts)
    return batch


def return_same_cause(actor: Actor, batch_row_id: str, code: str, *, session: Session) -> int:
    """Return every record of a batch that has a finding of this code, for that reason.

    Records that were returned already get the reason as well. Returns how many there are.
    """
    batch = batch_to_decide(actor, batch_row_id, session=session, held=True)
    drafts = decisions_of(batch.id, session=session)
    concerned = offers_with(batch.id, code, session=session)
    for offer in concerned:
        known = drafts.get(offer.id)
        reasons = list(known.reasons) if known and known.outcome == "returned" else []
        reasons += [
            reason
            for reason in reasons_in(offer)
            if reason["code"] == code and reason not in reasons
        ]
        _write(actor, offer, Decided(offer.id, "returned", reasons[:MOST_REASONS]), session)
    session.flush()
    audit.record(
        session, actor, "review.decided", f"batch:{batch.id}",
        audit.Act(each=[offer.id for offer in concerned]), code=code, returned=len(concerned),
    )  # fmt: skip
    return len(concerned)


def conclude(folder: HubFolder, actor: Actor, batch_row_id: str, outcome: Outcome) -> Batch:
    """Conclude a review: accept whole, return whole, or propose the corrected form.

    Opens its own transactions, because the verdict is signed between them.
    """
    with folder.database().read() as session:
        batch_to_decide(actor, batch_row_id, session=session)

    def rulings(session: Session) -> dict[str, Ruling]:
        return {
            draft.offer_id: Ruling(
                "returned" if draft.outcome == "returned" else "accepted", draft.reasons
            )
            for draft in decisions_of(batch_row_id, session=session).values()
        }

    return receiving.conclude(folder, actor, batch_row_id, outcome, rulings)


def batch_to_decide(
    actor: Actor, batch_row_id: str, *, session: Session, held: bool = False
) -> Batch:
    """A batch under review that the actor may decide of; `held` until the decision is written.

    Raises NotFound for another archive's, NotAllowed for who may only look, WrongState.
    """
    batch = receiving.batch_seen_by(actor, batch_row_id, session=session)
    require(actor, Role.REVIEWER, archive=batch.reviewing_archive, fonds=batch.fonds_id)
    if held:
        batch = receiving.locked_batch(session, batch.id)
    if batch.state != "under_review":
        raise WrongState("这批移交不在审核中，不能再作决定。", "请刷新页面，按最新状态办理。")
    return batch


# ---- questions


def decisions_of(batch_row_id: str, *, session: Session) -> dict[str, Decision]:
    """The decisions on a batch so far, by offer."""
    rows = session.scalars(select(Decision).where(Decision.batch_id == batch_row_id))
    return {row.offer_id: row for row in rows}


def offers_with(batch_row_id: str, code: str, *, session: Session) -> list[Offer]:
    """The offers of a batch that have a finding of this code, with their reports."""
    offers = receiving.offers_of(batch_row_id, session=session)
    ids = [offer.id for offer in offers if code in offer.finding_codes]
    return list(
        session.scalars(
            select(Offer)
            .options(undefer(Offer.report))
            .where(Offer.batch_id == batch_row_id, Offer.id.in_(ids))
            .order_by(Offer.code, Offer.id)
        )
    )


def findings_of(offer: Offer) -> list[dict[str, Any]]:
    """The findings of an offer's report, as they travel."""
    return list((offer.report or {}).get("findings", []))


def reasons_in(offer: Offer) -> list[dict[str, Any]]:
    """What the findings of an offer amount to as reasons for its return, each once."""
    reasons: list[dict[str, Any]] = []
    for finding in findings_of(offer):
        reason = {name: finding.get(name) for name in ("field", "problem", "remedy", "code")}
        reason["problem"] = str(reason["problem"])[:REASON_LENGTH]
        if reason not in reasons:
            reasons.append(reason)
    return reasons


@dataclass(frozen=True)
class Cause:
    """A kind of finding in a batch: its code, one example of it, and how many records have it."""

    code: str
    problem: str
    is_error: bool
    count: int


def causes_of(batch_row_id: str, *, session: Session) -> list[Cause]:
    """What was found in a batch, most frequent first."""
    having: dict[str, list[str]] = {}
    for offer in receiving.offers_of(batch_row_id, session=session):
        for code in offer.finding_codes:
            having.setdefault(code, []).append(offer.id)
    examples = {
        offer.id: findings_of(offer)
        for offer in session.scalars(
            select(Offer)
            .options(undefer(Offer.report))
            .where(Offer.id.in_({ids[0] for ids in having.values()}))
            .execution_options(populate_existing=True)
        )
    }
    causes = []
    for code, ids in having.items():
        finding = next(each for each in examples[ids[0]] if each["code"] == code)
        is_error = finding["severity"] == "error"
        causes.append(Cause(code, finding["problem"], is_error, len(ids)))
    return sorted(causes, key=lambda cause: (-cause.count, cause.code))


def _write(actor: Actor, offer: Offer, decided: Decided, session: Session) -> None:
    if decided.outcome is None:
        session.execute(delete(Decision).where(Decision.offer_id == offer.id))
        return
    reasons = [_reason(each) for each in decided.reasons] if decided.outcome == "returned" else []
    if decided.outcome == "returned" and not reasons:
        raise Invalid(
            "reasons", "退回须说明原因。", "请至少选择或填写一条原因。", code="reason_missing"
        )
    if len(reasons) > MOST_REASONS:
        raise Invalid("reasons", f"每件最多 {MOST_REASONS} 条原因。", "请合并相近的原因。")
    if decided.outcome == "accepted" and not offer.sound:
        raise WrongState(
            "这件的数据包不能打开或不是所移交的内容，不能通过。", "请退回这件。",
            code="package_unsound",
        )  # fmt: skip
    row = session.get(Decision, offer.id)
    if row is None:
        row = Decision(offer_id=offer.id, batch_id=offer.batch_id)
        session.add(row)
    row.outcome = decided.outcome
    row.reasons = reasons
    row.decided_by = actor.name
    row.decided_at = now()


def _reason(given: Mapping[str, Any]) -> dict[str, Any]:
    field = clean_text(given.get("field"), "field", max_length=SHORT_LENGTH * 4)
    if field is not None and field.partition(".")[0] not in FIELD_NAMES:
        field = None
    problem = clean_text(given.get("problem"), "problem", max_length=REASON_LENGTH, required=True)
    remedy = clean_text(given.get("remedy"), "remedy", max_length=REASON_LENGTH) or ""
    code = clean_text(given.get("code"), "code", max_length=SHORT_LENGTH * 2) or "reviewer"
    return {"field": field, "problem": problem, "remedy": remedy, "code": code}
