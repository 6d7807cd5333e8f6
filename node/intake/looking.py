"""Looking into what somebody brings: the sheets of a file, their headers, and what they may mean.

No database; nothing is kept of a file before it was looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from node.intake.columns import HEADER_WITHIN, find_header, header_names, propose
from node.intake.levels import choose, level_of
from shared.kernel.errors import Classified, Invalid
from shared.records.record import RecordLevel
from shared.records.security import classified_mark, refuse_classified
from shared.records.sheets import SheetName, Table, open_table
from shared.records.values import repair_text

_NAME_LENGTH = 200
#: Sheets of a workbook that are looked into; more are left aside.
MOST_SHEETS = 20


@dataclass(frozen=True)
class SheetLook:
    """What one sheet looks like; `level` None when it is left out at first."""

    sheet: int
    sheet_name: str
    header_row: int
    columns: list[str]
    level: RecordLevel | None
    mapping: dict[int, str]
    expected: int


@dataclass(frozen=True)
class Look:
    """What a file looks like: the sheets in it that have a header."""

    file_name: str
    sheets: list[SheetLook]


def look_into(
    path: Path, file_name: str, sheet: int | None = None, level: RecordLevel | None = None
) -> Look:
    """Open a file, find the header of each sheet, propose levels and mappings. Raises Invalid.

    With `sheet` that one is imported and no other; with `level` as a sheet of this level.
    """
    table = open_table(path, file_name)
    found = table.sheets
    if not found:
        raise Invalid("file", "工作簿中没有可见的工作表。", "请检查文件后重新选择。")
    wanted = [each for each in found if sheet is None or each.index == sheet]
    if not wanted:
        raise Invalid("sheet", "没有这个工作表。", "请重新选择工作表。")
    looks, levels, problem = [], [], None
    for each in wanted[:MOST_SHEETS]:
        try:
            look, guess = _look_at(table, each)
        except Invalid as error:
            problem = problem or error
            continue
        looks.append(look)
        levels.append(level or guess)
    if not looks:
        raise problem or Invalid("file", "表格中没有内容。", "请检查文件后重新选择。")
    chosen = choose(levels)
    return Look(
        shown_name(file_name),
        [
            replace(look, level=use, mapping=propose(look.columns, use or guess))
            for look, use, guess in zip(looks, chosen, levels, strict=True)
        ],
    )


def _look_at(table: Table, sheet: SheetName) -> tuple[SheetLook, RecordLevel]:
    first = list(islice(table.rows(sheet.index), HEADER_WITHIN + 1))
    header = find_header([cells for _, cells in first])
    number, cells = first[header]
    above = [cell for _, row in first[:header] for cell in row if isinstance(cell, str)]
    _refuse_classified_header([*above, *cells, sheet.name])
    look = SheetLook(
        sheet=sheet.index,
        sheet_name=repair_text(sheet.name)[:255],
        header_row=number,
        columns=[repair_text(name)[:_NAME_LENGTH] for name in header_names(cells)],
        level=None,
        mapping={},
        expected=max(0, _rows_in(table, sheet.index) - number),
    )
    return look, level_of(cells, [*above, sheet.name])


def _refuse_classified_header(cells: Sequence[Any]) -> None:
    try:
        refuse_classified(*(cell for cell in cells if isinstance(cell, str)))
    except Classified:
        raise Invalid(
            "header",
            "列名、表的标题或工作表名中有密级标志。",
            "请检查表格；涉密目录不得进入本系统。",
        ) from None


def shown_name(text: str) -> str:
    """The name of a file as shown; one with a mark of classification is replaced."""
    name = repair_text(text.replace("\\", "/").rpartition("/")[2])[:255] or "未命名"
    return "（文件名含密级标志，未保存）" if classified_mark(name) else name


def _rows_in(table: Table, sheet: int) -> int:
    """How many rows to expect, for the progress bar."""
    if table.kind in (".csv", ".txt"):
        with table.path.open("rb") as stream:
            return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b"")) + 1
    return table.height(sheet)
