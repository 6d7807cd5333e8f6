"""The files of a record that nobody has sealed, held against what its metadata say of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from shared.inspection.finding import Finding
from shared.packaging.exchange.form import Form
from shared.packaging.exchange.rows import Row, structural, surplus
from shared.packaging.exchange.write import names_in_folder
from shared.records.metadata import Node, documents_of
from shared.records.metadata.recognise import named_id
from shared.records.record import FileKind

#: Reads a file of the row's folder under an id: SHA-256, size, and where it lies if it was taken.
Take = Callable[[str, str], tuple[str, int, Path | None]]


class Files:
    """The files in a folder of a record without a seal, held against its metadata."""

    def __init__(
        self, form: Form, row: Row, tree: Node, contents: Sequence[str], take: Take
    ) -> None:
        self._row, self._take = row, take
        self.documents = documents_of(tree)
        self.places: dict[str, Path] = {}
        self.findings: list[Finding] = []
        self.is_damaged = False
        described = [file for each in self.documents for file in each["files"]]
        expected = names_in_folder(form, [str(file["name"] or "") for file in described])
        left = list(contents)
        for file, name in zip(described, expected, strict=True):
            there = name if name in left else str(file["name"])
            if there in left:
                left.remove(there)
                self._check(file, there)
            else:
                self._damage(
                    structural(
                        "form_file_absent",
                        "元数据所列的计算机文件不在目录中。",
                        f"{row.folder}/{name}",
                    )
                )
                file.update(size=file["size"] or 0, sha256=file["sha256"] or "0" * 64)
        if left:
            if described:
                self.findings += [surplus(row, name) for name in left]
            self._add(left, is_main=not described)

    def _check(self, file: dict[str, Any], name: str) -> None:
        sha256, size = self._read(file, name)
        if file["sha256"] not in (None, sha256) or file["size"] not in (None, size):
            self._damage(
                structural(
                    "form_file_differs",
                    "计算机文件的大小或摘要与元数据不一致。",
                    f"{self._row.folder}/{name}",
                )
            )
        file.update(sha256=sha256, size=size)

    def _read(self, file: dict[str, Any], name: str) -> tuple[str, int]:
        sha256, size, place = self._take(name, file["id"])
        if place is not None:
            self.places[file["id"]] = place
        return sha256, size

    def _add(self, names: Sequence[str], *, is_main: bool) -> None:
        """A document for what the metadata do not name."""
        order = max((each["order"] for each in self.documents), default=0) + 1
        kinds = {file["kind"] for each in self.documents for file in each["files"]}
        kind = kinds.pop() if len(kinds) == 1 else str(FileKind.BORN_DIGITAL)
        document: dict[str, Any] = {
            "id": named_id("document", self._row.folder, order),
            "role": "正本" if is_main else "其他",
            "title": None,
            "order": order,
            "files": [],
        }
        for name in names:
            file = {"id": named_id("file", self._row.folder, name), "name": name, "kind": kind}
            file["sha256"], file["size"] = self._read(file, name)
            file["format"] = PurePosixPath(name).suffix.lstrip(".").lower() or None
            document["files"].append(file)
        self.documents.append(document)

    def _damage(self, finding: Finding) -> None:
        self.is_damaged = True
        self.findings.append(finding)
