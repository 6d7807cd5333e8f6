"""The files in an image of a disc, found as if an enemy had made it: UDF, or ISO 9660 with Joliet.

Only what an image needs that was written in one go is read: UDF (ECMA-167, OSTA) with one plain
partition, else the names of Joliet (ISO 9660 alone has none that a package could bear). Nothing is
believed beyond the image's end, no folder is entered twice, and what the folders take is limited.
"""

from __future__ import annotations

import io
import re
from binascii import crc_hqx
from collections.abc import Iterator
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

from shared.kernel.errors import Invalid

SECTOR = 2048
#: Bytes of all lists of names in one image; 200,000 files take a quarter of it.
_MOST_LISTS = 64 * 1024 * 1024
_MOST_FOLDERS = 200_000
_FIRST, _MOST_DESCRIPTORS = 16, 64
_U16, _U32, _U64 = Struct("<H"), Struct("<I"), Struct("<Q")

# UDF: tags of descriptors (ECMA-167 3/7.2.1, 4/7.2.1), kinds of files, how a file's place is said.
_ANCHOR, _PARTITION, _VOLUME, _END = 2, 5, 6, 8
_FILE_SET, _NAME, _FILE, _EXTENDED_FILE = 256, 257, 261, 266
_KIND_FOLDER, _KIND_FILE = 4, 5
_SHORT, _LONG, _INSIDE = 0, 1, 3
_IS_DELETED, _IS_PARENT = 0x04, 0x08
_ANCHOR_AT = 256

# Joliet: flags of a directory record (ISO 9660, 9.1.6).
_IS_FOLDER, _GOES_ON = 0x02, 0x80
_JOLIET = (b"%/@", b"%/C", b"%/E")
_VERSION = re.compile(r";\d+$")


class Piece(NamedTuple):
    """Where some bytes of a file lie in the image."""

    at: int
    size: int


class Pieces(io.RawIOBase):
    """A file of an image, read where its pieces lie."""

    def __init__(self, stream: BinaryIO, pieces: tuple[Piece, ...]) -> None:
        self._stream = stream
        self._waiting = list(reversed(pieces))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; none when all are read."""
        while self._waiting:
            at, left = self._waiting.pop()
            if not left:
                continue
            self._stream.seek(at)
            piece = self._stream.read(min(left, len(buffer)))
            if not piece:
                raise _bad("映像不完整")
            buffer[: len(piece)] = piece
            self._waiting.append(Piece(at + len(piece), left - len(piece)))
            return len(piece)
        return 0


def files_of_image(stream: BinaryIO) -> Iterator[tuple[str, tuple[Piece, ...]]]:
    """The files of an image, each with its path and the pieces in which it lies.

    Raises Invalid for what is damaged or hostile, and for an image that only mounting opens.
    """
    disc = _Disc(stream)
    descriptors = [disc.read(at * SECTOR, SECTOR) for at in disc.sectors()]
    if any(each[1:6] in (b"NSR02", b"NSR03") for each in descriptors):
        return _files(disc, _Udf(disc))
    for each in descriptors:
        if each[:6] == b"\x02CD001" and each[88:91] in _JOLIET:
            return _files(disc, _Joliet(disc, each))
    raise _not_plain("没有 UDF 或 Joliet 的长文件名")


class _Disc:
    """The bytes of an image, none beyond its end."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._length = stream.seek(0, io.SEEK_END)
        self._lists = _MOST_LISTS

    def sectors(self) -> range:
        """Where volume descriptors may lie."""
        most = min(self._length // SECTOR, _FIRST + _MOST_DESCRIPTORS)
        return range(_FIRST, most)

    def read(self, at: int, size: int) -> bytes:
        self.check(Piece(at, size))
        self._stream.seek(at)
        return self._stream.read(size)

    def check(self, piece: Piece) -> None:
        """Raise Invalid for a piece that does not lie in the image."""
        if piece.at + piece.size > self._length:
            raise _bad("映像不完整，或指向映像以外")

    def names(self, pieces: tuple[Piece, ...]) -> bytes:
        """A list of names whole."""
        self._lists -= sum(piece.size for piece in pieces)
        if self._lists < 0:
            raise _bad("目录过大")
        return b"".join(self.read(*piece) for piece in pieces)


class _Entry(NamedTuple):
    """A name in a folder; `key` tells a folder from every other."""

    name: str
    is_folder: bool
    key: int
    pieces: tuple[Piece, ...]


def _files(disc: _Disc, system: _Udf | _Joliet) -> Iterator[tuple[str, tuple[Piece, ...]]]:
    used: list[Piece] = []
    for entry in _walk(disc, system):
        for piece in entry.pieces:
            disc.check(piece)
        used += entry.pieces
        yield entry.name, entry.pieces
    end = 0
    for piece in sorted(filter(lambda each: each.size, used)):
        if piece.at < end:  # that is how a small image unpacks to a huge one
            raise _not_plain("有文件占用相同的扇区")
        end = piece.at + piece.size


def _walk(disc: _Disc, system: _Udf | _Joliet) -> Iterator[_Entry]:
    """Each file, by its path."""
    root = system.root()
    seen = {root.key}
    waiting = [("", root)]
    while waiting:
        prefix, folder = waiting.pop()
        for entry in system.entries(disc.names(folder.pieces)):
            if not entry.is_folder:
                yield entry._replace(name=f"{prefix}{entry.name}")
                continue
            if entry.key in seen:
                raise _bad("目录首尾相接")
            seen.add(entry.key)
            if len(seen) > _MOST_FOLDERS:
                raise _bad(f"目录超过 {_MOST_FOLDERS} 个")
            waiting.append((f"{prefix}{entry.name}/", entry))


class _Udf:
    """UDF with one plain partition, as everything has that is written in one go."""

    def __init__(self, disc: _Disc) -> None:
        self._disc = disc
        anchor = _tagged(disc.read(_ANCHOR_AT * SECTOR, SECTOR), _ANCHOR)
        length, at = _u32(anchor, 16), _u32(anchor, 20)
        starts: list[int] = []
        sets: list[int] = []
        for number in range(min(length // SECTOR, _MOST_DESCRIPTORS)):
            each = disc.read((at + number) * SECTOR, SECTOR)
            tag = _u16(each, 0)
            if tag == _END:
                break
            _tagged(each, tag)
            if tag == _PARTITION:
                starts.append(_u32(each, 188))
            elif tag == _VOLUME:
                if (_u32(each, 212), _u32(each, 268), each[440]) != (SECTOR, 1, 1):
                    raise _not_plain("分区不是一次写成的")
                sets.append(_u32(each, 252))
        if len(starts) != 1 or len(sets) != 1:
            raise _not_plain("不是恰有一个分区")
        self._start = starts[0]
        self._root = _u32(_tagged(self._block(sets[0]), _FILE_SET), 404)

    def root(self) -> _Entry:
        return self._entry("", self._root)

    def entries(self, names: bytes) -> Iterator[_Entry]:
        at = 0
        while at < len(names):
            each = _tagged(names[at : at + SECTOR], _NAME)
            flags, length, extra = each[18], each[19], _u16(each, 36)
            start = 38 + extra
            name = each[start : start + length]
            at += -(-(start + length) // 4) * 4
            if not flags & (_IS_DELETED | _IS_PARENT):
                yield self._entry(_udf_name(name), _u32(each, 24))

    def _block(self, number: int) -> bytes:
        return self._disc.read((self._start + number) * SECTOR, SECTOR)

    def _entry(self, name: str, number: int) -> _Entry:
        block = self._block(number)
        is_extended = _u16(block, 0) == _EXTENDED_FILE
        _tagged(block, _EXTENDED_FILE if is_extended else _FILE)
        kind, how, size = block[27], block[34] & 7, _u64(block, 56)
        if kind not in (_KIND_FOLDER, _KIND_FILE):
            raise Invalid(
                "package",
                f"“{name[:80]}”不是普通文件（链接或设备）。",
                "请由原单位重新生成后提交。",
                code="not_a_regular_file",
            )
        head, lengths = (216, 208) if is_extended else (176, 168)
        start = head + _u32(block, lengths)
        end = start + _u32(block, lengths + 4)
        if end > SECTOR:
            raise _bad("文件的登记不完整")
        if how == _INSIDE:
            inside = Piece((self._start + number) * SECTOR + start, end - start)
            pieces: tuple[Piece, ...] = (inside,)
        elif how in (_SHORT, _LONG):
            pieces = tuple(self._pieces(block[start:end], 8 if how == _SHORT else 16))
        else:
            raise _not_plain("文件的登记方式少见")
        return _Entry(name, kind == _KIND_FOLDER, number, _cut(pieces, size))

    def _pieces(self, said: bytes, step: int) -> Iterator[Piece]:
        for at in range(0, len(said) - step + 1, step):
            length, number = _u32(said, at), _u32(said, at + 4)
            if length >> 30:
                raise _not_plain("文件有没有写入的部分，或过于零散")
            if not length:
                return
            yield Piece((self._start + number) * SECTOR, length)


class _Joliet:
    """ISO 9660 by the names of Joliet."""

    def __init__(self, disc: _Disc, descriptor: bytes) -> None:
        if _u16(descriptor, 128) != SECTOR:
            raise _not_plain("扇区不是 2048 字节")
        self._record = descriptor[156:190]

    def root(self) -> _Entry:
        return self._entry(self._record, "")

    def entries(self, names: bytes) -> Iterator[_Entry]:
        at, begun = 0, tuple[Piece, ...]()
        while at < len(names):
            length = names[at]
            if not length:  # no record crosses from one sector into the next
                at = (at // SECTOR + 1) * SECTOR
                continue
            record = names[at : at + length]
            at += length
            if len(record) < length or length < 34 or 33 + record[32] > length:
                raise _bad("文件的登记不完整")
            name = record[33 : 33 + record[32]]
            if name in (b"\x00", b"\x01"):  # the folder itself, and the one above
                continue
            entry = self._entry(record, _VERSION.sub("", _text(name, "utf-16-be")))
            if record[25] & _GOES_ON:
                begun += entry.pieces
                continue
            yield entry._replace(pieces=begun + entry.pieces)
            begun = ()
        if begun:
            raise _bad("文件的登记不完整")

    def _entry(self, record: bytes, name: str) -> _Entry:
        if record[26] or record[27]:
            raise _not_plain("文件交错存放")
        at = _u32(record, 2)
        piece = Piece((at + record[1]) * SECTOR, _u32(record, 10))
        return _Entry(name, bool(record[25] & _IS_FOLDER), at, (piece,))


def _cut(pieces: tuple[Piece, ...], size: int) -> tuple[Piece, ...]:
    """The pieces of a file of this size; the last may be longer. Raises Invalid for too few."""
    kept = []
    for piece in pieces:
        kept.append(Piece(piece.at, min(piece.size, size)))
        size -= kept[-1].size
    if size:
        raise _bad("文件的登记不完整")
    return tuple(kept)


def _tagged(data: bytes, tag: int) -> bytes:
    """A descriptor of UDF, when it is one of these and its sums are right."""
    if (
        len(data) < 40
        or _u16(data, 0) != tag
        or (sum(data[:16]) - data[4]) % 256 != data[4]
        or crc_hqx(data[16 : 16 + _u16(data, 10)], 0) != _u16(data, 8)
    ):
        raise _bad("登记已损坏")
    return data


def _udf_name(name: bytes) -> str:
    """A name in OSTA's compressed Unicode: one byte or two for each character."""
    if name[:1] == b"\x08":
        return name[1:].decode("latin-1")
    if name[:1] == b"\x10":
        return _text(name[1:], "utf-16-be")
    raise _bad("文件名已损坏")


def _text(name: bytes, coding: str) -> str:
    try:
        return name.decode(coding)
    except UnicodeDecodeError:
        raise _bad("文件名已损坏") from None


def _u16(data: bytes, at: int) -> int:
    return int(_U16.unpack_from(data, at)[0])


def _u32(data: bytes, at: int) -> int:
    return int(_U32.unpack_from(data, at)[0])


def _u64(data: bytes, at: int) -> int:
    return int(_U64.unpack_from(data, at)[0])


def _bad(problem: str) -> Invalid:
    return Invalid(
        "package", f"光盘映像{problem}。", "请由原单位重新生成后提交。", code="bad_image"
    )


def _not_plain(problem: str) -> Invalid:
    return Invalid(
        "package",
        f"光盘映像{problem}，不能直接读取。",
        "请先装载（挂载）映像，再写装载后的目录。",
        code="image_not_plain",
    )
