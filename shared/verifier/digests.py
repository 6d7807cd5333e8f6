"""Digests by name; SM3 (GB/T 32905) in Python alone where this Python's OpenSSL has none.

That one takes a second for half a megabyte, which few receipts are; files are held against a
receipt by SHA-256, which every Python has.
"""

from __future__ import annotations

import hashlib
import struct

_START = (
    0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E,
)  # fmt: skip
_ALL = 0xFFFFFFFF
_BLOCK = 64


def has_sm3() -> bool:
    """Whether `hashlib` has SM3 here, as OpenSSL has since 1.1.1 where nobody took it out."""
    try:
        hashlib.new("sm3")
    except ValueError:
        return False
    return True


def digest(name: str, message: bytes) -> bytes:
    """The digest of a message, by its name in `hashlib`. Raises ValueError for an unknown one."""
    if name == "sm3" and not has_sm3():
        return sm3(message)
    return hashlib.new(name, message).digest()


def sm3(message: bytes) -> bytes:
    """The SM3 of a message, slowly (GB/T 32905-2016, 5)."""
    padded = message + b"\x80" + bytes(-(len(message) + 9) % _BLOCK)
    padded += (8 * len(message)).to_bytes(8, "big")
    state: tuple[int, ...] = _START
    for at in range(0, len(padded), _BLOCK):
        state = _compressed(state, padded[at : at + _BLOCK])
    return struct.pack(">8I", *state)


def _turned(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & _ALL


#: The constants of the 64 rounds, turned as each of them wants it.
_ROUND = [_turned(0x79CC4519 if j < 16 else 0x7A879D8A, j % 32) for j in range(64)]


def _compressed(state: tuple[int, ...], block: bytes) -> tuple[int, ...]:
    words = list(struct.unpack(">16I", block))
    for j in range(16, 68):
        mixed = words[j - 16] ^ words[j - 9] ^ _turned(words[j - 3], 15)
        mixed ^= _turned(mixed, 15) ^ _turned(mixed, 23)
        words.append(mixed ^ _turned(words[j - 13], 7) ^ words[j - 6])
    a, b, c, d, e, f, g, h = state
    for j in range(64):
        turned = _turned(a, 12)
        first = _turned((turned + e + _ROUND[j]) & _ALL, 7)
        chosen = a ^ b ^ c if j < 16 else a & b | a & c | b & c
        picked = e ^ f ^ g if j < 16 else e & f | ~e & g
        t = (chosen + d + (first ^ turned) + (words[j] ^ words[j + 4])) & _ALL
        u = (picked + h + first + words[j]) & _ALL
        a, b, c, d = t, a, _turned(b, 9), c
        e, f, g, h = u ^ _turned(u, 9) ^ _turned(u, 17), e, _turned(f, 19), g
    return tuple(old ^ new for old, new in zip(state, (a, b, c, d, e, f, g, h), strict=True))
