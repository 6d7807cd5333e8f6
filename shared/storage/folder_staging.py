"""The staging area in a folder: one folder per upload, one file per part."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import Conflict, Invalid, NotFound
from shared.kernel.files import write_atomically
from shared.kernel.identifiers import new_id
from shared.storage.ports import (
    PART_SIZE,
    check_claim,
    check_upload_id,
    part_count,
    part_length,
)
from shared.storage.temporary import (
    copy_verified,
    make_folders,
    sweep_leftovers,
    telling_of_trouble,
    temporary_file,
)

_INCOMING = ".incoming"
_ABORTED = ".aborted"
_UPLOAD = "upload.json"
_PART = re.compile(r"[0-9]{7}")
_NAMED_MISSING = 20


@dataclass(frozen=True)
class _Upload:
    folder: Path
    size: int
    sha256: str

    def part(self, number: int) -> Path:
        return self.folder / f"{number:07d}"


class FolderStaging:
    """Uploads in parts, in a folder. Several processes may work on it at the same time."""

    def __init__(self, path: Path) -> None:
        self._root = path
        self._incoming = path / _INCOMING
        path.mkdir(parents=True, exist_ok=True)
        sweep_leftovers(self._incoming)
        shutil.rmtree(path / _ABORTED, ignore_errors=True)

    def begin(self, upload_id: str, *, size: int, sha256: str) -> None:
        """See `Staging.begin`."""
        check_claim(size, sha256)
        folder = self._root / check_upload_id(upload_id)
        claim = {"size": size, "sha256": sha256}
        with telling_of_trouble():
            make_folders(folder)
            if (folder / _UPLOAD).exists():
                if json.loads((folder / _UPLOAD).read_bytes()) != claim:
                    raise Conflict(
                        "同一上传编号已登记了另一个文件。", "请重新申请上传，或先取消原来的上传。"
                    )
                return
            write_atomically(folder / _UPLOAD, canonical_json(claim))

    def put_part(
        self, upload_id: str, number: int, stream: BinaryIO, *, size: int, sha256: str
    ) -> None:
        """See `Staging.put_part`."""
        upload = self._upload(upload_id)
        check_claim(size, sha256)
        count = part_count(upload.size)
        if not 1 <= number <= count:
            raise Invalid(
                "number", f"分片号应在 1 至 {count} 之间，实为 {number}。", "请检查上传程序。"
            )
        if size != part_length(upload.size, number):
            raise Invalid(
                "size",
                f"第 {number} 片应为 {part_length(upload.size, number)} 字节，实为 {size}。",
                f"除最后一片外，每片应为 {PART_SIZE} 字节。",
            )
        with telling_of_trouble(), temporary_file(self._incoming) as temporary:
            copy_verified(stream, temporary.stream, size=size, sha256=sha256)
            try:
                temporary.replace(upload.part(number))
            except FileNotFoundError as error:  # aborted meanwhile
                raise _unknown() from error

    def parts(self, upload_id: str) -> list[int]:
        """See `Staging.parts`."""
        folder = self._upload(upload_id).folder
        return sorted(int(path.name) for path in folder.iterdir() if _PART.fullmatch(path.name))

    def open_whole(self, upload_id: str) -> BinaryIO:
        """See `Staging.open_whole`; keeps one part in memory."""
        upload = self._upload(upload_id)
        present = set(self.parts(upload_id))
        missing = [n for n in range(1, part_count(upload.size) + 1) if n not in present]
        if missing:
            named = "、".join(str(number) for number in missing[:_NAMED_MISSING])
            more = f"等 {len(missing)} 片" if len(missing) > _NAMED_MISSING else ""
            raise Invalid("parts", f"上传尚不完整，缺第 {named} 片{more}。", "请补传后再提交。")
        # BufferedReader gives the raw stream below the methods of an ordinary file.
        return cast(BinaryIO, io.BufferedReader(_Whole(upload), PART_SIZE))

    def abort(self, upload_id: str) -> None:
        """See `Staging.abort`."""
        folder = self._root / check_upload_id(upload_id)
        aside = self._root / _ABORTED / new_id()
        with telling_of_trouble(), suppress(FileNotFoundError):
            # Aside first: a kill in the middle leaves no upload with some of its parts.
            make_folders(aside.parent)
            folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self, before: datetime) -> list[str]:
        """See `Staging.sweep`; an upload is touched when it begins and with each part."""
        swept = []
        for folder in sorted(self._root.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(folder.stat().st_mtime, UTC) < before:
                    self.abort(folder.name)
                    swept.append(folder.name)
        return swept

    def _upload(self, upload_id: str) -> _Upload:
        folder = self._root / check_upload_id(upload_id)
        try:
            claim = json.loads((folder / _UPLOAD).read_bytes())
        except FileNotFoundError:
            raise _unknown() from None
        return _Upload(folder, int(claim["size"]), str(claim["sha256"]))


class _Whole(io.RawIOBase):
    """The parts one after the other; read in order, the last bytes only if the digest is right."""

    def __init__(self, upload: _Upload) -> None:
        self._upload = upload
        self._at = 0
        self._held = 0  # the number of the part in memory
        self._piece = memoryview(b"")
        self._digest = hashlib.sha256()
        self._digested = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._upload.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        place = self._at % PART_SIZE
        left = (
            self._part(self._at // PART_SIZE + 1)[place:] if self._at < self._upload.size else b""
        )
        count = min(len(buffer), len(left))
        if self._at == self._digested:
            self._digest.update(left[:count])
            self._digested += count
        if self._digested == self._upload.size:
            _check_whole(self._upload, self._digest.hexdigest())
        buffer[:count] = left[:count]
        self._at += count
        return count

    def _part(self, number: int) -> memoryview:
        if number != self._held:
            wanted = part_length(self._upload.size, number)
            with telling_of_trouble():
                piece = self._upload.part(number).read_bytes()
            if len(piece) != wanted:
                raise Invalid(
                    "size",
                    f"第 {number} 片应为 {wanted} 字节，实为 {len(piece)}。",
                    "暂存内容已损坏，请重新上传这一片。",
                )
            self._held, self._piece = number, memoryview(piece)
        return self._piece


def _check_whole(upload: _Upload, actual: str) -> None:
    if actual != upload.sha256:
        raise Invalid(
            "sha256",
            f"整个文件的摘要不符：应为 {upload.sha256}，实为 {actual}。",
            "请取消本次上传，重新上传全部内容。",
        )


def _unknown() -> NotFound:
    return NotFound("没有这个上传，或已过期清除。", "请重新申请上传。")
