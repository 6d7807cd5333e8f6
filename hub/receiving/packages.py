"""Opening an offered package for a look, wherever its bytes are now."""

from __future__ import annotations

import io
import mimetypes
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from sqlalchemy.orm import Session

from hub.federation.places import HubFolder
from hub.receiving.models import Batch, Offer, OfferState
from hub.repository import service as repository
from shared.kernel.errors import NotFound
from shared.kernel.files import chunks
from shared.packaging import Package, open_package

_IN_MEMORY = 8 * 1024 * 1024


@contextmanager
def opened(folder: HubFolder, offer: Offer, inline: bytes | None) -> Iterator[Package]:
    """The package of an offer, opened as if an enemy had made it. Raises NotFound, Invalid."""
    with tempfile.TemporaryDirectory(prefix="danglian-look-") as temporary:
        path = Path(temporary) / "package.zip"
        with _bytes_of(folder, offer, inline) as source, path.open("wb") as copy:
            for piece in chunks(source):
                copy.write(piece)
        with open_package(path) as package:
            yield package


def _bytes_of(folder: HubFolder, offer: Offer, inline: bytes | None) -> BinaryIO:
    if inline is not None:
        return io.BytesIO(inline)
    if offer.state == OfferState.RECEIVED:
        with folder.database().read() as session:
            kept = _kept(offer, session)
        return folder.store.open(kept)
    if not offer.arrived or not offer.staged:
        raise NotFound(
            "这件的数据包不在平台上。",
            "未通过的数据包办结后即清除；如需查阅，请联系移交单位。",
        )
    return folder.staging.open_whole(offer.id)


def _kept(offer: Offer, session: Session) -> str:
    batch = session.get_one(Batch, offer.batch_id)
    return repository.package_name(batch.receiving_archive, offer.record_id, offer.package_sha256)


def file_of(
    folder: HubFolder, offer: Offer, file_id: str, *, inline: bytes | None
) -> tuple[BinaryIO, str, str]:
    """One computer file of an offer: its bytes (to be closed), name, and media type."""
    with opened(folder, offer, inline) as package:
        names = {file.id: file.name for file in package.record.files}
        if file_id not in names:
            raise NotFound("这件档案没有这个文件。", "请刷新页面后再试。")
        copy = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
        with package.open_file(file_id) as stream:
            for piece in chunks(stream):
                copy.write(piece)
    copy.seek(0)
    name = names[file_id]
    return cast(BinaryIO, copy), name, mimetypes.guess_type(name)[0] or "application/octet-stream"
