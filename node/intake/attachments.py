"""The computer files that rows name, or that bear their archival code: found, and kept at taking.

They lie in a folder of this machine (the command), or were uploaded with the sheet (the page).
Nothing outside of what was given can be reached.
"""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from node.intake.problems import problem_of
from node.intake.reading import ReadRow
from node.registry.files import Keeping, refuse_size
from shared.kernel.errors import DanglianError, Invalid
from shared.records.archival_code import normalise, parse
from shared.records.roles import roles_named
from shared.records.security import refuse_classified
from shared.records.values import safe_file_name
from shared.storage import FolderStore

#: Files of one folder that are looked at.
MOST_FILES = 100_000


@dataclass(frozen=True)
class GivenFile:
    """A file that was brought: its relative name, where its bytes lie, and its row's id if any."""

    name: str
    path: Path
    size: int
    id: str | None = None


class GivenFiles:
    """All files that were brought with one import, by name and by the code that they bear."""

    def __init__(self, files: Iterable[GivenFile]) -> None:
        self._by_name: dict[str, GivenFile] = {}
        self._by_ending: dict[str, list[GivenFile]] = defaultdict(list)
        self._by_code: dict[str, list[GivenFile]] = defaultdict(list)
        for each in sorted(files, key=lambda file: file.name):
            self._by_name[unicodedata.normalize("NFC", each.name)] = each
            parts = _plain(each.name).split("/")
            for start in range(len(parts)):
                self._by_ending["/".join(parts[start:])].append(each)
            if code := _code_in(each.name):
                self._by_code[code].append(each)

    @classmethod
    def in_folder(cls, folder: Path) -> GivenFiles:
        """The files of a folder and the folders in it; links that lead outside are not seen."""
        root = folder.resolve()
        found: list[GivenFile] = []
        for place, _folders, names in os.walk(root):
            for name in names:
                path = Path(place, name)
                if path.resolve().is_relative_to(root) and path.is_file():
                    relative = path.relative_to(root).as_posix()
                    found.append(GivenFile(relative, path, path.stat().st_size))
                if len(found) > MOST_FILES:
                    raise Invalid(
                        "files", f"文件夹中的文件超过 {MOST_FILES:,} 个。", "请分几次导入。",
                        code="too_many_files",
                    )  # fmt: skip
        return cls(found)

    def named(self, name: str) -> GivenFile:
        """The file of this relative name. Raises Invalid, Classified.

        Where one folder was packed around all, or capitals differ, the one file that ends so.
        """
        plain = relative_name(name)
        ending = self._by_ending.get(_plain(plain), [])
        found = self._by_name.get(plain) or (ending[0] if len(ending) == 1 else None)
        if found is None:
            several = len(ending) > 1
            raise Invalid(
                "files",
                f"{'有几个' if several else '没有'}电子文件“{_short(name)}”。",
                "请写明所在的文件夹，例如 2024/通知.pdf。"
                if several
                else "请核对文件名（含扩展名），或把文件一起带上。",
                code="file_ambiguous" if several else "file_missing",
            )
        refuse_size(found.size)
        return found

    def coded(self, code: str | None) -> list[GivenFile]:
        """The files whose name, or whose folder's, is this archival code, in their order."""
        return self._by_code.get(code or "", [])


def find_files(row: ReadRow, given: GivenFiles | None) -> list[dict[str, Any]]:
    """The files of a row, `[{name, path, id, role, kind}]`; problems go to the row.

    Those that its cell names, or else those that bear its code; their names say which is the main
    text 正本, a draft or an annex 附件 (`roles_named`). Files of a paper record are digital copies
    数字化副本.
    """
    if given is None or row.classified:
        return []
    found: list[GivenFile] = []
    for name in row.files or [each.name for each in given.coded(row.code)]:
        try:
            found.append(given.named(name))
        except DanglianError as error:
            row.problems.append(problem_of(error, "files"))
    kind = "born_digital"
    if found and row.values.get("holding") in ("paper", "paper_with_copy"):
        kind, row.values["holding"] = "digital_copy", "paper_with_copy"
    roles = roles_named([PurePosixPath(each.name).name for each in found])
    return [
        {
            "name": PurePosixPath(each.name).name,
            "path": str(each.path),
            "id": each.id,
            "role": role,
            "kind": kind,
        }
        for each, role in zip(found, roles, strict=True)
    ]


def relative_name(name: str) -> str:
    """A name within what was brought, with `/`. Raises Invalid for one that leads outside."""
    refuse_classified(name)
    plain = PurePosixPath(name.replace("\\", "/"))
    parts = plain.parts
    if not parts or plain.is_absolute() or ".." in parts or ":" in parts[0]:
        raise Invalid(
            "files",
            f"电子文件“{_short(name)}”不是文件夹内的相对路径。",
            "请只写文件夹内的路径，例如 2024/通知.pdf；不能用“..”和盘符。",
            code="bad_path",
        )
    for part in parts:
        safe_file_name(part, "files")
    return unicodedata.normalize("NFC", "/".join(parts))


def keep_files(
    store: FolderStore, files: Sequence[dict[str, Any]], *, declassified: bool = False
) -> list[dict[str, Any]]:
    """Take the files of one row into the node's store, all or none; returns the row's documents.

    Raises Invalid, and Classified for a marked file of a row that was not `declassified` 解密.
    """
    documents = []
    with Keeping(store, declassified=declassified) as keeping:
        for each in files:
            try:
                with Path(each["path"]).open("rb") as stream:
                    stored = keeping.keep(stream, each["name"])
            except FileNotFoundError:
                raise Invalid(
                    "files",
                    f"电子文件“{_short(each['name'])}”已不在原处。",
                    "请重新带上文件，再导入一次。",
                    code="file_missing",
                ) from None
            file = {
                "name": stored.name,
                "size": stored.size,
                "sha256": stored.sha256,
                "format": stored.format,
                "kind": each["kind"],
            }
            documents.append({"role": each["role"], "title": None, "files": [file]})
    return documents


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/")).casefold()


def _short(name: str) -> str:
    return name if len(name) <= 60 else name[:60] + "…"


def _code_in(name: str) -> str | None:
    """The code that a file is named by: `档号.pdf`, `档号·001.pdf`, or a folder of that name."""
    path = PurePosixPath(name)
    for text in (path.stem, path.parent.name):
        plain = normalise(text)
        try:
            code = parse(plain)
        except Invalid:
            continue
        if code.sub_number is not None and code.number is not None:
            return plain.rpartition("·")[0]
        return plain
    return None
