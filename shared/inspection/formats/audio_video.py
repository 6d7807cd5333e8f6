"""Sound and film: the structure walked to its end, length and parameters (DA/T 62-2017).

Samples that are stored as they are (PCM) are all there when the walk comes to their end. Of other
codings nothing is decoded here (`docs/decisions/0034`), and each file says so: whether every second
can be heard and seen a decoder tries where one is set up (`shared.inspection.decoder`), and else a
person, as DA/T 70-2018, 3-4 foresees.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from shared.inspection.formats.examination import Look
from shared.inspection.formats.trouble import DAMAGED, UNSURE

_SHORT = "音像文件比其自述的短，可能不完整"
#: What each file says that was walked and not decoded; `shared.inspection.decoder` looks for it.
NOT_DECODED = "只核对了音像文件的结构，没有设置解码程序，没有逐帧解码播放"
#: Codings of WAV whose samples lie there as they are: linear PCM, and with floating point.
_PCM = {1, 3}
_EXTENSIBLE = 0xFFFE
_UNKNOWN_LENGTH = 0xFFFFFFFF
_MOST_CHUNKS = 200_000


def examine_wave(stream: BinaryIO, size: int, look: Look) -> None:
    """WAV: its chunks to the end, sampling, and as many seconds as its data make."""
    rate = 0
    has_data = is_whole = False
    for name, at, length in _riff(stream, size, look):
        if name == b"fmt " and length >= 16:
            stream.seek(at)
            head = stream.read(min(length, 40))
            look.facts["channels"] = int.from_bytes(head[2:4], "little")
            look.facts["sample_rate"] = int.from_bytes(head[4:8], "little")
            look.facts["bits"] = int.from_bytes(head[14:16], "little")
            rate = int.from_bytes(head[8:12], "little")
        elif name == b"data":
            has_data = True
            if rate:
                look.facts["seconds"] = round(min(length, size - at) / rate, 3)
                is_whole = _is_plain_sound(head, length)
    if not look.has(DAMAGED) and not (has_data and rate):
        look.trouble(DAMAGED, "音频文件没有声音内容或缺少参数")
    look.facts["puid"] = "fmt/141"
    if not is_whole:
        look.trouble(UNSURE, NOT_DECODED)


def _is_plain_sound(head: bytes, length: int) -> bool:
    """Whether `fmt ` says PCM, agrees with itself, and so many bytes are whole samples of it.

    Then there is nothing to decode: whatever the bytes are, they are sound.
    """
    coding, channels, sampled, rate, block, bits = struct.unpack_from("<HHIIHH", head)
    if coding == _EXTENSIBLE:
        coding = int.from_bytes(head[24:26], "little")
    agrees = block == channels * -(-bits // 8) and rate == sampled * block
    return coding in _PCM and bits > 0 and block > 0 and agrees and length % block == 0


def examine_avi(stream: BinaryIO, size: int, look: Look) -> None:
    """AVI: its chunks to the end, the picture's size, and its length by frames."""
    has_content, of_stream = False, b""
    for name, at, length in _riff(stream, size, look):
        if name == b"strh" and length >= 8:
            stream.seek(at)
            of_stream = stream.read(4)
        elif name == b"strf" and length >= 16:
            stream.seek(at)
            _note_sound(of_stream, stream.read(16), look)
        elif name == b"avih" and length >= 40:
            stream.seek(at)
            head = stream.read(40)
            pause, frames = (int.from_bytes(head[n : n + 4], "little") for n in (0, 16))
            look.facts["seconds"] = round(pause * frames / 1e6, 3)
            look.facts["width"] = int.from_bytes(head[32:36], "little")
            look.facts["height"] = int.from_bytes(head[36:40], "little")
        has_content |= name == b"movi"
    if not look.has(DAMAGED) and not has_content:
        look.trouble(DAMAGED, "音像文件没有内容")
    look.facts["puid"] = "fmt/5"
    look.trouble(UNSURE, NOT_DECODED)


def _note_sound(of_stream: bytes, head: bytes, look: Look) -> None:
    """The parameters of the sound in an AVI (WAVEFORMATEX)."""
    if of_stream == b"auds":
        look.facts["sample_rate"] = int.from_bytes(head[4:8], "little")
        look.facts["bits"] = int.from_bytes(head[14:16], "little")


def _riff(stream: BinaryIO, size: int, look: Look) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of every chunk; lists are gone into, but not that of content."""
    at, ends = 0, [size]
    for _ in range(_MOST_CHUNKS):
        while len(ends) > 1 and at >= ends[-1]:
            ends.pop()
        if at >= size:
            return
        stream.seek(at)
        head = stream.read(12)
        if len(head) < 8:
            if at > 12 and not head.strip(b"\0"):
                return
            look.trouble(DAMAGED, "音像文件结尾不完整")
            return
        name, length = head[:4], int.from_bytes(head[4:8], "little")
        if length == _UNKNOWN_LENGTH:
            length = size - at - 8
        # A list may count a padding byte at its end that the file leaves out; content may not.
        end = size + 1 if name in (b"RIFF", b"LIST") else size
        if at + 8 + length > end or (not length and name == b"RIFF"):
            look.trouble(DAMAGED, _SHORT)
            return
        if name in (b"RIFF", b"LIST"):
            kind = head[8:12]
            if kind == b"movi":
                yield kind, at + 12, length
            else:
                ends.append(at + 8 + length)
                at += 12
                continue
        elif not name.strip(b"\0"):
            look.trouble(UNSURE, "音像文件的结尾有空白的内容")
            return
        else:
            yield name, at + 8, length
        at += 8 + length + length % 2
    look.trouble(UNSURE, "音像文件的部分太多，没有全部核对")


_BOXES_OF_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def examine_mp4(stream: BinaryIO, size: int, look: Look) -> None:
    """MP4: its boxes to the end; what its tables refer to lies inside the file."""
    seen: set[bytes] = set()
    for name, at, length in _boxes(stream, 0, size, look):
        seen.add(name)
        stream.seek(at)
        if name == b"mvhd":
            head = stream.read(32)
            wide = bool(head) and head[0] == 1
            scale = int.from_bytes(head[20:24] if wide else head[12:16], "big")
            ticks = int.from_bytes(head[24:32] if wide else head[16:20], "big")
            if scale:
                look.facts["seconds"] = round(ticks / scale, 3)
        elif name in (b"stco", b"co64"):
            width = 4 if name == b"stco" else 8
            table = stream.read(min(length, 64 * 1024 * 1024))[8:]
            places = (
                int.from_bytes(table[n : n + width], "big") for n in range(0, len(table), width)
            )
            if any(place >= size for place in places):
                look.trouble(DAMAGED, _SHORT)
        elif name == b"tkhd" and 84 <= length <= 256:
            box = stream.read(length)
            width, height = (int.from_bytes(box[n : n + 2], "big") for n in (-8, -4))
            if width and height:
                look.facts["width"], look.facts["height"] = width, height
    if not look.has(DAMAGED) and (b"moov" not in seen or not seen & {b"mdat", b"moof"}):
        look.trouble(DAMAGED, "音像文件缺少索引或内容，不能播放")
    look.facts["puid"] = "fmt/199"
    look.trouble(UNSURE, NOT_DECODED)


def _boxes(
    stream: BinaryIO, at: int, end: int, look: Look, depth: int = 0
) -> Iterator[tuple[bytes, int, int]]:
    count = 0
    while at < end:
        count += 1
        stream.seek(at)
        header = stream.read(16)
        if len(header) < 8 or count > _MOST_CHUNKS:
            look.trouble(DAMAGED, "音像文件结尾不完整")
            return
        length, skip = int.from_bytes(header[:4], "big"), 8
        if length == 1:
            length, skip = int.from_bytes(header[8:16], "big"), 16
        elif length == 0:
            length = end - at
        if length < skip or at + length > end:
            look.trouble(DAMAGED, _SHORT)
            return
        name = header[4:8]
        yield name, at + skip, length - skip
        if name in _BOXES_OF_BOXES and depth < 8:
            yield from _boxes(stream, at + skip, at + length, look, depth + 1)
        at += length


#: Some five hours at 256 kbit/s; what is longer is walked so far.
_MOST_SOUND = 512 * 1024 * 1024
#: Kilobits a second by version and the four bits, layer III (ISO 11172-3, 13818-3).
_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def examine_mp3(stream: BinaryIO, size: int, look: Look) -> None:
    """MP3: every frame's header, from the first to the last, and the seconds that they make."""
    at = 0
    head = stream.read(10)
    if head.startswith(b"ID3"):
        for byte in head[6:10]:
            at = at << 7 | byte & 0x7F
        at += 10
    seconds, frames, lost = 0.0, 0, 0
    stream.seek(at)
    content = stream.read(min(size, _MOST_SOUND))
    end, place = len(content), 0
    if content[-128:-125] == b"TAG":
        end -= 128
    while place + 4 <= end:
        found = _mp3_frame(content[place : place + 4])
        if found is None:
            lost += 1
            place += 1
            if content[place - 1 : place + 7].startswith((b"APETAGEX", b"LYRICSBE")):
                break
            continue
        length, rate, samples = found
        if place + length > end and frames:
            look.trouble(DAMAGED, "音频文件的最后一帧不完整")
        seconds += samples / rate
        look.facts["sample_rate"] = rate
        frames += 1
        place += length
    if size - at > _MOST_SOUND:
        look.trouble(UNSURE, "音频文件很长，没有核对到末尾")
    if not frames:
        look.trouble(DAMAGED, "音频文件没有声音内容")
    elif lost > max(4096, len(content) // 10):
        look.trouble(DAMAGED, "音频文件中有不是声音的内容，可能已损坏")
    look.facts["seconds"] = round(seconds, 3)
    look.facts["puid"] = "fmt/134"
    look.trouble(UNSURE, NOT_DECODED)


def _mp3_frame(head: bytes) -> tuple[int, int, int] | None:
    """Length in bytes, sampling rate and samples of a frame; None when this is no header."""
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    if head[0] != 0xFF or head[1] & 0xE0 != 0xE0 or version == 1 or layer != 1:
        return None
    bits, sampling = head[2] >> 4, head[2] >> 2 & 3
    if bits in (0, 15) or sampling == 3:
        return None
    rate = _SAMPLE_RATES[version][sampling]
    samples = 1152 if version == 3 else 576
    kilobits = _RATES[3 if version == 3 else 2][bits]
    return samples // 8 * kilobits * 1000 // rate + (head[2] >> 1 & 1), rate, samples


_PACK, _END = 0xBA, 0xB9


def examine_mpeg(stream: BinaryIO, size: int, look: Look) -> None:
    """An MPEG program stream: packs and packets to the end; no bare stream of pictures."""
    look.facts["puid"] = "x-fmt/385"
    look.trouble(UNSURE, NOT_DECODED)
    if stream.read(4) != b"\0\0\1\xba":
        look.facts["bare"] = True
        return
    at = packets = 0
    while at + 4 <= size:
        stream.seek(at)
        head = stream.read(14)
        if head[:3] != b"\0\0\1":
            if packets and not head.strip(b"\0"):
                at += 1
                continue
            look.trouble(DAMAGED, "音像文件的结构中断，可能已损坏", f"第 {at} 字节")
            return
        code = head[3]
        if code == _END:
            at += 4
        elif code == _PACK:
            at += 14 + (head[13] & 7) if len(head) == 14 and head[4] >> 6 == 1 else 12
        else:
            at += 6 + int.from_bytes(head[4:6], "big")
            packets += 1
    if at > size:
        look.trouble(DAMAGED, _SHORT)
    elif not packets:
        look.trouble(DAMAGED, "音像文件没有内容")
