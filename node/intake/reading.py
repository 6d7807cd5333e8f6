"""One row of a sheet, read into the values of a record, with a problem for each thing wrong.

Pure: no database, no files. What is wrong is said with field, problem and remedy; a row that
bears a mark of classification is only counted, nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.filing.values import check_values, read_given_code
from node.intake.cells import is_classified, read_cell
from node.intake.columns import vocabulary
from node.intake.defaults import Defaults
from node.intake.links import Links, links_of
from node.intake.problems import Problem, problem_of
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Classified, Invalid
from shared.records.archival_code import ArchivalCode, parse, with_middle
from shared.records.classes import Arrangement, class_name, load_classes
from shared.records.record import LEVEL_NAMES, RecordLevel
from shared.records.retention import retention_name
from shared.records.values import REMARK_LENGTH

_HOLDERS = (RecordLevel.VOLUME, RecordLevel.PROJECT)


@dataclass(frozen=True)
class RowContext:
    """What every row of one sheet is read with.

    `linked` says that the sheet is one of several that belong together: rows need the codes by
    which volumes and their items find each other.
    """

    fonds_id: str
    fonds_number: str | None
    mapping: Mapping[int, str]
    defaults: Defaults = field(default_factory=Defaults)
    level: RecordLevel = RecordLevel.RECORD
    linked: bool = False


@dataclass
class ReadRow:
    """A row as read: the record's values, or what is wrong.

    Of a classified row only `links.group` is kept, a digest: which volume must stay out with it.
    """

    number: int
    level: RecordLevel = RecordLevel.RECORD
    values: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    classified: bool = False
    key: str = ""
    links: Links = field(default_factory=Links)

    @property
    def code(self) -> str | None:
        """The archival code that the row brings, normalised."""
        return self.values.get("code")

    @property
    def source_key(self) -> str:
        """The key under which filing recognises the row."""
        return source_key(self.level, self.key, self.code)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and not self.classified


def read_row(number: int, cells: Sequence[Any], context: RowContext) -> ReadRow:
    """Read one row: what is wrong is in `problems`; of a classified row nothing is kept."""
    raw = {
        name: cells[index] if index < len(cells) else None
        for index, name in context.mapping.items()
    }
    links = links_of(context.fonds_id, context.level, raw)
    classified = ReadRow(number, context.level, classified=True, links=Links(group=links.group))
    if is_classified(cells, context.mapping):
        return classified
    row = ReadRow(number, context.level, links=links)
    for name, cell in raw.items():
        try:
            row.values |= read_cell(name, cell)
        except Classified:
            return classified
        except Invalid as error:
            row.problems.append(problem_of(error, name))
    values = row.values
    row.files = values.pop("files", [])
    if not values.get("title") and not any(each.field == "title" for each in row.problems):
        row.problems.append(
            Problem("title", "题名为空。", "请填写题名；如是合计等说明行，可忽略。", "required")
        )
    _settle_code(row, context)
    _settle_links(row, context)
    _settle_defaults(row, context)
    row.key = content_key(context.fonds_id, row)
    return _pass_filing(row, classified, context)


def _pass_filing(row: ReadRow, classified: ReadRow, context: RowContext) -> ReadRow:
    """Ask filing's own door what it would say, so that nothing is refused only when taken."""
    if row.problems:
        return row
    try:
        found = check_values({"title": None, **row.values})
        read_given_code(found, context.fonds_number)
    except Classified:
        return classified
    except Invalid as error:
        row.problems.append(problem_of(error))
    return row


def content_key(fonds_id: str, row: ReadRow) -> str:
    """What makes two rows the same thing in one fonds.

    A volume or project is known by its code, whatever its title; without one, and for everything
    else, title, number, date and author count. The same words in two volumes, or under two
    numbers of one, are two items.
    """
    values = row.values
    if row.level in _HOLDERS and row.links.group:
        return row.links.group
    parts = [fonds_id, *(values.get(name) for name in ("title", "doc_no", "date", "author"))]
    if row.level is RecordLevel.ITEM:
        parts += [row.links.group, values.get("number")]
    elif row.level in _HOLDERS:
        parts += [str(row.level), values.get("year"), values.get("retention")]
    return digest_of(parts)


def source_key(level: str, key: str, code: str | None) -> str:
    """Two rows of the same content with codes of their own are two documents."""
    return key if code is None or level in _HOLDERS else digest_of([key, code])


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
    code = with_middle(code, values.get("project_number"), values.get("catalogue_number"))
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


def _settle_links(row: ReadRow, context: RowContext) -> None:
    """Say what is wrong with the codes by which sheets are linked; values go on without them."""
    if row.level is RecordLevel.RECORD:
        return
    values, links = row.values, row.links
    values["level"] = str(row.level)
    if row.level is not RecordLevel.PROJECT:
        values.pop("volume_number", None)
    links.items = values.pop("items", None)
    name = "code" if row.level in _HOLDERS else "volume_code"
    wanted = context.linked or row.level is RecordLevel.ITEM
    if links.group is None and wanted and not any(each.field == name for each in row.problems):
        row.problems.append(_unlinked(row.level, name))
    if links.disagrees:
        row.problems.append(
            Problem(
                "code",
                f"档号 {values.get('code')} 不在{links.disagrees} {links.holder} 之下。",
                "请核对档号和所属的档号，改正其中一处。",
                "code_disagrees",
            )
        )
    for each in ("volume_code", "project_code"):
        values.pop(each, None)


def _unlinked(level: RecordLevel, name: str) -> Problem:
    if level is RecordLevel.ITEM:
        problem = "没有案卷档号，不知道属于哪一卷。"
        return Problem(name, problem, "请填写案卷档号，写法与案卷目录相同。", "required")
    problem = f"{LEVEL_NAMES[level]}没有档号，下面的档案无法与它对应。"
    return Problem(name, problem, "请填写档号；不用的旧档号也可以。", "required")


def _settle_arrangement(row: ReadRow) -> None:
    """A class that is arranged by record 按件 has neither volumes nor projects."""
    found = load_classes().get(row.values["class_code"])
    if found is None or found.arrangement is not Arrangement.ITEM:
        return
    if any(each.field == "class_code" for each in row.problems):
        return
    row.problems.append(
        Problem(
            "class_code",
            f"{class_name(found.code)}类按件整理，不按卷。",
            "请核对门类；整张表都是另一门类的，请在“门类”中选定；确是按件的，请选“件”一级。",
            "not_by_volume",
        )
    )


def _settle_defaults(row: ReadRow, context: RowContext) -> None:
    values, defaults = row.values, context.defaults
    values.setdefault("holding", defaults.holding or "electronic")
    values.setdefault("security", "none")
    _settle_former(values)
    if row.level is RecordLevel.ITEM:
        return  # the rest is its volume's
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
    if row.level is not RecordLevel.RECORD:
        _settle_arrangement(row)


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
