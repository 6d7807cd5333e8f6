"""Whether a PDF is whole: its end, its references, and what it carries (ISO 32000-1, 7.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from shared.inspection.trouble import ACTIVE, DAMAGED, LOCKED, Trouble

_CHUNK = 1024 * 1024
_STARTXREF = re.compile(rb"startxref\s+(\d{1,15})\s+%%EOF")
_OBJECT = re.compile(rb"\s{0,4}(\d{1,10})\s+(\d{1,5})\s+obj\b")
_SECTION = re.compile(rb"\s{0,4}(\d{1,10})\s+(\d{1,10})\s*?\r?\n?")
_XREF_ENTRY = re.compile(rb"(\d{10}) (\d{5}) ([nf])")
_MOST_XREF = 3000
_ACTIVE = (
    (re.compile(rb"/JavaScript\b|/JS\s*[(<\d]"), "脚本（JavaScript）"),
    (re.compile(rb"/Launch\b"), "启动外部程序的动作"),
    (re.compile(rb"/EmbeddedFiles?\b"), "嵌入的文件"),
)


def pdf_troubles(stream: BinaryIO, size: int) -> Iterator[Trouble]:
    """Trouble with the end of the file, its tables of references, encryption, or programs."""
    start = max(0, stream.read(1024).find(b"%PDF-"))
    stream.seek(max(0, size - 2048))
    tail = stream.read()
    if b"%%EOF" not in tail:
        yield Trouble(DAMAGED, "PDF 没有结束标志（%%EOF），文件可能不完整")
        return
    found = _STARTXREF.findall(tail)
    if not found:
        yield Trouble(DAMAGED, "PDF 结尾没有指明交叉引用表的位置")
        return
    yield from _pdf_references(stream, int(found[-1]), start)
    yield from _pdf_active(stream)


def _pdf_references(stream: BinaryIO, place: int, start: int) -> Iterator[Trouble]:
    wrong = Trouble(DAMAGED, "PDF 的交叉引用表不在所指的位置，文件已损坏或被改动")
    for base in {0, start}:
        stream.seek(place + base)
        head = stream.read(256)
        if head.lstrip(b"\r\n \t").startswith(b"xref"):
            yield from _pdf_table(stream, place + base, base)
            return
        if _OBJECT.match(head):
            stream.seek(place + base)
            dictionary = stream.read(65536).partition(b"stream")[0]
            if b"/XRef" not in dictionary:
                yield wrong
            elif b"/Encrypt" in dictionary:
                yield Trouble(LOCKED, "PDF 已加密或设有口令")
            return
    yield wrong


def _pdf_table(stream: BinaryIO, place: int, base: int) -> Iterator[Trouble]:
    """Follow a table of references: each object must stand where it says (7.5.4)."""
    stream.seek(place)
    table = stream.read(4 * _CHUNK)
    at = table.index(b"xref") + 4
    places: dict[int, int] = {}
    while section := _SECTION.match(table, at):
        first, count = int(section[1]), int(section[2])
        at = section.end()
        for number in range(first, first + count):
            while at < len(table) and table[at] in b"\r\n \t":
                at += 1
            entry = _XREF_ENTRY.match(table, at)
            if entry is None:
                yield Trouble(DAMAGED, "PDF 的交叉引用表不完整")
                return
            at = entry.end()
            if entry[3] == b"n" and int(entry[1]):
                places[int(entry[1]) + base] = number
    trailer = table[at : at + 65536]
    if not trailer.lstrip(b"\r\n \t").startswith(b"trailer"):
        yield Trouble(DAMAGED, "PDF 的交叉引用表不完整")
        return
    dictionary = trailer.partition(b"startxref")[0]
    if b"/Root" not in dictionary:
        yield Trouble(DAMAGED, "PDF 没有指明文档的起点（Root）")
    if b"/Encrypt" in dictionary:
        yield Trouble(LOCKED, "PDF 已加密或设有口令")
    if not _pdf_objects_stand(stream, places, place):
        yield Trouble(DAMAGED, "PDF 的内容与交叉引用表不符，文件已损坏或被改动")


def _pdf_objects_stand(stream: BinaryIO, places: dict[int, int], table: int) -> bool:
    """Whether each object begins where the table says, and is ended before the next begins."""
    starts = sorted(places)[:_MOST_XREF]
    for start, after in zip(starts, [*starts[1:], None], strict=True):
        stream.seek(start)
        found = _OBJECT.match(stream.read(64))
        if found is None or int(found[1]) != places[start]:
            return False
        end = after if after is not None else table if table > start else None
        if end is not None:
            stream.seek(max(start, end - 1024))
            if b"endobj" not in stream.read(end - max(start, end - 1024)):
                return False
    return True


def _pdf_active(stream: BinaryIO) -> Iterator[Trouble]:
    """Programs that stand in the open; those in compressed object streams are not seen."""
    stream.seek(0)
    left = list(_ACTIVE)
    before = b""
    while left and (piece := stream.read(_CHUNK)):
        window = before + piece
        for each in [each for each in left if each[0].search(window)]:
            left.remove(each)
            yield Trouble(ACTIVE, f"PDF 含有{each[1]}")
        before = window[-32:]
