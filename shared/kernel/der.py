"""The elements of DER (X.690), written and read."""

from __future__ import annotations


def element(tag: int, content: bytes) -> bytes:
    """An element in DER: tag, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + content


def elements(content: bytes) -> list[tuple[int, bytes, bytes]]:
    """The elements one after the other: tag, content, whole. Raises ValueError."""
    found, at = [], 0
    while at < len(content):
        if at + 2 > len(content):
            raise ValueError("cut off")
        tag, length, start = content[at], content[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(content[start : start + size], "big")
            start += size
        if start + length > len(content):
            raise ValueError("cut off")
        found.append((tag, content[start : start + length], content[at : start + length]))
        at = start + length
    return found
