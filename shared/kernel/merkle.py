"""The tree of RFC 6962 (2.1) over a list: one digest that stands for all of it, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def merkle_root(lines: Iterable[bytes], *, algorithm: str = "sha256") -> str:
    """The root, lower-case hex: 0x00 before a leaf, 0x01 before the two halves of a node.

    The lines are taken one at a time, and none is kept.
    """
    # Whole trees of twice the lines of the next at least, as the bits of how many there were.
    trees: list[bytes] = []
    for count, line in enumerate(lines, 1):
        trees.append(hashlib.new(algorithm, b"\x00" + line).digest())
        for _ in range((count & -count).bit_length() - 1):
            _join_last(trees, algorithm)
    if not trees:
        return hashlib.new(algorithm).hexdigest()
    # What is over goes up as it is: the split at the largest power of two.
    while len(trees) > 1:
        _join_last(trees, algorithm)
    return trees[0].hex()


def _join_last(trees: list[bytes], algorithm: str) -> None:
    right, left = trees.pop(), trees.pop()
    trees.append(hashlib.new(algorithm, b"\x01" + left + right).digest())
