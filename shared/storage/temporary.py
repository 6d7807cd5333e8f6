"""Writing a file that nobody sees before it is whole, and clearing up after a kill.

A file grows under a temporary name in a folder of its own, on the same file system as its final
place. Its writer holds a lock on it, which the system frees when the writer dies; so a sweep can
tell the leftovers of a killed process from the work of a living one.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.kernel.errors import Conflict, Unavailable, disk_full
from shared.kernel.files import replace, sync_folder
from shared.kernel.identifiers import new_id

_FULL = {errno.ENOSPC, errno.EDQUOT}
#: ERROR_INVALID_FUNCTION (FAT, exFAT) and ERROR_NOT_SUPPORTED (shares of the network).
_NO_SUCH_FUNCTION = {1, 50}


@dataclass
class Temporary:
    """A temporary file that is being written, and gone when its `with` block ends."""

    path: Path
    stream: BinaryIO

    def link_to(self, target: Path) -> None:
        """Make the bytes durable under a new name. Raises FileExistsError when it is taken."""
        self._settle()
        make_folders(target.parent)
        try:
            os.link(self.path, target)
        except OSError as error:
            if not _has_no_links(error):
                raise
            # A file system without hard links (exFAT): the check and the rename are two steps.
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
            self._rename(target)
        sync_folder(target.parent)

    def replace(self, target: Path) -> None:
        """Make the bytes durable under a name, in place of what was there."""
        self._settle()
        self._rename(target)
        sync_folder(target.parent)

    def _rename(self, target: Path) -> None:
        if os.name == "nt":  # an open file cannot be renamed there
            self.stream.close()
        replace(self.path, target)

    def _settle(self) -> None:
        self.stream.flush()
        os.fsync(self.stream.fileno())


@contextmanager
def temporary_file(folder: Path) -> Iterator[Temporary]:
    """A new temporary file in this folder; removed at the end, whatever happened."""
    make_folders(folder)
    while True:
        path = folder / f"{new_id()}.part"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        # A sweep may come between making and locking; then the name is gone, and we try again.
        if _hold(descriptor) and path.exists():
            break
        os.close(descriptor)
    try:
        with os.fdopen(descriptor, "w+b") as stream:
            yield Temporary(path, stream)
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill under a temporary name, which gets its own name at the end of the block.

    Raises Conflict when there is a folder that is not empty, Unavailable when it cannot be written.
    """
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise Conflict(
            "目标目录不是空的。", "请换一个新目录。", code="folder_not_empty", field="into"
        )
    target = target.absolute()
    making = target.with_name(f".{target.name}.{new_id()}.part")
    try:
        with telling_of_trouble():
            make_folders(making)
            yield making
            if target.exists():
                target.rmdir()
            making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def sweep_leftovers(folder: Path) -> int:
    """Remove the temporary files whose writers are gone; returns how many there were."""
    swept = 0
    for path in folder.glob("*.part"):
        try:
            with path.open("r+b") as stream:
                if not _hold(stream.fileno()):
                    continue
                if os.name != "nt":
                    path.unlink()
            if os.name == "nt":
                path.unlink()
        except OSError:  # another sweep was faster, or (Windows) the file is in use
            continue
        swept += 1
    return swept


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, each durable in its parent."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.parent)


@contextmanager
def telling_of_trouble() -> Iterator[None]:
    """Turn what the system says while writing into an error that a person can act on."""
    try:
        yield
    except NotADirectoryError as error:
        raise Conflict(
            "该名称的上一级已是一个文件，不能再作目录。", "请检查生成名称的程序。"
        ) from error
    except OSError as error:
        if error.errno in _FULL:
            raise disk_full() from error
        raise Unavailable(
            f"存储目录暂时不能读写（{error.strerror}）。", "请检查磁盘和目录权限后再试。"
        ) from error


def _has_no_links(error: OSError) -> bool:
    """Whether a link failed for its file system alone; Windows has numbers of its own for that."""
    return (
        error.errno in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}
        or getattr(error, "winerror", None) in _NO_SUCH_FUNCTION
    )


def _hold(descriptor: int) -> bool:
    if os.name == "nt":  # an open file cannot be removed there: that is the lock
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
