"""Files and folders on disk: whole or absent, never half; one process to a data folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from shared.kernel.errors import Conflict
from shared.kernel.identifiers import new_id

CHUNK = 1024 * 1024
_TRIES, _BETWEEN_TRIES = 40, 0.05


def write_atomically(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a kill, sees the old one or the new one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{new_id()}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a secret file, made at its first use; for its owner's eyes only.

    Processes that start at the same time agree: the first one's file stays.
    """
    if not path.exists():
        own = path.with_name(f".{path.name}.{new_id()}")
        write_atomically(own, make(), mode=0o600)
        try:
            path.hardlink_to(own)
        except FileExistsError:
            own.unlink()
        except OSError:  # no hard links here
            replace(own, path)
        else:
            own.unlink()
    return path.read_bytes()


def replace(source: Path, target: Path) -> None:
    """Give a file a name, in place of what had it.

    On Windows that fails while anybody has either of them open, and virus scanners look into each
    new file for a moment: it is tried for two seconds, then raises PermissionError.
    """
    for tries_left in reversed(range(_TRIES if os.name == "nt" else 1)):
        try:
            source.replace(target)
            return
        except PermissionError:
            if not tries_left:
                raise
            time.sleep(_BETWEEN_TRIES)


def sync_folder(folder: Path) -> None:
    """Make renames within a folder durable (where the system can)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sqlite_trace(path: Path) -> tuple[object, ...]:
    """What changes when somebody writes into an SQLite database, without opening it.

    It writes into its journal first. May miss a write within the same few milliseconds as the one
    before.
    """
    return _trace(str(path)), _trace(f"{path}-wal")


def _trace(path: str) -> object:
    try:
        at = os.stat(path)  # noqa: PTH116 - asked for twenty times a second
    except OSError:
        return None
    return at.st_ino, at.st_size, at.st_mtime_ns


def chunks(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """The bytes of a stream, piece by piece."""
    while piece := stream.read(size):
        yield piece


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, lower-case hex, streamed."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for piece in chunks(stream):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def folder_lock(folder: Path, purpose: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold a data folder for one running process; the system frees it when the process dies.

    Waits so long for another process that holds it. Raises Conflict, naming that process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait_seconds
    with (folder / "run.lock").open("a+", encoding="utf-8", errors="replace") as stream:
        while not _lock(stream.fileno()):
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            stream.seek(0)
            holder = stream.read().strip() or "另一个进程"
            raise Conflict(
                f"数据目录 {folder} 正由{holder}使用，不能同时启动两个。",
                "请先停止正在运行的程序，或改用另一个数据目录。",
                code="folder_in_use",
            )
        stream.seek(0)
        stream.truncate()
        stream.write(f"进程 {os.getpid()}（{purpose}）")
        stream.flush()
        yield


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a lock that others share, in this process or another; waits for who has it alone.

    The system frees it when the process dies.
    """
    with path.open("a+", encoding="utf-8", errors="replace") as stream:
        while not _lock(stream.fileno(), shared=True):
            time.sleep(0.02)
        yield


@contextmanager
def sole_lock(path: Path) -> Iterator[bool]:
    """Whether nobody else holds the lock of `shared_lock`; while this lasts nobody gets it."""
    with path.open("a+", encoding="utf-8", errors="replace") as stream:
        yield _lock(stream.fileno(), shared=False)


#: Where the system locks bytes: who shares takes any one of so many, who is alone takes all; and
#: who holds a folder takes one behind whatever stands in the file, which others may then read.
_PLACES, _BEHIND = 1 << 20, 1 << 30


def _lock(descriptor: int, *, shared: bool | None = None) -> bool:
    """Take the lock of an open file; False when another has it. `shared` as the two above need."""
    try:
        import fcntl
    except ImportError:  # Windows locks bytes, not files
        return _lock_bytes(descriptor, shared=shared)
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock_bytes(descriptor: int, *, shared: bool | None) -> bool:
    import msvcrt

    windows = cast(Any, msvcrt)  # what is in it is known on Windows alone
    places = {None: _BEHIND, True: secrets.randbelow(_PLACES), False: 0}
    os.lseek(descriptor, places[shared], os.SEEK_SET)
    try:
        windows.locking(descriptor, windows.LK_NBLCK, _PLACES if shared is False else 1)
    except OSError:
        return False
    return True
