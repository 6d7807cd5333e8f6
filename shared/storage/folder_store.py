"""The object store in a folder: the default, for one machine without servers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from shared.kernel.canonical import sha256_hex
from shared.kernel.files import file_sha256, sync_folder
from shared.storage.ports import (
    Listed,
    StoredObject,
    absent,
    check_claim,
    check_found,
    check_name,
    taken,
)
from shared.storage.temporary import (
    make_folders,
    sweep_leftovers,
    telling_of_trouble,
    temporary_file,
)
from shared.storage.verified import copy_verified

_INCOMING = ".incoming"
_TRIES = 100


class FolderStore:
    """Objects as plain files under a folder; each can be read without Danglian.

    Several processes may work on one folder at the same time.
    """

    def __init__(self, path: Path) -> None:
        self.path = self._root = path
        self._incoming = path / _INCOMING
        path.mkdir(parents=True, exist_ok=True)
        sweep_leftovers(self._incoming)

    def put(self, name: str, stream: BinaryIO, *, sha256: str, size: int) -> StoredObject:
        """See `ObjectStore.put`. A name that holds these bytes already costs no space."""
        path = self._path(name)
        check_claim(size, sha256)
        wanted = StoredObject(name, size, sha256)
        with telling_of_trouble():
            if path.exists():
                copy_verified(stream, None, size=size, sha256=sha256)
                return self._same(wanted)
            with temporary_file(self._incoming) as temporary:
                copy_verified(stream, temporary.stream, size=size, sha256=sha256)
                for tries_left in reversed(range(_TRIES)):
                    try:
                        temporary.link_to(path)
                        return wanted
                    except FileExistsError:
                        return self._same(wanted)
                    except FileNotFoundError:  # a delete took the empty folder away meanwhile
                        if not tries_left:
                            raise
        raise AssertionError("unreachable")

    def replace(self, name: str, content: bytes) -> StoredObject:
        """See `ObjectStore.replace`."""
        path = self._path(name)
        with telling_of_trouble(), temporary_file(self._incoming) as temporary:
            temporary.stream.write(content)
            make_folders(path.parent)
            temporary.replace(path)
        return StoredObject(name, len(content), sha256_hex(content))

    def open(self, name: str) -> BinaryIO:
        """See `ObjectStore.open`."""
        path = self._found(name)
        with telling_of_trouble():
            if not path.is_file():
                raise absent(name)
            return path.open("rb")

    def exists(self, name: str) -> bool:
        """See `ObjectStore.exists`."""
        return self._found(name).is_file()

    def stat(self, name: str) -> StoredObject:
        """See `ObjectStore.stat`."""
        path = self._found(name)
        with telling_of_trouble():
            if not path.is_file():
                raise absent(name)
            return StoredObject(name, path.stat().st_size, file_sha256(path))

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `ObjectStore.names`; reads only the folders that can hold such names."""
        yield from self._below(self._root, "", prefix)

    def level(self, folder: str) -> Iterator[Listed]:
        """See `ObjectStore.level`."""
        with suppress(FileNotFoundError), os.scandir(self._root / folder) as entries:
            for entry in entries:
                if not folder and entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    yield Listed(f"{folder}{entry.name}/", None)
                else:
                    at = entry.stat(follow_symlinks=False).st_mtime
                    yield Listed(folder + entry.name, datetime.fromtimestamp(at, UTC))

    def delete(self, name: str) -> None:
        """See `ObjectStore.delete`; takes the folders along that become empty."""
        path = self._found(name)
        with telling_of_trouble():
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return
            with suppress(FileNotFoundError):  # another delete was faster with the folder
                sync_folder(path.parent)
            for folder in path.parents:
                if folder == self._root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # it is not empty
                    break

    def _path(self, name: str) -> Path:
        return self._root / check_name(name)

    def _found(self, name: str) -> Path:
        return self._root / check_found(name)

    def last_put(self, name: str) -> int | None:
        """When somebody last put an object here, new or once more; None when there is none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            return self._path(name).stat().st_mtime_ns
        return None

    def _same(self, wanted: StoredObject) -> StoredObject:
        path = self._path(wanted.name)
        if path.is_file() and self.stat(wanted.name) == wanted:
            os.utime(path)
            sync_folder(path.parent)
            return wanted
        raise taken(wanted.name)

    def _below(self, folder: Path, start: str, prefix: str) -> Iterator[str]:
        found: list[tuple[str, bool]] = []
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                if start or not entry.name.startswith("."):  # at the top those are its own
                    is_folder = entry.is_dir(follow_symlinks=False)
                    found.append((start + entry.name + ("/" if is_folder else ""), is_folder))
        # A folder sorts with its slash, so that names come in the order of their code points.
        for name, is_folder in sorted(found):
            if not is_folder:
                if name.startswith(prefix):
                    yield name
            elif name.startswith(prefix) or prefix.startswith(name):
                yield from self._below(self._root / name, name, prefix)
