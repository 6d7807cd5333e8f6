"""What a record's fields may be: read from a form or a spreadsheet row into column values.

Every door passes here (direct filing, registry, import, edit), so that a value is refused with the
same sentence wherever it comes in, and a classified document leaves nothing behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from shared.kernel.errors import Invalid
from shared.records.archival_code import (
    ORGAN_PATTERN,
    SUBCLASS_PATTERN,
    ArchivalCode,
    parse,
    with_middle,
)
from shared.records.classes import read_class
from shared.records.corrections import READERS
from shared.records.holdings import Holding
from shared.records.record import FIELD_NAMES, RecordLevel
from shared.records.retention import read_retention
from shared.records.security import SecurityClass, read_security, refuse_classified
from shared.records.values import (
    AUTHOR_LENGTH,
    CODE_LENGTH,
    DOC_NO_LENGTH,
    NAME_LENGTH,
    PLACE_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    SHORT_LENGTH,
    clean_text,
    parse_year,
    required_text,
)

#: What `arrange` sets: where a record belongs.
PLACE_FIELDS = (
    *("class_code", "subclass", "year", "retention", "organ", "organ_name"),
    *("project_number", "catalogue_number"),
)
#: What describes a record; may be changed while the node keeps it, also after filing.
DESCRIPTION_FIELDS = (
    *("title", "doc_no", "author", "date", "security", "pages", "remark", "holding"),
    *("box", "location", "organ_name"),
    *("opening_opinion", "opening_reason", "publicity_attribute", "publicity_basis"),
    "security_change",
)
#: All that `collect` takes.
COLLECT_FIELDS = (
    *("level", "parent_id", "code", "number", "former_codes", "source_key"),
    *dict.fromkeys((*PLACE_FIELDS, *DESCRIPTION_FIELDS)),
)

_TEXTS = {
    "organ_name": NAME_LENGTH,
    "project_number": SHORT_LENGTH,
    "catalogue_number": SHORT_LENGTH,
    "doc_no": DOC_NO_LENGTH,
    "author": AUTHOR_LENGTH,
    "remark": REMARK_LENGTH,
    "box": SHORT_LENGTH,
    "location": PLACE_LENGTH,
    "opening_reason": REASON_LENGTH,
    "publicity_basis": REASON_LENGTH,
    "security_change": REASON_LENGTH,
    "source_key": 80,
}
_MARKED = ("title", "doc_no", "author", "remark", "security_change", "location")
_ORGAN = re.compile(ORGAN_PATTERN)
_SUBCLASS = re.compile(SUBCLASS_PATTERN)
_SEGMENT = re.compile(r"[A-Z0-9]{1,20}")


def _empty(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _pattern(
    pattern: re.Pattern[str], problem: str, remedy: str
) -> Callable[[object, str], str | None]:
    def read(value: object, field: str) -> str | None:
        text = clean_text(value, field, max_length=SHORT_LENGTH)
        if text is None:
            return None
        text = text.upper()
        if not pattern.fullmatch(text):
            raise Invalid(field, problem, remedy)
        return text

    return read


def _holding(value: object, field: str) -> str:
    text = str(value).strip()
    for each in Holding:
        if text in (str(each), each.label, each.label.partition("（")[0]):
            return str(each)
    shown = "、".join(each.label for each in Holding)
    raise Invalid(field, "不认识这种载体。", f"可用：{shown}。")


def _level(value: object, field: str) -> str:
    try:
        return str(RecordLevel(str(value)))
    except ValueError:
        raise Invalid(field, "没有这种层次。", "可用：件、项目、案卷、卷内文件。") from None


def _number(value: object, field: str) -> int | None:
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise Invalid(field, "件号应为大于0的整数。", "请填写阿拉伯数字，例如 12。")
    return int(text)


def _text_list(value: object, field: str) -> list[str]:
    items = value if isinstance(value, list | tuple) else re.split(r"[;；]", str(value))
    found = (clean_text(each, field, max_length=CODE_LENGTH) for each in items)
    return [each for each in found if each]


_ORGAN_REMEDY = "请填写2至4位字母或数字，例如 BGS；不分机构（问题）的留空。"
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "level": _level,
    "class_code": read_class,
    "subclass": _pattern(_SUBCLASS, "二级门类代码应为1至3位字母或数字。", "请核对二级门类代码。"),
    "year": parse_year,
    "retention": read_retention,
    "organ": _pattern(_ORGAN, "机构（问题）代码不合规范。", _ORGAN_REMEDY),
    "project_number": _pattern(_SEGMENT, "项目号应为1至20位字母或数字。", "请核对项目号。"),
    "catalogue_number": _pattern(_SEGMENT, "目录号应为1至20位字母或数字。", "请核对目录号。"),
    "number": _number,
    "code": lambda value, field: required_text(value, field, max_length=CODE_LENGTH),
    "former_codes": _text_list,
    **{name: READERS[name] for name in ("title", "date", "pages")},
    "holding": _holding,
    **{name: READERS[name] for name in ("opening_opinion", "publicity_attribute")},
    "parent_id": lambda value, field: str(value),
}
_REQUIRED = {"title": "题名", "class_code": "门类", "level": "层次", "holding": "载体"}


def check_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The given fields as column values: read, cleaned, and refused when classified.

    Only the keys that are given come back; an empty value means none. Raises Invalid with the
    field and what to do, or Classified.
    """
    found: dict[str, Any] = {}
    security = values.get("security")
    if "security" in values:
        plain = security in (None, "", "none")
        found["security"] = str(SecurityClass.NONE if plain else read_security(security))
    refuse_classified(*(_shown(values.get(name)) for name in _MARKED))
    for name, value in values.items():
        if name == "security":
            continue
        if name not in COLLECT_FIELDS:
            raise Invalid(name, f"没有“{name}”这一项。", "请核对字段名称。")
        if _empty(value) and name in _REQUIRED:
            raise Invalid(name, f"{_REQUIRED[name]}不能为空。", "请填写此项。", code="required")
        if _empty(value):
            found[name] = [] if name == "former_codes" else None
        elif reader := _READERS.get(name):
            found[name] = reader(value, name)
        else:
            found[name] = clean_text(value, name, max_length=_TEXTS[name])
    return found


def _shown(value: object) -> str | None:
    return None if value is None else str(value)


_FROM_CODE = (
    *(("class_code", "class_code"), ("subclass", "subclass"), ("year", "year")),
    *(("retention", "retention"), ("organ", "organ")),
    *(("project_number", "project_number"), ("catalogue_number", "catalogue_number")),
)


def read_given_code(found: dict[str, Any], fonds_number: str | None) -> None:
    """Take apart a code that came with the record, fill in what it says, refuse what it denies.

    A code of the old scheme (DA/T 13-1994), or of a fonds without a number, becomes a former
    code. A code of today gives the record its number, as one that is stamped on the original.
    """
    text = found.pop("code", None)
    if text is None:
        return
    code = parse(text)
    if code.scheme == "old" or fonds_number is None:
        found["former_codes"] = [*found.get("former_codes", []), str(code)]
        return
    if code.fonds != fonds_number:
        raise Invalid(
            "code",
            f"档号中的全宗号 {code.fonds} 不是本全宗的 {fonds_number}。",
            "请核对档号，或选择正确的全宗。",
        )
    code = with_middle(code, found.get("project_number"), found.get("catalogue_number"))
    for part, field in _FROM_CODE:
        said = getattr(code, part)
        if said is None:
            continue
        if found.get(field) not in (None, said):
            raise Invalid(
                "code",
                f"档号中的{FIELD_NAMES[field]}“{said}”与“{found[field]}”不一致。",
                "请核对档号和各项，改成一致。",
            )
        found[field] = said
    if found.get("level") == RecordLevel.PROJECT and code.volume is None and code.project_number:
        return  # a project has no number but its 项目号
    found["number"] = _number_in(code, found)
    found["number_given"] = True


def _number_in(code: ArchivalCode, found: dict[str, Any]) -> int:
    volume = found.get("level") == RecordLevel.VOLUME
    said = code.volume if volume else code.number
    if said is None or code.sub_number is not None:
        raise Invalid(
            "code",
            "档号的层次与本条不符。",
            "项目的档号到项目号为止，案卷的到案卷号为止，文件的到件号为止。",
        )
    if found.get("number") not in (None, said):
        raise Invalid(
            "code", f"档号中的件号 {said} 与件号栏 {found['number']} 不一致。", "请核对后改成一致。"
        )
    return said
