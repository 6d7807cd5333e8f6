"""Opening an offered package for a look, wherever its bytes are now."""

from __future__ import annotations

import io
import mimetypes
from typing import BinaryIO

from sqlalchemy.orm import Session

from hub.federation.places import HubFolder
from hub.receiving.models import Batch, Offer, OfferState
from hub.repository import service as repository
from shared.kernel.errors import Classified, NotFound, WrongState
from shared.packaging import open_package


def is_marked(offer: Offer) -> bool:
    """Whether its check found a mark of classification: then nobody looks at it any more."""
    return Classified.code in offer.finding_codes


def _bytes_of(folder: HubFolder, offer: Offer, inline: bytes | None) -> BinaryIO:
    if inline is not None:
        return io.BytesIO(inline)
    if offer.state == OfferState.RECEIVED:
        with folder.database().read() as session:
            kept = _kept(offer, session)
        return folder.store.open(kept)
    if not offer.arrived or not offer.staged or is_marked(offer):
        raise NotFound(
            "这件的数据包不在平台上。",
            "未通过的数据包办结后即清除；如需查阅，请联系移交单位。",
        )
    return folder.staging.open_whole(offer.id)


def _leave_quarantine(offer: Offer) -> None:
    """Nobody opens what came before it was examined 隔离, nor what bears a virus or a mark."""
    if is_marked(offer):
        raise NotFound("这件带有密级标志，内容不能查看。", "请按保密规定处理。")
    if "virus_found" in offer.finding_codes:
        raise WrongState(
            "这件带有病毒或恶意程序，内容已隔离。",
            "请退回移交单位，清除后重新移交。",
            code="quarantined",
        )
    if offer.checked_at is None and offer.state != OfferState.RECEIVED:
        raise WrongState(
            "这件还在检验，检验完才能查看内容。", "请稍候刷新页面。", code="not_examined_yet"
        )


def _kept(offer: Offer, session: Session) -> str:
    batch = session.get_one(Batch, offer.batch_id)
    return repository.kept_package(batch.receiving_archive, offer.record_id, session=session).name


def file_of(
    folder: HubFolder, offer: Offer, file_id: str, *, inline: bytes | None
) -> tuple[BinaryIO, str, str, int]:
    """One computer file of an offer: its bytes (to be closed), name, media type and size.

    Read where it lies in the package, which is opened as if an enemy had made it. Raises
    WrongState for one in quarantine, NotFound, Invalid.
    """
    _leave_quarantine(offer)
    package = open_package(_bytes_of(folder, offer, inline))
    try:
        found = next((each for each in package.record.files if each.id == file_id), None)
        if found is None:
            raise NotFound("这件档案没有这个文件。", "请刷新页面后再试。")
        stream = package.lend_file(file_id)
    except BaseException:
        package.close()
        raise
    media_type = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
    return stream, found.name, media_type, package.files[file_id].size
