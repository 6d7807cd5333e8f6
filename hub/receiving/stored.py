"""What the store alone says of a batch that was received: its receipt, and every package of it.

Reads the store and no database. Everything is checked anew, as if an enemy had written it: the
archive's seal on the receipt and beside each package, and every byte of the packages.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hub.receiving import seal_evidence
from hub.receiving.evidence import require_signature
from hub.receiving.finishing import is_slip, slip_of
from hub.receiving.seal_evidence import SealEvidence
from hub.repository import service as repository
from hub.repository.examining import Stores
from hub.repository.objects import folder_of
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

    def __init__(self, code: str, problem: str, remedy: str, *, reason: str = "") -> None:
        super().__init__(problem)
        self.ailment = Ailment(code, problem, remedy)
        #: What is wrong with the one object that it is about, in a few words.
        self.reason = reason


@dataclass(frozen=True)
class StoredRecord:
    """One received record: the line of the receipt, the record as it was frozen, its place."""

    line: dict[str, Any]
    manifest: Manifest
    wire: dict[str, Any]
    placed: Placed


@dataclass(frozen=True)
class LeftOut:
    """A record of a receipt whose object is not whole: its line, and what is wrong."""

    line: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Destroyed:
    """A record of a receipt that the archive has destroyed since: its line, and its tombstone."""

    line: dict[str, Any]
    stone: dict[str, Any]

    @property
    def record_id(self) -> str:
        """The record that it was."""
        return str(self.line["record_id"])


@dataclass(frozen=True)
class StoredBatch:
    """A batch as the store has it: the signed receipt with its evidence, what is whole, the rest.

    Records are left out only of a batch that had been received to its end.
    """

    receipt: dict[str, Any]
    records: list[StoredRecord]
    evidence: SealEvidence | None = None
    left_out: list[LeftOut] = field(default_factory=list)
    destroyed: list[Destroyed] = field(default_factory=list)

    @property
    def about(self) -> str:
        """How people know it."""
        return about(self.receipt)

    @property
    def fonds_id(self) -> str:
        """The fonds that any of its packages or tombstones names: a batch is of one fonds."""
        if self.records:
            return self.records[0].manifest.fonds_id
        return str(self.destroyed[0].stone["record"]["fonds_id"])


def tell_left_out(stored: StoredBatch) -> list[Ailment]:
    """What to say of the records that were left out, by name: that their batch is incomplete."""
    codes = {item["offer_id"]: item["code"] for item in stored.receipt["form"]["items"]}
    return [
        Ailment(
            "record_left_out",
            f"{stored.about}没有补全：缺 {codes.get(each.line['offer_id']) or '（未编号）'}"
            f"（{each.line['record_id']}），{each.reason}。其余各件照常补回。",
            "保留现场，从另一份备份拷回它在馆藏里的目录 "
            f"{folder_of(stored.receipt['archive'], each.line['record_id'])}，"
            "再运行 danglian hub recover。",
        )
        for each in stored.left_out
    ]


def about(receipt: dict[str, Any]) -> str:
    """How people know the batch of a receipt: its fonds, its title, how many records."""
    form = receipt["form"]
    return f"{form['fonds']['name']}“{form['title']}”（{len(receipt['offers'])} 件）"


def read_batch(
    stores: Stores,
    archive_code: str,
    receipt_id: str,
    seals: Sequence[PublicKey],
    *,
    finished: bool,
    gone: Mapping[str, dict[str, Any]] = MappingProxyType({}),
    wanted: Collection[str] | None = None,
) -> StoredBatch:
    """A received batch from the store, or those of its offers that are `wanted`.

    What is damaged is brought back from the second store first, where there is one. Of a batch that
    was `finished` (it has its line in the accession register) a record that is not whole is left
    out; one that was never received to its end counts only as a whole. `gone` has the tombstones
    that count, by record. Raises NotRestored, naming
    what is wrong, also when nothing of a whole batch is.
    """
    receipt = _receipt(stores.first, archive_code, receipt_id, seals)
    records: list[StoredRecord] = []
    left_out: list[LeftOut] = []
    destroyed: list[Destroyed] = []
    first: NotRestored | None = None
    for line in receipt["offers"]:
        if wanted is not None and line["offer_id"] not in wanted:
            continue
        if line["record_id"] in gone:
            destroyed.append(Destroyed(line, gone[line["record_id"]]))
            continue
        try:
            records.append(_record_or_copy(stores, receipt, line, seals))
        except NotRestored as problem:
            if not finished:
                raise
            first = first or problem
            left_out.append(LeftOut(line, problem.reason))
    if first is not None and not records and not destroyed and wanted is None:
        raise first
    if len({each.manifest.fonds_id for each in records}) > 1:
        raise _damaged(about(receipt), "各件不属于同一个全宗")
    evidence = seal_evidence.stored(stores.first, archive_code, receipt_id)
    return StoredBatch(receipt, records, evidence, left_out, destroyed)


def _record_or_copy(
    stores: Stores, receipt: dict[str, Any], line: dict[str, Any], seals: Sequence[PublicKey]
) -> StoredRecord:
    try:
        return _record(stores.first, receipt, line, seals)
    except NotRestored:
        if stores.second is None or not repository.mend_object(
            stores, receipt["archive"], line["record_id"]
        ):
            raise
    return _record(stores.first, receipt, line, seals)


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
            reason="数据包或它旁边的接收凭证不见了",
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
        reason=problem,
    )
