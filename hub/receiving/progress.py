"""Finding batches and offers, and moving a batch on while it arrives and is checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import Integer, cast, exists, func, select
from sqlalchemy.orm import Session, undefer

from hub.catalogue import service as catalogue
from hub.receiving.models import Batch, Offer, OfferState, Receipt
from hub.repository.models import Tombstone
from shared.kernel.clock import format_utc, now
from shared.kernel.database import locked
from shared.kernel.errors import NotFound
from shared.messaging.log import lock_streams
from shared.records.states import HUB_BATCH

#: A node hears of so many batches at most, and of concluded ones for so long.
_MOST_NEWS, _LATELY = 20, timedelta(days=7)


def batches_named(session: Session, batch_id: str) -> list[Batch]:
    """All rounds of a node's batch, oldest first."""
    return list(
        session.scalars(select(Batch).where(Batch.batch_id == batch_id).order_by(Batch.round))
    )


def current_round(session: Session, batch_id: str) -> Batch | None:
    """The latest round of a node's batch, locked for a decision."""
    return session.scalar(
        select(Batch)
        .where(Batch.batch_id == batch_id)
        .order_by(Batch.round.desc())
        .limit(1)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


def locked_batch(session: Session, batch_row_id: str) -> Batch:
    """One round of a batch, held for a decision after its node's stream. Raises NotFound."""
    lock_streams(session, session.scalars(select(Batch.node_id).where(Batch.id == batch_row_id)))
    batch = locked(session, Batch, batch_row_id)
    if batch is None:
        raise NotFound("没有这批移交。", "请回到列表重新查看。")
    return batch


def offers_of(batch_row_id: str, *, session: Session, with_reports: bool = False) -> list[Offer]:
    """The offers of a round, by archival code."""
    query = select(Offer).where(Offer.batch_id == batch_row_id).order_by(Offer.code, Offer.id)
    if with_reports:
        query = query.options(undefer(Offer.report)).execution_options(populate_existing=True)
    return list(session.scalars(query))


def offers_left_out(receipt_ids: Iterable[str], session: Session) -> dict[str, set[str]]:
    """The offers that a rebuild has left out of received batches, by receipt.

    Such an offer is received, as its receipt says, and the repository does not have it whole.
    """
    found: dict[str, set[str]] = defaultdict(set)
    rows = session.execute(
        select(Receipt.id, Offer.id)
        .join(Batch, Batch.id == Receipt.batch_id)
        .join(Offer, Offer.batch_id == Receipt.batch_id)
        .where(Receipt.id.in_(receipt_ids), Batch.incomplete, Offer.ready.is_(False))
        .where(Offer.state == OfferState.RECEIVED)
        .where(~exists().where(Tombstone.record_id == Offer.record_id))
    )
    for receipt_id, offer_id in rows:
        found[receipt_id].add(offer_id)
    return found


def give_back(session: Session, offers: Iterable[Offer]) -> None:
    """Let the catalogue show records as filed again, until their node tells of them anew."""
    ids = [offer.record_id for offer in offers]
    records = catalogue.records_of(ids, session)
    offered = [each.id for each in records.values() if each.state == "offered"]
    catalogue.move_state(session, offered, "filed")


def advance(batch: Batch, *, session: Session) -> None:
    """Count what was checked, and move a complete batch on: to checking, and to the desk."""
    session.flush()
    arrived, checked, findings, errors = session.execute(
        select(
            func.coalesce(func.sum(cast(Offer.arrived, Integer)), 0),
            func.count(Offer.checked_at),
            func.coalesce(func.sum(Offer.findings), 0),
            func.coalesce(func.sum(Offer.errors), 0),
        ).where(Offer.batch_id == batch.id, Offer.state != OfferState.WITHDRAWN)
    ).one()
    batch.checked = checked
    batch.findings = findings
    batch.errors = errors
    if batch.listed is None:
        return
    if batch.state == "arriving" and arrived == batch.count:
        batch.state = HUB_BATCH.after("complete", batch.state)
    if batch.state == "checking" and checked == batch.count:
        batch.state = HUB_BATCH.after("checked", batch.state)
        batch.reviewable_at = now()
    session.flush()


def news_of(node_id: str, session: Session) -> dict[str, Any]:
    """How far the node's batches are, for the answer to its greeting: open ones, and late news.

    `{"batches": […]}`, oldest first, so that the last round of a batch comes last.
    """
    lately = now() - _LATELY
    rows = session.scalars(
        select(Batch)
        .where(Batch.node_id == node_id, Batch.state != "withdrawn")
        .where(Batch.concluded_at.is_(None) | (Batch.concluded_at > lately))
        .order_by(Batch.arrived_at.desc(), Batch.round.desc())
        .limit(_MOST_NEWS)
    ).all()
    return {
        "batches": [
            {
                "batch_id": each.batch_id,
                "listed": each.listed_digest,
                "state": each.state,
                "count": each.count,
                "checked": each.checked,
                "arrived_at": format_utc(each.arrived_at),
                "reviewable_at": format_utc(each.reviewable_at) if each.reviewable_at else None,
            }
            for each in reversed(rows)
        ]
    }
