"""One record as a folder that needs no program to be read: a bag, and a folder in the E-ARK manner.

BagIt is RFC 8493 (version 1.0). The other takes over the tree of an E-ARK information package
(CSIP: metadata, representations), but not its METS: a plain list of digests stands in its place.
Both hold the record as it is now, and beside it what proves how it was received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.kernel.canonical import canonical_json, sha256_hex
from shared.packaging.build import distinct_names
from shared.packaging.exchange.carried import Carried
from shared.packaging.exchange.write import shortened
from shared.packaging.exchange.writing import TreeWriter
from shared.packaging.manifest import MANIFEST, METADATA, RECORD, SIGNATURE
from shared.records.metadata import describe, to_xml
from shared.records.record import ComputerFile, record_to_wire

#: What lists the files of a folder with their SHA-256, as `sha256sum -c` reads it.
LISTED = "manifest-sha256.txt"
_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
#: RFC 8493 has a percent sign in a name escaped, which not every reader undoes.
_PERCENT = str.maketrans("%", "％")


@dataclass(frozen=True)
class Later:
    """A file that the archive has added to a record since, as it lies here."""

    name: str
    path: Path
    sha256: str
    size: int


class _Listing:
    """A tree of which each file is listed as it is written."""

    def __init__(self, tree: TreeWriter) -> None:
        self._tree = tree
        self._digests: dict[str, str] = {}
        self.size = 0

    def __len__(self) -> int:
        return len(self._digests)

    def add(self, name: str, content: bytes) -> None:
        self._tree.add(name, content)
        self._digests[name] = sha256_hex(content)
        self.size += len(content)

    def copy(self, name: str, source: Path, file: ComputerFile | Later) -> None:
        self._tree.copy(name, source, file.sha256)
        self._digests[name] = file.sha256
        self.size += file.size

    def to_bytes(self) -> bytes:
        lines = (f"{digest}  {name}\n" for name, digest in sorted(self._digests.items()))
        return "".join(lines).encode()


def write_bag(
    carried: Carried,
    papers: Mapping[str, bytes],
    tree: TreeWriter,
    *,
    later: Sequence[Later] = (),
    keeper: str,
    made_on: str,
) -> None:
    """Write a record as a bag.

    Args:
        carried: the record.
        papers: what else proves it, by file name: its receipt, later descriptions.
        tree: where to.
        later: files of later versions, and the papers about them.
        keeper: who hands it out (Source-Organization).
        made_on: the day, `2026-03-05`.
    """
    payload = _Listing(tree)
    for name, content in _described(carried):
        payload.add(f"data/{name}", content)
    for folder, name, path, file in _files(carried):
        payload.copy(f"data/content/{folder}/{name}", path, file)
    for name, content in _received(carried):
        payload.add(f"data/received/{name}", content)
    for name, content in papers.items():
        payload.add(f"data/papers/{name}", content)
    for each in later:
        payload.copy(f"data/later/{each.name}", each.path, each)
    about = {
        "Source-Organization": keeper,
        "External-Identifier": carried.record.code or "",
        "Internal-Sender-Identifier": f"urn:uuid:{carried.record.id}",
        "External-Description": carried.record.title,
        "Bagging-Date": made_on,
        "Payload-Oxum": f"{payload.size}.{len(payload)}",
        "Bag-Software-Agent": "danglian",
    }
    tags = _Listing(tree)
    tags.add("bagit.txt", _DECLARATION)
    tags.add("bag-info.txt", "".join(f"{k}: {v}\n" for k, v in about.items() if v).encode())
    tags.add(LISTED, payload.to_bytes())
    tree.add("tagmanifest-sha256.txt", tags.to_bytes())


def write_eark(
    carried: Carried,
    papers: Mapping[str, bytes],
    tree: TreeWriter,
    *,
    later: Sequence[Later] = (),
) -> None:
    """Write a record as a folder in the manner of E-ARK; `papers` and `later` as for `write_bag`.

    Computer files that were born digital and digital copies are two representations, files of
    later versions a third.
    """
    listing = _Listing(tree)
    for name, content in _described(carried):
        listing.add(f"metadata/descriptive/{name}", content)
    for name, content in papers.items():
        listing.add(f"metadata/preservation/{name}", content)
    for name, content in _received(carried):
        listing.add(f"metadata/other/received/{name}", content)
    for folder, name, path, file in _files(carried):
        listing.copy(f"representations/{file.kind}/data/{folder}/{name}", path, file)
    for each in later:
        listing.copy(f"representations/later/data/{each.name}", each.path, each)
    tree.add(LISTED, listing.to_bytes())


def _described(carried: Carried) -> Iterator[tuple[str, bytes]]:
    """The record as it is now: as it travels, and after DA/T 46."""
    record = carried.record
    yield RECORD, canonical_json(record_to_wire(record))
    yield METADATA, to_xml(describe(record, carried.fonds, archive=carried.archive))


def _received(carried: Carried) -> Iterator[tuple[str, bytes]]:
    """What the unit has sealed, byte by byte."""
    if carried.sealed is not None:
        yield MANIFEST, carried.sealed.manifest
        yield RECORD, carried.sealed.record
        yield METADATA, carried.sealed.metadata
        yield SIGNATURE, carried.sealed.signature


def _files(carried: Carried) -> Iterator[tuple[str, str, Path, ComputerFile]]:
    return by_document(carried, lambda name: shortened(name.translate(_PERCENT)))


def by_document(
    carried: Carried, name_of: Callable[[str], str] = shortened
) -> Iterator[tuple[str, str, Path, ComputerFile]]:
    """Each computer file: folder of its document, name there, where it lies, itself."""
    documents = sorted(carried.record.documents, key=lambda each: each.order)
    for place, document in enumerate(documents, 1):
        plain = (name_of(file.name) for file in document.files)
        for file, name in zip(document.files, distinct_names(plain), strict=True):
            yield f"{place:02d}", name, carried.files[file.id], file
