"""Electronic seals inside OFD documents: whether the document is still what was sealed.

GB/T 33190 and GB/T 38540: each signature lists digests of the parts that it covers, and carries
the digest of that list. Both are recomputed here. The certificate and the SM2 signature are not
verified: an intact seal is not yet a valid one, and nothing here says that it is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from shared.inspection.soundness import ofd_path, xml_parser

_SM3 = ("SM3", "1.2.156.10197.1.401")
_MOST_SIGNATURES = 200


def broken_seals(stream: BinaryIO) -> list[str]:
    """What is wrong with the seals of a readable OFD, one sentence for each seal concerned."""
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = {name.lstrip("/"): name for name in archive.namelist()}
            return list(_broken(archive, parts))
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, RuntimeError):
        return ["签章无法读取，文件可能已损坏"]


def _broken(archive: zipfile.ZipFile, parts: dict[str, str]) -> Iterator[str]:
    for index in _lists(archive, parts):
        listed = _read(archive, parts, index)
        signatures = [] if listed is None else list(listed.iter("{*}Signature"))
        for number, signature in enumerate(signatures[:_MOST_SIGNATURES], 1):
            path = ofd_path(index, str(signature.get("BaseLoc", "")))
            signed = _read(archive, parts, path)
            if signed is None:
                yield f"第 {number} 个签章的说明文件缺失或已损坏"
                continue
            changed = _changed(archive, parts, path, signed, index)
            if changed:
                yield f"第 {number} 个签章之后文件被改动（{changed} 处与签章时不一致）"
            elif not _carries_digest(archive, parts, path, signed):
                yield f"第 {number} 个签章的说明文件在签章之后被改动"


def _lists(archive: zipfile.ZipFile, parts: dict[str, str]) -> list[str]:
    root = _read(archive, parts, "OFD.xml")
    if root is None:
        return []
    return [ofd_path("OFD.xml", each.text) for each in root.iter("{*}Signatures") if each.text]


def _changed(
    archive: zipfile.ZipFile,
    parts: dict[str, str],
    path: str,
    signed: etree._Element,
    index: str,
) -> int:
    changed = 0
    for references in signed.iter("{*}References"):
        method = _method(str(references.get("CheckMethod", "")).upper())
        for reference in references.iter("{*}Reference"):
            part = ofd_path(path, str(reference.get("FileRef", "")))
            if part == index:  # the list of signatures grows with every later one
                continue
            value = "".join(each.text or "" for each in reference.iter("{*}CheckValue"))
            if method and not _has_digest(archive, parts, part, value, method):
                changed += 1
    return changed


def _method(name: str) -> str | None:
    """The digest by its name or OID; SM3 where none is named; None for one we do not compute."""
    if not name or name.startswith(_SM3):
        return "sm3"
    return "sha256" if name in ("SHA256", "SHA-256", "2.16.840.1.101.3.4.2.1") else None


def _has_digest(
    archive: zipfile.ZipFile, parts: dict[str, str], part: str, value: str, method: str
) -> bool:
    try:
        wanted = base64.b64decode(value, validate=False)
    except (binascii.Error, ValueError):
        return False
    return part in parts and _digest(archive, parts[part], method) == wanted


def _carries_digest(
    archive: zipfile.ZipFile, parts: dict[str, str], path: str, signed: etree._Element
) -> bool:
    """Whether a seal's value (SES_Signature) holds the digest of its own Signature.xml."""
    places = [each.text for each in signed.iter("{*}SignedValue") if each.text]
    if not places or not any(True for _ in signed.iter("{*}Seal")):
        return True  # a plain signature (GB/T 35275) need not carry it
    part = ofd_path(path, places[0])
    return part in parts and _digest(archive, parts[path], "sm3") in archive.read(parts[part])


def _digest(archive: zipfile.ZipFile, name: str, method: str) -> bytes:
    digest = hashlib.new(method)
    with archive.open(name) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def _read(archive: zipfile.ZipFile, parts: dict[str, str], path: str) -> etree._Element | None:
    if path not in parts:
        return None
    try:
        return etree.fromstring(archive.read(parts[path]), xml_parser())
    except (etree.XMLSyntaxError, ValueError):
        return None
