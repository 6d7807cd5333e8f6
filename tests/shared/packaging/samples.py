"""A unit with a fonds, its seal, and records with files, to build packages from."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.packaging import PackageIdentity, build_package
from shared.records.divisions import Level
from shared.records.fonds import Fonds, FondsName
from shared.records.record import ComputerFile, Document, Event, FileKind, Record, content_digest

FONDS_NUMBER = "A182"
ARCHIVE = "420500"


def sound_pdf(text: str = "Hello") -> bytes:
    """A small PDF 1.4 with two pages and a right table of references."""
    stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode()
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2/Resources<</Font<</F1 6 0 R>>>>>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>",
        b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 4 0 R>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    whole, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(whole))
        whole += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(whole)
    whole += b"xref\n0 7\n0000000000 65535 f \n" + table
    return whole + b"trailer\n<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % start


@dataclass
class Unit:
    """A unit that keeps records, with their files in a folder by digest."""

    folder: Path
    seal: SigningKey = field(default_factory=SigningKey.generate)
    fonds: Fonds = field(
        default_factory=lambda: Fonds(
            new_id(),
            (FondsName("宜昌市财政局"),),
            "宜昌市财政局",
            "420500000000",
            Level.CITY,
            {ARCHIVE: FONDS_NUMBER},
            receiving_archive=ARCHIVE,
        )
    )

    def file(self, name: str, content: bytes | None = None) -> ComputerFile:
        content = sound_pdf(name.encode().hex()) if content is None else content
        digest = hashlib.sha256(content).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / digest).write_bytes(content)
        form = name.rpartition(".")[2].lower()
        return ComputerFile(new_id(), name, len(content), digest, form, FileKind.BORN_DIGITAL)

    def record(self, *files: ComputerFile, **changes: Any) -> Record:
        files = files or (self.file("关于2024年预算的通知.pdf"),)
        record = Record(
            new_id(),
            self.fonds.id,
            "WS",
            2024,
            "D30",
            "关于下达2024年部门预算的通知",
            version=3,
            organ="BGS",
            organ_name="办公室",
            number=12,
            code=f"{FONDS_NUMBER}-WS·2024-D30-BGS-0012",
            doc_no="宜财预〔2024〕3号",
            author="宜昌市财政局",
            date=date(2024, 3, 5),
            pages=2,
            state="offered",
            documents=(Document(new_id(), "正本", None, 1, files),),
            events=(
                Event(
                    new_id(), "归档", datetime(2024, 6, 1, 2, 3, 4, tzinfo=UTC), "张三",
                    "宜昌市财政局",
                ),
            ),
        )  # fmt: skip
        return replace(record, **changes)

    def paths(self, record: Record) -> dict[str, Path]:
        return {file.id: self.folder / file.sha256 for file in record.files}

    def package(self, record: Record, target: Path, **more: Any) -> PackageIdentity:
        options = {"offer_id": new_id(), "unit": "宜昌市财政局", "fonds": self.fonds, **more}
        return build_package(record, self.paths(record), seal=self.seal, target=target, **options)

    def offer(self, record: Record, offer_id: str, identity: PackageIdentity) -> dict[str, Any]:
        return {
            "offer_id": offer_id,
            "batch_id": new_id(),
            "record_id": record.id,
            "record_version": record.version,
            "record_digest": content_digest(record),
            "package": {"sha256": identity.sha256, "size": identity.size, "inline": None},
        }


def codes(found: list[object]) -> list[str]:
    return [each.code for each in found]  # type: ignore[attr-defined]


def rewrite(
    source: Path,
    target: Path,
    change: Callable[[str, bytes], bytes | None],
    method: int = zipfile.ZIP_STORED,
) -> None:
    """A package like `source` in the same strict layout, with entries changed or left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content = change(info.filename, old.read(info))
            if content is not None:
                copy = zipfile.ZipInfo(info.filename, info.date_time)
                copy.external_attr, copy.create_system = info.external_attr, 3
                copy.compress_type = method
                new.writestr(copy, content)
