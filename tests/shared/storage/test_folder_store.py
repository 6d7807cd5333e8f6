"""The folder as an object store: the contract, and what only a folder can suffer."""

from __future__ import annotations

import errno
import io
import os
import quopri
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.kernel.errors import Conflict, Invalid, Unavailable
from shared.storage import PART_SIZE, FolderStaging, FolderStore, part_count
from shared.storage.ports import fitting_name, is_name
from tests.shared.storage.contract import StagingContract, StoreContract, get, put, sha256
from tests.small_disk import small_disk

#: From which part on, how many, how many of their bytes arrive (None: all), after a restart or not.
_SENDINGS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.integers(1, 3),
        st.none() | st.integers(0, 3 * PART_SIZE),
        st.booleans(),
    ),
    max_size=6,
)


class TestFolderStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return FolderStore(tmp_path / "store")

    def test_what_somebody_else_put_there_is_listed_read_and_removed(
        self, store: FolderStore
    ) -> None:
        put(store, "a/b", b"")
        for name in ("a/新建 文本.txt", "a/.DS_Store", ".own"):
            (store.path / name).write_bytes(b"strange")
        foreign = ["a/.DS_Store", "a/新建 文本.txt"]
        assert list(store.names()) == [foreign[0], "a/b", foreign[1]]
        for name in foreign:
            assert get(store, name) == b"strange"
            store.delete(name)
        assert list(store.names()) == ["a/b"]

    def test_a_foreign_name_fits_once_its_bytes_are_spelled_out(self) -> None:
        for name in ("新建 文本.txt", ".DS_Store", "a.", "a=b/c", "x" * 255, "\udcff", "é."):
            assert is_name(fitting_name(name))
        assert fitting_name("Thumbs.db") == "Thumbs.db"
        assert quopri.decodestring(fitting_name("夹带.txt")) == "夹带.txt".encode()


class TestFolderStaging(StagingContract):
    @pytest.fixture
    def staging(self, tmp_path: Path) -> FolderStaging:
        return FolderStaging(tmp_path / "staging")

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(sendings=_SENDINGS)
    def test_in_whatever_way_the_parts_come_they_make_the_whole(
        self, tmp_path: Path, sendings: list[tuple[int, int, int | None, bool]]
    ) -> None:
        """In any order, together, twice, cut at any byte, with restarts in between."""
        staging = FolderStaging(tmp_path / "staging")
        self.begin(staging)
        here: set[int] = set()
        for first, wanted, cut, again in sendings:
            if again:
                staging = FolderStaging(tmp_path / "staging")
            piece = self.content[(first - 1) * PART_SIZE :][: wanted * PART_SIZE]
            arrives = piece if cut is None else piece[: cut % len(piece)]
            try:
                staging.put_part(
                    "u-1", first, io.BytesIO(arrives), size=len(piece), sha256=sha256(piece)
                )
            except Invalid:
                assert cut is not None
            else:
                assert cut is None
                here |= set(range(first, first + part_count(len(piece))))
            assert staging.parts("u-1") == sorted(here)
        for number in {1, 2, 3} - here:
            self.part(staging, number)
        assert self.whole(staging) == self.content
        staging.abort("u-1")


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_objects_are_plain_files_that_need_no_program(tmp_path: Path) -> None:
    put(FolderStore(tmp_path), "a/b.txt", b"plain")
    assert (tmp_path / "a/b.txt").read_bytes() == b"plain"
    assert everything(tmp_path) == ["a/b.txt"]


def test_an_object_cannot_be_the_folder_of_another(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    put(store, "a/b", b"1")
    with pytest.raises(Conflict):
        put(store, "a", b"2")
    with pytest.raises(Conflict):
        put(store, "a/b/c", b"3")
    assert everything(tmp_path) == ["a/b"]


def test_deleting_takes_empty_folders_along(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    put(store, "a/b/c", b"1")
    store.delete("a/b/c")
    assert not (tmp_path / "a").exists()


def test_bytes_that_rot_are_told_by_their_digest(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    stored = put(store, "x", b"healthy")
    (tmp_path / "x").write_bytes(b"rotten!")
    assert store.stat("x").sha256 != stored.sha256
    with pytest.raises(Conflict):
        put(store, "x", b"healthy")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    store = FolderStore(tmp_path)

    def full(_descriptor: int) -> None:
        raise OSError(error, os.strerror(error))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(Unavailable, match="存储空间已满") as caught:
            put(store, "x", b"bytes")
    assert caught.value.code == "disk_full"
    assert everything(tmp_path) == []
    put(store, "x", b"bytes")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, 2):
        yield folder


@pytest.mark.faults
def test_a_disk_that_is_really_full(disk: Path) -> None:
    store = FolderStore(disk / "store")
    put(store, "kept", b"k" * 100_000)
    with pytest.raises(Unavailable, match="存储空间已满"):
        put(store, "too/big", b"x" * 4_000_000)
    assert everything(disk) == ["store/kept"]
    # What is there already costs no space, so a repeated step is never stopped by a full disk.
    filler = disk / "filler"
    with pytest.raises(OSError, match="space"):
        filler.write_bytes(b"x" * 4_000_000)
    assert put(store, "kept", b"k" * 100_000).size == 100_000
    staging = FolderStaging(disk / "staging")
    with pytest.raises(Unavailable):
        staging.begin("u", size=1, sha256="0" * 64)


SLOW_WRITER = """
    import io, sys, time
    from pathlib import Path
    from shared.storage import FolderStore

    class Slow(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:1000] = b"x" * 1000
            print("reading", flush=True)
            time.sleep(0.05)
            return 1000

    FolderStore(Path(sys.argv[1])).put("big", Slow(), sha256="0" * 64, size=10**9)
"""


@pytest.mark.faults
def test_a_killed_writer_leaves_nothing_that_counts(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SLOW_WRITER), tmp_path],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert writer.stdout is not None
    for _ in range(3):
        writer.stdout.readline()
    # While the writer lives, another process that opens the store leaves its work alone.
    assert list(FolderStore(tmp_path).names()) == []
    assert len(everything(tmp_path)) == 1
    time.sleep(0.2)
    assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    store = FolderStore(tmp_path)
    assert everything(tmp_path) == []
    assert not store.exists("big")
    put(store, "big", b"whole")
    assert get(store, "big") == b"whole"


def test_leftovers_of_a_killed_process_are_swept_at_start(tmp_path: Path) -> None:
    incoming = tmp_path / ".incoming"
    incoming.mkdir()
    (incoming / "018f-left.part").write_bytes(b"half an object")
    store = FolderStore(tmp_path)
    assert everything(tmp_path) == []
    assert list(store.names()) == []


def test_half_aborted_uploads_are_swept_at_start(tmp_path: Path) -> None:
    aborted = tmp_path / ".aborted" / "one"
    aborted.mkdir(parents=True)
    (aborted / "0000001").write_bytes(b"part")
    FolderStaging(tmp_path)
    assert everything(tmp_path) == []


def test_an_upload_that_was_killed_before_it_was_announced_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "u-1").mkdir(parents=True)
    staging = FolderStaging(tmp_path)
    staging.begin("u-1", size=3, sha256=sha256(b"abc"))
    staging.put_part("u-1", 1, io.BytesIO(b"abc"), size=3, sha256=sha256(b"abc"))
    with staging.open_whole("u-1") as stream:
        assert stream.read() == b"abc"


def test_a_part_that_rots_in_staging_is_named(tmp_path: Path) -> None:
    staging = FolderStaging(tmp_path)
    staging.begin("u-1", size=3, sha256=sha256(b"abc"))
    staging.put_part("u-1", 1, io.BytesIO(b"abc"), size=3, sha256=sha256(b"abc"))
    (tmp_path / "u-1" / "0000001").write_bytes(b"ab")
    with staging.open_whole("u-1") as stream, pytest.raises(Exception, match="第 1 片应为 3 字节"):
        stream.read()


def test_large_objects_need_no_large_memory(tmp_path: Path) -> None:
    import tracemalloc

    class Zeros(io.RawIOBase):
        left = 64 * 1024 * 1024

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            count = min(len(buffer), self.left)
            buffer[:count] = bytes(count)
            self.left -= count
            return count

    import hashlib

    size = Zeros.left
    digest = hashlib.sha256(bytes(size)).hexdigest()
    store = FolderStore(tmp_path)
    tracemalloc.start()
    store.put("zeros", Zeros(), sha256=digest, size=size)
    assert store.stat("zeros").size == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
