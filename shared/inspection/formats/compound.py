"""Compound files (MS-CFB): doc, xls, ppt and what WPS writes in their manner (wps, et, dps)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

import olefile

from shared.inspection.formats.examination import Look
from shared.inspection.formats.office import read_sheets
from shared.inspection.formats.trouble import ACTIVE, DAMAGED, LOCKED, UNSURE
from shared.inspection.formats.word_text import text_of

_ERRORS = (OSError, ValueError, TypeError, LookupError, AttributeError, struct.error)
_MACROS = {"macros", "_vba_project_cur", "vba"}
_HEAD = 65536
_MOST_STREAM = 64 * 1024 * 1024
#: FIB (MS-DOC 2.5.2): the bit that says encrypted, the bit that says which table stream.
_ENCRYPTED, _WHICH_TABLE = 0x0100, 0x0200
#: BIFF records (MS-XLS 2.3): 2.4.117 FilePass, 2.4.21 BOF, 2.4.103 EOF, 2.4.28 BoundSheet8 with the
#: place of the kind of sheet in it, and the kind that holds macros.
_FILE_PASS, _BOF, _EOF, _BOUND_SHEET = 0x002F, 0x0809, 0x000A, 0x0085
_SHEET_KIND, _MACRO_SHEET = 5, b"\x01"
#: VBAInfoContainer with its VBAInfoAtom (MS-PPT 2.4.10): where macros are, whether there are any.
_SLIDES = "powerpoint document"
_HAS_MACROS = re.compile(
    rb"\x0f\x00\xff\x03\x14\x00\x00\x00\x02\x00\x00\x04\x0c\x00\x00\x00.{4}(.{4})", re.DOTALL
)
#: CurrentUserAtom.headerToken (2.3.2) of a locked one.
_ENCRYPTED_USER = b"\xdf\xc4\xd1\xf3"


def examine(stream: BinaryIO, _size: int, look: Look) -> None:
    """Any compound file: its table of sectors, and every stream read whole."""
    _opened(stream, look)


def examine_word(stream: BinaryIO, _size: int, look: Look) -> None:
    """A DOC: its streams, the header of its text, encryption, macros."""
    found = _opened(stream, look)
    if found is None:
        return
    head = found.get("worddocument", b"")
    if len(head) < 32 or head[:2] not in (b"\xec\xa5", b"\xdc\xa5"):
        look.trouble(DAMAGED, "DOC 的正文不完整（WordDocument）")
        return
    flags = int.from_bytes(head[10:12], "little")
    if flags & _ENCRYPTED:
        look.trouble(LOCKED, "文件已加密或设有口令")
    elif f"{int(bool(flags & _WHICH_TABLE))}table" not in found:
        look.trouble(DAMAGED, "DOC 缺少正文的结构表（Table）")
    else:
        with suppress(*_ERRORS):  # then its words are unread, which the search for marks says
            look.text.append(text_of(stream))


def examine_sheets(stream: BinaryIO, _size: int, look: Look) -> None:
    """An XLS: its streams, encryption, and every sheet read."""
    found = _opened(stream, look)
    if found is None:
        return
    book = found.get("workbook") or found.get("book") or b""
    records = list(_records(book))
    if _has_macro_sheet(records):
        look.trouble(ACTIVE, "文件含有宏（Excel 4.0 宏表）", "Workbook")
    if any(record == _FILE_PASS for record, _said in records):
        look.trouble(LOCKED, "文件已加密或设有口令")
    elif not look.has(DAMAGED):
        read_sheets(stream, look)


def examine_slides(stream: BinaryIO, _size: int, look: Look) -> None:
    """A PPT: its streams, encryption, and whether it says that it has macros."""
    found = _opened(stream, look, whole=_SLIDES)
    if found is None:
        return
    if _ENCRYPTED_USER in found.get("current user", b"")[:16]:
        look.trouble(LOCKED, "文件已加密或设有口令")
    for each in _HAS_MACROS.finditer(found.get(_SLIDES, b"")):
        if int.from_bytes(each[1], "little"):
            look.trouble(ACTIVE, "文件含有宏（VBA）", "PowerPoint Document")


def examine_locked(stream: BinaryIO, _size: int, look: Look) -> None:
    """An OOXML file inside a compound file is encrypted (MS-OFFCRYPTO)."""
    _opened(stream, look)
    look.trouble(LOCKED, "文件已加密或设有口令")


def _opened(stream: BinaryIO, look: Look, whole: str = "") -> dict[str, bytes] | None:
    """The beginning of each stream by its name in lower case; None when nothing can be read.

    The stream that `whole` names is given to its end.
    """
    stream.seek(0)
    found: dict[str, bytes] = {}
    try:
        with olefile.OleFileIO(stream, raise_defects=olefile.DEFECT_INCORRECT) as container:
            for path in container.listdir():
                if look.is_late:
                    look.trouble(UNSURE, "复合文件的部分很多，没有全部检测")
                    break
                wanted = min(container.get_size(path), _MOST_STREAM)
                content = container.openstream(path).read(wanted)
                if len(content) < wanted:
                    look.trouble(DAMAGED, "文件比其自述的短，可能不完整", "/".join(path))
                name = path[-1].lower()
                found.setdefault(name, content if name == whole else content[:_HEAD])
                if len(path) > 1 and path[0].lower() in _MACROS:
                    look.trouble(ACTIVE, "文件含有宏（VBA）", path[0])
                if path[0].lower() == "objectpool":
                    look.trouble(ACTIVE, "文件含有嵌入的对象", path[0])
    except _ERRORS:
        look.trouble(DAMAGED, "文件比其自述的短，或内部结构有误")
        return None
    return found


def _records(book: bytes) -> Iterator[tuple[int, bytes]]:
    """The records at the head of a workbook, up to the first sheet: number and content."""
    at = 0
    while at + 4 <= len(book):
        record, length = struct.unpack_from("<HH", book, at)
        if record == _EOF or (not at and record != _BOF):
            return
        yield record, book[at + 4 : at + 4 + length]
        at += 4 + length


def _has_macro_sheet(records: Iterable[tuple[int, bytes]]) -> bool:
    """Whether a sheet is one of macros of Excel 4.0 (XLM), also where people do not see it."""
    return any(
        record == _BOUND_SHEET and said[_SHEET_KIND : _SHEET_KIND + 1] == _MACRO_SHEET
        for record, said in records
    )
