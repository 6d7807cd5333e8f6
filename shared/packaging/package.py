"""Opening a package as if an enemy had made it.

The ZIP is taken apart by `layout`, strictly: what it cannot account for byte by byte is refused
before anything is unpacked. After that every entry is read with its declared size as the limit
and its declared digest as the proof.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self, cast

from shared.kernel.digests import DigestAside
from shared.kernel.errors import Invalid, NotFound
from shared.kernel.files import CHUNK, chunks
from shared.packaging.build import PackageIdentity
from shared.packaging.entry_streams import BadPackage, Told, Verified
from shared.packaging.layout import check_layout
from shared.packaging.manifest import (
    CONTENT,
    EEP,
    MANIFEST,
    METADATA,
    RECORD,
    SIGNATURE,
    Manifest,
    PackageEntry,
    read_json,
)
from shared.packaging.member import member_stream, place_in
from shared.packaging.wrapped import FileStream, ForwardText, wrapped_stream
from shared.records.record import Record, record_from_wire

#: The small entries are read whole; none of ours comes near this.
_MOST_SMALL = 32 * 1024 * 1024
_MOST_PACKAGE = 1 << 40


class Entries(Protocol):
    """Named bytes with their sizes: those of a ZIP, of a folder, or some of a larger tree."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The names, in their order, each with its size."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """The bytes under a name, at most as many as its size says. Raises Invalid."""

    def close(self) -> None:
        """Let go of what is held."""


class LoosePackage:
    """A package over whatever holds its entries: manifest, record, files as verified streams."""

    def __init__(self, entries: Entries) -> None:
        """Raise Invalid when the entries are not exactly those of the manifest."""
        self._entries = entries
        self._listed: dict[str, PackageEntry] = {}
        self.manifest_bytes = self._small(MANIFEST)
        self.manifest = Manifest.from_bytes(self.manifest_bytes)
        self._listed = {entry.path: entry for entry in self.manifest.entries}
        self._check_listed()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the entries."""
        self._entries.close()

    @property
    def is_wrapped(self) -> bool:
        """Whether its files lie in a package of DA/T 48 (EEP)."""
        return self.manifest.eep is not None

    @property
    def names(self) -> list[str]:
        """The entries as they lie in the package."""
        return list(self._entries.sizes)

    @cached_property
    def record_bytes(self) -> bytes:
        """The exact bytes of record.json."""
        return self._small(RECORD)

    @cached_property
    def record_wire(self) -> dict[str, Any]:
        """The record as plain values, unchecked. Raises Invalid when it is no JSON object."""
        return read_json(self.record_bytes, RECORD)

    @cached_property
    def record(self) -> Record:
        """The record, checked. Raises Invalid or Classified."""
        return record_from_wire(self.record_wire)

    @cached_property
    def metadata_bytes(self) -> bytes:
        """The exact bytes of metadata.xml (DA/T 46-2009)."""
        return self._small(METADATA)

    @cached_property
    def signature_bytes(self) -> bytes:
        """The exact bytes of signature.json."""
        return self._small(SIGNATURE)

    @cached_property
    def signature(self) -> dict[str, Any]:
        """The unit's seal as it stands in signature.json, unchecked. Raises Invalid."""
        return read_json(self.signature_bytes, SIGNATURE)

    @property
    def seal_signature(self) -> bytes:
        """The DER signature over the manifest. Raises Invalid."""
        try:
            return bytes.fromhex(str(self.signature["signature"]))
        except (KeyError, ValueError):
            raise Invalid(
                SIGNATURE, "信息包的签名写法不正确。", "请由移交单位重新生成信息包。"
            ) from None

    @property
    def files(self) -> dict[str, PackageEntry]:
        """The entries of computer files, by their ids in the record."""
        return {entry.file_id: entry for entry in self.manifest.entries if entry.file_id}

    def size_of(self, path: str) -> int:
        """The unpacked size of an entry as its holder says. Raises NotFound."""
        entry = self._listed.get(path)
        if entry is not None and entry.at is not None:
            return entry.size
        size = self._entries.sizes.get(path)
        if size is None:
            raise _absent(path)
        return size

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """An entry's bytes; the last read raises Invalid if they are not the listed ones."""
        entry = self._listed.get(path)
        if entry is None:
            raise _absent(path)
        with self.open_raw(path) as stream:
            verified = Verified(stream, entry)
            yield cast(BinaryIO, io.BufferedReader(verified, CHUNK))

    @contextmanager
    def open_file(self, file_id: str) -> Iterator[BinaryIO]:
        """A computer file's bytes, verified while they are read. Raises NotFound, Invalid."""
        entry = self.files.get(file_id)
        if entry is None:
            raise _absent(file_id)
        with self.open(entry.path) as stream:
            yield stream

    @contextmanager
    def open_raw(self, path: str) -> Iterator[BinaryIO]:
        """An entry's bytes as they are, at most as many as declared; for those who digest them."""
        self.size_of(path)
        entry = self._listed.get(path)
        if entry is not None and entry.at is not None:
            with self._unwrapped(entry, entry.at) as stream:
                yield stream
            return
        with self._entries.open(path) as stream:
            yield stream

    @contextmanager
    def open_eep(self) -> Iterator[BinaryIO]:
        """The package of DA/T 48 inside, to seek in.

        Raises NotFound where the files lie by themselves, Invalid for bytes that are not the
        listed ones.
        """
        with tempfile.TemporaryFile() as copy, self.open(self._eep.path) as stream:
            for piece in chunks(stream):
                copy.write(piece)
            copy.seek(0)
            yield copy

    @property
    def _eep(self) -> PackageEntry:
        if self.manifest.eep is None:
            raise _absent(EEP)
        return self.manifest.eep

    @contextmanager
    def _unwrapped(self, entry: PackageEntry, at: int) -> Iterator[BinaryIO]:
        """A file out of the EEP, whose text is read in order."""
        with self._entries.open(EEP) as stream:
            yield wrapped_stream(ForwardText(stream), at, entry)

    def _small(self, name: str) -> bytes:
        if self.size_of(name) > _MOST_SMALL:
            raise Invalid(
                name, f"信息包中的 {name} 过大。", "请由移交单位重新生成信息包。", code="too_large"
            )
        with self.open_raw(name) as stream:
            return stream.read()

    def _check_listed(self) -> None:
        paths = [entry.path for entry in self.manifest.entries]
        wanted = {MANIFEST, RECORD, METADATA, SIGNATURE}
        if len(set(paths)) != len(paths) or not {RECORD, METADATA} <= set(paths):
            raise BadPackage("清单中有重复的条目，或缺少必有的条目", "bad_manifest")
        for entry in self.manifest.entries:
            is_content = entry.path.startswith(CONTENT)
            is_in_eep = entry.at is not None
            if (
                is_content != (entry.file_id is not None)
                or is_in_eep != (is_content and self.is_wrapped)
                or (not is_content and entry.path not in (RECORD, METADATA, EEP))
            ):
                raise BadPackage(f"清单中的条目“{entry.path}”不在规定的位置", "bad_manifest")
        ids = [entry.file_id for entry in self.manifest.entries if entry.file_id]
        if len(set(ids)) != len(ids):
            raise BadPackage("清单中同一计算机文件出现两次", "bad_manifest")
        lying = {entry.path: entry for entry in self.manifest.entries if entry.at is None}
        if more := sorted(set(self._entries.sizes) - set(lying) - wanted):
            raise BadPackage(f"信息包中有清单以外的内容（共 {len(more)} 项）", "entry_not_listed")
        if less := sorted((set(lying) | wanted) - set(self._entries.sizes)):
            raise BadPackage(f"信息包缺少“{less[0]}”等 {len(less)} 项", "entry_missing")
        for entry in lying.values():
            actual = self._entries.sizes[entry.path]
            if actual != entry.size:
                raise BadPackage(
                    f"“{entry.path}”应为 {entry.size} 字节，实为 {actual}", "entry_size_differs"
                )


class _ZipEntries:
    """The entries of a ZIP whose layout was checked."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.sizes = {info.filename: info.file_size for info in archive.infolist()}

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._archive.open(name) as stream:
            yield cast(BinaryIO, io.BufferedReader(Told(stream.read, name), CHUNK))

    def close(self) -> None:
        self._archive.close()


class _Heard:
    """A file that is digested whole while it is read in order, and the rest when that is asked for.

    So to verify each entry and the package itself takes one reading. Where its identity is known it
    is not digested at all.
    """

    def __init__(self, source: BinaryIO, known: PackageIdentity | None) -> None:
        self._source = source
        self._known = known
        self._digest = DigestAside(hashlib.sha256())
        self._digested = 0
        self.seek = source.seek
        self.tell = source.tell
        self.close = source.close

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        at = self._source.tell()
        piece = self._source.read(size)
        if self._known is None and at <= self._digested < at + len(piece):
            self._digest.update(piece[self._digested - at :])
            self._digested = at + len(piece)
        return piece

    def identity(self) -> PackageIdentity:
        if self._known is not None:
            return self._known
        self._source.seek(self._digested)
        for piece in chunks(self._source):
            self._digest.update(piece)
            self._digested += len(piece)
        return PackageIdentity(self._digest.hexdigest(), self._digested)


class Package(LoosePackage):
    """An open package as it travels: one ZIP."""

    def __init__(self, source: _Heard, archive: zipfile.ZipFile) -> None:
        self._heard = source
        self._source = cast(BinaryIO, source)
        self._archive = archive
        super().__init__(_ZipEntries(archive))

    def close(self) -> None:
        """Let go of the file."""
        super().close()
        self._source.close()

    @cached_property
    def identity(self) -> PackageIdentity:
        """SHA-256 and size of the whole package (reads what was not read yet)."""
        return self._heard.identity()

    def lend_file(self, file_id: str) -> BinaryIO:
        """A computer file to seek in, read where it lies; closing it closes the package.

        Raises NotFound; reading raises Invalid, see `member_stream`.
        """
        entry = self.files.get(file_id)
        if entry is None:
            raise _absent(file_id)
        if entry.at is not None:
            return wrapped_stream(self._eep_text, entry.at, entry, close=self.close)
        start = self._place_of(entry.path)
        return member_stream(self._source, start, entry.size, entry.sha256, close=self.close)

    @contextmanager
    def open_eep(self) -> Iterator[BinaryIO]:
        """The package of DA/T 48 inside, read where it lies. Raises as in `LoosePackage`."""
        entry = self._eep
        start = self._place_of(EEP)
        yield member_stream(self._source, start, entry.size, entry.sha256, close=lambda: None)

    @contextmanager
    def _unwrapped(self, entry: PackageEntry, at: int) -> Iterator[BinaryIO]:
        """A file out of the EEP, whose text is read where the file begins."""
        yield wrapped_stream(self._eep_text, at, entry)

    @cached_property
    def _eep_text(self) -> FileStream:
        return FileStream(self._source, self._place_of(EEP), self.size_of(EEP))

    def _place_of(self, path: str) -> int:
        info = self._archive.getinfo(path)
        if info.compress_type != zipfile.ZIP_STORED:
            raise BadPackage("文件在信息包中是压缩的，不能直接查看", "bad_compression")
        return place_in(self._source, info)


def open_package(
    source: Path | BinaryIO,
    *,
    most_bytes: int = _MOST_PACKAGE,
    identity: PackageIdentity | None = None,
) -> Package:
    """Open a package for reading; close it, or use it in a `with` block.

    `source` is a file, or a stream to seek in, which is closed with the package. `identity` is what
    the caller found when it digested these very bytes; they are not read again for it.

    Checked here: the ZIP accounts for every one of its bytes; at most 10,000 entries; stored or
    deflated, unpacking to at most 100 times and `most_bytes` in all; names without paths out,
    look-alikes or links; no encryption; exactly the entries of the manifest, with their sizes.
    What the entries hold is checked by `verify_package` and while they are read.

    Raises:
        Invalid: it is not such a package.
        NotFound: there is no file.
    """
    try:
        stream = source.open("rb") if isinstance(source, Path) else source
    except FileNotFoundError:
        raise _absent(Path(str(source)).name) from None
    try:
        check_layout(stream, most_bytes=most_bytes)
        heard = _Heard(stream, identity)
        return Package(heard, zipfile.ZipFile(cast(BinaryIO, heard)))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        stream.close()
        raise BadPackage("信息包不是完整的 ZIP 文件", "bad_zip") from error
    except BaseException:
        stream.close()
        raise


def _absent(name: str) -> NotFound:
    return NotFound(f"信息包中没有“{name}”。", "请由移交单位重新生成信息包。")
