"""The inspection 四性检测 of a batch as a whole: its runs, what persons decide, and the verdict.

The program inspects each record (`checking`); here it is counted together. Items in which a person
has a part are decided once for the batch, by name. Nothing is accepted or received before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, undefer

from hub.federation import service as federation
from hub.receiving.models import (
    Batch,
    InspectionRun,
    ManualDecision,
    Offer,
    OfferState,
    has_finding,
)
from hub.receiving.progress import advance, batches_named, locked_batch
from hub.receiving.rules import program, rules_of
from shared import audit
from shared.inspection.report import TOOL, Outcome, Report
from shared.inspection.scheme import Occasion, Scheme
from shared.inspection.verdict import BatchVerdict, Decision, Tally, judge
from shared.kernel.actor import Actor, Role, system_actor
from shared.kernel.clock import format_utc, now, parse_utc
from shared.kernel.database import Database
from shared.kernel.errors import Classified, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.records.states import HUB_BATCH
from shared.records.text import REASON_LENGTH, clean_text

_ACTOR = system_actor("receiving")
_OCCASION = Occasion.RECEIVING
#: While a batch is in one of these, persons decide; nothing is received before they have.
DECIDABLE = ("under_review", "accepted", "corrected", "signed_by_unit")
_PIECE = 100


@dataclass(frozen=True)
class ItemDecided:
    """What a person says of one item 检测项: passed, or failed with a reason."""

    number: str
    passed: bool
    reason: str | None = None


# ---- the program's part


class Counting:
    """Counts the reports of a batch together, also that on its set (`sets`), once all are there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def step(self) -> bool:
        """Count one batch; False when there is none. A kill only means that it is counted again."""
        with self._database.read() as session:
            batch = session.scalar(
                select(Batch)
                .where(Batch.state == "under_review", Batch.set_report.is_not(None))
                .where(~_counted(Batch.id, Batch.inspection))
                .order_by(Batch.reviewable_at, Batch.id)
                .limit(1)
            )
        if batch is None:
            return False
        number = batch.inspection
        tally, scanner, tool = self._tally(batch.id)
        tally.add_of_set(Report.from_wire(batch.set_report).checks)
        with self._database.write() as session:
            batch = locked_batch(session, batch.id)
            if batch.inspection != number or session.scalar(select(_counted(batch.id, number))):
                return True  # another worker was faster, or somebody wants it inspected again
            note_run(batch, tally, scanner, tool, session=session)
        return True

    def _tally(self, batch_id: str) -> tuple[Tally, str, str]:
        tally, scanner, tool, last = Tally(), "", TOOL, ""
        while True:
            with self._database.read() as session:
                offers = session.scalars(
                    select(Offer)
                    .options(undefer(Offer.report))
                    .where(Offer.batch_id == batch_id, Offer.id > last)
                    .order_by(Offer.id)
                    .limit(_PIECE)
                ).all()
            for offer in offers:
                if offer.report is not None:
                    report = Report.from_wire(offer.report)
                    tally.add(report)
                    scanner, tool = scanner or report.scanner, report.tool
            if len(offers) < _PIECE:
                return tally, scanner, tool
            last = offers[-1].id


def _counted(batch_row_id: Any, number: Any) -> Any:
    """The condition that an inspection of a batch has been counted together."""
    return exists().where(InspectionRun.batch_id == batch_row_id, InspectionRun.number >= number)


def note_run(
    batch: Batch, tally: Tally, scanner: str, tool: str, *, session: Session
) -> InspectionRun:
    """Write down that the program has inspected a batch, with what, and what came of it."""
    scheme = rules_of(batch, session=session).scheme
    verdict = judge(scheme, _OCCASION, tally)
    run = InspectionRun(
        id=new_id(),
        batch_id=batch.id,
        occasion=str(_OCCASION),
        scheme=scheme.version,
        tool=tool,
        number=batch.inspection,
        program=program(),
        scanner=scanner,
        tally=tally.to_wire(),
        verdict=str(verdict.verdict),
        made_by="市级平台",
        stopped_by=batch.inspection_stopped_by,
    )
    session.add(run)
    session.flush()
    audit.record(
        session, _ACTOR, "batch.inspected", f"batch:{batch.id}",
        scheme=run.scheme, verdict=run.verdict, records=tally.records,
    )  # fmt: skip
    return run


def inspect_again(actor: Actor, batch_row_id: str, *, session: Session) -> Batch:
    """Have every package of a batch that waits on the desk inspected once more.

    For instance after the definitions of the virus scanner are new. What was decided stays; the
    runs before stay as history. Raises NotFound for another archive's batch, WrongState when it is
    not under review.
    """
    batch = _held(actor, batch_row_id, session)
    batch.state = HUB_BATCH.after("inspect_again", batch.state)
    # One whose bytes were erased, because it bears a mark, cannot be looked at again.
    session.execute(
        update(Offer)
        .where(Offer.batch_id == batch.id, Offer.state == OfferState.OPEN, Offer.staged.is_(True))
        .where(~has_finding(Classified.code))
        .values(checked_at=None)
    )
    batch.inspection += 1
    batch.set_report, batch.reviewable_at, batch.inspection_stopped_by = None, None, None
    advance(batch, session=session)
    audit.record(
        session, actor, "batch.inspection_asked", f"batch:{batch.id}", number=batch.inspection
    )
    return batch


def stop_inspecting(actor: Actor, batch_row_id: str, *, session: Session) -> Batch:
    """Stop inspecting a batch once more: what was not looked at yet keeps its last result.

    Raises NotFound for another archive's batch, WrongState when it is not being inspected again:
    the first inspection is never left out.
    """
    batch = _held(actor, batch_row_id, session)
    if not _is_inspected_again(batch):
        raise WrongState("这一批没有在重新检测。", "请刷新后查看。", code="not_inspecting")
    left = session.connection().execute(
        update(Offer)
        .where(Offer.batch_id == batch.id, Offer.state == OfferState.OPEN)
        .where(Offer.checked_at.is_(None), Offer.report.is_not(None))
        .values(checked_at=now())
    )
    batch.inspection_stopped_by = actor.name
    advance(batch, session=session)
    audit.record(
        session, actor, "batch.inspection_stopped", f"batch:{batch.id}",
        number=batch.inspection, count=left.rowcount,
    )  # fmt: skip
    return batch


def _held(actor: Actor, batch_row_id: str, session: Session) -> Batch:
    """A batch on which the actor may decide, locked. Raises NotFound."""
    batch = session.get(Batch, batch_row_id)
    if batch is None or not _may_decide(actor, batch):
        raise NotFound("没有这批移交。", "请回到列表重新查看。")
    return locked_batch(session, batch.id)


def may_stop_inspecting(actor: Actor, batch: Batch) -> bool:
    """Whether the actor may stop that a batch is inspected once more."""
    return _is_inspected_again(batch) and _may_decide(actor, batch)


def _is_inspected_again(batch: Batch) -> bool:
    return batch.state == "checking" and batch.inspection > 1


def may_inspect_again(actor: Actor, batch: Batch) -> bool:
    """Whether the actor may have a batch inspected once more as it is now."""
    return HUB_BATCH.may("inspect_again", batch.state) and _may_decide(actor, batch)


# ---- the persons' part


def decide_items(
    actor: Actor, batch_row_id: str, decided: Sequence[ItemDecided], *, session: Session
) -> BatchVerdict:
    """Decide on items of a batch by name 人工检测; a later decision takes the place of an earlier.

    For the reviewer of the reviewing archive, and the archivist of the receiving one. Raises
    NotFound for another archive's batch, WrongState once it is being received or was returned,
    Invalid for an item that asks nobody, and for a failure without its reason.
    """
    batch = session.get(Batch, batch_row_id)
    if batch is None or not _may_decide(actor, batch):
        raise NotFound("没有这批移交。", "请回到列表重新查看。")
    if actor.system:
        raise NotAllowed("人工检测须由本人决定。", "请用本人的账号登录后决定。")
    batch = locked_batch(session, batch.id)
    if batch.state not in DECIDABLE:
        raise WrongState("这批移交不在检验和接收之间，不能再作人工检测的决定。", "请刷新页面。")
    asked = {each.item.number for each in inspection_of(batch, session=session).asked}
    for each in decided:
        if each.number not in asked:
            raise Invalid(
                "number", f"{each.number} 不是这批移交的人工检测项。", "请刷新页面后重新选择。"
            )
        _decide(actor, batch, each, session)
    session.flush()
    audit.record(
        session, actor, "batch.items_decided", f"batch:{batch.id}",
        passed=sorted(each.number for each in decided if each.passed),
        failed=sorted(each.number for each in decided if not each.passed),
    )  # fmt: skip
    return inspection_of(batch, session=session)


def _decide(actor: Actor, batch: Batch, decided: ItemDecided, session: Session) -> None:
    reason = clean_text(decided.reason, "reason", max_length=REASON_LENGTH) or ""
    if not decided.passed and not reason:
        raise Invalid(
            "reason", f"{decided.number} 不合格，须说明原因。", "请写明不合格的原因。",
            code="reason_missing",
        )  # fmt: skip
    row = session.get(ManualDecision, (batch.id, decided.number))
    if row is None:
        row = ManualDecision(batch_id=batch.id, number=decided.number)
        session.add(row)
    row.passed, row.reason = decided.passed, reason
    row.decided_by, row.decided_at = actor.name, now()


def _may_decide(actor: Actor, batch: Batch) -> bool:
    return actor.may(
        Role.REVIEWER, archive=batch.reviewing_archive, fonds=batch.fonds_id
    ) or actor.may(Role.ARCHIVIST, archive=batch.receiving_archive, fonds=batch.fonds_id)


def may_decide_items(actor: Actor, batch: Batch) -> bool:
    """Whether the actor may decide on items of a batch as it is now."""
    return batch.state in DECIDABLE and _may_decide(actor, batch)


def restore_decisions(batch: Batch, document: Mapping[str, Any], *, session: Session) -> None:
    """Take over the decisions that a verdict of ours names, where the database lacks them."""
    inspection = document.get("inspection")
    if not isinstance(inspection, Mapping):
        return  # a verdict of before there were any
    for each in map(_decision_of_wire, inspection.get("decisions", ())):
        if session.get(ManualDecision, (batch.id, each.number)) is None:
            session.add(
                ManualDecision(
                    batch_id=batch.id,
                    number=each.number,
                    passed=each.passed,
                    reason=each.reason,
                    decided_by=each.by,
                    decided_at=parse_utc(each.at),
                )
            )
    session.flush()


def _decision_of_wire(data: Mapping[str, Any]) -> Decision:
    return Decision(
        number=str(data["number"]),
        passed=data["outcome"] == Outcome.PASSED,
        reason=str(data["reason"]),
        by=str(data["by"]),
        at=str(data["at"]),
    )


# ---- questions


def runs_of(batch: Batch, *, session: Session) -> list[InspectionRun]:
    """Every inspection of a batch in all of its rounds, newest first."""
    rounds = [each.id for each in batches_named(session, batch.batch_id)]
    return list(
        session.scalars(
            select(InspectionRun)
            .where(InspectionRun.batch_id.in_(rounds))
            .order_by(InspectionRun.at.desc(), InspectionRun.id.desc())
        )
    )


def inspection_of(batch: Batch, *, session: Session) -> BatchVerdict:
    """What the last inspection of a batch and the decisions on it come to."""
    run = session.scalar(
        select(InspectionRun)
        .where(InspectionRun.batch_id == batch.id, InspectionRun.number >= batch.inspection)
        .order_by(InspectionRun.at.desc(), InspectionRun.id.desc())
        .limit(1)
    )
    tally = Tally.from_wire(run.tally) if run is not None else Tally()
    scheme = _scheme_of(run, batch, session)
    return judge(scheme, _OCCASION, tally, _decisions(batch.id, session))


def _scheme_of(run: InspectionRun | None, batch: Batch, session: Session) -> Scheme:
    """The scheme of a run; the one of the batch where the program has that no longer."""
    rules = federation.rules_named(run.scheme, batch.fonds_id, session) if run else None
    return (rules or rules_of(batch, session=session)).scheme


def _decisions(batch_row_id: str, session: Session) -> Iterable[Decision]:
    rows = session.scalars(select(ManualDecision).where(ManualDecision.batch_id == batch_row_id))
    return [
        Decision(row.number, row.passed, row.reason, row.decided_by, format_utc(row.decided_at))
        for row in rows
    ]


def _is_vouched_for(batch: Batch, session: Session) -> bool:
    """Whether a batch is concluded, and nothing is here of the inspection behind that."""
    if batch.concluded_at is None:
        return False
    return not session.scalar(select(_counted(batch.id, batch.inspection)))


def require_decided(batch: Batch, *, session: Session) -> BatchVerdict:
    """What an inspection comes to. Raises WrongState while it stands against receiving the batch.

    That is: a person has found an item failing, or has not decided on a mandatory one. Where a
    restore has lost the inspection of a batch that was concluded, our signed verdict stands for it:
    it was made when nothing was left to decide, and names what persons had decided.
    """
    found = inspection_of(batch, session=session)
    if found.refused:
        names = "、".join(each.item.name for each in found.refused)
        raise WrongState(
            f"人工检测不合格：{names}，不能接收。",
            "请退回这批移交；已经核实合格的，请先改正人工检测的决定。",
            code="manual_failed",
        )
    if found.undecided and not _is_vouched_for(batch, session):
        names = "、".join(each.item.name for each in found.undecided)
        raise WrongState(
            f"还有 {len(found.undecided)} 项须由人检测：{names}，决定之前不能接收。",
            "请在“审核”中打开这批移交，在“人工检测”中逐项或一并作出决定。",
            code="manual_undecided",
        )
    return found


def inspection_wire(found: BatchVerdict) -> dict[str, Any]:
    """What a verdict says of the inspection: scheme, verdict, what was not run, who decided."""
    return {
        "scheme": found.scheme,
        "verdict": str(found.verdict),
        "score": found.score,
        "failed": [each.item.number for each in found.failed],
        "not_run": [each.item.number for each in found.not_run],
        "decisions": [each.decision.to_wire() for each in found.items if each.decision],
    }
