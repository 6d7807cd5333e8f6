"""Writing packages 封装包: in one go, already canonical, signed while the bytes pass.

Nothing is held but one piece of one file, so a package of any size costs a few megabytes of memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from shared.kernel.clock import format_utc, now
from shared.kernel.digests import DigestAside
from shared.kernel.files import chunks
from shared.packaging.base64_text import PIECE, encoded_lines
from shared.packaging.build import PackageIdentity, file_changed, sources_of
from shared.packaging.eep.canonical import (
    DECLARATION,
    LAST_BYTE,
    CanonicalWriter,
    SignedStretch,
)
from shared.packaging.eep.compose import Composed, compose
from shared.packaging.eep.form import (
    ENCODED,
    ENCODED_ID,
    FORMAT_DESCRIPTION,
    FORMAT_VERSION,
    MODIFIED,
    NAMESPACE,
    ORIGINAL,
    ROOT,
    SIGNED,
    VERSION_ATTRIBUTE,
    identifier,
    kind_content,
    kind_description,
)
from shared.packaging.eep.sign import Making, listen, write_signatures
from shared.packaging.eep.skeleton import layers
from shared.packaging.eep.source import Source, Stretch
from shared.packaging.eep.verify import kept_contents, look_into, require_ours
from shared.records.archives import Archive
from shared.records.fonds import Fonds
from shared.records.metadata import Node
from shared.records.record import ComputerFile, Record


def write_original(
    record: Record,
    files: Mapping[str, Path],
    to: BinaryIO,
    *,
    fonds: Fonds,
    making: Making,
    archive: Archive | None = None,
    noted: Callable[[str, int], object] | None = None,
) -> PackageIdentity:
    """Write an original package 原始型 of a record with its files.

    Args:
        record: a filed record 件 or item 卷内文件.
        files: where the bytes of each computer file lie, by file id; none more, none less.
        to: where it is written; after an error it holds a part, which the caller throws away.
        fonds: the record's fonds.
        making: who makes and signs it.
        archive: the archive that keeps the record, once it does.
        noted: told for each computer file, by its id, at which byte its Base64 begins.

    Raises:
        Invalid: DA/T 48 cannot say this record, or a file differs from what the record says.
        NotFound: the bytes of a file are not there.
    """
    composed = compose(record, fonds, revision=0, archive=archive)
    writing = _Writing(to, making, 0, _read(record, files, composed), noted)
    writing.begin(ORIGINAL)
    writing.start(kind_content(ORIGINAL))
    for block in composed.blocks:
        writing.node(block)
    return writing.finish()


def write_modified(
    original: BinaryIO,
    record: Record,
    files: Mapping[str, Path],
    to: BinaryIO,
    *,
    fonds: Fonds,
    making: Making,
    archive: Archive | None = None,
) -> PackageIdentity:
    """Write a modified package 修改型: the former one inside, around it the record as it is now.

    The former package's signed object and signatures go in byte by byte, so its signatures stay
    good; its lock is left out, as the standard has it. A file that is in there already is referred
    to and not repeated: `files` may leave it out. The other arguments, and what is raised, are as
    in `write_original`; Invalid too when the former package is not sound, was altered, or is of
    another form than ours.
    """
    former = look_into(original)
    require_ours(former)
    newest = layers(former.root)[0]
    revision = newest.revision + 1
    composed = compose(
        record, fonds, revision=revision, archive=archive, kept=kept_contents(former)
    )
    writing = _Writing(to, making, revision, _read(record, files, composed))
    writing.begin(MODIFIED)
    writing.start(kind_content(MODIFIED))
    writing.leaf("修改标识符", identifier("revision", revision=revision))
    parts = (each for each in (newest.signed, newest.signatures) if each is not None)
    writing.wrap(Source(original), [former.scanned.stretches[each] for each in parts])
    writing.start("修订内容")
    for block in composed.blocks:
        writing.node(block)
    writing.close()
    return writing.finish()


def _read(
    record: Record, files: Mapping[str, Path], composed: Composed
) -> dict[str, tuple[ComputerFile, Path]]:
    """The file and its place for each 编码数据 that gets one."""
    wanted = {file.id for file in composed.contents.values()}
    kept = {file.id for file in record.files} - wanted
    given = {key: path for key, path in files.items() if key not in kept}
    needed = [file for file in record.files if file.id in wanted]
    sources = sources_of(record, given, needed)
    return {name: (file, sources[file.id]) for name, file in composed.contents.items()}


class _Writing:
    """One package under way."""

    def __init__(
        self,
        to: BinaryIO,
        making: Making,
        revision: int,
        contents: Mapping[str, tuple[ComputerFile, Path]],
        noted: Callable[[str, int], object] | None = None,
    ) -> None:
        self._to = to
        self._making = making
        self._time = format_utc(making.time or now())
        self._revision = revision
        self._contents = contents
        self._noted = noted
        self._sha256 = DigestAside(hashlib.sha256())
        self._size = 0
        self._xml = CanonicalWriter(self._write)
        self._signed: list[SignedStretch] = []

    def _write(self, piece: bytes) -> None:
        self._to.write(piece)
        self._sha256.update(piece)
        self._size += len(piece)

    def begin(self, kind: str) -> None:
        """Everything up to the content."""
        xml = self._xml
        xml.raw(DECLARATION)
        xml.start(ROOT, (("xmlns", NAMESPACE),))
        xml.leaf("封装包格式描述", FORMAT_DESCRIPTION)
        xml.leaf("版本", FORMAT_VERSION)
        form = self._making.form
        self._signed = [listen(xml, SIGNED, signer, form) for signer in self._making.signers]
        xml.start(SIGNED, ((VERSION_ATTRIBUTE, FORMAT_VERSION),))
        self.leaf("封装包类型", kind)
        self.leaf("封装包类型描述", kind_description(kind))
        self.leaf("封装包创建时间", self._time)
        self.leaf("封装包创建单位", self._making.unit)

    def start(self, name: str) -> None:
        self._xml.line()
        self._xml.start(name)

    def leaf(self, name: str, text: str) -> None:
        self._xml.line()
        self._xml.leaf(name, text)

    def close(self) -> None:
        self._xml.line(-1)
        self._xml.end()

    def node(self, node: Node) -> None:
        """An element with all below it, indented; not so where text and elements are mixed."""
        self._xml.line()
        self._element(node, indented=True)

    def _element(self, node: Node, *, indented: bool) -> None:
        xml = self._xml
        xml.start(node.name, node.attributes)
        if node.name == ENCODED:
            self._content(dict(node.attributes)[ENCODED_ID])
        elif node.value is not None:
            xml.text(node.value)
        indented = indented and node.value is None
        for child in node.children:
            if indented:
                xml.line()
            self._element(child, indented=indented)
        if node.children and indented:
            xml.line(-1)
        xml.end()

    def _content(self, name: str) -> None:
        if name not in self._contents:  # it is in the package inside
            return
        file, path = self._contents[name]
        if self._noted is not None:
            self._noted(file.id, self._size)
        sha256, size = hashlib.sha256(), 0

        def pieces() -> Iterator[bytes]:
            nonlocal size
            with path.open("rb") as stream:
                for piece in chunks(stream, PIECE):
                    sha256.update(piece)
                    size += len(piece)
                    yield piece

        for lines in encoded_lines(pieces()):
            self._xml.raw(lines)
        if (size, sha256.hexdigest()) != (file.size, file.sha256):
            raise file_changed(file.name)

    def wrap(self, original: Source, stretches: Sequence[Stretch]) -> None:
        """The parts of the former package, as they are."""
        self.start("原封装包")
        for stretch in stretches:
            for piece in stretch.pieces(original):
                self._xml.raw(piece)
        self._xml.end()

    def finish(self) -> PackageIdentity:
        """Close the content and sign it."""
        xml = self._xml
        self.close()
        self.close()
        xml.listeners.clear()
        if self._making.signers:
            digests = [each.digest() for each in self._signed]
            write_signatures(xml, self._making, digests, revision=self._revision)
        xml.end()
        xml.raw(LAST_BYTE)
        self._to.flush()
        return PackageIdentity(self._sha256.hexdigest(), self._size)
