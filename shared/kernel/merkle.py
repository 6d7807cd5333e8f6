"""The tree of RFC 6962 (2.1) over a list: one digest that stands for all of it, in order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


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


def merkle_path(
    lines: Sequence[bytes], place: int, *, algorithm: str = "sha256"
) -> list[tuple[str, str]]:
    """The digests that lead from one line to the root: each with the side on which it stands.

    `left` or `right`, and the digest: the audit path of RFC 6962 (2.1.1).
    """
    row = [hashlib.new(algorithm, b"\x00" + line).digest() for line in lines]
    path = []
    while len(row) > 1:
        beside = place ^ 1
        if beside < len(row):
            path.append(("left" if beside < place else "right", row[beside].hex()))
        row = [
            hashlib.new(algorithm, b"\x01" + row[at] + row[at + 1]).digest()
            for at in range(0, len(row) - 1, 2)
        ] + row[len(row) & ~1 :]
        place //= 2
    return path


def root_along(line: bytes, path: Iterable[tuple[str, str]], *, algorithm: str = "sha256") -> str:
    """The root to which a path leads from a line. Raises ValueError for what is no path."""
    digest = hashlib.new(algorithm, b"\x00" + line).digest()
    for side, beside in path:
        other = bytes.fromhex(beside)
        if side not in {"left", "right"} or len(other) != len(digest):
            raise ValueError("no path")
        pair = other + digest if side == "left" else digest + other
        digest = hashlib.new(algorithm, b"\x01" + pair).digest()
    return digest.hex()


def _join_last(trees: list[bytes], algorithm: str) -> None:
    right, left = trees.pop(), trees.pop()
    trees.append(hashlib.new(algorithm, b"\x01" + left + right).digest())
