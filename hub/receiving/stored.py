"""What the store alone says of a batch that was received: its receipt, and every package of it.

Reads the store and no database. Everything is checked anew, as if an enemy had written it: the
archive's seal on the receipt and beside each package, and every byte of the packages.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.receiving import seal_evidence
from hub.receiving.evidence import require_signature
from hub.receiving.finishing import is_slip, slip_of
from hub.receiving.seal_evidence import SealEvidence
from hub.repository import service as repository
from hub.repository.service import Placed
from shared.kernel.ailment import Ailment
from shared.kernel.canonical import digest_of, sha256_hex
from shared.kernel.errors import Conflict, DanglianError
from shared.kernel.files import chunks
from shared.kernel.keys import PublicKey
from shared.packaging import Manifest, open_package
from shared.storage import ObjectStore, StoredObject


class NotRestored(Exception):
    """Something in the store that does not count as received; says what, and what to do."""

    def __init__(self, code: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.ailment = Ailment(code, problem, remedy)


@dataclass(frozen=True)
class StoredRecord:
    """One received record: the line of the receipt, the record as it was frozen, its place."""

    line: dict[str, Any]
    manifest: Manifest
    wire: dict[str, Any]
    placed: Placed


@dataclass(frozen=True)
class StoredBatch:
    """A batch as the store has it whole: the signed receipt with its evidence and packages."""

    receipt: dict[str, Any]
    records: list[StoredRecord]
    evidence: SealEvidence | None = None

    @property
    def about(self) -> str:
        """How people know it."""
        return about(self.receipt)

    @property
    def manifest(self) -> Manifest:
        """What any of its packages says of fonds and unit: a batch is of one fonds."""
        return self.records[0].manifest


def about(receipt: dict[str, Any]) -> str:
    """How people know the batch of a receipt: its fonds, its title, how many records."""
    form = receipt["form"]
    return f"{form['fonds']['name']}“{form['title']}”（{len(receipt['offers'])} 件）"


def read_batch(
    store: ObjectStore, archive_code: str, receipt_id: str, seals: Sequence[PublicKey]
) -> StoredBatch:
    """A received batch, whole, from the store. Raises NotRestored, naming what is wrong."""
    receipt = _receipt(store, archive_code, receipt_id, seals)
    records = [_record(store, receipt, line, seals) for line in receipt["offers"]]
    if len({each.manifest.fonds_id for each in records}) != 1:
        raise _damaged(about(receipt), "各件不属于同一个全宗")
    return StoredBatch(receipt, records, seal_evidence.stored(store, archive_code, receipt_id))


def _receipt(
    store: ObjectStore, archive_code: str, receipt_id: str, seals: Sequence[PublicKey]
) -> dict[str, Any]:
    what = f"接收凭证 {receipt_id}"
    try:
        receipt = repository.paper_of(store, archive_code, "receipts", receipt_id)
        if receipt is None:
            raise _damaged(what, "读不到")
        require_signature(seals, receipt, "archive_signature")
    except (DanglianError, ValueError, TypeError) as error:
        raise _damaged(what, getattr(error, "message", "读不懂")) from error
    if (receipt["receipt_id"], receipt["archive"]) != (receipt_id, archive_code) or digest_of(
        receipt["form"]
    ) != receipt["form_digest"]:
        raise _damaged(what, "与存放的位置或所附登记表不符")
    return receipt


def _record(
    store: ObjectStore,
    receipt: dict[str, Any],
    line: dict[str, Any],
    seals: Sequence[PublicKey],
) -> StoredRecord:
    archive_code, record_id = receipt["archive"], line["record_id"]
    name = repository.find_package(store, archive_code, record_id, line["package_sha256"])
    content = repository.receipt_beside(store, archive_code, record_id)
    if content is None or name is None:
        raise NotRestored(
            "batch_incomplete",
            f"{about(receipt)}的数据包在馆藏里还不全（缺 {record_id}），接收没有完成，不算已接收。",
            "启动平台，请该单位联网：它会交回凭证和缺的数据包，平台接着完成。",
        )
    with tempfile.TemporaryDirectory(prefix="danglian-recover-") as folder:
        path = Path(folder) / "package.zip"
        found = _copied(store, name, path)
        if (found.sha256, found.size) != (line["package_sha256"], line["size"]):
            raise _damaged(about(receipt), f"数据包 {name} 的内容变了")
        try:
            with open_package(path) as package:
                manifest, wire = package.manifest, package.record_wire
        except DanglianError as error:
            raise _damaged(about(receipt), f"数据包 {name} 打不开：{error.message}") from error
    slip = slip_of(line, manifest.fonds_id, receipt, digest_of(receipt))
    if not is_slip(content, slip, seals):
        raise _damaged(about(receipt), f"数据包 {name} 旁的接收凭证不是本馆所签，或说的是别的")
    beside = StoredObject(
        repository.receipt_name(name),
        len(content),
        sha256_hex(content),
    )
    placed = Placed(archive_code, record_id, found, beside)
    try:
        repository.settle_package(store, placed, content)
    except Conflict as error:
        raise _damaged(about(receipt), error.message) from error
    return StoredRecord(line, manifest, wire, placed)


def _copied(store: ObjectStore, name: str, path: Path) -> StoredObject:
    digest, size = hashlib.sha256(), 0
    with store.open(name) as source, path.open("wb") as copy:
        for piece in chunks(source):
            digest.update(piece)
            size += len(piece)
            copy.write(piece)
    return StoredObject(name, size, digest.hexdigest())


def _damaged(what: str, problem: str) -> NotRestored:
    return NotRestored(
        "stored_damaged",
        f"{what}：{problem}，不算已接收。",
        "保留现场，从另一份备份拷回 store/ 中的这些文件，再运行一次 danglian hub recover。",
    )
