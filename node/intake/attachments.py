"""The computer files that a row names, in one folder only: nothing outside it can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from node.intake.reading import Problem, ReadRow
from node.registry.files import Keeping, refuse_size
from shared.kernel.errors import DanglianError, Invalid
from shared.records.security import refuse_classified
from shared.records.values import safe_file_name
from shared.storage import FolderStore


def find_files(row: ReadRow, folder: Path | None) -> list[dict[str, Any]]:
    """The files that a row names: `[{path, role, kind}]`; what is wrong goes to the row's problems.

    The first is the main text 正本, the others are annexes 附件. Files of a paper record are
    digital copies 数字化副本.
    """
    if folder is None or not row.files or row.classified:
        return []
    found: list[dict[str, Any]] = []
    kind = "born_digital"
    if row.values.get("holding") in ("paper", "paper_with_copy"):
        kind, row.values["holding"] = "digital_copy", "paper_with_copy"
    for index, name in enumerate(row.files):
        try:
            inside(folder, name)
        except DanglianError as error:
            row.problems.append(Problem("files", error.message, error.remedy, error.code))
            continue
        found.append({"path": name, "role": "附件" if index else "正本", "kind": kind})
    return found


def inside(folder: Path, name: str) -> Path:
    """The file of this relative name inside the folder. Raises Invalid, Classified."""
    shown = name if len(name) <= 60 else name[:60] + "…"
    refuse_classified(name)
    plain = PurePosixPath(name.replace("\\", "/"))
    parts = plain.parts
    if not parts or plain.is_absolute() or ".." in parts or ":" in parts[0]:
        raise Invalid(
            "files",
            f"电子文件“{shown}”不是文件夹内的相对路径。",
            "请只写文件夹内的路径，例如 2024/通知.pdf；不能用“..”和盘符。",
            code="bad_path",
        )
    safe_file_name(plain.name, "files")
    root = folder.resolve()
    path = root.joinpath(*parts).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise Invalid(
            "files",
            f"文件夹中没有电子文件“{shown}”。",
            "请核对文件名（含扩展名），或把文件放入该文件夹。",
            code="file_missing",
        )
    refuse_size(path.stat().st_size)
    return path


def keep_files(
    store: FolderStore,
    folder: Path,
    files: Sequence[dict[str, Any]],
    *,
    declassified: bool = False,
) -> list[dict[str, Any]]:
    """Take the files of one row into the node's store, all or none; returns the row's documents.

    Raises Invalid, and Classified for a marked file of a row that was not `declassified` 解密.
    """
    documents = []
    with Keeping(store, declassified=declassified) as keeping:
        for each in files:
            path = inside(folder, each["path"])
            with path.open("rb") as stream:
                stored = keeping.keep(stream, path.name)
            file = {
                "name": stored.name,
                "size": stored.size,
                "sha256": stored.sha256,
                "format": stored.format,
                "kind": each["kind"],
            }
            documents.append({"role": each["role"], "title": None, "files": [file]})
    return documents
