"""The bytes of a ZIP, accounted for one by one, before any library unpacks it (APPNOTE 6.3).

A ZIP says everything twice, in local headers and in its central directory, and may hide bytes
before, between and after its entries; readers differ in what they believe. So only one plain
form is taken: local headers one behind the other from the first byte on, each followed by its
data, then the directory that says the same, then its end, without comments.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from shared.kernel.errors import Invalid
from shared.packaging.build import fold
from shared.records.text import safe_file_name

MOST_ENTRIES = 10_000
MOST_RATIO = 100
#: Below this an entry may unpack to more than MOST_RATIO times: short XML compresses well.
_HARMLESS = 64 * 1024

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_MOST_HEADER = 2048
_NO_16, _NO_32 = 0xFFFF, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_UTF8 = 0x800
_ZIP64_EXTRA = 1
_LEVELS = 3
#: As `build` writes them: made on Unix, version 2.0 or (ZIP64) 4.5, a plain file of mode 644.
_UNIX = 3 << 8
_VERSION, _VERSION64 = 20, 45
_PLAIN_FILE = 0o100644 << 16


@dataclass(frozen=True)
class _Entry:
    name: bytes
    version: int
    is_long: bool
    about: tuple[int, ...]
    method: int
    packed: int
    size: int
    offset: int


def check_layout(stream: BinaryIO, *, most_bytes: int) -> None:
    """Refuse a ZIP that is not in the plain form, or would unpack to too much. Raises Invalid."""
    length = stream.seek(0, 2)
    count, start, size, end = _read_end(stream, length)
    if count > MOST_ENTRIES or size > count * _MOST_HEADER:
        raise _bad(f"条目超过 {MOST_ENTRIES} 个", "too_many_entries")
    if start + size != end:
        raise _bad("目录的位置不对", "hidden_bytes")
    stream.seek(start)
    entries = list(_read_directory(stream.read(size), count))
    _check_names(entries)
    _check_sizes(entries, most_bytes)
    place = 0
    for entry in entries:
        if entry.offset != place:
            raise _bad("条目之间有不明内容，或条目重叠", "hidden_bytes")
        place = _after(stream, entry, start)
    if place != start:
        raise _bad("条目与目录之间有不明内容", "hidden_bytes")


def _read_end(stream: BinaryIO, length: int) -> tuple[int, int, int, int]:
    """Number of entries, start and size of the directory, and where it must end."""
    end = length - _END.size
    if end < 0:
        raise _bad("不是完整的 ZIP 文件", "bad_zip")
    stream.seek(end)
    signature, disk, start_disk, here, count, size, start, comment = _END.unpack(
        stream.read(_END.size)
    )
    if signature != b"PK\x05\x06" or comment:
        raise _bad("不是完整的 ZIP 文件，或结尾之后有不明内容", "bad_zip")
    if (disk, start_disk) != (0, 0) or here != count:
        raise _bad("是分卷的 ZIP", "bad_zip")
    if _NO_16 not in (count,) and _NO_32 not in (size, start):
        return count, start, size, end
    end -= _LOCATOR.size
    stream.seek(max(end, 0))
    signature, _disk, end64, disks = _LOCATOR.unpack(stream.read(_LOCATOR.size))
    if end < 0 or signature != b"PK\x06\x07" or disks != 1 or end64 + _END64.size != end:
        raise _bad("不是完整的 ZIP64 文件", "bad_zip")
    stream.seek(end64)
    signature, rest, _made, _need, disk, start_disk, here, count, size, start = _END64.unpack(
        stream.read(_END64.size)
    )
    if signature != b"PK\x06\x06" or rest != _END64.size - 12 or here != count or disk + start_disk:
        raise _bad("不是完整的 ZIP64 文件", "bad_zip")
    return count, start, size, end64


def _read_directory(directory: bytes, count: int) -> Iterator[_Entry]:
    place = 0
    for _ in range(count):
        if place + _CENTRAL.size > len(directory):
            raise _bad("目录不完整", "bad_zip")
        (
            signature, made, version, flags, method, time, day, crc, packed, size,
            name_length, extra_length, comment, disk, internal, external, offset,
        ) = _CENTRAL.unpack_from(directory, place)  # fmt: skip
        place += _CENTRAL.size
        name = directory[place : place + name_length]
        extra = directory[place + name_length : place + name_length + extra_length]
        place += name_length + extra_length
        if signature != b"PK\x01\x02" or place > len(directory) or comment or disk:
            raise _bad("目录不完整", "bad_zip")
        if flags & ~_UTF8:
            raise _bad("条目已加密，或用了不支持的写法", "encrypted_or_streamed")
        if method not in (_STORED, _DEFLATED):
            raise _bad("条目用了不支持的压缩方法", "bad_compression")
        kind = stat.S_IFMT(external >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _bad("条目不是普通文件（链接或设备）", "not_a_regular_file")
        if made != _UNIX | version or internal or external != _PLAIN_FILE:
            raise _bad("条目的属性不是规定的写法", "bad_zip")
        size, packed, offset = _long(extra, size, packed, offset)
        about = (flags, method, time, day, crc)
        yield _Entry(name, version, bool(extra), about, method, packed, size, offset)
    if place != len(directory):
        raise _bad("目录之后有不明内容", "hidden_bytes")


def _long(extra: bytes, *values: int) -> tuple[int, ...]:
    """The values, with those that need 64 bits taken from the one extra field that is allowed."""
    wanted = [value == _NO_32 for value in values]
    expected = struct.pack("<2H", _ZIP64_EXTRA, 8 * sum(wanted)) if any(wanted) else b""
    if extra[:4] != expected or len(extra) != len(expected) + 8 * sum(wanted):
        raise _bad("条目带有不明的附加内容", "hidden_bytes")
    numbers = iter(struct.unpack(f"<{sum(wanted)}Q", extra[4:]))
    return tuple(
        next(numbers) if long else value for value, long in zip(values, wanted, strict=True)
    )


def _check_names(entries: list[_Entry]) -> None:
    seen: set[str] = set()
    for entry in entries:
        try:
            name = entry.name.decode("utf-8" if entry.about[0] & _UTF8 else "ascii")
        except UnicodeDecodeError:
            raise _bad("条目名称不是 UTF-8", "bad_entry_name") from None
        segments = name.split("/")
        try:
            safe = [safe_file_name(segment) for segment in segments]
        except Invalid as error:
            raise _bad(f"条目名称不安全：{error.message}", "bad_entry_name") from None
        if safe != segments or len(segments) > _LEVELS or name.startswith("."):
            raise _bad("条目名称不安全", "bad_entry_name")
        if not unicodedata.is_normalized("NFC", name):
            raise _bad("条目名称不是 NFC 写法", "bad_entry_name")
        folded = fold(name)
        if folded in seen:
            raise _bad("有重名的条目（包括仅大小写或写法不同）", "entry_twice")
        seen.add(folded)


def _check_sizes(entries: list[_Entry], most_bytes: int) -> None:
    for entry in entries:
        if entry.method == _STORED and entry.packed != entry.size:
            raise _bad("条目的大小前后不一", "bad_zip")
        if entry.size > max(_HARMLESS, entry.packed * MOST_RATIO):
            raise _bad(f"条目的压缩比超过 {MOST_RATIO}", "zip_bomb")
    if sum(entry.size for entry in entries) > most_bytes:
        raise _bad(f"解开后超过 {most_bytes} 字节", "too_large")


def _after(stream: BinaryIO, entry: _Entry, limit: int) -> int:
    """Where the data of an entry ends; its local header must say what the directory says."""
    stream.seek(entry.offset)
    header = stream.read(_LOCAL.size)
    if len(header) != _LOCAL.size:
        raise _bad("条目不完整", "bad_zip")
    (
        signature, version, flags, method, time, day, crc, packed, size, name_length, extra_length,
    ) = _LOCAL.unpack(header)  # fmt: skip
    if name_length + extra_length > _MOST_HEADER:
        raise _bad("条目带有不明的附加内容", "hidden_bytes")
    name, extra = stream.read(name_length), stream.read(extra_length)
    size, packed = _long(extra, size, packed)
    if (
        signature != b"PK\x03\x04"
        or (name, flags, method, time, day, crc) != (entry.name, *entry.about)
        or (size, packed) != (entry.size, entry.packed)
        or version != (_VERSION64 if extra else _VERSION)
        or entry.version != (_VERSION64 if extra or entry.is_long else _VERSION)
    ):
        raise _bad("条目的两处说明不一致", "headers_differ")
    end: int = entry.offset + _LOCAL.size + name_length + extra_length + packed
    if end > limit:
        raise _bad("条目超出文件范围", "bad_zip")
    return end


def _bad(problem: str, code: str) -> Invalid:
    return Invalid("package", f"信息包{problem}。", "请由移交单位重新生成信息包并提交。", code=code)
