"""Small recordings by our own bytes: FLAC, Matroska, MXF."""

from __future__ import annotations

import struct

from shared.inspection.formats.recordings import _crc


def flac(*, samples: int | None = None, bits: int = 16, blocks: int = 2) -> bytes:
    """Silence at 44.1 kHz in blocks of 192 samples, each of which is a constant."""
    total = 192 * blocks if samples is None else samples
    packed = 44_100 << 44 | bits - 1 << 36 | total
    info = struct.pack(">HH", 192, 192) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    head = b"fLaC\x80" + len(info).to_bytes(3, "big") + info
    return head + b"".join(_flac_frame(number, bits) for number in range(blocks))


def _flac_frame(number: int, bits: int) -> bytes:
    head = bytes([0xFF, 0xF8, 0x10, 0x00, number])
    frame = head + bytes([_crc(head, 8, 0x07)]) + bytes(1 + bits // 8)
    return frame + _crc(frame, 16, 0x8005).to_bytes(2, "big")


def element(name: int, content: bytes, *, is_open: bool = False) -> bytes:
    """An element of EBML; an open one does not know its length."""
    length = (1 << 56) - 1 if is_open else len(content)
    return (
        name.to_bytes(-(-name.bit_length() // 8), "big")
        + (1 << 56 | length).to_bytes(8, "big")
        + content
    )


def matroska(
    *, tracks: bool = True, clusters: bool = True, is_open: bool = False, bits: int = 24
) -> bytes:
    """A film of two seconds, of which nothing is there to be seen."""
    info = element(0x2AD7B1, (1_000_000).to_bytes(4, "big")) + element(
        0x4489, struct.pack(">d", 2000)
    )
    video = element(0xE0, element(0xB0, b"\x02\xd0") + element(0xBA, b"\x02\x40"))
    sound = element(0xE1, element(0xB5, struct.pack(">f", 48_000)) + element(0x6264, bytes([bits])))
    parts = element(0x1549A966, info)
    if tracks:
        parts += element(0x1654AE6B, element(0xAE, video) + element(0xAE, sound))
    if clusters:
        parts += element(
            0x1F43B675, element(0xE7, b"\0") + element(0xA3, bytes(50)), is_open=is_open
        )
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    return head + element(0x18538067, parts, is_open=is_open)


def triplet(key: str, content: bytes) -> bytes:
    """Key, length and value of MXF."""
    return bytes.fromhex(key) + b"\x83" + len(content).to_bytes(3, "big") + content


def _set(kind: int, **tags: bytes) -> bytes:
    said = b"".join(
        struct.pack(">HH", int(tag[1:], 16), len(value)) + value for tag, value in tags.items()
    )
    return triplet(f"060e2b34025301010d0101010101{kind:02x}00", said)


def mxf(*, essence: bool = True, footer: bool = True, bits: int = 24) -> bytes:
    """A film of 50 frames in fields, 25 a second, with sound."""
    name, pace = bytes(15) + b"\1", struct.pack(">II", 25, 1)
    rate, depth = struct.pack(">II", 48_000, 1), bits.to_bytes(4, "big")
    content = (
        triplet("060e2b34020501010d01020101020400", bytes(88))
        + _set(0x3B, t4B01=pace, t4803=name)
        + _set(0x0F, t3C0A=name, t0202=(50).to_bytes(8, "big"))
        + _set(0x28, t3203=b"\2\xd0", t3202=b"\1\x20", t320C=b"\1")
        + _set(
            0x48,
            t3D03=rate,
            t3D01=depth,
            t3D07=b"\0\0\0\2",
        )
    )
    if essence:
        content += triplet("060e2b34010201010d01030115010500", bytes(200))
    if footer:
        content += triplet("060e2b34020501010d01020101040400", bytes(88))
    return content


def avi(*, bits: int = 24) -> bytes:
    """A film of a second, 25 frames, with sound at 48 kHz."""
    film = struct.pack("<IIIII", 40_000, 0, 0, 0, 25) + bytes(12) + struct.pack("<II", 720, 576)
    sound = struct.pack("<HHIIHH", 1, 1, 48_000, 48_000 * bits // 8, bits // 8, bits)
    stream = _riff(b"LIST", b"strl" + _riff(b"strh", b"auds" + bytes(52)) + _riff(b"strf", sound))
    head = _riff(b"LIST", b"hdrl" + _riff(b"avih", film + bytes(16)) + stream)
    return _riff(b"RIFF", b"AVI " + head + _riff(b"LIST", b"movi" + bytes(48)))


def _riff(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content
