"""FLAC (RFC 9639), Matroska (RFC 9559), MXF (SMPTE ST 377-1): walked to the end.

DA/T 62-2017 names MXF for film; the others come from recorders, and whether an archive takes them
its format policy says. Nothing is decoded here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from shared.inspection.formats.audio_video import NOT_DECODED
from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, UNSURE

_SHORT = "音像文件比其自述的短，可能不完整"
_NO_PARAMETERS = "音像文件缺少参数，不能播放"
_NO_CONTENT = "音像文件没有内容"
_TOO_MANY = "音像文件的部分太多，没有全部核对"
_MOST_PARTS = 400_000
_MOST_VALUE, _MOST_SETS = 65_536, 10_000

# --- FLAC ---------------------------------------------------------------------------------------

#: The block with the parameters of the stream; the code that no block has.
_STREAMINFO, _NO_BLOCK = 0, 127
#: Of 8 channels of 65,536 samples of 32 bits, and a little; so the last one begins in here.
_LONGEST_FRAME = 4 * 1024 * 1024
#: How many samples a frame has, by its code (RFC 9639, table 14); 6 and 7 have it behind.
_BLOCKS = (0, 192, *(576 << code for code in range(4)), 0, 0, *(256 << code for code in range(8)))
_SYNC = (b"\xff\xf8", b"\xff\xf9")


def examine_flac(stream: BinaryIO, size: int, look: Look) -> None:
    """FLAC: its blocks, and that the last frame is whole and ends where the samples do."""
    look.facts["puid"] = "fmt/279"
    look.trouble(UNSURE, NOT_DECODED)
    stream.seek(4)
    at, is_last, samples, least_block = 4, False, 0, 0
    while not is_last:
        head = stream.read(4)
        if len(head) < 4:
            look.trouble(DAMAGED, _SHORT)
            return
        is_last, kind, length = head[0] >> 7 == 1, head[0] & 0x7F, int.from_bytes(head[1:], "big")
        first = at == 4
        at += 4 + length
        if kind == _NO_BLOCK or at > size or first != (kind == _STREAMINFO):
            look.trouble(DAMAGED, "音频文件的结构有误", f"第 {at - 4 - length} 字节")
            return
        if first:
            block = stream.read(34)
            least_block = int.from_bytes(block[:2], "big")
            samples = _note_stream(block, look)
        stream.seek(at)
    if not samples:
        look.trouble(UNSURE, "音频文件没有登记长度，不能核对是否完整")
    if at == size:
        look.trouble(DAMAGED, _NO_CONTENT)
    else:
        stream.seek(max(at, size - _LONGEST_FRAME))
        tail = stream.read()
        if at + len(tail) == size and not tail.startswith(_SYNC):
            look.trouble(DAMAGED, "音频文件的结构有误", f"第 {at} 字节")
        else:
            _check_last_frame(tail, samples, least_block, look)


def _note_stream(block: bytes, look: Look) -> int:
    """Sampling rate, channels, bits and length; how many samples there are in all."""
    if len(block) < 34:
        look.trouble(DAMAGED, _SHORT)
        return 0
    packed = int.from_bytes(block[10:18], "big")
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    look.facts["channels"] = (packed >> 41 & 7) + 1
    look.facts["bits"] = (packed >> 36 & 31) + 1
    if not rate:
        look.trouble(DAMAGED, _NO_PARAMETERS)
        return samples
    look.facts["sample_rate"] = rate
    if samples:
        look.facts["seconds"] = round(samples / rate, 3)
    return samples


def _check_last_frame(tail: bytes, samples: int, block: int, look: Look) -> None:
    """The last frame keeps its check sum (CRC-16), and with it the samples are all there."""
    if tail[-128:-125] == b"TAG":
        tail = tail[:-128]
    at = len(tail)
    while (at := max(tail.rfind(each, 0, at + 1) for each in _SYNC)) >= 0:
        frame = _flac_frame(tail[at:], block)
        if frame is not None:
            if samples and frame != samples:
                look.trouble(DAMAGED, f"音频文件只有 {frame} 个采样，自述 {samples} 个")
            return
        if at == 0 or look.is_late:
            break
        at -= 1
    look.trouble(DAMAGED, "音频文件的最后一帧不完整")


def _flac_frame(frame: bytes, block: int) -> int | None:
    """After how many samples a frame ends that is whole; None where these bytes are none."""
    number, width = _coded_number(frame[4:11])
    if number is None:
        return None
    at, code = 4 + width, frame[2] >> 4
    if not code:
        return None
    extra = {6: 1, 7: 2}.get(code, 0) + {12: 1, 13: 2, 14: 2}.get(frame[2] & 15, 0)
    if len(frame) < at + extra + 3 or _crc(frame[: at + extra], 8, 0x07) != frame[at + extra]:
        return None
    if _crc(frame, 16, 0x8005):  # with its own check sum behind it the rest is nothing
        return None
    length = _BLOCKS[code] or int.from_bytes(frame[at : at + max(code - 5, 0)], "big") + 1
    is_variable = frame[1] & 1 == 1
    return (number if is_variable else number * block) + length


def _coded_number(head: bytes) -> tuple[int | None, int]:
    """A number written like a character of UTF-8, and how many bytes it takes."""
    if not head:
        return None, 0
    first = head[0]
    if first < 0x80:
        return first, 1
    width = 8 - (first ^ 0xFF).bit_length()
    rest = head[1:width]
    if not 2 <= width <= 7 or len(rest) < width - 1 or any(each >> 6 != 2 for each in rest):
        return None, 0
    number = first & (0x7F >> width)
    for each in rest:
        number = number << 6 | each & 0x3F
    return number, width


def _crc(content: bytes, bits: int, polynomial: int) -> int:
    """The check sum of RFC 9639, 9.1.8 and 9.3."""
    table, mask, found = _crc_table(bits, polynomial), (1 << bits) - 1, 0
    for byte in content:
        found = (found << 8 & mask) ^ table[found >> bits - 8 ^ byte]
    return found


@cache
def _crc_table(bits: int, polynomial: int) -> list[int]:
    top, mask, table = 1 << bits - 1, (1 << bits) - 1, []
    for byte in range(256):
        value = byte << bits - 8
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table


# --- Matroska -----------------------------------------------------------------------------------

_EBML, _DOCTYPE, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x4282, 0x18538067, 0x1F43B675
_INFO, _SCALE, _DURATION = 0x1549A966, 0x2AD7B1, 0x4489
_TRACKS, _TRACK, _VIDEO, _AUDIO = 0x1654AE6B, 0xAE, 0xE0, 0xE1
_NUMBERS = {0xB0: "width", 0xBA: "height", 0x6264: "bits", 0x9F: "channels"}
_RATE = 0xB5
#: What is gone into; of the content itself only the outer parts are.
_OF_PARTS = {_EBML, _SEGMENT, _INFO, _TRACKS, _TRACK, _VIDEO, _AUDIO}
#: Of one whose length is not known yet: it ends where a part begins that cannot be in it.
_OPEN = (1 << 56) - 1


def examine_matroska(stream: BinaryIO, size: int, look: Look) -> None:
    """Matroska and WebM: their elements to the end, parameters, and the length that they say."""
    look.facts["puid"] = "fmt/569"
    look.trouble(UNSURE, NOT_DECODED)
    seen, scale, duration = set[int](), 1_000_000, 0.0
    for name, at, length in _elements(stream, size, look):
        seen.add(name)
        if name in _OF_PARTS or length > _MOST_VALUE:
            continue
        stream.seek(at)
        if name == _DOCTYPE and stream.read(length).rstrip(b"\0") == b"webm":
            look.facts["puid"] = "fmt/573"
        elif name == _SCALE:
            scale = int.from_bytes(stream.read(length), "big")
        elif name == _DURATION:
            duration = _number(stream.read(length))
        elif name in _NUMBERS:
            look.facts.setdefault(_NUMBERS[name], int.from_bytes(stream.read(length), "big"))
        elif name == _RATE:
            look.facts.setdefault("sample_rate", round(_number(stream.read(length))))
    if 0 < duration * scale < 1e18:
        look.facts["seconds"] = round(duration * scale / 1e9, 3)
    if not look.has(DAMAGED) and _TRACK not in seen:
        look.trouble(DAMAGED, _NO_PARAMETERS)
    elif not look.has(DAMAGED) and _CLUSTER not in seen:
        look.trouble(DAMAGED, _NO_CONTENT)


def _number(value: bytes) -> float:
    form = {4: ">f", 8: ">d"}.get(len(value))
    found = struct.unpack(form, value)[0] if form else 0.0
    return found if 0 <= found < 1e15 else 0.0


def _elements(stream: BinaryIO, size: int, look: Look) -> Iterator[tuple[int, int, int]]:
    """Name, place and length of every element; into those of parts it goes."""
    at, ends = 0, [size]
    for _ in range(_MOST_PARTS):
        while len(ends) > 1 and at >= ends[-1]:
            ends.pop()
        if at >= size:
            return
        stream.seek(at)
        head = stream.read(12)
        name_width = 9 - head[0].bit_length()
        name = int.from_bytes(head[:name_width], "big")
        rest = head[name_width:]
        width = 9 - rest[0].bit_length() if rest else 9
        if name_width > 4 or width > 8 or len(rest) < width:
            look.trouble(DAMAGED, "音像文件的结构中断，可能已损坏", f"第 {at} 字节")
            return
        length = int.from_bytes(rest[:width], "big") & (1 << 7 * width) - 1
        begin = at + name_width + width
        is_open = length == (1 << 7 * width) - 1
        if not is_open and begin + length > ends[-1]:
            look.trouble(DAMAGED, _SHORT)
            return
        yield name, begin, 0 if is_open else length
        if name in _OF_PARTS or is_open:
            if not is_open:
                ends.append(begin + length)
            at = begin
        else:
            at = begin + length
    look.trouble(UNSURE, _TOO_MANY)


# --- MXF ----------------------------------------------------------------------------------------

_LABEL = b"\x06\x0e\x2b\x34"
#: A partition pack: which one and in which state is in the two bytes behind; the index at the end.
_PARTITION = bytes.fromhex("060e2b34020501010d01020101")
_RANDOM_INDEX = bytes.fromhex("060e2b34020501010d01020101110100")
_HEADER_PARTITION, _FOOTER_PARTITION = 0x02, 0x04
#: Bodies of essence (ST 379); sets of the metadata, and those of them that describe essence.
_ESSENCE = bytes.fromhex("060e2b34010201010d010301")
_SETS = bytes.fromhex("060e2b34025301010d0101010101")
_DESCRIPTORS = {0x25, 0x27, 0x28, 0x29, 0x42, 0x44, 0x47, 0x48, 0x51}
#: What is shown, where it says so, and not what is stored: coders fill up their blocks.
_TAGS = {
    0x3209: "width", 0x3208: "height", 0x3203: "width", 0x3202: "height", 0x3D01: "bits",
    0x3D07: "channels",
}  # fmt: skip
_SOUND_RATE, _LAYOUT, _FIELDS = 0x3D03, 0x320C, b"\1"
#: A track, its pace and sequence; a sequence, its own name and its length.
_TRACK_SET, _PACE, _ITS_SEQUENCE = 0x3B, 0x4B01, 0x4803
_SEQUENCE_SET, _NAME, _LENGTH = 0x0F, 0x3C0A, 0x0202


def examine_mxf(stream: BinaryIO, size: int, look: Look) -> None:
    """MXF: every triplet of key, length and value to the end, partitions, parameters."""
    look.facts["puid"] = "fmt/200"
    look.trouble(UNSURE, NOT_DECODED)
    partitions, sets = list[bytes](), list[tuple[int, dict[int, bytes]]]()
    has_essence = ends_so = False
    for key, at, length in _triplets(stream, size, look):
        ends_so = key == _RANDOM_INDEX
        has_essence |= key.startswith(_ESSENCE)
        if key.startswith(_PARTITION) and key[13] <= _FOOTER_PARTITION:
            partitions.append(key[13:15])
        elif key.startswith(_SETS) and length <= _MOST_VALUE and len(sets) < _MOST_SETS:
            stream.seek(at)
            sets.append((key[14], _local_set(stream.read(length))))
    _note_sets(sets, look)
    if look.has(DAMAGED):
        return
    if not partitions or partitions[0][0] != _HEADER_PARTITION:
        look.trouble(DAMAGED, "音像文件缺少索引或内容，不能播放")
    elif not has_essence:
        look.trouble(DAMAGED, _NO_CONTENT)
    elif partitions[-1][0] != _FOOTER_PARTITION and not ends_so:
        look.trouble(DAMAGED, "音像文件没有结尾分区，可能没有写完")


def _triplets(stream: BinaryIO, size: int, look: Look) -> Iterator[tuple[bytes, int, int]]:
    at = 0
    for _ in range(_MOST_PARTS):
        if at == size:
            return
        stream.seek(at)
        head = stream.read(25)
        key = head[:16]
        if not key.startswith(_LABEL) or len(head) < 17:
            look.trouble(DAMAGED, "音像文件的结构中断，可能已损坏", f"第 {at} 字节")
            return
        width = head[16] & 0x7F if head[16] & 0x80 else 0
        length = int.from_bytes(head[17 : 17 + width], "big") if width else head[16]
        begin = at + 17 + width
        if width > 8 or head[16] == 0x80 or begin + length > size:
            look.trouble(DAMAGED, _SHORT)
            return
        yield key, begin, length
        at = begin + length
    look.trouble(UNSURE, _TOO_MANY)


def _local_set(content: bytes) -> dict[int, bytes]:
    """A set of local tags (ST 377-1, 9.5)."""
    at, said = 0, dict[int, bytes]()
    while at + 4 <= len(content):
        tag, length = struct.unpack_from(">HH", content, at)
        said[tag] = content[at + 4 : at + 4 + length]
        at += 4 + length
    return said


def _note_sets(sets: list[tuple[int, dict[int, bytes]]], look: Look) -> None:
    """The parameters that the descriptors say, and the length of the longest track."""
    for said in (each for kind, each in sets if kind in _DESCRIPTORS):
        for tag, name in _TAGS.items():
            if said.get(tag) and name not in look.facts:
                of_two = name == "height" and said.get(_LAYOUT) == _FIELDS
                look.facts[name] = int.from_bytes(said[tag], "big") * (2 if of_two else 1)
        if rate := _ratio(said.get(_SOUND_RATE, b"")):
            look.facts.setdefault("sample_rate", round(rate))
    lengths = {
        each[_NAME]: int.from_bytes(each.get(_LENGTH, b""), "big", signed=True)
        for kind, each in sets
        if kind == _SEQUENCE_SET and _NAME in each
    }
    seconds = [
        lengths.get(each.get(_ITS_SEQUENCE, b""), 0) / pace
        for kind, each in sets
        if kind == _TRACK_SET and (pace := _ratio(each.get(_PACE, b"")))
    ]
    if (longest := max(seconds, default=0)) > 0:
        look.facts["seconds"] = round(longest, 3)


def _ratio(value: bytes) -> float:
    if len(value) != 8:
        return 0.0
    over, under = struct.unpack(">II", value)
    return over / under if under else 0.0
