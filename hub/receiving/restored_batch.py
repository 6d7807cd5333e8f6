"""One batch that the store has whole and the database lacks: brought to `received`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.models import Fonds
from hub.receiving.evidence import adopt_receipt, take_over
from hub.receiving.finishing import finish_batch
from hub.receiving.models import HOLDING_STATES, Batch, Offer, OfferState, Receipt
from hub.receiving.progress import batches_named, locked_batch, offers_of
from hub.receiving.stored import Destroyed, LeftOut, NotRestored, StoredBatch, StoredRecord
from hub.receiving.verdicts import record_verdict
from hub.repository import service as repository
from hub.repository.tombstones import note_tombstone
from shared.kernel.clock import now, parse_utc
from shared.kernel.errors import Conflict, DanglianError, Unavailable
from shared.kernel.identifiers import new_id
from shared.messaging.entry import Entry

_CHUNK = 500
#: Stands for the title of a record of which only a paper is left here: returned, or left out.
UNTOLD_TITLE = "（恢复以前的档案，等待单位重新报送目录）"


def settle_stored(
    stored: StoredBatch,
    verdicts: Sequence[Mapping[str, Any]],
    register: Mapping[str, Mapping[str, Any]],
    *,
    session: Session,
) -> None:
    """Receive a batch again: catalogue, offers, verdict, receipt, custody, accession, and its node.

    `verdicts` are those of its rounds that the database lacks, `register` is what
    `stored_register` has read. Raises NotRestored, and then the caller's transaction must end.
    """
    fonds = _fonds_of(stored, session)
    try:
        _tell_catalogue(stored, str(fonds.keeping_node), session)
        batch = _batch_for(stored, verdicts, fonds, session)
        adopt_receipt(session, batch.node_id, stored.receipt)
        _note_stored(stored, session)
        finish_batch(
            batch.id,
            register,
            stored.evidence,
            session=session,
            left_out={each.line["offer_id"] for each in stored.left_out},
            destroyed={each.line["offer_id"] for each in stored.destroyed},
        )
        bury_again([each.stone for each in stored.destroyed], session=session)
    except Unavailable:
        raise
    except DanglianError as error:
        raise _conflicting(stored, error) from error


def bury_again(stones: Sequence[Mapping[str, Any]], *, session: Session) -> None:
    """Let tombstones of the store count again: for the catalogue, and for what is kept."""
    records = catalogue.records_of([each["record"]["id"] for each in stones], session)
    for stone in stones:
        record = records[stone["record"]["id"]]
        catalogue.write_version(session, record, stone["record"], state="disposed")
        note_tombstone(session, stone)


def settle_left_out(stored: StoredBatch, *, session: Session) -> None:
    """Bring in records that were left out of their batch, now that their objects are whole.

    Raises NotRestored, and then the caller's transaction must end.
    """
    fonds = _fonds_of(stored, session)
    try:
        _tell_catalogue(stored, str(fonds.keeping_node), session)
        _note_stored(stored, session)
        take_over(session, stored.receipt)
        batch = locked_batch(session, _batch_row(stored, session))
        batch.incomplete = bool(stored.left_out)
    except Unavailable:
        raise
    except DanglianError as error:
        raise _conflicting(stored, error) from error


def _batch_row(stored: StoredBatch, session: Session) -> str:
    return session.get_one(Receipt, stored.receipt["receipt_id"]).batch_id


def _conflicting(stored: StoredBatch, error: DanglianError) -> NotRestored:
    return NotRestored(
        "receipt_conflict",
        f"{stored.about}与数据库里的内容不一致：{error.message}",
        "启动平台，请该单位联网补回其余内容，再运行一次 danglian hub recover。",
    )


def _fonds_of(stored: StoredBatch, session: Session) -> Fonds:
    fonds = federation.fonds_named([stored.fonds_id], session).get(stored.fonds_id)
    if fonds is None:
        if not stored.records:
            raise NotRestored(
                "fonds_unknown",
                f"{stored.about}的全宗是备份以后登记的，数据库里没有；各件都已销毁。",
                f"运行 danglian hub fonds add --dir … --id {stored.fonds_id} …，"
                "为它添加联网单位，再运行 recover。",
            )
        manifest = stored.records[0].manifest
        number = f" --number {manifest.fonds_number}" if manifest.fonds_number else ""
        raise NotRestored(
            "fonds_unknown",
            f"{stored.about}的全宗是备份以后登记的，数据库里没有（立档单位：{manifest.unit}）。",
            f"运行 danglian hub fonds add --dir … --id {manifest.fonds_id} "
            f"--name {manifest.fonds_name} --division …{number}，"
            "为它添加联网单位，再运行 recover。",
        )
    if fonds.keeping_node is None:
        raise NotRestored(
            "fonds_unkept",
            f"{stored.about}的全宗在数据库里还没有保管单位。",
            f"运行 danglian hub node add --dir … --name … --division … --fonds {fonds.id}，"
            "再运行 recover。",
        )
    return fonds


def _tell_catalogue(stored: StoredBatch, node_id: str, session: Session) -> None:
    """Let the catalogue hold each record at least as it was frozen in its package."""
    held = catalogue.records_of([each.line["record_id"] for each in stored.records], session)
    known = catalogue.records_of([each.record_id for each in stored.destroyed], session)
    wires = []
    for each in stored.records:
        record = held.get(each.line["record_id"])
        if record is None or record.version <= each.line["record_version"]:
            wires.append(each.wire)
    wires += [each.stone["record"] for each in stored.destroyed if each.record_id not in known]
    for start in range(0, len(wires), _CHUNK):
        some = wires[start : start + _CHUNK]
        entries = [Entry(seq, "record", wire["id"], wire) for seq, wire in enumerate(some, 1)]
        catalogue.apply_records(session, node_id, entries)


def _batch_for(
    stored: StoredBatch,
    verdicts: Sequence[Mapping[str, Any]],
    fonds: Fonds,
    session: Session,
) -> Batch:
    """The round of the batch with all that its receipt names; what is missing of it is added."""
    named: list[StoredRecord | LeftOut | Destroyed] = [*stored.records, *stored.left_out]
    named += stored.destroyed
    lines = {each.line["offer_id"]: each for each in named}
    known = list(session.scalars(select(Offer).where(Offer.id.in_(lines))))
    batch = session.get_one(Batch, known[0].batch_id) if known else _begun(stored, fonds, session)
    missing = [lines[each] for each in lines.keys() - {offer.id for offer in known}]
    _require_free([each.line["record_id"] for each in missing], session)
    records = catalogue.records_of([each.line["record_id"] for each in missing], session)
    codes = {item["offer_id"]: item["code"] for item in stored.receipt["form"]["items"]}
    for each in missing:
        record = records.get(each.line["record_id"])
        offer = _offer(each.line, record, batch, digest=_digest_in(each))
        offer.code = offer.code or codes[offer.id]
        offer.arrived = isinstance(each, StoredRecord)
        session.add(offer)
    session.flush()
    verdict = next((each for each in verdicts if lines.keys() <= _offers_in(each)), None)
    if verdict is not None and batch.concluded_at is None:
        _add_returned(verdict, batch, session)
        batch.reviewing_archive = verdict["archive"]
        record_verdict(batch, verdict, session=session)
    offers = offers_of(batch.id, session=session)
    batch.count = len(offers)
    batch.size = sum(offer.package_size for offer in offers)
    batch.unit_signed_at = parse_utc(stored.receipt["unit_signature"]["signed_at"])
    session.flush()
    return batch


def _begun(stored: StoredBatch, fonds: Fonds, session: Session) -> Batch:
    receipt = stored.receipt
    rounds = batches_named(session, receipt["batch_id"])
    batch = Batch(
        id=new_id() if rounds else receipt["batch_id"],
        batch_id=receipt["batch_id"],
        round=rounds[-1].round + 1 if rounds else 1,
        node_id=fonds.keeping_node,
        fonds_id=fonds.id,
        fonds_name=receipt["form"]["fonds"]["name"],
        reviewing_archive=fonds.reviewing_archive or receipt["archive"],
        receiving_archive=receipt["archive"],
        title=receipt["form"]["title"],
    )
    session.add(batch)
    session.flush()
    return batch


def _require_free(record_ids: Sequence[str], session: Session) -> None:
    """Raise Conflict when a batch that is still open has one of these records."""
    for start in range(0, len(record_ids), _CHUNK):
        holder = session.scalar(
            select(Offer)
            .where(Offer.record_id.in_(record_ids[start : start + _CHUNK]))
            .where(Offer.state.in_(HOLDING_STATES))
            .limit(1)
        )
        if holder is not None:
            raise Conflict(
                f"“{holder.title}”还在另一批没有办结的移交中。", "请先由单位补回那一批的结论。"
            )


def _offers_in(verdict: Mapping[str, Any]) -> set[str]:
    return {each["offer_id"] for each in verdict["offers"]}


def _add_returned(verdict: Mapping[str, Any], batch: Batch, session: Session) -> None:
    """What a corrected form left out belongs to the round too; a verdict does not tell its size."""
    here = {offer.id for offer in offers_of(batch.id, session=session)}
    returned = [each for each in verdict["offers"] if each["offer_id"] not in here]
    records = catalogue.records_of([each["record_id"] for each in returned], session)
    for each in returned:
        record = records.get(each["record_id"])
        known = record is not None and record.version == each["record_version"]
        digest = record.digest if record is not None and known else ""
        offer = _offer({**each, "size": 0}, record, batch, digest=digest)
        offer.state = OfferState.RETURNED
        session.add(offer)
    session.flush()


def _offer(
    line: Mapping[str, Any], record: CatalogueRecord | None, batch: Batch, *, digest: str
) -> Offer:
    return Offer(
        id=line["offer_id"],
        batch_id=batch.id,
        node_id=batch.node_id,
        fonds_id=batch.fonds_id,
        record_id=line["record_id"],
        record_version=line["record_version"],
        record_digest=digest,
        package_sha256=line["package_sha256"],
        package_size=line["size"],
        code=record.code if record else None,
        title=record.title if record else UNTOLD_TITLE,
        class_code=record.class_code if record else "",
        year=record.year if record else 0,
        retention=record.retention if record else "",
        state=OfferState.ACCEPTED,
        arrived=True,
        checked_at=now(),
    )


def _digest_in(each: StoredRecord | LeftOut | Destroyed) -> str:
    """The digest of a record as it was offered; of one that is not here it is not known."""
    return each.manifest.record_digest if isinstance(each, StoredRecord) else ""


def _note_stored(stored: StoredBatch, session: Session) -> None:
    repository.note_placed(session, [each.placed for each in stored.records])
    ids = [each.line["offer_id"] for each in stored.records]
    for offer in session.scalars(select(Offer).where(Offer.id.in_(ids))):
        offer.arrived = offer.ready = True
        offer.inline = None
    session.flush()
