"""Holdings: in which forms a record is kept, and which files may stand for which.

An electronic record is born digital. A digital copy 数字化副本 of paper is a help for use: it is
never counted, inspected or received as an electronic record (design, rule 1).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from shared.kernel.errors import Invalid

if TYPE_CHECKING:
    from shared.records.model import Record


class Holding(StrEnum):
    """The forms in which one record is kept."""

    ELECTRONIC = "electronic"
    BOTH = "both"
    PAPER = "paper"
    PAPER_WITH_COPY = "paper_with_copy"

    @property
    def label(self) -> str:
        """The name that people see."""
        return HOLDING_NAMES[self]


HOLDING_NAMES = {
    Holding.ELECTRONIC: "电子（单套）",
    Holding.BOTH: "电子和纸质（双套）",
    Holding.PAPER: "纸质",
    Holding.PAPER_WITH_COPY: "纸质（有数字化副本）",
}


class FileKind(StrEnum):
    """What a computer file is of a record."""

    BORN_DIGITAL = "born_digital"
    DIGITAL_COPY = "digital_copy"


FILE_KIND_NAMES = {
    FileKind.BORN_DIGITAL: "原生电子文件",
    FileKind.DIGITAL_COPY: "数字化副本",
}


def read_file_kind(value: object, field: str = "kind") -> FileKind:
    """The kind that a form, a row or an option names. Raises Invalid for any other."""
    try:
        return FileKind(str(value))
    except ValueError:
        known = "、".join(f"{each}（{name}）" for each, name in FILE_KIND_NAMES.items())
        raise Invalid(field, "没有这种电子文件。", f"可用：{known}。") from None


def check_holding(record: Record) -> None:
    """Raise Invalid when the files contradict the holding.

    Only digital copies never make an electronic holding; a paper holding has no born-digital
    file; plain paper has no file at all.
    """
    kinds = {file.kind for document in record.documents for file in document.files}
    electronic = record.holding in (Holding.ELECTRONIC, Holding.BOTH)
    if electronic and kinds == {FileKind.DIGITAL_COPY}:
        raise Invalid(
            "holding",
            "所附文件全是数字化副本，不能算作电子档案。",
            "请把载体改为“纸质（有数字化副本）”，或补上原生电子文件。",
            code="copy_is_not_electronic",
        )
    if record.holding is Holding.ELECTRONIC and FileKind.DIGITAL_COPY in kinds:
        raise Invalid(
            "holding",
            "单套的电子档案没有纸质原件，不应有数字化副本。",
            "有纸质原件的，请把载体改为“电子和纸质（双套）”。",
            code="copy_without_paper",
        )
    if not electronic and FileKind.BORN_DIGITAL in kinds:
        raise Invalid(
            "holding",
            "载体为纸质，却附有原生电子文件。",
            "请把载体改为“电子和纸质（双套）”；如文件由扫描得来，请标为数字化副本。",
            code="electronic_in_paper",
        )
    if record.holding is Holding.PAPER and kinds:
        raise Invalid(
            "holding",
            "载体为纸质，却附有数字化副本。",
            "请把载体改为“纸质（有数字化副本）”。",
            code="copy_in_paper",
        )
