"""What a receipt lists, as the leaves of its tree (`shared.kernel.merkle`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
