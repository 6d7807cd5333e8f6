"""The archive's signature: the first of the three steps of receiving (protocol §5).

Like a verdict a receipt is drafted, signed outside any transaction, and then made to count. From
then on there is no way back: `finishing` does the other two steps, also after a kill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from hub.receiving.forms import described
from hub.receiving.inspections import require_decided
from hub.receiving.models import Batch, Offer, OfferState, Receipt
from hub.receiving.progress import locked_batch, offers_of
from hub.repository import service as repository
from shared import audit, packaging
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import digest_of
from shared.kernel.clock import parse_utc
from shared.kernel.errors import Conflict, NotFound
from shared.records.states import HUB_BATCH


def draft_receipt(actor: Actor, batch_row_id: str, *, session: Session) -> dict[str, Any]:
    """The receipt of a batch that the unit has signed, ready for the archive's seal.

    It covers what is on the signed form. Raises NotAllowed outside the receiving archive,
    WrongState before the unit's signature, and while persons have not decided on what is for them
    to inspect; Invalid when the signature is not over the form.
    """
    batch = _batch_to_receive(actor, batch_row_id, session)
    HUB_BATCH.after("receive", batch.state)
    require_decided(batch, session=session)
    form = packaging.HandoverForm.from_wire(batch.form)
    signature = batch.unit_signature or {}
    records = described([item.offer_id for item in form.items], session)
    return packaging.draft_receipt(form, unit_signature=signature, by=actor.name, records=records)


def settle_receipt(
    actor: Actor, batch_row_id: str, document: Mapping[str, Any], *, session: Session
) -> Batch:
    """Step 1: the decision and the signed receipt are stored, no way back.

    Raises WrongState when the batch moved on, Conflict when the form is another one by now.
    """
    batch = _batch_to_receive(actor, batch_row_id, session)
    batch = locked_batch(session, batch.id)
    batch.state = HUB_BATCH.after("receive", batch.state)
    require_decided(batch, session=session)
    if batch.form_digest != document["form_digest"]:
        raise Conflict("登记表在签字期间发生了变化。", "请重新打开登记表再签字。")
    record_receipt(batch, document, made_by=actor.name, session=session)
    audit.record(
        session,
        actor,
        "batch.signed_by_archive",
        f"batch:{batch.id}",
        audit.Act(each=[each["record_id"] for each in document["offers"]]),
        receipt=document["receipt_id"],
        count=len(document["offers"]),
    )
    return batch


def record_receipt(
    batch: Batch, document: Mapping[str, Any], *, made_by: str, session: Session
) -> Receipt:
    """Write a signed receipt to its batch; the batch's state is the caller's."""
    receipt = Receipt(
        id=document["receipt_id"],
        batch_id=batch.id,
        archive_code=document["archive"],
        document=dict(document),
        digest=digest_of(dict(document)),
        made_by=made_by,
        made_at=parse_utc(document["at"]),
    )
    session.add(receipt)
    session.flush()
    repository.keep_paper(session, receipt.archive_code, "receipts", receipt.id, document)
    return receipt


def accepted_listing(batch_row_id: str) -> Select[Offer]:
    """What `accepted_offers` has, for a page of it; unordered."""
    wanted = (OfferState.ACCEPTED, OfferState.RECEIVED)
    return select(Offer).where(Offer.batch_id == batch_row_id, Offer.state.in_(wanted))


@dataclass(frozen=True)
class AcceptedTotals:
    """How many offers an archive receives of a batch, their bytes, and how many are stored."""

    count: int
    size: int
    stored: int


def accepted_totals(batch_row_id: str, *, session: Session) -> AcceptedTotals:
    """The sums over `accepted_offers`, without reading them."""
    offers = accepted_listing(batch_row_id).subquery()
    counted = select(
        func.count(),
        func.coalesce(func.sum(offers.c.package_size), 0),
        func.coalesce(func.sum(case((offers.c.ready, 1), else_=0)), 0),
    ).select_from(offers)
    return AcceptedTotals(*(int(each) for each in session.execute(counted).one()))


def accepted_offers(batch_row_id: str, *, session: Session) -> list[Offer]:
    """The offers of a batch that the archive receives, or has received."""
    wanted = (OfferState.ACCEPTED, OfferState.RECEIVED)
    return [offer for offer in offers_of(batch_row_id, session=session) if offer.state in wanted]


def line_of(offer: Offer) -> dict[str, Any]:
    """What a receipt says of one offer."""
    return {
        "offer_id": offer.id,
        "record_id": offer.record_id,
        "record_version": offer.record_version,
        "package_sha256": offer.package_sha256,
        "size": offer.package_size,
    }


def _batch_to_receive(actor: Actor, batch_row_id: str, session: Session) -> Batch:
    batch = session.get(Batch, batch_row_id)
    if batch is None or not batch.concerns(actor):
        raise NotFound("没有这批移交。", "请回到接收列表重新查看。")
    require(actor, Role.ARCHIVIST, archive=batch.receiving_archive, fonds=batch.fonds_id)
    return batch
