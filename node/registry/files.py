"""Computer files that people bring: checked, digested, and kept in the node's store by digest.

A file is whole in the store or not there at all; its name is only what people see.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, cast

from shared.inspection.marks import refuse_marked
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.files import chunks, shared_lock, sole_lock
from shared.records.security import refuse_classified
from shared.records.values import safe_file_name
from shared.storage import FolderStore

#: The largest file that is taken, 2 GiB.
LARGEST = 2 * 1024**3


@dataclass(frozen=True)
class StoredFile:
    """A computer file whose bytes are in the store: what a record needs to know of it."""

    name: str
    size: int
    sha256: str
    format: str


def object_name(sha256: str) -> str:
    """Where the bytes of this digest lie in the node's file store."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def format_of(name: str) -> str:
    """The format of a file by the ending of its name, in small letters; `bin` without one."""
    ending = Path(name).suffix.lstrip(".").lower()
    return ending if ending.isascii() and ending.isalnum() and len(ending) <= 10 else "bin"


def refuse_size(size: int) -> None:
    """Raise Invalid for an empty file and for one above the limit."""
    if size == 0:
        raise Invalid(
            "file",
            "文件是空的（0 字节），没有保存。",
            "请检查原文件能否打开，再重新选择。",
            code="empty_file",
        )
    if size > LARGEST:
        raise Invalid(
            "file",
            "文件超过 2 GB 的上限，没有保存。",
            "请拆分或压缩音像文件后分别上传；确需保存大文件的，请联系市档案馆。",
            code="file_too_large",
        )


def keep_file(
    store: FolderStore,
    stream: IO[bytes],
    name: str,
    *,
    declassified: bool = False,
    fresh: list[str] | None = None,
) -> StoredFile:
    """Take the bytes of a stream into the store; returns what a record needs to know.

    With `fresh`, the object's name is added there when the store did not have these bytes before.
    The pages of what was `declassified` 解密 may bear their old mark.

    Raises Invalid for an empty or too large file or a bad name, Classified for a marked name or
    first page. Nothing is left behind then.
    """
    clean = safe_file_name(name, "file")
    refuse_classified(clean)
    digest = hashlib.sha256()
    size = 0
    try:
        with tempfile.TemporaryFile() as spool:
            for piece in chunks(cast(BinaryIO, stream)):
                size += len(piece)
                if size > LARGEST:
                    refuse_size(size)
                digest.update(piece)
                spool.write(piece)
            refuse_size(size)
            if not declassified:
                refuse_marked(cast(BinaryIO, spool))
            spool.seek(0)
            sha256 = digest.hexdigest()
            if fresh is not None and not store.exists(object_name(sha256)):
                fresh.append(object_name(sha256))
            store.put(object_name(sha256), cast(BinaryIO, spool), sha256=sha256, size=size)
    except OSError as error:
        raise Unavailable(
            "文件没有保存：磁盘空间不足或无法写入。", "请清理磁盘空间后重新上传。"
        ) from error
    return StoredFile(clean, size, sha256, format_of(clean))


def open_file(store: FolderStore, sha256: str) -> BinaryIO:
    """The bytes of a stored file. Raises NotFound."""
    return store.open(object_name(sha256))


def erasing(store: FolderStore) -> AbstractContextManager[bool]:
    """Whether nobody keeps a file now, in this process or a command; nobody begins to meanwhile.

    Bytes that are there already may be kept once more: erased in that moment, they would be lost.
    """
    return sole_lock(_lock_of(store))


def _lock_of(store: FolderStore) -> Path:
    return store.path.with_suffix(".lock")


class Keeping:
    """Files that are kept together with a change: if that fails, the bytes go again.

    `with Keeping(store) as files: stored = files.keep(stream, name); … the transaction …`
    """

    def __init__(self, store: FolderStore, *, declassified: bool = False) -> None:
        self._store = store
        self._declassified = declassified
        self._fresh: dict[str, int | None] = {}
        self._held = ExitStack()

    def __enter__(self) -> Keeping:
        self._held.enter_context(shared_lock(_lock_of(self._store)))
        return self

    def keep(self, stream: IO[bytes], name: str) -> StoredFile:
        """Take a file into the store, as `keep_file` does."""
        fresh: list[str] = []
        stored = keep_file(self._store, stream, name, declassified=self._declassified, fresh=fresh)
        self._fresh |= {each: self._store.last_put(each) for each in fresh}
        return stored

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._held.close()
        if error is not None and self._fresh:
            self._take_back()

    def _take_back(self) -> None:
        """Remove what nobody has kept since. Beside others who keep it stays: they may need it."""
        with erasing(self._store) as may:
            for name, put_at in self._fresh.items():
                if may and self._store.last_put(name) == put_at:
                    self._store.delete(name)
