"""Unpacking a ZIP of computer files: from anywhere, so every limit is checked while it is read.

Names may be GBK, as Windows in Chinese packs them. Packed files inside are kept as they are and
not opened. What is refused is told by name; the rest comes in.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from node.intake.attachments import relative_name
from node.registry.files import LARGEST, refuse_size
from shared.inspection.marks import refuse_marked
from shared.kernel.errors import Classified, Invalid, Unavailable
from shared.kernel.files import CHUNK
from shared.packaging.zip_names import encoding_of, entry_name
from shared.records.values import repair_text

#: Entries of one ZIP; files of one import.
MOST_ENTRIES = 20_000
#: What a ZIP may unpack to, and how many times its packed size one entry may be (small ones are
#: let be).
MOST_UNPACKED = 20 * 1024**3
MOST_RATIO = 200
_SMALL = 10 * 1024**2
#: Bytes and entries that one transaction notes.
_STEP_BYTES = 64 * 1024**2
_STEP_ENTRIES = 200
_NO_CONTENT = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")

#: Said in place of the name of a classified file.
_MARKED = "（含密级标志，未保存）"
_REMEDY = "请在本机解压检查后重新打包，或直接选择里面的文件。"


@dataclass(frozen=True)
class Unpacked:
    """One entry of a ZIP: where its bytes lie now, or why they were not taken."""

    index: int
    name: str
    size: int = 0
    problem: str | None = None


def entries_of(path: Path) -> int:
    """How many entries a ZIP has. Raises Invalid when it is none, or would unpack to too much."""
    with _opened(path) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise _bomb(f"压缩包中有 {len(entries):,} 项，超过 {MOST_ENTRIES:,} 项")
        if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
            raise _bomb(f"压缩包解开后超过 {MOST_UNPACKED // 1024**3} GB")
        return len(entries)


def unpack_some(path: Path, start: int, target: Path, prefix: str) -> list[Unpacked]:
    """Unpack the next entries from `start` on into `target`, as `{prefix}-{index}`.

    Done again after a kill it writes the same files anew. Empty when there are no more.
    """
    found: list[Unpacked] = []
    taken = 0
    with _opened(path) as archive:
        entries = archive.infolist()
        encoding = encoding_of(entries)
        for index, entry in enumerate(entries[start:], start):
            name = entry_name(entry, encoding)
            each = _unpack(archive, entry, name, Unpacked(index, ""), target / f"{prefix}-{index}")
            found.append(each)
            taken += each.size
            if taken >= _STEP_BYTES or len(found) >= _STEP_ENTRIES:
                break
    return found


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError):
        raise Invalid("files", "压缩包已损坏，或不是 ZIP。", _REMEDY, code="not_a_zip") from None


def _bomb(problem: str) -> Invalid:
    return Invalid("files", f"{problem}。", "请分成几个压缩包，分别上传。", code="zip_bomb")


def shown(name: str) -> str:
    """A refused name, short and harmless, or a sentence in its place."""
    plain = repair_text(name)
    try:
        relative_name(plain)
    except Classified:
        return _MARKED
    except Invalid:
        pass
    return plain if len(plain) <= 80 else f"{plain[:60]}…（共 {len(plain)} 字）"


def _unpack(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, nothing: Unpacked, path: Path
) -> Unpacked:
    if entry.is_dir() or name.startswith(_NO_CONTENT) or PurePosixPath(name).name in _NO_CONTENT:
        return nothing
    try:
        plain = relative_name(name)
        size = _copy(archive, entry, path)
    except Classified as error:
        path.unlink(missing_ok=True)
        return replace(nothing, name=_MARKED, problem=f"{error.message}{error.remedy}")
    except Invalid as error:
        path.unlink(missing_ok=True)
        return replace(nothing, name=shown(name), problem=f"{error.message}{error.remedy}")
    return replace(nothing, name=plain, size=size)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> int:
    """Write the bytes of an entry; counted as they come, never by what it says of itself."""
    if entry.flag_bits & 0x1:
        raise Invalid("files", "设有密码，打不开。", "请去掉密码后重新打包。", code="password")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Invalid("files", "是链接，不是文件。", "请打包文件本身。", code="link")
    refuse_size(entry.file_size)
    most = max(_SMALL, entry.compress_size * MOST_RATIO)
    size = 0
    try:
        with archive.open(entry) as stream, path.open("wb") as target:
            while piece := stream.read(CHUNK):
                size += len(piece)
                if size > min(most, LARGEST):
                    raise Invalid(
                        "files", "解开后过大，可能不是正常的文件。", _REMEDY, code="zip_bomb"
                    )
                target.write(piece)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise Invalid("files", "已损坏，解不开。", _REMEDY, code="unreadable") from None
    except OSError as error:
        raise Unavailable("文件没有保存：磁盘空间不足或无法写入。", "请清理磁盘空间。") from error
    refuse_size(size)
    with path.open("rb") as written:
        refuse_marked(written)
    return size
