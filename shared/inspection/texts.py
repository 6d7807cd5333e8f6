"""The first words of a computer file, to look for marks of classification (GB/T 9704: page one).

Only the beginning counts: a document may speak of such marks further down. What is read here is
looked at and forgotten; nothing of it goes into a finding.
"""

from __future__ import annotations

import email
import email.policy
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from lxml import etree

from shared.inspection.formats import Format, decode_text
from shared.inspection.soundness import ofd_path, xml_parser

_FIRST_BYTES = 64 * 1024
_FIRST_CHARACTERS = 1500
_MOST_PART = 32 * 1024 * 1024
_ERRORS = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError,
    zlib.error, KeyError, LookupError, etree.XMLSyntaxError,
)  # fmt: skip


def first_words(kind: Format, stream: BinaryIO) -> str:
    """The beginning of what a reader of the file would see; empty where we cannot tell."""
    stream.seek(0)
    try:
        if kind.code == "ofd":
            text = _ofd(stream)
        elif kind.code == "docx":
            text = _docx(stream)
        elif kind.code == "eml":
            text = _mail(stream.read(_FIRST_BYTES))
        elif kind.is_text:
            text = decode_text(stream.read(_FIRST_BYTES), whole=False) or ""
            if kind.code in ("xml", "html"):
                text = re.sub(r"<[^>]*>", "\n", text)
        else:
            return ""
    except _ERRORS:
        return ""
    return text[:_FIRST_CHARACTERS]


def _ofd(stream: BinaryIO) -> str:
    """The text of the first page. Pieces are joined: a line may be in many pieces."""
    with zipfile.ZipFile(stream) as archive:
        parts = {name.lstrip("/"): name for name in archive.namelist()}
        root = _part(archive, parts["OFD.xml"])
        path = ofd_path("OFD.xml", next(_texts(root, "DocRoot"), ""))
        document = _part(archive, parts[path])
        page = next(iter(document.iter("{*}Page")), None)
        if page is None:
            return ""
        content = _part(archive, parts[ofd_path(path, str(page.get("BaseLoc", "")))])
        return "".join(_texts(content, "TextCode"))


def _docx(stream: BinaryIO) -> str:
    with zipfile.ZipFile(stream) as archive:
        body = _part(archive, "word/document.xml")
        paragraphs = ("".join(_texts(each, "t")) for each in body.iter("{*}p"))
        found, length = [], 0
        for paragraph in paragraphs:
            found.append(paragraph)
            length += len(paragraph)
            if length > _FIRST_CHARACTERS:
                break
        return "\n".join(found)


def _mail(content: bytes) -> str:
    message = email.message_from_bytes(content, policy=email.policy.default)
    subject = str(message.get("subject", ""))
    body = message.get_body(("plain", "html"))
    payload = body.get_payload(decode=True) if body is not None else b""
    # Most mail of offices names no character set, or a wrong one.
    text = decode_text(payload, whole=False) if isinstance(payload, bytes) else None
    return f"{subject}\n{text or ''}"


def _part(archive: zipfile.ZipFile, name: str) -> etree._Element:
    if archive.getinfo(name).file_size > _MOST_PART:
        raise ValueError("too large to look into")
    return etree.fromstring(archive.read(name), xml_parser())


def _texts(root: etree._Element, name: str) -> Iterator[str]:
    return (each.text for each in root.iter(f"{{*}}{name}") if each.text)
