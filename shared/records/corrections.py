"""The correction 更正 of a record that an archive has received (protocol §5).

From receipt on the archive is the record's only writer. What may still change is what *describes*
the record: its title, number, author and date, its pages and remark, and the unit's opinions on
opening and publicity, which DA/T 46-2009 keeps as elements that are maintained while the record
lives. What *identifies* and *proves* it may not: fonds, class, year, retention, number and code
were signed by both sides in the 移交与接收登记表 (retention changes by a new appraisal, a code by
renumbering, each with its own papers); files and holdings lie in the sealed package; and the
security class has its own procedure 密级变更, because it decides who may see the record at all.

Fields are named flat here, as people fill them in: `opening_opinion` and `opening_reason` are the
two halves of `opening` on the wire, `publicity_attribute` and `publicity_basis` of `publicity`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.kernel.errors import Invalid
from shared.records.dates import parse_date
from shared.records.model import FIELD_NAMES, OPENING_NAMES, PUBLICITY_NAMES
from shared.records.numbers import parse_pages
from shared.records.record_wire import record_from_wire
from shared.records.security import refuse_classified
from shared.records.text import (
    AUTHOR_LENGTH,
    DOC_NO_LENGTH,
    REASON_LENGTH,
    REMARK_LENGTH,
    TITLE_LENGTH,
    clean_text,
    required_text,
)

#: The fields that may be corrected, with their names for people.
CORRECTABLE: Mapping[str, str] = {
    **{
        name: FIELD_NAMES[name] for name in ("title", "doc_no", "author", "date", "pages", "remark")
    },
    "opening_opinion": "开放意见",
    "opening_reason": "开放意见的理由",
    "publicity_attribute": "公开属性",
    "publicity_basis": "公开属性的依据",
}
#: Flat name to its place on the wire, for the fields that lie one level down.
_NESTED = {
    "opening_opinion": ("opening", "opinion"),
    "opening_reason": ("opening", "reason"),
    "publicity_attribute": ("publicity", "attribute"),
    "publicity_basis": ("publicity", "basis"),
}
#: A received record cannot be without these.
_REQUIRED = ("title", "date")

Value = str | int | None


def choice(names: Mapping[Any, str]) -> Callable[[object, str], str]:
    """A reader that takes a value of a list by its code or by its name, and gives the code."""

    def read(value: object, field: str) -> str:
        text = str(value).strip()
        for code, name in names.items():
            if text in (str(code), name):
                return str(code)
        label = CORRECTABLE.get(field) or FIELD_NAMES.get(field, "此项")
        shown = "、".join(names.values())
        raise Invalid(field, f"{label}不在可用的值之内。", f"可用：{shown}。")

    return read


def _text(most: int) -> Callable[[object, str], str | None]:
    return lambda value, field: clean_text(value, field, max_length=most)


#: How what people type becomes a value of the wire; nothing comes here empty.
READERS: Mapping[str, Callable[[Any, str], Value]] = {
    "title": lambda value, field: required_text(value, field, max_length=TITLE_LENGTH),
    "doc_no": _text(DOC_NO_LENGTH),
    "author": _text(AUTHOR_LENGTH),
    "date": lambda value, field: parse_date(value, field).isoformat(),
    "pages": parse_pages,
    "remark": _text(REMARK_LENGTH),
    "opening_opinion": choice(OPENING_NAMES),
    "opening_reason": _text(REASON_LENGTH),
    "publicity_attribute": choice(PUBLICITY_NAMES),
    "publicity_basis": _text(REASON_LENGTH),
}


def read_values(values: Mapping[str, object]) -> dict[str, Value]:
    """What the fields should be, read from what people typed; None for an empty one.

    Raises Invalid with the field (one that may not be corrected has the code `not_correctable`),
    or Classified when a text bears a mark.
    """
    for name in values:
        if name not in CORRECTABLE:
            raise Invalid(
                name,
                f"{FIELD_NAMES.get(name, name)}在接收之后不能用更正来改。",
                f"可以更正的有：{'、'.join(CORRECTABLE.values())}；其他情况请与档案馆联系。",
                code="not_correctable",
            )
    refuse_classified(*(value for value in values.values() if isinstance(value, str)))
    found: dict[str, Value] = {}
    for name, value in values.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            if name in _REQUIRED:
                raise Invalid(
                    name, f"{CORRECTABLE[name]}不能为空。", "请填写此项。", code="required"
                )
            found[name] = None
        else:
            found[name] = READERS[name](value, name)
    return found


def read_reason(text: object, field: str = "reason") -> str:
    """Why: a text of at most 500 characters, needed for every correction and every refusal."""
    refuse_classified(text if isinstance(text, str) else None)
    return required_text(text, field, max_length=REASON_LENGTH)


def described(wire: Mapping[str, Any]) -> dict[str, Value]:
    """What a record says in the fields that may be corrected."""
    return {
        name: (wire[_NESTED[name][0]] or {}).get(_NESTED[name][1])
        if name in _NESTED
        else wire[name]
        for name in CORRECTABLE
    }


def differing(wire: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Value]:
    """Those of the values that are not what the record says already. Raises Invalid for none."""
    now = described(wire)
    found = {name: value for name, value in values.items() if value != now[name]}
    if not found:
        raise Invalid(
            "fields",
            "各项与现在的著录相同，没有要更正的内容。",
            "请改动至少一项。",
            code="nothing_to_change",
        )
    return found


def corrected(
    wire: Mapping[str, Any],
    values: Mapping[str, Value],
    events: Iterable[Mapping[str, Any]],
    *,
    state: str,
) -> dict[str, Any]:
    """The next version of a record, with these values and these events added to its history.

    Checked as a whole like any record: raises Invalid or Classified.
    """
    made = {**wire, "version": wire["version"] + 1, "state": state}
    for name, value in values.items():
        if name not in _NESTED:
            made[name] = value
    for outer, main, reason in (
        ("opening", "opening_opinion", "opening_reason"),
        ("publicity", "publicity_attribute", "publicity_basis"),
    ):
        if main in values or reason in values:
            made[outer] = _pair(described(wire) | dict(values), main, reason)
    made["events"] = [*wire["events"], *(dict(event) for event in events)]
    record_from_wire(made)
    return made


def _pair(values: Mapping[str, Value], main: str, reason: str) -> dict[str, Value] | None:
    if values[main] is not None:
        return {_NESTED[main][1]: values[main], _NESTED[reason][1]: values[reason]}
    if values[reason] is not None:
        raise Invalid(
            reason,
            f"填了{CORRECTABLE[reason]}，却没有{CORRECTABLE[main]}。",
            f"请选择{CORRECTABLE[main]}，或把两项都清空。",
        )
    return None


def shown(name: str, value: object) -> str:
    """A value as people read it; empty for none."""
    names: Mapping[str, str] = {
        "opening_opinion": OPENING_NAMES,
        "publicity_attribute": PUBLICITY_NAMES,
    }.get(name, {})
    return "" if value is None else names.get(str(value), str(value))
