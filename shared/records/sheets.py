"""Opening a table that somebody brings: CSV, XLSX or XLS, with every limit checked before reading.

A workbook is a ZIP of XML from anywhere: what it would unpack to is counted before a library may
open it. Entities are never expanded: the reader (calamine) knows none but the five of XML.
"""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import python_calamine

from shared.kernel.errors import Invalid

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 200_000
MOST_COLUMNS = 200
#: What a workbook may unpack to, and how many times its own size (small ones are let be).
MOST_UNPACKED = 1024**3
MOST_RATIO = 200
_SMALL = 64 * 1024**2
_MOST_ENTRIES = 5_000
#: The reader makes a rectangle of cells: one stray cell far out must not fill the memory.
_MOST_AREA = 20_000_000
#: A sheet with the texts of all its cells, counted before the reader copies shared ones.
_MOST_TEXT = 512 * 1024**2

_REMEDY_SPLIT = "请拆分为几个文件，分别导入。"
_REMEDY_SAVE = "请用 WPS 或 Excel 打开后另存为 .xlsx，再导入。"
_PIECE = 1 << 22
_CSV_ENCODINGS = ("utf-8-sig", "gb18030")

KINDS = (".csv", ".txt", ".xlsx", ".xlsm", ".xls")


@dataclass(frozen=True)
class SheetName:
    """A sheet of a workbook, by its place and its name; a CSV has one."""

    index: int
    name: str


class Table:
    """An opened file; `rows` gives (row number as in the sheet, cells) from any row on."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        self.kind = kind
        self._workbook: Any = None
        #: One at a time: a sheet is a rectangle of cells in memory.
        self._opened: dict[int, python_calamine.CalamineSheet] = {}
        self._encoding = "utf-8-sig"
        if kind in (".csv", ".txt"):
            self._encoding = _csv_encoding(path)
        else:
            if kind != ".xls":
                _check_workbook(path)
            self._workbook = _open_workbook(path)

    @property
    def sheets(self) -> list[SheetName]:
        """The sheets that a person sees, in their order."""
        if self._workbook is None:
            return [SheetName(0, "")]
        return [
            SheetName(index, each.name)
            for index, each in enumerate(self._workbook.sheets_metadata)
            if each.typ == python_calamine.SheetTypeEnum.WorkSheet
            and each.visible == python_calamine.SheetVisibleEnum.Visible
        ]

    def height(self, sheet: int) -> int:
        """The number of the last row of a workbook's sheet."""
        # The reader counts its last row from 0.
        return int(self._open(sheet).total_height) + 1

    def rows(self, sheet: int = 0) -> Iterator[tuple[int, list[Any]]]:
        """Row number (from 1, as in the sheet) and cells. Raises Invalid past a limit."""
        source = self._csv_rows() if self._workbook is None else self._sheet_rows(sheet)
        for number, cells in source:
            if number > MOST_ROWS + 100:
                raise Invalid(
                    "file", f"表格超过 {MOST_ROWS:,} 行。", _REMEDY_SPLIT, code="too_many_rows"
                )
            filled = cells if len(cells) <= MOST_COLUMNS else _without_empty_tail(cells)
            if len(filled) > MOST_COLUMNS:
                raise Invalid(
                    "file",
                    f"第 {number} 行有 {len(filled)} 列，超过 {MOST_COLUMNS} 列。",
                    "请删去不需要的列后再导入。",
                    code="too_many_columns",
                )
            yield number, filled

    def _sheet_rows(self, sheet: int) -> Iterator[tuple[int, list[Any]]]:
        yield from enumerate(self._open(sheet).iter_rows(), 1)

    def _open(self, sheet: int) -> python_calamine.CalamineSheet:
        if sheet in self._opened:
            return self._opened[sheet]
        try:
            self._opened.clear()
            self._opened[sheet] = self._workbook.get_sheet_by_index(sheet)
            return self._opened[sheet]
        except (python_calamine.WorksheetNotFound, IndexError, OverflowError):
            raise Invalid("sheet", "没有这个工作表。", "请重新选择工作表。") from None
        except (python_calamine.CalamineError, ValueError, OSError):
            raise _unreadable() from None

    def _csv_rows(self) -> Iterator[tuple[int, list[Any]]]:
        with self.path.open(encoding=self._encoding, newline="") as stream:
            sample = stream.read(64 * 1024)
            stream.seek(0)
            reader = csv.reader(stream, delimiter=_delimiter(sample), strict=False)
            number = 0
            try:
                for cells in reader:
                    number += 1
                    yield number, list(cells)
            except csv.Error:
                raise Invalid(
                    "file",
                    f"第 {number + 1} 行读不出来：引号没有成对，或单元格过长。",
                    "请用 WPS 或 Excel 打开检查后另存，再导入。",
                    code="bad_csv",
                ) from None


def open_table(path: Path, name: str) -> Table:
    """Open a table file by its given name. Raises Invalid, saying what to do instead."""
    kind = Path(name).suffix.lower()
    size = path.stat().st_size
    if size == 0:
        raise Invalid("file", "文件是空的（0 字节）。", "请重新导出后再选择。", code="empty_file")
    if size > MOST_BYTES:
        raise Invalid(
            "file",
            f"文件有 {size // 1024**2} MB，超过 {MOST_BYTES // 1024**2} MB。",
            _REMEDY_SPLIT,
            code="too_large",
        )
    with path.open("rb") as stream:
        kind = _real_kind(kind, stream.read(8))
    return Table(path, kind)


def _real_kind(kind: str, head: bytes) -> str:
    """The kind by content: exports named .xls are often something else."""
    if head.startswith(b"PK\x03\x04"):
        if kind in (".csv", ".txt"):
            return ".xlsx"
        found = ".xlsx" if kind in (".xlsx", ".xlsm", ".xls") else ""
    elif head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        found = ".xls"
    elif kind in (".csv", ".txt"):
        found = kind
    else:
        found = ""
    if found:
        return found
    if kind in KINDS:
        raise Invalid("file", f"文件内容不是 {kind} 表格。", _REMEDY_SAVE, code="not_a_table")
    raise Invalid(
        "file", f"不能导入“{kind or '无扩展名'}”类型的文件。", "请选择 CSV、XLSX 或 XLS 表格。",
        code="unknown_kind",
    )  # fmt: skip


def _unreadable() -> Invalid:
    return Invalid("file", "表格已损坏，读不出来。", _REMEDY_SAVE, code="unreadable")


def _open_workbook(path: Path) -> Any:
    try:
        return python_calamine.load_workbook(str(path))
    except python_calamine.PasswordError:
        raise Invalid(
            "file", "表格设有打开密码。", "请去掉密码后另存，再导入。", code="password"
        ) from None
    except (python_calamine.CalamineError, ValueError, OSError):
        raise _unreadable() from None


def _csv_encoding(path: Path) -> str:
    with path.open("rb") as stream:
        if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            return "utf-16"
    for encoding in _CSV_ENCODINGS:
        if _decodes(path, encoding):
            return encoding
    raise Invalid(
        "file",
        "文件的文字编码不是 UTF-8，也不是 GBK/GB18030。",
        _REMEDY_SAVE,
        code="bad_encoding",
    )


def _decodes(path: Path, encoding: str) -> bool:
    try:
        with path.open(encoding=encoding, newline="") as stream:
            while stream.read(_PIECE):
                pass
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(sample: str) -> str:
    """Tab or semicolon when the first lines have more of them than of commas."""
    head = "".join(sample.splitlines(keepends=True)[:5])
    return max(",\t;", key=head.count)


def _without_empty_tail(cells: list[Any]) -> list[Any]:
    end = len(cells)
    while end and cells[end - 1] in ("", None):
        end -= 1
    return cells[:end]


_CELL = re.compile(
    rb"<(?:\w+:)?c(?P<attributes>(?:\s[^<>]*?)?)(?P<empty>/?)>"
    rb"(?:<(?:\w+:)?v>(?P<value>\d{1,9})</)?"
)
_PLACE = re.compile(rb'\sr="([A-Z]{1,3})(\d{1,7})"')
_SHARED = re.compile(rb'\st="s"')
_ITEM_END = re.compile(rb"</(?:\w+:)?si>|<(?:\w+:)?si/>")


def _check_workbook(path: Path) -> None:
    """Raise Invalid when the workbook would unpack to more than a catalogue ever needs."""
    bomb = Invalid("file", "表格解开后过大，可能不是正常的目录表。", _REMEDY_SAVE, code="zip_bomb")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > _MOST_ENTRIES:
                raise bomb
            total = sum(entry.file_size for entry in entries)
            packed = sum(entry.compress_size for entry in entries)
            if total > MOST_UNPACKED or total > max(_SMALL, packed * MOST_RATIO):
                raise bomb
            lengths = _shared_lengths(archive)
            for entry in entries:
                if entry.filename.lower().startswith("xl/worksheets/"):
                    with archive.open(entry) as stream:
                        _check_sheet(stream, lengths, bomb)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError):
        raise _unreadable() from None


def _shared_lengths(archive: zipfile.ZipFile) -> list[int]:
    """The length in bytes of each shared text, in order."""
    lengths: list[int] = []
    for entry in archive.infolist():
        if entry.filename.lower() == "xl/sharedstrings.xml":
            with archive.open(entry) as stream:
                rest = b""
                while piece := stream.read(_PIECE):
                    *whole, rest = _ITEM_END.split(rest + piece)
                    lengths.extend(len(part) for part in whole)
    return lengths


def _check_sheet(stream: IO[bytes], lengths: list[int], bomb: Invalid) -> None:
    last_row = last_column = text = 0
    for block in _blocks(stream, bomb):
        row, column, length = _measure(block, lengths, bomb)
        last_row, last_column = max(last_row, row), max(last_column, column)
        text += length + len(block)
        if text > _MOST_TEXT:
            raise bomb
    if last_row > MOST_ROWS + 100:
        raise Invalid("file", f"表格超过 {MOST_ROWS:,} 行。", _REMEDY_SPLIT, code="too_many_rows")
    if last_row * last_column > _MOST_AREA:
        raise bomb


def _blocks(stream: IO[bytes], bomb: Invalid) -> Iterator[bytes]:
    """The XML of a sheet piece by piece, each cut before a tag."""
    rest = b""
    while piece := stream.read(_PIECE):
        block = rest + piece
        cut = max(block.rfind(b"<"), 0)
        yield block[:cut]
        rest = block[cut:]
        if len(rest) > _PIECE:
            raise bomb
    yield rest


def _measure(block: bytes, lengths: list[int], bomb: Invalid) -> tuple[int, int, int]:
    last_row = last_column = text = 0
    for cell in _CELL.finditer(block):
        if cell["empty"]:
            continue
        place = _PLACE.search(cell["attributes"])
        if place is None:
            raise bomb
        last_row = max(last_row, int(place[2]))
        last_column = max(last_column, _column(place[1]))
        if cell["value"] and _SHARED.search(cell["attributes"]):
            with suppress(IndexError):
                text += lengths[int(cell["value"])]
    return last_row, last_column, text


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
