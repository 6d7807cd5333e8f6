"""Bytes that were changed on the way or on the disk."""

from __future__ import annotations


def flipped(content: bytes, at: int = 0, bits: int = 1) -> bytes:
    """The bytes with these bits of one of them turned over."""
    at %= len(content)
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]
