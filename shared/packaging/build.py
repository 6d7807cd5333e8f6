"""Building a package: one record with its files, sealed by its unit, in one stored ZIP."""

from __future__ import annotations

import hashlib
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from shared.kernel.canonical import canonical_json, sha256_hex, sm3_hex
from shared.kernel.digests import digests_of
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.files import chunks, file_sha256
from shared.kernel.keys import Seal
from shared.packaging.manifest import (
    CONTENT,
    DIGEST_ALGORITHM,
    EEP,
    ENTRY_DIGESTS,
    MANIFEST,
    METADATA,
    RECORD,
    SIGNATURE,
    SIGNATURE_ALGORITHM,
    Manifest,
    PackageEntry,
)
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.metadata import describe, to_xml
from shared.records.record import (
    ComputerFile,
    Record,
    content_digest,
    record_from_wire,
    record_to_wire,
)
from shared.records.text import FILE_NAME_LENGTH
from shared.storage.temporary import sweep_leftovers, telling_of_trouble, temporary_file

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3
_BUILDING = ".building"


#: Writes a package of DA/T 48 of a record to a stream; says where the Base64 of each file begins.
Wrap = Callable[[Record, BinaryIO], Mapping[str, int]]


@dataclass(frozen=True)
class PackageIdentity:
    """What names a package: the SHA-256 of its bytes, and how many they are."""

    sha256: str
    size: int


def build_package(
    record: Record | Mapping[str, Any],
    files: Mapping[str, Path],
    *,
    offer_id: str,
    unit: str,
    fonds: Fonds,
    seal: Seal,
    target: Path,
    archive: Archive | None = None,
    signature: bytes | None = None,
    wrap: Wrap | None = None,
) -> PackageIdentity:
    """Write the package of one offer to `target`, whole or not at all, with flat memory.

    Same inputs give the same bytes, except for the seal: SM2 (GB/T 32918) signs with a random
    number. So the identity of a package is fixed when it is first built, and the caller keeps the
    built file by its digest. To build the same file again, hand in the `signature` that
    `open_package(first).seal_signature` gives.

    Args:
        record: the record as it is offered (also as its wire object).
        files: where the bytes of each computer file lie, by file id; none more, none less.
        offer_id: the offer that this package belongs to.
        unit: name of the unit that offers.
        fonds: the record's fonds.
        seal: the unit's seal.
        target: the file to write; an old one is replaced.
        archive: the archive that keeps the record, once it does.
        signature: the seal's signature of an earlier build over the same manifest.
        wrap: puts the files into a package of DA/T 48 (`wrapping`), where the archive wants one.

    Raises:
        Classified: a text bears a mark of classification.
        Invalid: the record is not well-formed, or a file differs from what the record says.
        NotFound: the bytes of a file are not there.
        Unavailable: the disk is full; nothing is left behind.
    """
    building = target.parent / _BUILDING
    with telling_of_trouble(), ExitStack() as stack:
        wrapped = None
        if wrap is not None:
            eep = stack.enter_context(temporary_file(building))
            places = wrap(_whole(record), eep.stream)
            eep.stream.flush()
            wrapped = Wrapped(eep.path, places)
        sealed = seal_record(
            record,
            files,
            offer_id=offer_id,
            unit=unit,
            fonds=fonds,
            seal=seal,
            archive=archive,
            signature=signature,
            wrapped=wrapped,
        )
        temporary = stack.enter_context(temporary_file(building))
        with zipfile.ZipFile(temporary.stream, "w", zipfile.ZIP_STORED) as archive_file:
            for name, content in sealed.described:
                archive_file.writestr(zip_info(name, len(content)), content)
            for entry, source in sealed.contents:
                copy_entry(archive_file, entry, source)
            archive_file.writestr(zip_info(SIGNATURE, len(sealed.signature)), sealed.signature)
        temporary.stream.flush()
        identity = PackageIdentity(file_sha256(temporary.path), temporary.path.stat().st_size)
        temporary.replace(target)
    sweep_leftovers(building)
    return identity


@dataclass(frozen=True)
class Wrapped:
    """A package of DA/T 48 that was written: where it lies, and where in it each file begins."""

    path: Path
    places: Mapping[str, int]


@dataclass(frozen=True)
class Sealed:
    """All of a package before it lies anywhere: the exact bytes, and where its files are."""

    manifest: bytes
    record: bytes
    metadata: bytes
    signature: bytes
    contents: tuple[tuple[PackageEntry, Path], ...]

    @property
    def described(self) -> Iterator[tuple[str, bytes]]:
        """The entries that come before the files."""
        yield from (
            (MANIFEST, self.manifest),
            (RECORD, self.record),
            (METADATA, self.metadata),
        )


def seal_record(
    record: Record | Mapping[str, Any],
    files: Mapping[str, Path],
    *,
    offer_id: str,
    unit: str,
    fonds: Fonds,
    seal: Seal,
    archive: Archive | None = None,
    signature: bytes | None = None,
    wrapped: Wrapped | None = None,
) -> Sealed:
    """What `build_package` writes, with the same arguments; raises the same.

    `wrapped` is the package of DA/T 48 that has the files instead.
    """
    whole = _whole(record)
    if whole.fonds_id != fonds.id:
        raise Invalid("fonds", "档案不属于这个全宗。", "请检查全宗后重新生成信息包。")
    record_bytes = canonical_json(record_to_wire(whole))
    metadata = to_xml(describe(whole, fonds, archive=archive))
    contents = _contents(whole, files)
    listed = [entry for entry, _source in contents]
    if wrapped is not None:
        (sha256, sm3), size = file_digests(wrapped.path)
        eep = PackageEntry(EEP, size, sha256, sm3)
        listed = [eep, *(replace(each, at=wrapped.places[str(each.file_id)]) for each in listed)]
        contents = [(eep, wrapped.path)]
    manifest = Manifest(
        offer_id=offer_id,
        record_id=whole.id,
        record_version=whole.version,
        record_digest=content_digest(whole),
        fonds_id=fonds.id,
        fonds_number=fonds.number_in(archive.code) if archive else fonds.number,
        fonds_name=fonds.name,
        unit=unit,
        created_by=_created_by(),
        entries=(
            _entry_of_bytes(RECORD, record_bytes),
            _entry_of_bytes(METADATA, metadata),
            *listed,
        ),
    ).to_bytes()
    sealed = _sealed(manifest, seal, signature)
    return Sealed(manifest, record_bytes, metadata, sealed, tuple(contents))


def _whole(record: Record | Mapping[str, Any]) -> Record:
    return record_from_wire(record_to_wire(record) if isinstance(record, Record) else record)


def distinct_names(names: Iterable[str]) -> list[str]:
    """The names, each made distinct from those before it: `报告.pdf`, `报告 (2).pdf`.

    Names that differ by case or by Unicode composition alone count as the same: on Windows and
    macOS they would overwrite each other.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        stem, dot, extension = name.rpartition(".")
        if not stem:
            stem, dot, extension = name, "", ""
        chosen, number = unicodedata.normalize("NFC", name), 1
        while fold(chosen) in taken:
            number += 1
            tail = f" ({number}){dot}{extension}"
            chosen = unicodedata.normalize("NFC", stem[: FILE_NAME_LENGTH - len(tail)] + tail)
        taken.add(fold(chosen))
        found.append(chosen)
    return found


def fold(name: str) -> str:
    """The form in which two names that some file system takes for one are equal."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _contents(record: Record, files: Mapping[str, Path]) -> list[tuple[PackageEntry, Path]]:
    sources = sources_of(record, files)
    found = []
    for place, document in enumerate(sorted(record.documents, key=lambda each: each.order), 1):
        names = distinct_names(file.name for file in document.files)
        for file, name in zip(document.files, names, strict=True):
            path = sources[file.id]
            (sha256, sm3), size = file_digests(path)
            if size != file.size or sha256 != file.sha256:
                raise file_changed(file.name)
            entry = PackageEntry(f"{CONTENT}{place:02d}/{name}", size, sha256, sm3, file.id)
            found.append((entry, path))
    return found


def sources_of(
    record: Record, files: Mapping[str, Path], needed: Iterable[ComputerFile] | None = None
) -> dict[str, Path]:
    """Where the bytes of the needed computer files of the record (of all) lie, by file id; unread.

    Raises Invalid for a file that the record does not have, NotFound for one that is not there.
    """
    if more := set(files) - {file.id for file in record.files}:
        raise Invalid(
            "documents",
            f"有 {len(more)} 个计算机文件未在档案中登记。",
            "请先登记，或从移交内容中去掉。",
            code="file_not_in_record",
        )
    found = {}
    for file in record.files if needed is None else needed:
        path = files.get(file.id)
        if path is None or not path.is_file():
            raise NotFound(
                f"缺少计算机文件“{file.name}”。",
                "请重新上传该文件后再生成信息包。",
                code="file_missing",
                field="documents",
            )
        found[file.id] = path
    return found


def file_digests(path: Path) -> tuple[list[str], int]:
    """SHA-256 and SM3, and the size of a file, in one reading."""
    with path.open("rb") as stream:
        return digests_of(stream, ENTRY_DIGESTS)


@cache
def _created_by() -> str:
    """This program; to look its version up takes longer than to sign."""
    return f"danglian/{version('danglian')}"


def file_changed(name: str) -> Invalid:
    """What to raise when a file is not what the record says of it."""
    return Invalid(
        "documents",
        f"计算机文件“{name}”的内容与登记的大小或摘要不符。",
        "文件可能已损坏或被改动，请从备份恢复，或重新登记该文件。",
        code="file_changed",
    )


def _entry_of_bytes(path: str, content: bytes) -> PackageEntry:
    return PackageEntry(path, len(content), sha256_hex(content), sm3_hex(content))


def _sealed(manifest: bytes, seal: Seal, signature: bytes | None) -> bytes:
    if signature is None:
        signature = seal.sign(manifest)
    elif not seal.public.verifies(manifest, signature):
        raise Invalid(
            "signature", "已有的签名不是本单位印章对此清单的签名。", "请不带签名重新生成信息包。"
        )
    return canonical_json(
        {
            "signs": MANIFEST,
            "digest_algorithm": DIGEST_ALGORITHM,
            "signature_algorithm": SIGNATURE_ALGORITHM,
            "key": seal.public.id,
            "public_key": seal.public.hex,
            "signature": signature.hex(),
        }
    )


def zip_info(name: str, size: int) -> zipfile.ZipInfo:
    """An entry of a ZIP as ours are written: stored, without a time, a plain file."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = _UNIX
    info.external_attr = _REGULAR_FILE
    info.file_size = size
    return info


def copy_entry(archive_file: zipfile.ZipFile, entry: PackageEntry, source: Path) -> None:
    """Copy a file into a ZIP. Raises Invalid when it is not what the entry says (any more)."""
    digest = hashlib.sha256()
    with (
        source.open("rb") as stream,
        archive_file.open(zip_info(entry.path, entry.size), "w") as to,
    ):
        _pour(stream, to, digest)
    if digest.hexdigest() != entry.sha256:  # changed between the two readings
        raise file_changed(source.name)


def _pour(stream: BinaryIO, to: Any, digest: Any) -> None:
    for piece in chunks(stream):
        to.write(piece)
        digest.update(piece)
