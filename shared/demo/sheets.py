"""The spreadsheets that offices bring: a title above, dates in every form, and a few errors."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import xlsxwriter

from shared.demo.comparison import Given, GivenFile
from shared.demo.generator import Paper, write_files
from shared.demo.plan import SheetPlan
from shared.kernel.files import file_sha256

_COLUMNS = (
    *("序号", "题名", "文号", "责任者", "日期", "年度", "保管期限", "机构问题缩写", "机构或问题"),
    *("页数", "密级", "载体", "盒号", "存放位置", "备注", "电子文件"),
)
_RETENTIONS = {"Y": "永久", "D30": "30年", "D10": "10年"}
#: How many of a sheet's rows lie in one box.
_IN_BOX = 40
_DATE_FORMS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y年%m月%d日")
#: Rows that a node must not take, each with something to say to the clerk. The last two are
#: classified ones: nothing of them may be kept, so the title here is no title.
_BAD_ROWS = (
    {"题名": "关于开展年度考核工作的通知", "日期": "2023-13-45"},
    {"题名": "", "日期": "2023-05-06"},
    {"题名": "关于召开座谈会的通知", "日期": "2023-06-01", "保管期限": "若干年"},
    {"题名": "关于报送统计年报的通知", "日期": "2023-07-11", "页数": "一摞"},
    {"题名": "关于更换公章的函", "日期": "2023-09-12", "电子文件": "没有这个文件.pdf"},
    {"题名": "（涉密演示行）", "日期": "2023-08-01", "密级": "机密"},
)


def write_sheet(plan: SheetPlan, folder: Path, seed: int) -> tuple[Path, Path, list[Given]]:
    """Write a plan's sheet and its files; returns sheet, files folder, and what was given."""
    files = folder / plan.name
    files.mkdir(parents=True, exist_ok=True)
    given: list[Given] = []
    rows: list[list[str]] = []
    for number, paper in enumerate(plan.papers, 1):
        name = f"{number:04d}"
        attachments = write_files(paper, files, name, seed)
        names = ";".join(each.path.name for each in attachments)
        rows.append(_row(number, paper, names))
        given.append(given_paper(plan.fonds.name, paper, [each.path for each in attachments]))
    if plan.bad_rows:
        rows += _bad_rows(len(rows), plan)
    if plan.fonds.hands_over:
        sheet = folder / f"{plan.name}.xlsx"
        _write_workbook(sheet, plan, rows)
    else:
        sheet = folder / f"{plan.name}.csv"
        with sheet.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows([_COLUMNS, *rows])
    return sheet, files, given


def given_paper(fonds: str, paper: Paper, files: list[Path]) -> Given:
    """What the comparison must find again of a paper."""
    return Given(
        fonds=fonds,
        title=paper.title,
        doc_no=paper.doc_no,
        author=paper.author,
        day=paper.day.isoformat(),
        files=tuple(GivenFile(file_sha256(path), path.stat().st_size) for path in files),
    )


def _row(number: int, paper: Paper, files: str) -> list[str]:
    box = str(number // _IN_BOX + 1)
    # Some are kept on paper too, in boxes.
    holding = (
        ("双套", box, f"综合档案室 {paper.year % 10} 号柜") if number % 3 == 0 else ("电子", "", "")
    )
    return [
        str(number),
        paper.title,
        paper.doc_no or "无",
        paper.author,
        paper.day.strftime(_DATE_FORMS[number % len(_DATE_FORMS)]),
        str(paper.year),
        _RETENTIONS[paper.retention] if number % 2 else paper.retention,
        paper.organ,
        paper.organ_name,
        str(paper.pages),
        "内部" if number % 17 == 0 else "",
        *holding,
        "",
        files,
    ]


def _bad_rows(count: int, plan: SheetPlan) -> Iterator[list[str]]:
    organ, organ_name = plan.papers[0].organ, plan.papers[0].organ_name
    for offset, wrong in enumerate(_BAD_ROWS, 1):
        usual = {
            "序号": str(count + offset),
            "责任者": plan.fonds.name,
            "年度": str(plan.year),
            "保管期限": "10年",
            "机构问题缩写": organ,
            "机构或问题": organ_name,
            "页数": "1",
        }
        yield [{**usual, **wrong}.get(column, "") for column in _COLUMNS]


def _write_workbook(path: Path, plan: SheetPlan, rows: list[list[str]]) -> None:
    """A workbook as offices make them: a merged title, then the header, then the rows."""
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("归档文件目录")
        title = book.add_format({"bold": True, "font_size": 16, "align": "center"})
        head = book.add_format({"bold": True, "border": 1})
        sheet.merge_range(0, 0, 0, len(_COLUMNS) - 1, f"{plan.fonds.name}归档文件目录", title)
        sheet.write_row(1, 0, _COLUMNS, head)
        for number, row in enumerate(rows, 2):
            sheet.write_row(number, 0, row)
