"""What is asked about batches: one of them, its records, lists of either, counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.transfer.models import Batch, BatchRecord
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import NotFound
from shared.records.record import RecordLevel

SEEING = (Role.CLERK, Role.LEADER)
#: States in which a batch lays claim to its records.
OPEN_STATES = ("preparing", "approved", "offered", "withdrawing", "accepted", "corrected", "signed")


def batch_of(actor: Actor, batch_id: str, *, session: Session) -> Batch:
    """A batch that the actor may see. Raises NotFound."""
    batch = session.get(Batch, batch_id)
    if batch is None or not actor.may(*SEEING, fonds=batch.fonds_id):
        raise NotFound("没有这个移交批次。", "请回到移交列表重新查看。")
    return batch


def records_of(batch_id: str, *, session: Session) -> list[BatchRecord]:
    """The records of a batch in their order."""
    return list(
        session.scalars(
            select(BatchRecord)
            .where(BatchRecord.batch_id == batch_id)
            .order_by(BatchRecord.position)
        )
    )


def listing(actor: Actor) -> Any:
    """The batches that the actor may see, as a statement to page through."""
    query = select(Batch)
    allowed = actor.fonds(*SEEING)
    return query if allowed is None else query.where(Batch.fonds_id.in_(allowed))


def batches(
    actor: Actor, *, session: Session, fonds_id: str | None = None, state: str | None = None
) -> list[Batch]:
    """The batches that the actor may see, newest first."""
    query = listing(actor).order_by(Batch.created_at.desc(), Batch.id.desc())
    if fonds_id:
        query = query.where(Batch.fonds_id == fonds_id)
    if state:
        query = query.where(Batch.state == state)
    return list(session.scalars(query))


def record_listing(batch: Batch, *, text: str = "") -> Any:
    """The records of a batch, as a statement to page through; `text` narrows by filing's search."""
    query = select(BatchRecord).where(BatchRecord.batch_id == batch.id)
    return about(query, batch, text) if text else query


def about(query: Any, batch: Batch, text: str) -> Any:
    """A statement over the records of a batch, narrowed to those that filing finds by a text."""
    found = filing.listing(filing.Filter(text=text), [batch.fonds_id])
    return query.where(BatchRecord.record_id.in_(found.with_only_columns(filing.Record.id)))


def without_opinion(query: Any) -> Any:
    """A statement over the records of a batch, narrowed to those without an opening opinion."""
    missing = select(filing.Record.id).where(filing.Record.opening_opinion.is_(None))
    return query.where(BatchRecord.record_id.in_(missing))


def ready_listing(actor: Actor, *, session: Session) -> Any:
    """Filed records that could be handed over: by themselves or as volumes, in no open batch."""
    wanted = filing.Filter(state="filed")
    claimed = (
        select(BatchRecord.record_id)
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(Batch.state.in_(OPEN_STATES), BatchRecord.outcome.is_distinct_from("returned"))
    )
    seen = [
        fonds_id
        for fonds_id in filing.ids_seen(actor, session=session)
        if actor.may(Role.CLERK, fonds=fonds_id)
    ]
    return (
        filing.listing(wanted, seen)
        .where(filing.Record.level != RecordLevel.ITEM)
        .where(filing.Record.id.not_in(claimed))
    )


def in_batches(*conditions: Any) -> Any:
    """The ids of records in batches that fit, as a subquery; but for those that were returned."""
    return (
        select(BatchRecord.record_id)
        .join(Batch, Batch.id == BatchRecord.batch_id)
        .where(BatchRecord.outcome.is_distinct_from("returned"), *conditions)
    )


def latest_of(record_id: str, *, session: Session) -> tuple[Batch, BatchRecord] | None:
    """The last batch that a record was put into, and its row there."""
    row = session.execute(
        select(Batch, BatchRecord)
        .join(BatchRecord, BatchRecord.batch_id == Batch.id)
        .where(BatchRecord.record_id == record_id)
        .order_by(Batch.created_at.desc(), Batch.id.desc())
        .limit(1)
    ).first()
    return None if row is None else (row[0], row[1])


def summary(batch_id: str, *, session: Session) -> dict[str, int]:
    """How many records of a batch were inspected, have errors or warnings, are told, uploaded."""
    conditions = (
        BatchRecord.errors > 0,
        BatchRecord.warnings > 0,
        BatchRecord.told.is_(True),
        BatchRecord.uploaded.is_(True),
        BatchRecord.outcome == "returned",
    )
    row = session.execute(
        select(
            func.count(),
            func.count(BatchRecord.inspected_version),
            *(func.count(case((condition, 1))) for condition in conditions),
        ).where(BatchRecord.batch_id == batch_id)
    ).one()
    names = ("records", "inspected", "errors", "warnings", "told", "uploaded", "returned")
    return dict(zip(names, (int(value) for value in row), strict=True))
