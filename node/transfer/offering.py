"""Offering, withdrawing, signing; and telling it all again when a new epoch starts.

What is offered goes up in one order: the record as it is frozen, its offer, and last the entry
that closes the batch. Every part is repeatable: offer ids are fixed when a batch is prepared, a
package that was built is kept by its digest, and what was told is told again byte for byte.
"""

from __future__ import annotations

import base64
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import office_of, require_grant, tell_hub_many
from node.transfer.batches import (
    OFFER,
    batch_to_change,
    no_open_job,
    require_inspected,
    submit,
)
from node.transfer.inspections import inspection_wire
from node.transfer.models import Batch, BatchRecord, Paper
from node.transfer.questions import records_of, summary
from shared import audit
from shared.kernel import jobs
from shared.kernel.actor import Actor, Role
from shared.kernel.canonical import digest_of
from shared.kernel.clock import format_utc, now
from shared.kernel.errors import WrongState
from shared.packaging import ROOTED_FORMAT
from shared.records.states import NODE_BATCH
from shared.records.values import REASON_LENGTH, required_text

Fact = tuple[str, str, dict[str, Any]]
#: States in which the hub must know the batch.
_TOLD_STATES = ("offered", "withdrawing", "accepted", "corrected", "signed")
#: States in which the hub may want a package: after a restore it may have lost received ones.
_NEEDED_STATES = ("approved", *_TOLD_STATES, "received")
_WAITS_FOR_UPLOAD = (
    BatchRecord.uploaded.is_(False),
    BatchRecord.told.is_(True),
    BatchRecord.inline.is_(False),
    Batch.state.in_(_NEEDED_STATES),
    BatchRecord.outcome.is_distinct_from("returned"),
)


def package_name(sha256: str) -> str:
    """Where a package of this digest lies in the node's package store."""
    return f"{sha256[:2]}/{sha256}"


def offer(actor: Actor, batch_id: str, *, session: Session) -> jobs.Job:
    """Offer an approved batch to the archive (提交移交), or go on where that stopped; a job.

    Needs the hub's grant; the line may be down, then everything waits here.
    """
    batch = batch_to_change(actor, batch_id, session, Role.CLERK)
    require_grant(session)
    audit.require_witness(session)
    no_open_job(batch, session)
    if not batch.offering:
        if batch.state == "preparing":
            require_inspected(batch, session)
            raise WrongState(
                "移交批次还没有批准，不能“提交移交”。", "检测已通过，请单位负责人批准后再提交。"
            )
        NODE_BATCH.after("offer", batch.state)
        require_inspected(batch, session)
        batch.offering = True
        batch.offered_by, batch.offered_by_id = actor.name, actor.id
        audit.record(session, actor, "batch.offering", f"batch:{batch_id}", records=batch.count)
    return _submit_offering(batch, actor.id, session)


def _submit_offering(batch: Batch, owner: str, session: Session) -> jobs.Job:
    job = submit(owner, batch, OFFER, f"提交移交：{batch.title}", session)
    # Every record is first frozen, then packed and told.
    job.total = batch.count * 2
    records = records_of(batch.id, session=session)
    job.done = sum((each.record_version is not None) + each.told for each in records)
    return job


def offer_fact(batch: Batch, each: BatchRecord, content: bytes | None, scheme: str | None) -> Fact:
    """The `offer` entry of one record; `content` is the package when it rides inside.

    `scheme` is by what the unit has inspected: the archive does by the same.
    """
    body = {
        "offer_id": each.offer_id,
        "batch_id": batch.id,
        "record_id": each.record_id,
        "record_version": each.record_version,
        "record_digest": each.record_digest,
        "package": {
            "sha256": each.package_sha256,
            "size": each.package_size,
            "inline": None if content is None else base64.b64encode(content).decode(),
        },
        "scheme": scheme,
    }
    return ("offer", each.offer_id, body)


def close_batch(batch: Batch, *, session: Session) -> None:
    """The last step of offering: tell the hub that the batch is whole."""
    batch.offering = False
    if batch.closing is not None:
        tell_hub_many(session, _after_offers(batch, session))
        return
    records = records_of(batch.id, session=session)
    batch.bytes = sum(each.package_size for each in records)
    batch.offered_at = now()
    counted = summary(batch.id, session=session)
    batch.closing = {
        "batch_id": batch.id,
        "fonds_id": batch.fonds_id,
        "title": batch.title,
        "offers": [each.offer_id for each in records],
        "count": len(records),
        "bytes": batch.bytes,
        "registered": {
            "records": len(records),
            **filing.content_totals([each.record_id for each in records], session=session),
        },
        "approved_by": batch.approved_by,
        "approved_at": format_utc(batch.approved_at) if batch.approved_at else None,
        "offered_by": batch.offered_by,
        "offered_at": format_utc(batch.offered_at),
        "reads_form": ROOTED_FORMAT,
        "self_check": {
            "at": format_utc(batch.inspected_at) if batch.inspected_at else None,
            "records": counted["records"],
            "with_errors": counted["errors"],
            "with_warnings": counted["warnings"],
            **inspection_wire(batch, session=session),
        },
    }
    tell_hub_many(session, [("batch", batch.id, batch.closing)])
    batch.state = NODE_BATCH.after("offer", batch.state)
    actor = Actor(batch.offered_by_id or "", batch.offered_by or "")
    audit.record(
        session, actor, "batch.offered", f"batch:{batch.id}",
        audit.Act(each=[each.record_id for each in records]), records=len(records),
        bytes=batch.bytes,
    )  # fmt: skip


def withdraw(actor: Actor, batch_id: str, reason: str, *, session: Session) -> Batch:
    """Ask the hub to give a batch back (撤回); it takes effect by the hub's answer alone.

    A batch whose offering stopped half-way can be withdrawn, too.
    """
    batch = batch_to_change(actor, batch_id, session, Role.CLERK)
    text = required_text(reason, "reason", max_length=REASON_LENGTH)
    if batch.state == "approved" and batch.offering:
        no_open_job(batch, session)
        batch.state, batch.offering = "offered", False
    state = NODE_BATCH.after("withdraw", batch.state)
    require_grant(session)
    batch.state = state
    batch.withdraw_reason, batch.withdraw_by, batch.withdraw_answer = text, actor.name, None
    tell_hub_many(session, [_withdraw_fact(batch)])
    audit.record(session, actor, "batch.withdrawal_asked", f"batch:{batch_id}", reason=text)
    return batch


def _withdraw_fact(batch: Batch) -> Fact:
    body = {"batch_id": batch.id, "by": batch.withdraw_by, "reason": batch.withdraw_reason}
    return ("withdraw", batch.id, body)


def is_round(batch_id: str, listed: object, session: Session) -> bool:
    """Whether the hub speaks of the batch as it was offered last.

    `listed` is the digest of the `batch` entry that it has; None while it has none.
    """
    batch = session.get(Batch, batch_id)
    if batch is None or listed is None:
        return batch is not None
    return batch.closing is not None and digest_of(batch.closing) == listed


def uploads_waiting() -> Any:
    """How many packages still have to go up beside the entries, as a scalar subquery."""
    return (
        select(func.count())
        .select_from(BatchRecord)
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(*_WAITS_FOR_UPLOAD)
        .scalar_subquery()
    )


def not_uploaded_since(moment: datetime, *, session: Session) -> list[Batch]:
    """The batches that were offered before a moment, and still have packages to send."""
    waiting = (
        select(BatchRecord.batch_id)
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(*_WAITS_FOR_UPLOAD)
    )
    return list(
        session.scalars(
            select(Batch)
            .where(Batch.id.in_(waiting), Batch.offered_at < moment)
            .order_by(Batch.offered_at, Batch.id)
        )
    )


def uploads_wanted(session: Session, limit: int | None = 20) -> list[tuple[str, str, int]]:
    """Packages that are too large for an entry and not yet uploaded: (offer id, sha256, size)."""
    rows = session.execute(
        select(BatchRecord.offer_id, BatchRecord.package_sha256, BatchRecord.package_size)
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(*_WAITS_FOR_UPLOAD)
        .order_by(BatchRecord.offer_id)
        .limit(limit)
    )
    return [(row[0], str(row[1]), row[2]) for row in rows]


def upload_done(session: Session, offer_id: str) -> None:
    """The hub has the package of this offer."""
    if each := session.get(BatchRecord, offer_id):
        each.uploaded = True


def meet_restored_hub(session: Session, lost_after: int) -> int:
    """The hub was restored: hand back what it may have lost; returns how many papers those are.

    The log comes to it again as it was written, and then the papers that it had signed. A record
    that was returned and offered again meets its own first offer on the way, still open, and its
    second one is refused: such batches are told once more, after the papers, one after the other.
    Packages that went up beside the log are asked for again.
    """
    papers = evidence_since(session, lost_after)
    lately = {str(paper["document"]["batch_id"]) for paper in papers}
    again = _offered_anew(lately, session)
    told_later = {batch.id for batch in again}
    first = [paper for paper in papers if paper["document"]["batch_id"] not in told_later]
    tell_hub_many(session, [_evidence_fact(paper) for paper in first])
    for batch in again:
        _tell_whole_again(batch, session)
    _forget_uploads(lately, session)
    return len(papers)


def _offered_anew(lately: Collection[str], session: Session) -> list[Batch]:
    """Batches with a record that an earlier batch had offered, as far as the hub may lack them."""
    batches = session.scalars(
        select(Batch)
        .where(Batch.state.in_((*_TOLD_STATES, "returned", "received")))
        .order_by(Batch.created_at, Batch.id)
    )
    offered: set[str] = set()
    found = []
    for batch in batches:
        ids = {each.record_id for each in records_of(batch.id, session=session) if each.told}
        if ids & offered and (batch.state in _TOLD_STATES or batch.id in lately):
            found.append(batch)
        offered |= ids
    return found


def _tell_whole_again(batch: Batch, session: Session) -> None:
    """Have a job tell every offer of a batch once more, then what followed them."""
    if batch.closing is None or (
        batch.job_id and jobs.job_of(batch.job_id, session=session).is_open
    ):
        return  # its offering is under way: it comes after the papers anyway
    for each in records_of(batch.id, session=session):
        each.told = False
    batch.offering = True
    submit("", batch, OFFER, f"再次提交：{batch.title}", session, again=True)


def _forget_uploads(lately: Collection[str], session: Session) -> None:
    waiting = select(Batch.id).where(
        Batch.state.in_(("approved", *_TOLD_STATES)) | Batch.id.in_(lately)
    )
    session.execute(
        update(BatchRecord)
        .where(BatchRecord.batch_id.in_(waiting), BatchRecord.inline.is_(False))
        .values(uploaded=False)
    )


def reoffer(session: Session) -> None:
    """Tell the hub again, in a new epoch, every batch that it must know: same ids, same packages.

    Comes after the records have been told again; a job does it, in chunks. What the hub has
    already it recognises.
    """
    known = session.scalars(
        select(Batch)
        .where((Batch.state.in_(_TOLD_STATES)) | Batch.offering.is_(True))
        .order_by(Batch.created_at, Batch.id)
    )
    epoch = office_of(session).epoch
    for batch in list(known):
        if batch.held_epoch == epoch:
            tell_hub_many(session, _after_closing(batch))
            continue
        for each in records_of(batch.id, session=session):
            if each.outcome in (None, "accepted"):
                each.told = False
                each.uploaded = each.uploaded and each.outcome is not None
        batch.offering = True
        running = batch.job_id and jobs.job_of(batch.job_id, session=session).is_open
        if not running:
            _submit_offering(batch, "", session)
    session.flush()


def _after_offers(batch: Batch, session: Session) -> list[Fact]:
    """What follows the offers of a batch that was closed before."""
    papers = session.scalars(
        select(Paper).where(Paper.batch_id == batch.id).order_by(Paper.arrived_at, Paper.id)
    )
    return [
        ("batch", batch.id, dict(batch.closing or {})),
        *_after_closing(batch),
        *(_evidence_fact({"kind": str(each.kind), "document": each.document}) for each in papers),
    ]


def _after_closing(batch: Batch) -> list[Fact]:
    if batch.state == "withdrawing":
        return [_withdraw_fact(batch)]
    if batch.state in ("signed", "received") and batch.confirmation is not None:
        return [("confirmation", batch.id, batch.confirmation)]
    return []


def _evidence_fact(paper: dict[str, Any]) -> Fact:
    return ("evidence", str(paper["document"]["batch_id"]), paper)


def offers_open(session: Session) -> list[str]:
    """Ids of the offers on which there is no verdict yet."""
    return list(
        session.scalars(
            select(BatchRecord.offer_id)
            .join(Batch, Batch.id == BatchRecord.batch_id)
            .where(BatchRecord.told.is_(True), Batch.state.in_(("offered", "withdrawing")))
            .order_by(BatchRecord.offer_id)
        )
    )


def evidence_since(session: Session, down_seq: int) -> list[dict[str, Any]]:
    """Signed verdicts and receipts that came after a position of the down stream, oldest first."""
    rows = session.scalars(
        select(Paper).where(Paper.down_seq >= down_seq).order_by(Paper.arrived_at, Paper.id)
    )
    return [{"kind": str(paper.kind), "document": paper.document} for paper in rows]
