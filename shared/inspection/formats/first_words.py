"""The first words of a computer file, to look for marks of classification (GB/T 9704: page one).

Only the beginning counts: a document may speak of such marks further down. What is read here is
looked at and forgotten; nothing of it goes into a finding.
"""

from __future__ import annotations

import email
import email.policy
import re
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

import pypdfium2
from lxml import etree

from shared.inspection.formats.table import Format
from shared.inspection.formats.text import decode_text
from shared.inspection.formats.word_text import text_of
from shared.inspection.formats.zips import part_path, xml_parser

_FIRST_BYTES = 64 * 1024
_FIRST_CHARACTERS = 1500
_MOST_PART = 32 * 1024 * 1024
_DOCX_HEADER = re.compile(r"word/header\d{0,3}\.xml")
_MOST_HEADERS, _MOST_HEADER = 3, 100
#: The mark stands in the top left of the first page 首页左上角 (GB/T 9704-2012, 7.2.2).
_UPPER = 0.4


def first_words(kind: Format, stream: BinaryIO) -> str:
    """The beginning of what a reader of the file would see.

    Raises whatever the libraries raise where the words cannot be had.
    """
    stream.seek(0)
    if kind.code == "pdf":
        text = _pdf(stream)
    elif kind.code == "ofd":
        text = _ofd(stream)
    elif kind.code == "docx":
        text = _docx(stream)
    elif kind.code == "doc":
        text = text_of(stream)
    elif kind.code == "eml":
        text = _mail(stream.read(_FIRST_BYTES))
    else:
        text = decode_text(stream.read(_FIRST_BYTES), whole=False) or ""
        if kind.code in ("xml", "html"):
            text = re.sub(r"<[^>]*>", "\n", text)
    return beginning(text)


def beginning(text: str) -> str:
    """As much of a text as is looked at."""
    return text[:_FIRST_CHARACTERS]


def _pdf(stream: BinaryIO) -> str:
    """The words of the first page, its upper part first."""
    page = pypdfium2.PdfDocument(stream)[0]
    return words_of_page(page, page.get_textpage())


def words_of_page(page: pypdfium2.PdfPage, text: pypdfium2.PdfTextPage) -> str:
    """The words of a page of a PDF, its upper part first."""
    if page.get_rotation():
        return cast(str, text.get_text_range())
    _left, bottom, _right, top = page.get_cropbox()
    middle = top - (top - bottom) * _UPPER
    return "\n".join((text.get_text_bounded(bottom=middle), text.get_text_bounded(top=middle)))


def _ofd(stream: BinaryIO) -> str:
    """The text of the first page, line by line: a line may be in many pieces."""
    with zipfile.ZipFile(stream) as archive:
        parts = {name.lstrip("/"): name for name in archive.namelist()}
        root = _part(archive, parts["OFD.xml"])
        path = part_path("OFD.xml", next(_texts(root, "DocRoot"), ""))
        document = _part(archive, parts[path])
        page = next(iter(document.iter("{*}Page")), None)
        if page is None:
            return ""
        content = _part(archive, parts[part_path(path, str(page.get("BaseLoc", "")))])
        return "".join(ofd_lines(content))


def ofd_lines(content: etree._Element) -> Iterator[str]:
    """Pieces of text, with a line break where one stands lower or higher than that before it."""
    line: float | None = None
    for element in content.iter("{*}TextObject", "{*}TextCode"):
        if etree.QName(element).localname == "TextCode":
            yield element.text or ""
            continue
        _x, y, _width, height = map(float, str(element.get("Boundary", "0 0 0 0")).split())
        if line is not None and abs(y - line) > height / 2:
            yield "\n"
        line = y


def _docx(stream: BinaryIO) -> str:
    """The headers, then the beginning of the body; a mark may stand in either."""
    with zipfile.ZipFile(stream) as archive:
        names = [each for each in archive.namelist() if _DOCX_HEADER.fullmatch(each)]
        found: list[str] = []
        for name in (*sorted(names)[:_MOST_HEADERS], "word/document.xml"):
            length = 0
            for paragraph in _part(archive, name).iter("{*}p"):
                text = "".join(_texts(paragraph, "t"))
                found.append(text)
                length += len(text)
                if length > (_FIRST_CHARACTERS if name == "word/document.xml" else _MOST_HEADER):
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
