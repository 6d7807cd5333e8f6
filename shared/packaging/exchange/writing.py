"""A new tree of files, as a folder, ZIP or image of a disc: it appears whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from shared.kernel.errors import Conflict
from shared.kernel.files import chunks
from shared.kernel.identifiers import new_id
from shared.packaging.build import file_changed, zip_info
from shared.packaging.exchange.image import write_image
from shared.storage.temporary import new_folder, telling_of_trouble, temporary_file

#: What a tree in one file may end in.
FILE_KINDS = (".zip", ".iso")


class TreeWriter(Protocol):
    """Where the files of a tree go, under names with `/` that the writer has made safe."""

    def add(self, name: str, content: bytes) -> None:
        """A small file."""

    def copy(self, name: str, source: Path, sha256: str) -> None:
        """A file as it lies there. Raises Invalid when its bytes have another digest."""


@contextmanager
def new_tree(target: Path) -> Iterator[TreeWriter]:
    """Write a tree: a ZIP or an image of a disc when the target is named so, else a folder.

    Raises Conflict when something is there already, Unavailable when the disk is full.
    """
    kind = target.suffix.lower()
    if kind not in FILE_KINDS:
        with new_folder_tree(target) as tree:
            yield tree
        return
    refuse_existing(target)
    target = target.absolute()
    building = target.with_name(f".{target.name}.{new_id()}.part")
    try:
        with telling_of_trouble(), temporary_file(building) as temporary:
            if kind == ".iso":  # an image is laid out when all that goes into it is there
                yield _Folder(building / "files")
                write_image(building / "files", target.stem, temporary.stream)
            else:
                with zipfile.ZipFile(temporary.stream, "w", zipfile.ZIP_STORED) as archive:
                    yield _Zip(archive)
            temporary.replace(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextmanager
def new_folder_tree(target: Path) -> Iterator[TreeWriter]:
    """Write a tree as a folder, whatever its name; raises as `new_tree`."""
    with new_folder(target) as folder:
        yield _Folder(folder)


@contextmanager
def work_beside(target: Path) -> Iterator[Path]:
    """A folder for what is unpacked on the way, on the same disk."""
    with tempfile.TemporaryDirectory(
        prefix=f".{target.name}.", suffix=".work", dir=target.parent
    ) as work:
        yield Path(work)


def refuse_existing(target: Path) -> None:
    """Raise Conflict when there is something under this name."""
    if target.exists() or target.is_symlink():
        raise Conflict(
            f"“{target.name}”已经存在，不会覆盖。",
            "请换一个新名称。",
            code="target_there",
            field="into",
        )


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _place(self, name: str) -> Path:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, name: str, content: bytes) -> None:
        self._place(name).write_bytes(content)

    def copy(self, name: str, source: Path, sha256: str) -> None:
        with self._place(name).open("xb") as stream:
            _pour(source, stream.write, sha256)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add(self, name: str, content: bytes) -> None:
        self._archive.writestr(zip_info(name, len(content)), content)

    def copy(self, name: str, source: Path, sha256: str) -> None:
        size = source.stat().st_size
        opened: AbstractContextManager[object] = self._archive.open(zip_info(name, size), "w")
        with opened as stream:
            _pour(source, stream.write, sha256)  # type: ignore[attr-defined]


def _pour(source: Path, write: Callable[[bytes], object], sha256: str) -> None:
    digest = hashlib.sha256()
    with source.open("rb") as stream:
        for piece in chunks(stream):
            write(piece)
            digest.update(piece)
    if digest.hexdigest() != sha256:
        raise file_changed(source.name)


def copy_out(stream: BinaryIO, path: Path) -> tuple[str, int]:
    """Write what a stream gives to a new file; its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as target:
        for piece in chunks(stream):
            target.write(piece)
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
