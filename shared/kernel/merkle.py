"""The tree of RFC 6962 (2.1) over a list: one digest that stands for all of it, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def merkle_root(lines: Iterable[bytes], *, algorithm: str = "sha256") -> str:
    """The root, lower-case hex: 0x00 before a leaf, 0x01 before the two halves of a node."""
    row = [hashlib.new(algorithm, b"\x00" + line).digest() for line in lines]
    if not row:
        return hashlib.new(algorithm).hexdigest()
    # An odd one at the end of a row goes up as it is: the split at the largest power of two.
    while len(row) > 1:
        pairs = [
            hashlib.new(algorithm, b"\x01" + row[at] + row[at + 1]).digest()
            for at in range(0, len(row) - 1, 2)
        ]
        row = pairs + row[len(row) & ~1 :]
    return row[0].hex()
