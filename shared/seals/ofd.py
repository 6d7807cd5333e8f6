"""Seals of OFD documents (GB/T 33190; GM/T 0099): which parts they cover, and whether these hold.

Each signature lists digests of the parts that it covers; its value is set over that list. Parts
are read as what strangers made: bounded, each digest computed once.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import BinaryIO

from lxml import etree

from shared.inspection.finding import Finding, shown
from shared.inspection.formats.zips import part_path, xml_parser
from shared.seals.seal import Case, Seal
from shared.seals.trust import Trust
from shared.seals.values import Covered, judge_value
from shared.verifier.signatures import DIGESTS, hashed_by

_MOST_SIGNATURES = 64
_MOST_REFERENCES = 20_000
_MOST_PARTS = 100_000
_MOST_XML = 16 * 1024 * 1024
_MOST_VALUE = 16 * 1024 * 1024
_MOST_UNPACKED = 4 * 1024 * 1024 * 1024
_MOST_NAMED = 20
_CHUNK = 1024 * 1024
#: Digests by the names that are met in CheckMethod, beside their OIDs.
_METHODS = {"SM3": "sm3", "SHA256": "sha256", "SHA-256": "sha256", "SHA1": "sha1",
            "SHA-1": "sha1", "MD5": "md5", "1.2.840.113549.2.5": "md5", **DIGESTS}  # fmt: skip
_SM3 = "1.2.156.10197.1.401"
_WEAK = {"md5", "sha1"}
#: Names by which a seal shows that nothing leads to any more (GB/T 33190, 18).
_LEFT = ("SignedValue.dat", "Signature.xml")
_AGAIN = "请向形成单位核实，用签章完好的文件替换。"
_ASK_UNIT = "请向形成单位核实。"
#: What unpacking raises for a file that is broken (RuntimeError: a part that is locked).
_BROKEN = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, EOFError,
    ValueError,
)  # fmt: skip
#: What a place that does not exist makes of a seek; bzip2 says it with no number at all.
_OF_THE_FILE = (None, errno.EINVAL)


class _Damaged(Exception):
    """The document, or a part of it, cannot be unpacked."""


@contextmanager
def _unpacking() -> Iterator[None]:
    """Tell what is wrong with the document from what is wrong with the disk, or with us.

    Raises _Damaged for the former; every other error passes.
    """
    try:
        yield
    except _BROKEN as error:
        disk = error.__context__  # zipfile calls a disk that fails at the start no ZIP
        if isinstance(disk, OSError) and disk.errno not in _OF_THE_FILE:
            raise disk from None
        raise _Damaged from error
    except OSError as error:
        if error.errno in _OF_THE_FILE:
            raise _Damaged from error
        raise


@dataclass
class _Parts:
    """The parts of a document by their paths."""

    archive: zipfile.ZipFile
    _digests: dict[tuple[str, str], bytes | None] = field(default_factory=dict)

    @cached_property
    def names(self) -> dict[str, zipfile.ZipInfo]:
        """Every part by its path, folders left out; _Damaged when two have the same."""
        infos = [each for each in self.archive.infolist() if not each.is_dir()]
        found = {each.filename.lstrip("/"): each for each in infos}
        if len(found) != len(infos):
            raise _Damaged("two parts of one name")
        if len(infos) > _MOST_PARTS or sum(each.file_size for each in infos) > _MOST_UNPACKED:
            raise _Damaged("too large")
        return found

    def read(self, path: str, most: int) -> bytes | None:
        """A part; None for one that is not there, is too long, or damaged."""
        info = self.names.get(path)
        if info is None or info.file_size > most:
            return None
        try:
            with _unpacking():
                return self.archive.read(info)
        except _Damaged:
            return None

    def xml(self, path: str) -> etree._Element | None:
        """The root of a part; None when there is none to be read."""
        content = self.read(path, _MOST_XML)
        try:
            return None if content is None else etree.fromstring(content, xml_parser())
        except (etree.XMLSyntaxError, ValueError):
            return None

    def digest(self, path: str, method: str) -> bytes | None:
        """The digest of a part; None for one that is not there or damaged."""
        if (path, method) not in self._digests:
            self._digests[path, method] = self._digest(path, method)
        return self._digests[path, method]

    def _digest(self, path: str, method: str) -> bytes | None:
        info = self.names.get(path)
        if info is None:
            return None
        digest = hashlib.new(method, usedforsecurity=method not in _WEAK)
        try:
            with _unpacking(), self.archive.open(info) as stream:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
        except _Damaged:
            return None
        return digest.digest()


@dataclass(frozen=True)
class _Listed:
    """One signature of a document: where its list of parts lies, and what belongs to it."""

    index: str
    root: str
    path: str
    signed: etree._Element | None = field(repr=False)

    def place(self, element: str) -> str | None:
        """Where the part lies that the first of these elements points to."""
        found = None if self.signed is None else self.signed.find(f".//{element}")
        return part_path(self.path, found.text) if found is not None and found.text else None

    @property
    def value(self) -> str | None:
        """Where the value of the signature lies."""
        return self.place("{*}SignedValue")

    @property
    def seal(self) -> str | None:
        """Where the seal lies, once more, for whoever shows it."""
        return self.place("{*}Seal/{*}BaseLoc")


def seals_of_ofd(stream: BinaryIO, trust: Trust) -> tuple[Seal, ...]:
    """The seals of an OFD, judged; none for a document without. Nothing in it raises.

    OSError passes when it is the disk's: then nothing is known of the document.
    """
    try:
        with _unpacking():
            archive = zipfile.ZipFile(stream)
        with archive:
            return tuple(_judge_all(_Parts(archive), trust))
    except _Damaged:
        case = Case("OFD")
        case.altered(
            Finding(
                "document_seal_damaged",
                "签章无法读取：文件已损坏、过大，或有两个同名的部分。",
                _AGAIN,
            )
        )
        return (case.closed(),)


def _judge_all(parts: _Parts, trust: Trust) -> Iterator[Seal]:
    listed = list(islice(_listed(parts), _MOST_SIGNATURES + 1))
    of_seals = {path for each in listed for path in (each.index, each.path, each.value, each.seal)}
    for each in listed[:_MOST_SIGNATURES]:
        case = Case(each.path)
        _judge(case, parts, each, of_seals, trust)
        yield case.closed()
    if len(listed) > _MOST_SIGNATURES:
        case = Case(listed[_MOST_SIGNATURES].path)
        case.unproven(_too_many(f"签章超过 {_MOST_SIGNATURES} 个，其余未验证。"))
        yield case.closed()
    yield from _unlisted(parts, listed)


def _unlisted(parts: _Parts, listed: list[_Listed]) -> Iterator[Seal]:
    """A seal that lies in the document, and that its list of seals does not lead to."""
    folders = {each.path.rpartition("/")[0] for each in listed}
    values = {each.value for each in listed}
    for path in sorted(parts.names):
        folder, _, name = path.rpartition("/")
        if name in _LEFT and folder not in folders and path not in values:
            case = Case(path)
            case.altered(
                Finding(
                    "document_seal_unlisted",
                    "文件里有签章，但没有列入签章目录：签章目录可能被改动。",
                    _AGAIN,
                )
            )
            yield case.closed()
            return


def _too_many(problem: str) -> Finding:
    return Finding("document_seal_too_many", problem, _ASK_UNIT)


def _listed(parts: _Parts) -> Iterator[_Listed]:
    root = parts.xml("OFD.xml")
    for body in () if root is None else root.iter("{*}DocBody"):
        document = next((each.text for each in body.iter("{*}DocRoot") if each.text), "")
        for place in [each.text for each in body.iter("{*}Signatures") if each.text]:
            index = part_path("OFD.xml", place)
            found = parts.xml(index)
            if found is None:
                yield _Listed(index, part_path("OFD.xml", document), index, None)
                continue
            for each in found.iter("{*}Signature"):
                path = part_path(index, str(each.get("BaseLoc", "")))
                yield _Listed(index, part_path("OFD.xml", document), path, parts.xml(path))


def _judge(
    case: Case, parts: _Parts, listed: _Listed, of_seals: set[str | None], trust: Trust
) -> None:
    if listed.signed is None:
        case.altered(
            Finding(
                "document_seal_damaged", "签章的说明文件缺失或已损坏。", _AGAIN, where=listed.path
            )
        )
        return
    references = list(_references(listed))
    if len(references) > _MOST_REFERENCES:
        case.unproven(_too_many(f"签章所列的部分超过 {_MOST_REFERENCES} 个，未验证。"))
        return
    _hold_references(case, parts, listed, references)
    _hold_cover(case, parts, listed, {*(path for path, _method, _value in references), *of_seals})
    value = parts.read(listed.value, _MOST_VALUE) if listed.value else None
    own = parts.read(listed.path, _MOST_XML) or b""
    if value is None:
        case.altered(Finding("document_seal_damaged", "签章值缺失或已损坏。", _AGAIN,
                     where=listed.value or listed.path))  # fmt: skip
    elif not case.is_altered:
        judge_value(case, value, Covered(lambda name: hashed_by(name, own), lambda: own), trust)
    picture = parts.read(listed.seal, _MOST_VALUE) if listed.seal else None
    if picture is not None and value is not None and picture not in value and not case.is_altered:
        case.altered(
            Finding(
                "document_seal_picture_differs",
                "印章文件与签章里的印章不是同一个。",
                _AGAIN,
                where=listed.seal,
            )
        )


def _references(listed: _Listed) -> Iterator[tuple[str, str, str]]:
    """The parts that a signature covers: path, name of the digest (as written), and the digest."""
    if listed.signed is None:
        return
    for references in listed.signed.iter("{*}References"):
        method = str(references.get("CheckMethod", "")).strip().upper()
        for each in references.iter("{*}Reference"):
            value = "".join(found.text or "" for found in each.iter("{*}CheckValue"))
            yield part_path(listed.path, str(each.get("FileRef", ""))), method, value


def _method(name: str) -> str | None:
    """The digest of a CheckMethod; SM3 where none is named or a kind of it; None if not known."""
    if not name or name.startswith(_SM3):
        return "sm3"
    return _METHODS.get(name)


def _hold_references(
    case: Case, parts: _Parts, listed: _Listed, references: list[tuple[str, str, str]]
) -> None:
    """Whether each part is what was signed; the list of seals grows with every later one."""
    changed: list[str] = []
    for path, name, value in references:
        method = _method(name)
        if method is None:
            case.unproven(
                Finding("document_seal_unchecked", f"不认识摘要算法“{name[:40]}”。", _ASK_UNIT)
            )
            return
        if path != listed.index and not _fits(parts.digest(path, method), value):
            changed.append(path)
    for path in changed[:_MOST_NAMED]:
        is_there = path in parts.names
        case.altered(
            Finding(
                "document_seal_broken",
                f"签章之后，{shown(path)} {'被改动' if is_there else '被删去'}。",
                _AGAIN,
                where=path,
            )
        )
    if len(changed) > _MOST_NAMED:
        case.altered(
            Finding("document_seal_broken", f"共有 {len(changed)} 个部分与签章时不一致。", _AGAIN)
        )
    weak = sorted(
        {found for _path, name, _value in references if (found := _method(name)) in _WEAK}
    )
    if weak:
        case.unproven(
            Finding(
                "document_seal_weak",
                f"签章所用的摘要算法不可靠（{'、'.join(weak).upper()}）：改动可能不会被发现。",
                _ASK_UNIT,
            )
        )


def _fits(digest: bytes | None, value: str) -> bool:
    try:
        return (
            digest is not None and base64.b64decode("".join(value.split()), validate=True) == digest
        )
    except (binascii.Error, ValueError):
        return False


def _hold_cover(case: Case, parts: _Parts, listed: _Listed, covered: set[str | None]) -> None:
    """Name the parts that no signature covers: what is shown, and what is only carried along."""
    seen = [
        path for path in _shown(parts, listed.root) if path in parts.names and path not in covered
    ]
    if seen:
        case.unproven(
            Finding(
                "document_seal_covers_not_all",
                f"签章没有保护全部内容，{shown(seen[0])} 等 {len(seen)} 个部分被改动也不会发现。",
                _ASK_UNIT,
                where=seen[0],
            )
        )
    others = sorted(set(parts.names) - covered - set(seen))
    if others:
        case.note(
            Finding(
                "document_seal_part_uncovered",
                f"文件里有签章没有保护的部分：{shown(others[0])} 等 {len(others)} 个。",
                "请核对这些部分是不是形成单位放进去的。",
                where=others[0],
            )
        )


def _shown(parts: _Parts, root: str) -> Iterator[str]:
    """What makes up what a reader sees: the start, the document, its pages and resources."""
    yield "OFD.xml"
    yield root
    document = parts.xml(root)
    if document is None:
        return
    for name in ("PublicRes", "DocumentRes", "Annotations", "Attachments"):
        for each in document.iter(f"{{*}}{name}"):
            if each.text:
                path = part_path(root, each.text)
                yield path
                yield from _media(parts, path)
    for name in ("Page", "TemplatePage"):
        for each in document.iter(f"{{*}}{name}"):
            if place := each.get("BaseLoc"):
                yield part_path(root, str(place))


def _media(parts: _Parts, path: str) -> Iterator[str]:
    """The pictures and fonts that a list of resources leads to."""
    listed = parts.xml(path)
    if listed is None:
        return
    base = str(listed.get("BaseLoc", ""))
    for each in listed.iter("{*}MediaFile", "{*}FontFile"):
        if each.text:
            place = each.text.strip()
            yield part_path(path, place if place.startswith("/") else f"{base}/{place}")
