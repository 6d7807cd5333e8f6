"""Steps 2 and 3 of receiving (protocol §5): packages into the repository, then custody moves.

The loop looks for batches in `receiving`, whatever put them there: a signature a moment ago, a
kill in the middle, or a receipt that a node handed back after a restore. Each piece can be
repeated; the store is only called between transactions.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.receiving import seal_evidence
from hub.receiving.models import Accession, Batch, Offer, OfferState, Receipt
from hub.receiving.progress import locked_batch
from hub.receiving.receipts import accepted_offers, line_of
from hub.receiving.seal_evidence import SealEvidence
from hub.repository import service as repository
from hub.repository.service import Placed
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import SHANGHAI, format_utc, now, parse_utc
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.keys import (
    PublicKey,
    Seal,
    document_is_signed_by,
    sign_document,
    signer_of,
)
from shared.records.states import HUB_BATCH
from shared.seals.authorities import AuthoritiesFolder
from shared.storage import ObjectStore, Staging

log = logging.getLogger(__name__)

_ACTOR = system_actor("receiving")
_CHUNK = 50


class Finishing:
    """Finishes what was signed (a step for `Background`)."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        staging: Staging,
        seal_of: Callable[[str], Seal],
        authorities: AuthoritiesFolder | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._staging = staging
        self._seal_of = seal_of
        self._authorities = authorities

    def step(self) -> bool:
        """Store some packages, or finish a batch whose packages are all stored."""
        with self._database.read() as session:
            batches = list(
                session.scalars(
                    select(Batch).where(Batch.state == "receiving").order_by(Batch.unit_signed_at)
                )
            )
        return sum(self._try(batch) for batch in batches) > 0

    def _try(self, batch: Batch) -> bool:
        try:
            return self._go_on(batch)
        except Unavailable:
            raise
        except DanglianError:
            # A person must look at it; the other batches go on.
            log.exception("batch %s cannot be finished", batch.id)
            return False

    def _go_on(self, batch: Batch) -> bool:
        with self._database.read() as session:
            receipt = session.scalars(select(Receipt).where(Receipt.batch_id == batch.id)).one()
            waiting = list(
                session.scalars(
                    select(Offer.id)
                    .where(
                        Offer.batch_id == batch.id,
                        Offer.state == OfferState.ACCEPTED,
                        Offer.ready.is_(False),
                    )
                    .order_by(Offer.id)
                )
            )
        if not waiting:
            register = stored_register(self._store, receipt.archive_code, _this_year())
            evidence = self._evidence(receipt)
            with self._database.write() as session:
                return finish_batch(batch.id, register, evidence, session=session)
        for start in range(0, len(waiting), _CHUNK):
            self._store_receipt(receipt)
            if placed := self._place(waiting[start : start + _CHUNK], receipt):
                with self._database.write() as session:
                    _note_ready(batch.id, placed, session)
                return True
        return False

    def _evidence(self, receipt: Receipt) -> SealEvidence | None:
        if self._authorities is None:
            return None
        return seal_evidence.gather(receipt.document, self._authorities.current())

    def _store_receipt(self, receipt: Receipt) -> None:
        """Have the store hold the whole receipt before any package that refers to it.

        Without the database it is what explains them, and what receives them again.
        """
        repository.write_paper(
            self._store, receipt.archive_code, "receipts", receipt.id, receipt.document
        )

    def _place(self, offer_ids: list[str], receipt: Receipt) -> dict[str, Placed]:
        """Step 2 for some offers; those whose bytes are not here yet are left for later."""
        with self._database.read() as session:
            offers = session.scalars(
                select(Offer)
                .options(undefer(Offer.inline), undefer(Offer.report))
                .where(Offer.id.in_(offer_ids))
            ).all()
            besides = _besides(offers, session)
            seals = federation.seals_of(receipt.archive_code, session)
        placed: dict[str, Placed] = {}
        for offer in offers:
            source = self._source(offer, receipt.archive_code)
            if source is None:
                continue
            with source as stream:
                placed[offer.id] = repository.store_package(
                    self._store,
                    receipt.archive_code,
                    offer.record_id,
                    offer.package_sha256,
                    stream=stream,
                    size=offer.package_size,
                    receipt=self._slip(offer, receipt, seals),
                    besides=besides[offer.id],
                )
        return placed

    def _source(self, offer: Offer, archive_code: str) -> BinaryIO | None:
        """Where the package's bytes are: the repository itself, the entry, or staging."""
        there = repository.find_package(
            self._store, archive_code, offer.record_id, offer.package_sha256
        )
        if there is not None and self._store.stat(there).sha256 == offer.package_sha256:
            return self._store.open(there)
        if offer.inline is not None:
            return io.BytesIO(offer.inline)
        return self._staging.open_whole(offer.id) if offer.arrived else None

    def _slip(self, offer: Offer, receipt: Receipt, seals: Sequence[PublicKey]) -> bytes:
        """The receipt for one package, to lie beside it; the one that lies there already stays."""
        slip = slip_of(line_of(offer), offer.fonds_id, receipt.document, receipt.digest)
        there = repository.receipt_beside(self._store, receipt.archive_code, offer.record_id)
        if there is not None and is_slip(there, slip, seals):
            return there
        seal = self._seal_of(receipt.archive_code)
        return canonical_json({**slip, "signed": sign_document(seal, slip)})


def _besides(offers: Sequence[Offer], session: Session) -> dict[str, dict[str, bytes]]:
    """What lies beside each package, by offer and kind: its metadata, and what its check said."""
    records = catalogue.records_of([offer.record_id for offer in offers], session)
    besides: dict[str, dict[str, bytes]] = {}
    for offer in offers:
        kinds = besides[offer.id] = {}
        record = records.get(offer.record_id)
        if record is not None and record.digest == offer.record_digest:
            kinds["metadata"] = canonical_json(record.wire)
        if offer.report is not None:
            kinds["inspection"] = canonical_json({"findings": offer.report})
    return besides


def slip_of(
    line: Mapping[str, Any], fonds_id: str, receipt: Mapping[str, Any], digest: str
) -> dict[str, Any]:
    """What the receipt of a batch says of one package (its line), with the digest of the whole."""
    return {
        "receipt_id": receipt["receipt_id"],
        "receipt_digest": digest,
        "batch_id": receipt["batch_id"],
        "archive": receipt["archive"],
        "fonds_id": fonds_id,
        **line,
        "form_digest": receipt["form_digest"],
        "at": receipt["at"],
    }


def is_slip(content: bytes, slip: Mapping[str, Any], seals: Iterable[PublicKey]) -> bool:
    """Whether these are the bytes of this very slip, signed with a seal that the archive had."""
    signed = repository.read_document(content)
    if signed is None or not isinstance(signed.get("signed"), dict):
        return False
    signature = signed.pop("signed")
    seal = signer_of(seals, signature)
    return (
        signed == dict(slip) and seal is not None and document_is_signed_by(seal, slip, signature)
    )


def _note_ready(batch_id: str, placed: Mapping[str, Placed], session: Session) -> None:
    locked_batch(session, batch_id)
    repository.note_placed(session, list(placed.values()))
    for offer in session.scalars(select(Offer).where(Offer.id.in_(placed))):
        offer.ready = True
        offer.inline = None


def stored_register(
    store: ObjectStore, archive_code: str, year: int | None = None
) -> dict[str, dict[str, Any]]:
    """The accession register (of one year) as the repository has it: lines by receipt.

    A database that was restored may have forgotten lines; their numbers are not given again.
    """
    kind = "accessions" if year is None else f"accessions/{year}"
    return {line["receipt_id"]: line for line in repository.papers(store, archive_code, kind)}


def _year_of(line: Mapping[str, Any]) -> int:
    """The year of a line of the register, as its label says (`420500-2024-0012`)."""
    return int(str(line["accession"]).rsplit("-", 2)[1])


def _this_year() -> int:
    return now().astimezone(SHANGHAI).year


def finish_batch(
    batch_row_id: str,
    register: Mapping[str, Mapping[str, Any]],
    evidence: SealEvidence | None = None,
    *,
    session: Session,
    left_out: Collection[str] = (),
    destroyed: Collection[str] = (),
) -> bool:
    """Step 3: custody moves, the accession gets its number, the receipt goes down.

    `register` is what `stored_register` has read before the transaction, `evidence` what shows
    later that the seals counted now. In a rebuild there are offers that were received once, whose
    objects are damaged (`left_out`) or were destroyed since (`destroyed`): they stay not `ready`.
    False when another worker was faster.
    """
    without = {*left_out, *destroyed}
    batch = locked_batch(session, batch_row_id)
    offers = accepted_offers(batch.id, session=session)
    if not HUB_BATCH.may("finish", batch.state) or not all(
        offer.ready or offer.id in without for offer in offers
    ):
        return False
    receipt = session.scalars(select(Receipt).where(Receipt.batch_id == batch.id)).one()
    batch.state = HUB_BATCH.after("finish", batch.state)
    batch.incomplete = bool(left_out)
    known = register.get(receipt.id)
    batch.received_at = parse_utc(known["received_at"]) if known else now()
    for offer in offers:
        offer.state = OfferState.RECEIVED
    known_here = catalogue.records_of([offer.record_id for offer in offers], session)
    moving = [
        offer.record_id
        for offer in offers
        if offer.id not in without or offer.record_id in known_here
    ]
    catalogue.set_custody(session, moving, receipt.archive_code, receipt.id)
    accession = _accession(batch, receipt, offers, register, session)
    if evidence is not None:
        seal_evidence.keep(session, receipt, evidence)
    audit.record(
        session,
        _ACTOR,
        "batch.received",
        f"batch:{batch.id}",
        audit.Act(each=[offer.record_id for offer in offers]),
        receipt=receipt.id,
        accession=accession.label,
        count=len(offers),
        **({"left_out": sorted(left_out)} if left_out else {}),
    )
    if federation.node_of(batch.node_id, session).has_streams:
        federation.tell_node(session, batch.node_id, "receipt", batch.batch_id, receipt.document)
    return True


def _accession(
    batch: Batch,
    receipt: Receipt,
    offers: list[Offer],
    register: Mapping[str, Mapping[str, Any]],
    session: Session,
) -> Accession:
    # One number after the other, and none twice.
    federation.held_archive(receipt.archive_code, session)
    known = register.get(receipt.id)
    year = _year_of(known) if known else _this_year()
    last = session.scalar(
        select(func.max(Accession.number)).where(
            Accession.archive_code == receipt.archive_code, Accession.year == year
        )
    )
    if known:
        number = int(known["number"])
    else:
        taken = (int(line["number"]) for line in register.values() if _year_of(line) == year)
        number = max(last or 0, *taken, 0) + 1
    accession = Accession(
        receipt_id=receipt.id,
        archive_code=receipt.archive_code,
        year=year,
        number=number,
        batch_id=batch.id,
        fonds_id=batch.fonds_id,
        fonds_name=batch.fonds_name,
        count=len(offers),
        size=sum(offer.package_size for offer in offers),
        received_at=batch.received_at or now(),
    )
    session.add(accession)
    session.flush()
    paper = {
        "accession": accession.label,
        "number": accession.number,
        "receipt_id": receipt.id,
        "batch_id": batch.batch_id,
        "fonds_id": batch.fonds_id,
        "fonds_name": batch.fonds_name,
        "count": accession.count,
        "size": accession.size,
        "received_at": format_utc(accession.received_at),
    }
    repository.keep_paper(session, receipt.archive_code, f"accessions/{year}", receipt.id, paper)
    return accession
