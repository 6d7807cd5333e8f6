"""The rows that could not be taken, as a spreadsheet to correct and import again.

Its columns are those of the sheet that came, with 行号 and 原因 before them. Every cell is written
as text, so that none is run as a formula; of classified rows only the row number is in it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable

from node.intake.models import IntakeRow, IntakeSheet, RowState
from shared.records.record import RecordLevel
from shared.records.text import neutral

ROW_COLUMN = "原行号"
REASON_COLUMN = "原因"
CLASSIFIED_SENTENCE = "第 {number} 行：涉密，未保存"


_SHEET_NAMES = {
    RecordLevel.RECORD: "未导入的行",
    RecordLevel.PROJECT: "未导入的项目",
    RecordLevel.VOLUME: "未导入的案卷",
    RecordLevel.ITEM: "未导入的卷内文件",
}


def rejected_workbook(parts: Iterable[tuple[IntakeSheet, Iterable[IntakeRow]]]) -> bytes:
    """An XLSX of the rejected rows, with a column of reasons; a sheet for each that came."""
    import xlsxwriter  # few ask for a spreadsheet, and no start need wait for it

    target = io.BytesIO()
    with xlsxwriter.Workbook(
        target,
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    ) as workbook:
        # The same file twice is the same bytes, and nobody's name is in it.
        workbook.set_properties({"author": "", "comments": ""})
        bold = workbook.add_format({"bold": True})
        text = workbook.add_format({"num_format": "@"})
        for part, rows in parts:
            sheet = workbook.add_worksheet(_SHEET_NAMES[RecordLevel(str(part.level))])
            sheet.freeze_panes(1, 0)
            sheet.set_column(0, 0, 8)
            sheet.set_column(1, 1, 60)
            for place, name in enumerate([ROW_COLUMN, REASON_COLUMN, *part.columns]):
                sheet.write_string(0, place, neutral(name), bold)
            for line, row in enumerate(rows, 1):
                sheet.write_number(line, 0, row.number)
                sheet.write_string(line, 1, reason_of(row))
                if row.state != RowState.CLASSIFIED:
                    for place, cell in enumerate(row.cells, 2):
                        if cell:
                            sheet.write_string(line, place, neutral(cell), text)
    return target.getvalue()


def reason_of(row: IntakeRow) -> str:
    """Why a row was not taken, in one line."""
    if row.state == RowState.CLASSIFIED:
        return CLASSIFIED_SENTENCE.format(number=row.number)
    return " ".join(f"【{each['name']}】{each['problem']}{each['remedy']}" for each in row.problems)
