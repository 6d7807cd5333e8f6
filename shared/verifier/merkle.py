"""The Merkle root over what a receipt lists (the tree of RFC 6962, 2.1, with SHA-256)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.kernel.canonical import canonical_json


def leaves(
    items: Iterable[Mapping[str, Any]], records: Iterable[Mapping[str, Any]]
) -> Iterator[bytes]:
    """The leaves: of each record its line of the form, its description, then its files in order.

    Each is the canonical JSON of the line; of `{record_id, record_digest}`; and of
    `{record_id, name, size, sha256}`. Raises KeyError, TypeError, ValueError for another shape.
    """
    for item, record in zip(items, records, strict=True):
        yield canonical_json(dict(item))
        whose = {"record_id": record["record_id"]}
        yield canonical_json({**whose, "record_digest": record["record_digest"]})
        for file in record["files"]:
            yield canonical_json({**whose, **file})


def merkle_root(lines: Iterable[bytes]) -> str:
    """The root, lower-case hex: 0x00 before a leaf, 0x01 before the two halves of a node."""
    return _root([hashlib.sha256(b"\x00" + line).digest() for line in lines]).hex()


def _root(hashes: Sequence[bytes]) -> bytes:
    """An odd one at the end of a row goes up as it is: the split at the largest power of two."""
    if not hashes:
        return hashlib.sha256().digest()
    row = list(hashes)
    while len(row) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + row[at] + row[at + 1]).digest()
            for at in range(0, len(row) - 1, 2)
        ]
        row = pairs + row[len(row) & ~1 :]
    return row[0]
