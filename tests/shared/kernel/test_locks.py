"""Locks of data folders, with what the system has: flock, or (Windows) bytes of a file.

There is no Windows here: its `msvcrt` is played by a stand-in that locks ranges of bytes, as the
documentation of `msvcrt.locking` has it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.kernel.errors import Conflict
from shared.kernel.files import folder_lock, shared_lock, sole_lock


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
