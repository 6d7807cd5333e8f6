"""The text of a DOC (MS-DOC): its pieces in the order of the piece table."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import olefile

#: FIB (MS-DOC 2.5): which of two table streams; place and length of the Clx within it.
_FLAGS, _WHICH_TABLE = 10, 0x0200
_CLX = 0x01A2
_PRC, _PCDT = 1, 2
_COMPRESSED, _PLACE = 0x40000000, 0x3FFFFFFF
_MOST_STREAM = 64 * 1024 * 1024
_MOST_TEXT = 200_000
#: Marks of cells, lines, pages and paragraphs (2.4.1); those of fields and pictures are left out.
_BREAKS = dict.fromkeys((7, 11, 12, 13), "\n") | {19: None, 20: None, 21: None, 1: None, 8: None}


def text_of(stream: BinaryIO) -> str:
    """The text of a DOC, so far as the first 200,000 characters.

    Raises ValueError, OSError or struct.error when there is no piece table, or it leads nowhere.
    """
    stream.seek(0)
    with olefile.OleFileIO(stream) as container:
        document = container.openstream("WordDocument").read(_MOST_STREAM)
        flags = struct.unpack_from("<H", document, _FLAGS)[0]
        name = "1Table" if flags & _WHICH_TABLE else "0Table"
        table = container.openstream(name).read(_MOST_STREAM)
    return "".join(_pieces(document, table))[:_MOST_TEXT].translate(_BREAKS)


def _pieces(document: bytes, table: bytes) -> Iterator[str]:
    at, length = struct.unpack_from("<II", document, _CLX)
    clx = table[at : at + length]
    at = 0
    while at < len(clx) and clx[at] == _PRC:
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    if at >= len(clx) or clx[at] != _PCDT:
        raise ValueError("no piece table")
    plc = clx[at + 5 : at + 5 + struct.unpack_from("<I", clx, at + 1)[0]]
    count = (len(plc) - 4) // 12
    kept = 0
    for number in range(count):
        first, last = struct.unpack_from("<II", plc, 4 * number)
        place = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * number + 2)[0]
        size = last - first
        if size < 0 or kept > _MOST_TEXT:
            return
        kept += size
        start = place & _PLACE
        if place & _COMPRESSED:
            yield document[start // 2 : start // 2 + size].decode("cp1252", "replace")
        else:
            yield document[start : start + 2 * size].decode("utf-16-le", "replace")
