"""One cell of a sheet, read as the value of a field. Pure: no database, no files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from node.intake.columns import vocabulary
from shared.kernel.errors import Classified, Invalid
from shared.records.archival_code import normalise, parse
from shared.records.classes import read_class
from shared.records.dates import parse_date_range
from shared.records.retention import read_retention
from shared.records.security import classified_mark, read_security
from shared.records.values import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    NAME_LENGTH,
    PLACE_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    TITLE_LENGTH,
    clean_text,
    empty_like,
    parse_pages,
    parse_year,
    refuse_damaged,
    repair_text,
    whole_number,
)

ORGAN = re.compile(r"[A-Z0-9]{2,4}")
_MOST_NUMBER = 999_999
_MOST_FILES = 100
_MOST_CELL = 32_767
_HOLDINGS = {
    "电子": "electronic",
    "单套": "electronic",
    "电子单套": "electronic",
    "原生电子": "electronic",
    "双套": "both",
    "电子和纸质": "both",
    "电子纸质": "both",
    "电子和纸质双套": "both",
    "纸质": "paper",
    "纸": "paper",
    "纸质有数字化副本": "paper_with_copy",
    "纸质数字化副本": "paper_with_copy",
    "electronic": "electronic",
    "both": "both",
    "paper": "paper",
    "paper_with_copy": "paper_with_copy",
}


#: What a cell says: field → value, empty when it says nothing.
Values = dict[str, Any]


def is_blank(cells: Iterable[Any]) -> bool:
    """Whether a row holds nothing."""
    return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in cells)


def is_classified(cells: Iterable[Any], mapping: Mapping[int, str]) -> bool:
    """Whether a cell of any column, mapped or not, bears a mark of classification."""
    for index, cell in enumerate(cells):
        if mapping.get(index) == "security":
            try:
                read_security(cell)
            except Classified:
                return True
            except Invalid:
                pass
        if isinstance(cell, str) and classified_mark(cell):
            return True
    return False


def cell_text(cell: Any) -> str:
    """A cell as the text that a person sees in it."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, datetime) and not (cell.hour or cell.minute or cell.second):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        # The apostrophe that `shared.records.text.neutral` put before a formula goes again.
        start = 1 if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else 0
        return repair_text(cell[start:_MOST_CELL])
    return repair_text(cell)


def cells_as_text(cells: Sequence[Any], width: int) -> list[str]:
    """A row as it stood, as texts, as wide as the header."""
    return [cell_text(cell) for cell in [*cells, *[""] * width][:width]]


def read_cell(name: str, cell: Any) -> Values:
    """What the cell of a column mapped to the field `name` says. Raises Invalid, Classified."""
    refuse_damaged(cell, name)
    return _READERS[name](cell, name)


def _text(most: int) -> Callable[[Any, str], Values]:
    def read(cell: Any, name: str) -> Values:
        found = empty_like(cell_text(cell))
        return {} if found is None else {name: clean_text(found, name, max_length=most)}

    return read


def _title(cell: Any, name: str) -> Values:
    # A title may well be one of the words that elsewhere mean "nothing".
    text = clean_text(cell_text(cell), name, max_length=TITLE_LENGTH)
    return {name: text} if text else {}


def _filled(reader: Callable[[Any, str], Any]) -> Callable[[Any, str], Values]:
    """A reader of one value, asked only where the cell says something."""

    def read(cell: Any, name: str) -> Values:
        return {} if empty_like(cell) is None else {name: reader(cell, name)}

    return read


def _date(cell: Any, name: str) -> Values:
    if empty_like(cell) is None:
        return {}
    first, last = parse_date_range(cell, name)
    span = {} if first == last else {"date_range": f"{first.isoformat()}至{last.isoformat()}"}
    return {name: last.isoformat(), **span}


def _class(cell: Any, name: str) -> Values:
    text = cell_text(cell)
    if empty_like(text) is None:
        return {}
    code, _, subclass = text.upper().replace(".", "·").partition("·")
    return {name: read_class(code, name), **({"subclass": subclass} if subclass else {})}


def _organ(cell: Any, name: str) -> Values:
    text = cell_text(cell)
    if empty_like(text) is None:
        return {}
    code = text.upper()
    if ORGAN.fullmatch(code):
        return {"organ": code}
    if name == "organ":
        raise Invalid(
            name, f"“{text[:20]}”不是机构（问题）代码。", "应为2至4位大写字母或数字，例如 BGS。"
        )
    return {"organ_name": clean_text(text, name, max_length=100)}


def _number(cell: Any, name: str) -> int:
    number = whole_number(cell)
    if number is None or not 0 < number <= _MOST_NUMBER:
        raise Invalid(
            name,
            f"“{cell_text(cell)[:20]}”不是号码。",
            f"{vocabulary().label(name)}应为大于0的整数，例如 12。",
            code="bad_number",
        )
    return number


def _pages(cell: Any, name: str) -> Values:
    pages = parse_pages(cell, name)
    return {} if pages is None else {name: pages}


def read_holding(cell: Any, name: str = "holding") -> str:
    """The holding 载体 that a cell or field names. Raises Invalid."""
    plain = re.sub(r"[\s（）()+、，,和·]", "", cell_text(cell)).lower()
    found = _HOLDINGS.get(plain)
    if found is None:
        raise Invalid(
            name,
            f"不认识载体“{cell_text(cell)[:20]}”。",
            "请填写：电子、双套、纸质、纸质（有数字化副本）。",
        )
    return found


def _code(cell: Any, name: str) -> Values:
    text = cell_text(cell)
    if empty_like(text) is None:
        return {}
    try:
        return {name: str(parse(text))}
    except Invalid as error:
        raise Invalid(
            name,
            error.message,
            f"{error.remedy}如是不再使用的旧档号，请把此列对应到“曾用档号”。",
            code=error.code,
        ) from None


def _holder_code(cell: Any, name: str) -> Values:
    text = normalise(cell_text(cell))
    if empty_like(text) is None:
        return {}
    return {name: clean_text(text, name, max_length=CODE_LENGTH)}


def _files(cell: Any, name: str) -> Values:
    text = cell_text(cell)
    if empty_like(text) is None:
        return {}
    paths = [part.strip() for part in re.split(r"[;；|\n]", text) if part.strip()]
    if len(paths) > _MOST_FILES:
        raise Invalid(name, f"一行最多 {_MOST_FILES} 个电子文件。", "请拆分后再导入。")
    return {name: paths}


_READERS: dict[str, Callable[[Any, str], Values]] = {
    "title": _title,
    "date": _date,
    "doc_no": _text(DOC_NO_LENGTH),
    "author": _text(AUTHOR_LENGTH),
    "code": _code,
    "former_code": _text(CODE_LENGTH),
    "fonds_number": _text(SHORT_LENGTH),
    "year": _filled(parse_year),
    "class_code": _class,
    "retention": _filled(read_retention),
    "organ": _organ,
    "organ_name": _organ,
    "number": _filled(_number),
    "former_number": _text(SHORT_LENGTH),
    "catalogue_number": _text(SHORT_LENGTH),
    "project_number": _text(SHORT_LENGTH),
    "volume_number": _filled(_number),
    "volume_code": _holder_code,
    "project_code": _holder_code,
    "items": _filled(_number),
    "security": lambda cell, name: {name: str(read_security(cell, name))},
    "pages": _pages,
    "holding": _filled(read_holding),
    "box": _text(40),
    "location": _text(min(PLACE_LENGTH, NAME_LENGTH)),
    "remark": _text(REMARK_LENGTH),
    "files": _files,
}
