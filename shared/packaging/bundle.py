"""A bundle: one of the ZIPs in which a whole fonds travels from node to node (全宗交接).

The same plain form of ZIP as a package (`layout`), with a manifest of everything in it. Nothing in
a bundle is signed by itself: the statement that both sides sign names every bundle by its digest.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Invalid
from shared.kernel.files import CHUNK, file_sha256
from shared.packaging.build import PackageIdentity, copy_entry, file_digests, zip_info
from shared.packaging.entry_streams import Told, Verified
from shared.packaging.layout import check_layout
from shared.packaging.manifest import MANIFEST, PackageEntry, bad_shape, entry_from, read_json
from shared.storage.temporary import sweep_leftovers, telling_of_trouble, temporary_file

#: Name and version of the layout of a bundle.
BUNDLE_FORMAT = "danglian-bundle/1"

_MOST_BUNDLE = 1 << 42
_MOST_MANIFEST = 32 * 1024 * 1024
_BUILDING = ".building"


def build_bundle(
    entries: Sequence[tuple[str, Path]], *, about: Mapping[str, str], target: Path
) -> PackageIdentity:
    """Write a bundle of files to `target`, whole or not at all, with flat memory.

    The same files under the same names give the same bytes, so that a bundle that a killed process
    was building is simply built again. `about` says what it belongs to. Raises Invalid when a file
    changes meanwhile, FileNotFoundError when one is missing, Unavailable when the disk is full.
    """
    listed = []
    for path, source in entries:
        (sha256, sm3), size = file_digests(source)
        listed.append((PackageEntry(path, size, sha256, sm3), source))
    manifest = canonical_json(
        {
            "format": BUNDLE_FORMAT,
            "about": dict(about),
            "entries": [entry.to_wire() for entry, _source in listed],
        }
    )
    building = target.parent / _BUILDING
    with telling_of_trouble(), temporary_file(building) as temporary:
        with zipfile.ZipFile(temporary.stream, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zip_info(MANIFEST, len(manifest)), manifest)
            for entry, source in listed:
                copy_entry(archive, entry, source)
        temporary.stream.flush()
        identity = PackageIdentity(file_sha256(temporary.path), temporary.path.stat().st_size)
        temporary.replace(target)
    sweep_leftovers(building)
    return identity


class Bundle:
    """An open bundle: what it is about, and its entries as verified streams."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        infos = {info.filename: info for info in archive.infolist()}
        if MANIFEST not in infos or infos[MANIFEST].file_size > _MOST_MANIFEST:
            raise bad_shape(MANIFEST)
        said = read_json(archive.read(MANIFEST), MANIFEST)
        entries, about = said.get("entries"), said.get("about")
        if (
            set(said) != {"format", "about", "entries"}
            or said["format"] != BUNDLE_FORMAT
            or not isinstance(entries, list)
            or not isinstance(about, dict)
        ):
            raise bad_shape(MANIFEST)
        self.about: dict[str, object] = about
        #: The entries by path, in the order in which they lie.
        self.entries = {entry.path: entry for entry in map(entry_from, entries)}
        sizes = {path: entry.size for path, entry in self.entries.items()}
        actual = {name: info.file_size for name, info in infos.items() if name != MANIFEST}
        if len(sizes) != len(entries) or sizes != actual:
            raise bad_shape(MANIFEST)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._archive.close()

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """An entry's bytes; the last read raises Invalid if they are not the listed ones."""
        with self._archive.open(path) as stream:
            told = cast(BinaryIO, io.BufferedReader(Told(stream.read, path), CHUNK))
            verified = Verified(told, self.entries[path])
            yield cast(BinaryIO, io.BufferedReader(verified, CHUNK))


def open_bundle(path: Path) -> Bundle:
    """Open a bundle for reading, as if an enemy had made it; use it in a `with` block.

    Raises Invalid when it is no such ZIP, or its manifest does not account for all that is in it.
    """
    with path.open("rb") as stream:
        check_layout(stream, most_bytes=_MOST_BUNDLE)
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise Invalid(
            "bundle", "交接内容不是完整的 ZIP 文件。", "请取消交接后重新办理。", code="bad_zip"
        ) from error
    try:
        return Bundle(archive)
    except BaseException:
        archive.close()
        raise
