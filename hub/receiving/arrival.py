"""Offers, the batches they belong to, and their withdrawal, as they come in a node's stream.

Each handler works in the transaction of the run, refuses by raising a DanglianError, and answers
an entry that it knows already with nothing new.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.federation.places import LIMITS
from hub.receiving.models import HOLDING_STATES, MOST_OFFERS, Batch, Offer, OfferState
from hub.receiving.progress import advance, batches_named, current_round, give_back, offers_of
from hub.receiving.schemas import BatchSchema, OfferSchema, WithdrawSchema
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of, sha256_hex
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.messaging.entry import ENTRY_BYTES, Entry
from shared.records import wire
from shared.records.states import HUB_BATCH

_ACTOR = system_actor("receiving")
_CHUNK = 500
#: Bytes that an offer takes in a verdict or receipt beside its title and code, and all the rest.
_LINE = 640
_FRAME = 16 * 1024


def apply_offers(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Take offers, each about one version of a record in the catalogue.

    Refuses an offer about a fonds that the node does not keep, about a version that the catalogue
    does not hold, about a record in an archive's custody, or held by another open offer.
    """
    bodies = [_read_offer(entry.body) for entry in entries]
    known = {
        each.id: each for each in _by_ids(session, Offer.id, (each["offer_id"] for each in bodies))
    }
    fresh = []
    for body in bodies:
        offer = known.get(body["offer_id"])
        if offer is None:
            fresh.append(body)
        elif offer.node_id != node_id or not _is_same(body, offer, session):
            raise Conflict(
                "同一提交编号先后说的不是同一内容。", "请撤回这批后重新提交。", code="offer_altered"
            )
    if not fresh:
        return
    records = catalogue.records_of({each["record_id"] for each in fresh}, session)
    held = {
        offer.record_id
        for offer in _by_ids(session, Offer.record_id, (each["record_id"] for each in fresh))
        if offer.state in HOLDING_STATES
    }
    for body in fresh:
        record = records.get(body["record_id"])
        if record is None or (record.version, record.digest) != (
            body["record_version"],
            body["record_digest"],
        ):
            raise Invalid(
                "record_version",
                "目录中没有这件档案的这一版本。",
                "请先同步目录，再重新提交。",
                code="record_unknown",
            )
        if not federation.keeps(node_id, record.fonds_id, session):
            raise NotAllowed(
                "本节点不保管这个全宗。", "请联系市档案馆核对全宗的分配。", code="foreign_fonds"
            )
        if record.in_archive_custody:
            raise WrongState(
                "这件档案已由档案馆接收，不能再次移交。",
                "如内容有误，请提出更正申请。",
                code="in_archive_custody",
            )
        if record.id in held:
            raise Conflict(
                "这件档案已在另一批移交中。",
                "请先撤回那一批，或等它办结后再提交。",
                code="already_offered",
            )
        held.add(record.id)
        batch = _batch_for(session, node_id, body, record.fonds_id)
        session.add(_offer(body, node_id, batch, record))
        batch.count += 1
        batch.size += body["package"]["size"]
    session.flush()


def _read_offer(body: dict[str, Any]) -> dict[str, Any]:
    loaded = wire.load(OfferSchema(), body)
    package = loaded["package"]
    if package["inline"] is None:
        package["content"] = None
        return loaded
    try:
        content = base64.b64decode(package["inline"], validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if len(content) > LIMITS["inline_package"]:
        raise Invalid(
            "package", "随信息发来的数据包过大。", "请改用分片上传。", code="package_too_large"
        )
    if len(content) != package["size"] or sha256_hex(content) != package["sha256"]:
        raise Invalid(
            "package",
            "数据包的大小或摘要与所报不符。",
            "数据包在传送前已改变，请撤回这批后重新提交。",
            code="package_damaged",
        )
    package["content"] = content
    return loaded


def _is_same(body: dict[str, Any], offer: Offer, session: Session) -> bool:
    """Whether an offer that comes again says what it said before.

    The digest of the package settles its size. Of what a restored hub knows only by a verdict that
    returned it, the record's digest is not known.
    """
    batch = session.get_one(Batch, offer.batch_id)
    return (
        body["batch_id"],
        body["record_id"],
        body["record_version"],
        body["package"]["sha256"],
    ) == (
        batch.batch_id,
        offer.record_id,
        offer.record_version,
        offer.package_sha256,
    ) and offer.record_digest in ("", body["record_digest"])


def _batch_for(session: Session, node_id: str, body: Mapping[str, Any], fonds_id: str) -> Batch:
    """The round of a batch that takes an offer now; begun when there is none."""
    batch_id = body["batch_id"]
    batch = current_round(session, batch_id)
    if batch is not None and batch.node_id != node_id:
        raise NotAllowed("这批移交属于另一个节点。", "请联系市档案馆核对。", code="foreign_batch")
    if batch is None or not HUB_BATCH.possible(batch.state):
        begun = _begin(session, node_id, batch_id, fonds_id, after=batch)
        begun.scheme = body.get("scheme")
        return begun
    if batch.listed is not None:
        raise WrongState(
            "这批移交已经提交完毕，不能再加入档案。", "请另建一批移交。", code="batch_closed"
        )
    if batch.fonds_id != fonds_id:
        raise Invalid(
            "fonds_id", "一批移交只能包含一个全宗。", "请按全宗分批移交。", code="mixed_fonds"
        )
    if batch.count >= MOST_OFFERS:
        raise Invalid(
            "offers",
            f"一批最多 {MOST_OFFERS} 件。",
            "请撤回这批，分成几批后重新提交。",
            code="batch_too_large",
        )
    return batch


def _begin(
    session: Session, node_id: str, batch_id: str, fonds_id: str, *, after: Batch | None
) -> Batch:
    fonds = federation.fonds_of(fonds_id, session)
    if fonds.receiving_archive is None or fonds.reviewing_archive is None:
        raise Invalid(
            "fonds_id",
            "这个全宗没有约定接收的档案馆。",
            "村级档案由本级保管；如需移交进馆，请联系县级档案馆约定。",
            code="no_receiving_archive",
        )
    batch = Batch(
        id=batch_id if after is None else new_id(),
        batch_id=batch_id,
        round=1 if after is None else after.round + 1,
        node_id=node_id,
        fonds_id=fonds_id,
        fonds_name=fonds.name,
        reviewing_archive=fonds.reviewing_archive,
        receiving_archive=fonds.receiving_archive,
        state="arriving",
        count=0,
        size=0,
    )
    session.add(batch)
    session.flush()
    return batch


def _offer(body: dict[str, Any], node_id: str, batch: Batch, record: CatalogueRecord) -> Offer:
    package = body["package"]
    return Offer(
        id=body["offer_id"],
        batch_id=batch.id,
        node_id=node_id,
        fonds_id=record.fonds_id,
        record_id=record.id,
        record_version=body["record_version"],
        record_digest=body["record_digest"],
        package_sha256=package["sha256"],
        package_size=package["size"],
        code=record.code,
        title=record.title,
        class_code=record.class_code,
        year=record.year,
        retention=record.retention,
        inline=package["content"],
        arrived=package["content"] is not None,
        staged=package["content"] is not None,
    )


def apply_batch(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Close batches: from here on their offers are complete, and they can be checked.

    Refuses a list that is not exactly the offers taken: one that was refused is named by its own
    refusal, and the batch must be withdrawn and offered again.
    """
    for entry in entries:
        body = wire.load(BatchSchema(), entry.body)
        digest = digest_of(entry.body)
        rounds = batches_named(session, body["batch_id"])
        if any(each.listed_digest == digest and each.node_id == node_id for each in rounds):
            continue
        if _is_restored(rounds, body, node_id, session):
            continue
        batch = rounds[-1] if rounds else None
        offers = [] if batch is None else offers_of(batch.id, session=session)
        taken = {each.id for each in offers if each.state == OfferState.OPEN}
        missing = set(body["offers"]) - taken
        if batch is None or not taken or missing:
            raise NotFound(
                f"这批移交中有 {len(missing) or len(body['offers'])} 件没有被平台接受。",
                "请查看各件的退回说明，撤回这批，改正后重新提交。",
                code="offers_missing",
            )
        if batch.node_id != node_id or batch.fonds_id != body["fonds_id"]:
            raise NotAllowed(
                "这批移交属于另一个节点或全宗。", "请联系市档案馆核对。", code="foreign_batch"
            )
        if batch.listed is not None or taken != set(body["offers"]):
            raise Conflict(
                "这批移交的清单与先前提交的不一致。",
                "请撤回这批后重新提交。",
                code="batch_altered",
            )
        _check_room(offers)
        batch.title = body["title"]
        batch.listed = dict(entry.body)
        batch.listed_digest = digest
        advance(batch, session=session)
        audit.record(
            session, _ACTOR, "batch.offered", f"batch:{batch.id}",
            audit.Act(each=[each.record_id for each in offers if each.id in taken]),
            node=node_id, count=batch.count,
        )  # fmt: skip


def _is_restored(
    rounds: Sequence[Batch], body: Mapping[str, Any], node_id: str, session: Session
) -> bool:
    """Whether a round was received again from the store, which does not know how it was listed."""
    for batch in rounds:
        if batch.node_id == node_id and batch.listed is None and batch.form is not None:
            return set(body["offers"]) <= {o.id for o in offers_of(batch.id, session=session)}
    return False


def _check_room(offers: Sequence[Offer]) -> None:
    """Verdict and receipt name every offer, and each must fit into one entry of the stream."""
    needed = sum(_LINE + len(f"{offer.title}{offer.code}".encode()) for offer in offers)
    if needed > ENTRY_BYTES - _FRAME:
        raise Invalid(
            "offers",
            f"这批共 {len(offers)} 件，超出一份登记表能列的数量。",
            "请撤回这批，分成几批（每批不超过 1000 件）后重新提交。",
            code="batch_too_large",
        )


def apply_withdraw(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Withdraw batches that the unit has not signed; the answer goes down either way.

    A unit that does not agree with a corrected form takes its batch back in this way.
    """
    for entry in entries:
        body = wire.load(WithdrawSchema(), entry.body)
        batch = current_round(session, body["batch_id"])
        if batch is None:
            # Not one offer of it was taken: nothing stands in the way.
            _answer(session, node_id, body["batch_id"], granted=True, reason=None)
            continue
        if batch.node_id != node_id:
            raise NotAllowed(
                "这批移交属于另一个节点。", "请联系市档案馆核对。", code="foreign_batch"
            )
        if batch.state == "withdrawn":
            _answer(session, node_id, batch.batch_id, granted=True, reason=None)
            continue
        if not HUB_BATCH.may("withdraw", batch.state):
            state = HUB_BATCH.label(batch.state)
            reason = f"这批移交现为“{state}”，不能撤回。"
            _answer(session, node_id, batch.batch_id, granted=False, reason=reason)
            continue
        batch.state = HUB_BATCH.after("withdraw", batch.state)
        batch.withdrawn_reason = body["reason"]
        offers = offers_of(batch.id, session=session)
        for offer in offers:
            offer.state = OfferState.WITHDRAWN
            offer.inline = None
        session.flush()
        give_back(session, offers)
        audit.record(
            session, _ACTOR, "batch.withdrawn", f"batch:{batch.id}",
            audit.Act(each=[each.record_id for each in offers]), node=node_id,
        )  # fmt: skip
        _answer(session, node_id, batch.batch_id, granted=True, reason=None)


def _answer(
    session: Session, node_id: str, batch_id: str, *, granted: bool, reason: str | None
) -> None:
    body = {"batch_id": batch_id, "granted": granted, "reason": reason}
    federation.tell_node(session, node_id, "withdrawn", batch_id, body)


def _by_ids(session: Session, column: Any, ids: Iterable[str]) -> list[Offer]:
    wanted = sorted(set(ids))
    found: list[Offer] = []
    for start in range(0, len(wanted), _CHUNK):
        found += session.scalars(select(Offer).where(column.in_(wanted[start : start + _CHUNK])))
    return found
