"""Files and locks of data folders, with what the system has: flock, or (Windows) bytes of a file.

There is no Windows here: its `msvcrt` is played by a stand-in that locks ranges of bytes, as the
documentation of `msvcrt.locking` has it.
"""

from __future__ import annotations

import io
import os
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from shared.kernel import files
from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock, shared_lock, sole_lock
from shared.storage import FolderStore


class Msvcrt(SimpleNamespace):
    """Ranges that open files have locked."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[tuple[int, int], int, range]] = []

    def locking(self, descriptor: int, mode: int, size: int) -> None:
        assert mode == self.LK_NBLCK
        file = (os.fstat(descriptor).st_dev, os.fstat(descriptor).st_ino)
        start = os.lseek(descriptor, 0, os.SEEK_CUR)
        wanted = range(start, start + size)
        for other, by, taken in self.held:
            overlap = max(wanted.start, taken.start) < min(wanted.stop, taken.stop)
            if other == file and by != descriptor and overlap:
                raise OSError(36, "Resource deadlock avoided")
        self.held.append((file, descriptor, wanted))


@pytest.fixture(params=["flock", "msvcrt"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Msvcrt | None:
    if request.param == "flock":
        return None
    windows = Msvcrt()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    return windows


def test_a_data_folder_is_held_by_one_who_is_named(tmp_path: Path, system: Msvcrt | None) -> None:
    with folder_lock(tmp_path, "平台"):
        # What the holder has written into the file must not free it, nor be hidden by the lock.
        with pytest.raises(Conflict) as refused, folder_lock(tmp_path, "另一个"):
            pass
        assert f"进程 {os.getpid()}（平台）" in refused.value.message
        if system is not None:
            size = (tmp_path / "run.lock").stat().st_size
            assert all(taken.start >= size for _file, _by, taken in system.held)
    if system is not None:
        system.held.clear()  # as closing the file does there
    with folder_lock(tmp_path, "平台"):
        pass


def test_a_lock_is_shared_by_many_or_had_by_one(tmp_path: Path, system: Msvcrt | None) -> None:
    path = tmp_path / "open"
    with shared_lock(path), shared_lock(path), sole_lock(path) as alone:
        assert not alone
    if system is not None:
        system.held.clear()
    with sole_lock(path) as alone, sole_lock(path) as another:
        assert alone
        assert not another


def test_what_a_virus_scanner_looks_into_gets_its_name_a_moment_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Windows refuses to rename onto what is open; elsewhere such a refusal is meant."""
    new, refusals = tmp_path / "new", [3]

    class Scanned:
        def replace(self, target: Path) -> None:
            if refusals[0]:
                refusals[0] -= 1
                raise PermissionError(13, "in use")
            new.rename(target)

    new.write_bytes(b"new")
    monkeypatch.setattr(files, "_BETWEEN_TRIES", 0.0)
    with pytest.raises(PermissionError):
        files.replace(cast(Path, Scanned()), tmp_path / "name")
    with monkeypatch.context() as windows:
        windows.setattr(os, "name", "nt")
        files.replace(cast(Path, Scanned()), tmp_path / "name")
    assert (tmp_path / "name").read_bytes() == b"new"


def test_a_disk_that_knows_no_links_is_told_by_the_numbers_of_windows_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        error = OSError(22, "Invalid argument")
        error.winerror = 1  # type: ignore[attr-defined]
        raise error

    monkeypatch.setattr(os, "link", link)
    FolderStore(tmp_path).put("a", io.BytesIO(b""), sha256=sha256(b"").hexdigest(), size=0)
    assert FolderStore(tmp_path).exists("a")
