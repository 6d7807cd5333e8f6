"""Packages too large for an entry, and bundles: grants, parts, clearing up what nobody finished.

A grant is bound to one upload, size and digest, lasts an hour, and never travels in a message. What
staging holds is not trusted: the check reads it all again. Only the hub completes an upload.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, BinaryIO

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.events import tell
from hub.receiving.models import Offer, OfferState, Upload, UploadPart, has_finding
from hub.receiving.progress import advance, locked_batch
from hub.receiving.schemas import UploadSchema
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.database import Database, locked
from shared.kernel.errors import Classified, Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import random_token
from shared.messaging.log import lock_streams
from shared.records import wire
from shared.storage import MOST_PARTS, PART_SIZE, Staging, Stretch, part_count, part_length

GRANT_LASTS = timedelta(hours=1)
#: Parts that came so long ago, of an offer that still waits, are cleared; the node sends again.
PARTS_LAST = timedelta(days=14)
#: In the place of a token's digest: staging is being cleared of this upload's parts.
_CLEARING = ""
_CHUNK = 200


@dataclass(frozen=True)
class GrantedUpload:
    """What a token lets its bearer send."""

    upload_id: str
    size: int
    sha256: str


@dataclass(frozen=True)
class UploadArrived:
    """An event: all parts of an upload are here; whoever wanted it goes on."""

    upload_id: str


def grant_upload(session: Session, node_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Let a node send the package of one offer in parts.

    Asking again gives a new token for the same upload, with the parts that are here already.
    Raises NotFound, NotAllowed, WrongState when the package is not wanted (any more), Invalid
    when it is not the offered one, Conflict when the node's quota is full.
    """
    offer = wanted_offer(session, node_id, body)
    granted = grant_parts(
        session,
        node_id,
        offer.id,
        sha256=offer.package_sha256,
        size=offer.package_size,
        complete=offer.arrived,
    )
    if not offer.arrived:
        offer.staged = True
    return granted


def wanted_offer(session: Session, node_id: str, body: dict[str, Any]) -> Offer:
    """The offer whose package a node wants to bring, by whichever way.

    Raises NotFound, NotAllowed, WrongState, Invalid, as `grant_upload` does.
    """
    asked = wire.load(UploadSchema(), body)
    lock_streams(session, [node_id])
    offer = session.get(Offer, asked["offer_id"])
    if offer is None:
        raise NotFound("平台没有这件移交。", "请等目录同步完成后再上传。", code="offer_unknown")
    if offer.node_id != node_id:
        raise NotAllowed("这件移交属于另一个节点。", "请检查上传程序。", code="foreign_offer")
    if (asked["sha256"], asked["size"]) != (offer.package_sha256, offer.package_size):
        raise Invalid(
            "sha256", "要上传的不是所移交的数据包。", "请上传提交时的那个数据包。",
            code="other_package",
        )  # fmt: skip
    if not offer.arrived and offer.state not in (OfferState.OPEN, OfferState.ACCEPTED):
        raise WrongState(
            "这件移交已经办结，不需要上传。", "请同步后查看这批移交的结果。", code="offer_closed"
        )
    return offer


def grant_parts(
    session: Session, node_id: str, upload_id: str, *, sha256: str, size: int, complete: bool
) -> dict[str, Any]:
    """Let a node send the parts of one upload that the caller has found to be wanted.

    `complete` when everything is here already: then nothing is granted. Raises Conflict when the
    node's quota is full, WrongState as `upload_of` does.
    """
    upload = upload_of(session, upload_id)
    if complete:
        return _granted(upload_id, size, None, present_numbers(session, upload_id))
    if upload is None:
        _check_quota(session, node_id, size)
        upload = Upload(id=upload_id, node_id=node_id, sha256=sha256, size=size)
        session.add(upload)
    token = random_token()
    upload.token_digest = sha256_hex(token.encode())
    upload.expires_at = now() + GRANT_LASTS
    session.flush()
    return _granted(upload_id, size, (token, upload), present_numbers(session, upload_id))


def upload_of(session: Session, upload_id: str) -> Upload | None:
    """An upload that may go on, held; None when it has not begun.

    Raises WrongState while the sweeper clears its stale parts: a part that came now would be noted,
    and swept with them.
    """
    upload = locked(session, Upload, upload_id)
    if upload is not None and upload.token_digest == _CLEARING:
        raise WrongState(
            "先前没有传完的部分已过期，正在清除。", "过一会儿会自动重新上传。",
            code="upload_clearing",
        )  # fmt: skip
    return upload


def _granted(
    upload_id: str, size: int, granted: tuple[str, Upload] | None, present: list[int]
) -> dict[str, Any]:
    return {
        "upload_id": upload_id,
        "token": granted[0] if granted else None,
        "part_size": PART_SIZE,
        "part_count": part_count(size),
        "parts_at_once": MOST_PARTS,
        "present_parts": present,
        "complete": granted is None,
        "expires_at": format_utc(granted[1].expires_at) if granted else None,
    }


def present_numbers(session: Session, upload_id: str) -> list[int]:
    """The parts of an upload that were noted as being in staging, rising."""
    return list(
        session.scalars(
            select(UploadPart.number)
            .where(UploadPart.upload_id == upload_id)
            .order_by(UploadPart.number)
        )
    )


def _check_quota(session: Session, node_id: str, size: int) -> None:
    used = session.scalar(
        select(func.coalesce(func.sum(Upload.size), 0)).where(Upload.node_id == node_id)
    )
    quota = federation.node_of(node_id, session).quota_bytes
    if int(used or 0) + size > quota:
        raise Conflict(
            "本节点待审核的数据已达到配额。",
            "请等先前的移交办结后再上传，或请市档案馆调高配额。",
            code="quota_full",
        )


def granted_upload(session: Session, upload_id: str, token: str) -> GrantedUpload:
    """What the bearer of this token may send now. Raises NotAllowed, also for a suspended node."""
    upload = session.get(Upload, upload_id)
    given = sha256_hex(token.encode())
    if (
        upload is None
        or not hmac.compare_digest(upload.token_digest, given)
        or upload.expires_at < now()
        or not federation.node_of(upload.node_id, session).may_talk
    ):
        raise NotAllowed("上传许可无效或已过期。", "请重新申请上传。", code="grant_expired")
    return GrantedUpload(upload.id, upload.size, upload.sha256)


def put_part(
    database: Database,
    staging: Staging,
    upload_id: str,
    *,
    token: str,
    number: int,
    stream: BinaryIO,
    size: int | None,
    sha256: str,
) -> bool:
    """Take one part of a granted upload, or several entire ones from this number on.

    Returns whether all parts are here now; of parts that are here already nothing is read. `size`
    is how many bytes come (None: as many as this part has). Opens its own short transactions,
    because the bytes go to staging between them. Raises NotAllowed without a valid grant, Invalid
    when number, size or bytes are not right, Conflict when some of the parts are here, not all.
    """
    with database.read() as session:
        granted = granted_upload(session, upload_id, token)
        size = part_length(granted.size, number) if size is None else size
        stretch = Stretch.of(granted.size, number, size)
        here = _present_in(session, upload_id, stretch)
        if len(here) == stretch.count:
            return _is_whole(session, granted)
    if here:
        # Else a part could lie in staging as often as there are ways to send it.
        raise Conflict("其中有几片平台已经有了。", "重新申请上传，只送还缺的。", code="parts_here")
    try:
        staging.put_part(upload_id, number, stream, size=size, sha256=sha256)
    except NotFound:  # its first part, or staging was swept; nothing of the stream was read
        staging.begin(upload_id, size=granted.size, sha256=granted.sha256)
        staging.put_part(upload_id, number, stream, size=size, sha256=sha256)
    with database.write() as session:
        return note_parts(session, held_upload(session, upload_id, token), stretch, sha256=sha256)


def held_upload(session: Session, upload_id: str, token: str) -> GrantedUpload:
    """A granted upload while its node's stream is held. Raises NotAllowed."""
    of_the_node = select(Upload.node_id).where(Upload.id == upload_id)
    lock_streams(session, session.scalars(of_the_node))
    return granted_upload(session, upload_id, token)


def note_parts(session: Session, granted: GrantedUpload, stretch: Stretch, *, sha256: str) -> bool:
    """Note parts that staging has; returns whether all are here now, which is told.

    The caller holds the node's stream: of two that come at once, one is the last.
    """
    upload_id = granted.upload_id
    here = _present_in(session, upload_id, stretch)
    session.add_all(
        UploadPart(
            upload_id=upload_id,
            number=number,
            sha256=sha256,
            size=part_length(granted.size, number),
        )
        for number in stretch.numbers
        if number not in here
    )
    session.flush()
    whole = _is_whole(session, granted)
    if whole:
        tell(session, UploadArrived(upload_id))
    return whole


def _present_in(session: Session, upload_id: str, stretch: Stretch) -> set[int]:
    """Which of these parts were noted."""
    return set(
        session.scalars(
            select(UploadPart.number).where(
                UploadPart.upload_id == upload_id,
                UploadPart.number.between(stretch.first, stretch.numbers[-1]),
            )
        )
    )


def _is_whole(session: Session, granted: GrantedUpload) -> bool:
    here = select(func.count()).where(UploadPart.upload_id == granted.upload_id)
    return session.scalar(here) == part_count(granted.size)


def take_package(session: Session, event: UploadArrived) -> None:
    """The package of an offer is whole here: its batch goes on."""
    offer = session.get(Offer, event.upload_id)
    if offer is not None:
        offer.arrived = True
        advance(locked_batch(session, offer.batch_id), session=session)


def present_parts(session: Session, upload_id: str, token: str) -> list[int]:
    """The parts of a granted upload that are here. Raises NotAllowed."""
    granted_upload(session, upload_id, token)
    return present_numbers(session, upload_id)


def forget_upload(session: Session, upload_id: str) -> None:
    """Forget what was granted and sent; the caller clears staging after its commit."""
    session.execute(delete(UploadPart).where(UploadPart.upload_id == upload_id))
    session.execute(delete(Upload).where(Upload.id == upload_id))


_DONE = (
    select(Offer)
    .where(
        Offer.state.in_([OfferState.RETURNED, OfferState.WITHDRAWN, OfferState.RECEIVED])
        | has_finding(Classified.code),
        Offer.staged.is_(True),
    )
    .order_by(Offer.id)
    .limit(_CHUNK)
)


def _stale() -> Select[Upload]:
    """Parts of uploads that nobody went on with."""
    return (
        select(Upload)
        .join(Offer, Offer.id == Upload.id)
        .where(Offer.arrived.is_(False), Upload.expires_at < now() - PARTS_LAST)
        .limit(_CHUNK)
    )


class UploadSweeper:
    """Clears staging of what is not wanted any more (a step for `Background`).

    That is: packages that the repository has, of offers that were returned or withdrawn, in which
    a mark of classification was found, and parts of uploads that nobody went on with.
    """

    def __init__(self, database: Database, staging: Staging) -> None:
        self._database = database
        self._staging = staging

    def step(self) -> bool:
        """Clear some; True when there may be more."""
        with self._database.read() as session:
            # Whoever looks only takes nobody's turn to write.
            if not (session.scalars(_DONE).first() or session.scalars(_stale()).first()):
                return False
        with self._database.write() as session:
            done = list(session.scalars(_DONE))
            # One that is granted anew right now is not stale.
            stale = list(session.scalars(_stale().with_for_update(of=Upload, skip_locked=True)))
            for upload in stale:
                upload.token_digest = _CLEARING
            ids = [offer.id for offer in done] + [upload.id for upload in stale]
            for offer in done:
                forget_upload(session, offer.id)
        # What says so goes last: a kill before it only means that they are cleared again. Until
        # then nobody is granted an upload whose parts are being cleared.
        for offer_id in ids:
            self._staging.abort(offer_id)
        with self._database.write() as session:
            for upload in stale:
                forget_upload(session, upload.id)
            for offer in session.scalars(
                select(Offer).where(Offer.id.in_([each.id for each in done]))
            ):
                offer.staged = False
        return len(ids) >= _CHUNK
