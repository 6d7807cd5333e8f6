"""One row of a sheet, read into the values of a record, with a problem for each thing wrong.

Pure: no database, no files. What is wrong is said with field, problem and remedy; a row that
bears a mark of classification is only counted, nothing of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from node.filing.values import check_values, read_given_code
from node.intake.columns import vocabulary
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Classified, Invalid
from shared.records.archival_code import ArchivalCode, normalise, parse
from shared.records.classes import read_class
from shared.records.dates import parse_date_range
from shared.records.retention import read_retention, retention_name
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

_ORGAN = re.compile(r"[A-Z0-9]{2,4}")
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


@dataclass(frozen=True)
class Problem:
    """What is wrong in one field of a row, and what to do."""

    field: str
    problem: str
    remedy: str
    code: str = "invalid"

    def to_wire(self) -> dict[str, str]:
        """The problem as a plain mapping, with the field's name for people."""
        return {
            "field": self.field,
            "name": vocabulary().label(self.field),
            "problem": self.problem,
            "remedy": self.remedy,
            "code": self.code,
        }


@dataclass(frozen=True)
class Defaults:
    """What a person says for the whole sheet, where a row has no value of its own.

    `year` None takes the year of the row's date.
    """

    class_code: str = "WS"
    year: int | None = None
    retention: str | None = None
    organ: str | None = None
    organ_name: str | None = None
    holding: str | None = None

    @classmethod
    def read(cls, given: Mapping[str, str | None]) -> Defaults:
        """Read what was typed into a form or given to the command. Raises Invalid."""
        organ = (given.get("organ") or "").strip().upper()
        if organ and not _ORGAN.fullmatch(organ):
            raise Invalid(
                "organ", "机构（问题）代码应为2至4位大写字母或数字。", "例如 BGS；没有的可不填。"
            )
        year = (given.get("year") or "").strip()
        retention = (given.get("retention") or "").strip()
        return cls(
            class_code=read_class((given.get("class_code") or "WS").strip()),
            year=None if year in ("", "auto") else parse_year(year),
            retention=read_retention(retention) if retention else None,
            organ=organ or None,
            organ_name=clean_text(given.get("organ_name"), "organ_name", max_length=100),
            holding=_holding(given["holding"]) if given.get("holding") else None,
        )

    def to_wire(self) -> dict[str, Any]:
        """The defaults as a plain mapping."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class RowContext:
    """What every row of one sheet is read with."""

    fonds_id: str
    fonds_number: str | None
    mapping: Mapping[int, str]
    defaults: Defaults = Defaults()


@dataclass
class ReadRow:
    """A row as read: the record's values, or what is wrong."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    classified: bool = False
    key: str = ""

    @property
    def code(self) -> str | None:
        """The archival code that the row brings, normalised."""
        return self.values.get("code")

    @property
    def source_key(self) -> str:
        """The key under which filing recognises the row: that of the content, and of the code."""
        return source_key(self.key, self.code)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.classified


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


def read_row(number: int, cells: Sequence[Any], context: RowContext) -> ReadRow:
    """Read one row: what is wrong is in `problems`; of a classified row nothing is kept."""
    if is_classified(cells, context.mapping):
        return ReadRow(number, classified=True)
    row = ReadRow(number)
    raw = {
        name: cells[index] if index < len(cells) else None
        for index, name in context.mapping.items()
    }
    for name, cell in raw.items():
        try:
            refuse_damaged(cell, name)
            _READERS[name](row, cell, name)
        except Classified:
            return ReadRow(number, classified=True)
        except Invalid as error:
            row.problems.append(Problem(name, error.message, error.remedy, error.code))
    values = row.values
    if not values.get("title") and not any(each.field == "title" for each in row.problems):
        row.problems.append(
            Problem("title", "题名为空。", "请填写题名；如是合计等说明行，可忽略。", "required")
        )
    _settle_code(row, context)
    _settle_defaults(row, context)
    row.key = content_key(context.fonds_id, values)
    return _pass_filing(row, context)


def _pass_filing(row: ReadRow, context: RowContext) -> ReadRow:
    """Ask filing's own door what it would say, so that nothing is refused only when taken."""
    if row.problems:
        return row
    try:
        found = check_values({"title": None, **row.values})
        read_given_code(found, context.fonds_number)
    except Classified:
        return ReadRow(row.number, classified=True)
    except Invalid as error:
        field_name = error.field or "title"
        row.problems.append(Problem(field_name, error.message, error.remedy, error.code))
    return row


def content_key(fonds_id: str, values: Mapping[str, Any]) -> str:
    """What makes two rows the same document: title, number, date and author in one fonds.

    The same title with another number or date is another document.
    """
    return digest_of(
        [fonds_id, *(values.get(name) for name in ("title", "doc_no", "date", "author"))]
    )


def source_key(key: str, code: str | None) -> str:
    """Two rows of the same content with codes of their own are two documents."""
    return key if code is None else digest_of([key, code])


def _text(most: int) -> Callable[[ReadRow, Any, str], None]:
    def read(row: ReadRow, cell: Any, name: str) -> None:
        text = cell_text(cell)
        if (found := empty_like(text)) is not None:
            row.values[name] = clean_text(found, name, max_length=most)

    return read


def cell_text(cell: Any) -> str:
    """A cell as the text that a person sees in it."""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, datetime) and not (cell.hour or cell.minute or cell.second):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, str):
        # The apostrophe that `rejected.neutral` put before a formula goes again.
        start = 1 if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else 0
        return repair_text(cell[start:_MOST_CELL])
    return repair_text(cell)


def _title(row: ReadRow, cell: Any, name: str) -> None:
    # A title may well be one of the words that elsewhere mean "nothing".
    text = clean_text(cell_text(cell), name, max_length=TITLE_LENGTH)
    if text:
        row.values[name] = text


def _date(row: ReadRow, cell: Any, name: str) -> None:
    if empty_like(cell) is None:
        return
    first, last = parse_date_range(cell, name)
    row.values[name] = last.isoformat()
    if first != last:
        row.values["date_range"] = f"{first.isoformat()}至{last.isoformat()}"


def _year(row: ReadRow, cell: Any, name: str) -> None:
    if empty_like(cell) is not None:
        row.values[name] = parse_year(cell, name)


def _class(row: ReadRow, cell: Any, name: str) -> None:
    text = cell_text(cell)
    if empty_like(text) is not None:
        code, _, subclass = text.upper().replace(".", "·").partition("·")
        row.values[name] = read_class(code, name)
        if subclass:
            row.values["subclass"] = subclass


def _retention(row: ReadRow, cell: Any, name: str) -> None:
    if empty_like(cell) is not None:
        row.values[name] = read_retention(cell, name)


def _organ(row: ReadRow, cell: Any, name: str) -> None:
    text = cell_text(cell)
    if empty_like(text) is None:
        return
    code = text.upper()
    if _ORGAN.fullmatch(code):
        row.values["organ"] = code
    elif name == "organ":
        raise Invalid(
            name, f"“{text[:20]}”不是机构（问题）代码。", "应为2至4位大写字母或数字，例如 BGS。"
        )
    else:
        row.values["organ_name"] = clean_text(text, name, max_length=100)


def _number(row: ReadRow, cell: Any, name: str) -> None:
    if empty_like(cell) is None:
        return
    number = whole_number(cell)
    if number is None or not 0 < number <= _MOST_NUMBER:
        raise Invalid(
            name,
            f"“{cell_text(cell)[:20]}”不是号码。",
            f"{vocabulary().label(name)}应为大于0的整数，例如 12。",
            code="bad_number",
        )
    row.values[name] = number


def _security(row: ReadRow, cell: Any, name: str) -> None:
    row.values[name] = str(read_security(cell, name))


def _pages(row: ReadRow, cell: Any, name: str) -> None:
    if (pages := parse_pages(cell, name)) is not None:
        row.values[name] = pages


def _holding(cell: Any) -> str:
    plain = re.sub(r"[\s（）()+、，,和·]", "", cell_text(cell)).lower()
    found = _HOLDINGS.get(plain) or _HOLDINGS.get(plain.replace("和", ""))
    if found is None:
        raise Invalid(
            "holding",
            f"不认识载体“{cell_text(cell)[:20]}”。",
            "请填写：电子、双套、纸质、纸质（有数字化副本）。",
        )
    return found


def _read_holding(row: ReadRow, cell: Any, name: str) -> None:
    if empty_like(cell) is not None:
        row.values[name] = _holding(cell)


def _code(row: ReadRow, cell: Any, name: str) -> None:
    text = cell_text(cell)
    if empty_like(text) is None:
        return
    try:
        row.values[name] = str(parse(text))
    except Invalid as error:
        raise Invalid(
            name,
            error.message,
            f"{error.remedy}如是不再使用的旧档号，请把此列对应到“曾用档号”。",
            code=error.code,
        ) from None


def _volume_code(row: ReadRow, cell: Any, name: str) -> None:
    text = normalise(cell_text(cell))
    if empty_like(text) is not None:
        row.values[name] = clean_text(text, name, max_length=CODE_LENGTH)


def _files(row: ReadRow, cell: Any, name: str) -> None:
    text = cell_text(cell)
    if empty_like(text) is None:
        return
    paths = [part.strip() for part in re.split(r"[;；|\n]", text) if part.strip()]
    if len(paths) > _MOST_FILES:
        raise Invalid(name, f"一行最多 {_MOST_FILES} 个电子文件。", "请拆分后再导入。")
    row.files = paths


_READERS: dict[str, Callable[[ReadRow, Any, str], None]] = {
    "title": _title,
    "date": _date,
    "doc_no": _text(DOC_NO_LENGTH),
    "author": _text(AUTHOR_LENGTH),
    "code": _code,
    "former_code": _text(CODE_LENGTH),
    "fonds_number": _text(SHORT_LENGTH),
    "year": _year,
    "class_code": _class,
    "retention": _retention,
    "organ": _organ,
    "organ_name": _organ,
    "number": _number,
    "former_number": _text(SHORT_LENGTH),
    "catalogue_number": _text(SHORT_LENGTH),
    "project_number": _text(SHORT_LENGTH),
    "volume_number": _number,
    "volume_code": _volume_code,
    "security": _security,
    "pages": _pages,
    "holding": _read_holding,
    "box": _text(40),
    "location": _text(min(PLACE_LENGTH, NAME_LENGTH)),
    "remark": _text(REMARK_LENGTH),
    "files": _files,
}


#: Part of a code → the column that may say something else.
_PARTS = {
    "class_code": "class_code",
    "subclass": "subclass",
    "year": "year",
    "retention": "retention",
    "organ": "organ",
    "project_number": "project_number",
    "catalogue_number": "catalogue_number",
    "volume": "volume_number",
    "number": "number",
}


def _settle_code(row: ReadRow, context: RowContext) -> None:
    """Report where the code and its parts disagree; take from the code what has no column."""
    values = row.values
    given = values.pop("fonds_number", None)
    if given and context.fonds_number and given.upper() != context.fonds_number:
        row.problems.append(
            Problem(
                "fonds_number",
                f"全宗号为“{given[:20]}”，而所选全宗的全宗号是 {context.fonds_number}。",
                "请分全宗导入，或更正全宗号。",
                "other_fonds",
            )
        )
    if (text := values.get("code")) is None:
        return
    code = parse(text)
    if context.fonds_number and code.scheme != "old" and code.fonds != context.fonds_number:
        row.problems.append(
            Problem(
                "code",
                f"档号中的全宗号是 {code.fonds}，而所选全宗的全宗号是 {context.fonds_number}。",
                "请分全宗导入，或更正档号。",
                "other_fonds",
            )
        )
    for part, name in _PARTS.items():
        _settle_part(row, code, part, name)


def _settle_part(row: ReadRow, code: ArchivalCode, part: str, name: str) -> None:
    in_code, in_column = getattr(code, part), row.values.get(name)
    if in_code is None:
        return
    if in_column is None:
        row.values[name] = in_code
    elif str(in_code) != str(in_column):
        label = vocabulary().label(name)
        row.problems.append(
            Problem(
                "code",
                f"档号中的{label}是 {_shown(name, in_code)}，“{label}”列却是 "
                f"{_shown(name, in_column)}。",
                "请核对原件，改正其中一处。",
                "code_disagrees",
            )
        )


def _shown(name: str, value: Any) -> str:
    return f"{retention_name(value)}（{value}）" if name == "retention" else str(value)


def _settle_defaults(row: ReadRow, context: RowContext) -> None:
    values, defaults = row.values, context.defaults
    values.setdefault("class_code", defaults.class_code)
    for name in ("retention", "organ", "organ_name"):
        if getattr(defaults, name) is not None:
            values.setdefault(name, getattr(defaults, name))
    if "year" not in values:
        if defaults.year is not None:
            values["year"] = defaults.year
        elif "date" in values:
            values["year"] = int(values["date"][:4])
        elif not any(each.field in ("year", "date") for each in row.problems):
            row.problems.append(
                Problem(
                    "year",
                    "没有年度，也没有日期可以据以确定年度。",
                    "请填写年度或日期，或在导入时指定年度。",
                    "required",
                )
            )
    if "holding" not in values:
        values["holding"] = defaults.holding or "electronic"
    values.setdefault("security", "none")
    _settle_former(values)


def _settle_former(values: dict[str, Any]) -> None:
    former = values.pop("former_code", None)
    if former:
        values["former_codes"] = [former]
    notes = []
    if number := values.pop("former_number", None):
        notes.append(f"馆编件号：{number}")
    if volume := values.pop("volume_number", None):
        notes.append(f"原案卷号：{volume}")
    if volume := values.pop("volume_code", None):
        notes.append(f"原案卷档号：{volume}")
    if span := values.pop("date_range", None):
        notes.append(f"起止日期：{span}")
    if notes:
        remark = "；".join([*([values["remark"]] if values.get("remark") else []), *notes])
        values["remark"] = remark[:REMARK_LENGTH]
