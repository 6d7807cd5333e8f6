"""A finding: one thing that is wrong, named, with evidence, and with what to do about it."""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.kernel.errors import DanglianError, Invalid

_LONGEST_EVIDENCE = 200

_PAGE = re.compile(r"：第 (\d{1,6}) 页$")


class Property(StrEnum):
    """The four properties 四性 (DA/T 70-2018)."""

    AUTHENTICITY = "authenticity"
    INTEGRITY = "integrity"
    USABILITY = "usability"
    SAFETY = "safety"

    @property
    def label(self) -> str:
        """The name that people see."""
        return PROPERTY_NAMES[self]


PROPERTY_NAMES = {
    Property.AUTHENTICITY: "真实性",
    Property.INTEGRITY: "完整性",
    Property.USABILITY: "可用性",
    Property.SAFETY: "安全性",
}


class Severity(StrEnum):
    """Whether a finding stops a hand-over, or is only to be looked at."""

    ERROR = "error"
    WARNING = "warning"

    @property
    def label(self) -> str:
        """The name that people see."""
        return SEVERITY_NAMES[self]


SEVERITY_NAMES = {Severity.ERROR: "不合格", Severity.WARNING: "提示"}


@dataclass(frozen=True)
class Finding:
    """One problem.

    Attributes:
        code: stable name for programs, snake_case.
        problem: what is wrong, in plain Chinese.
        remedy: what to do next, in plain Chinese.
        field: name of the record's field concerned (`title`, `documents.0.files.1.name`), or None.
        expected: what should be there, where that can be said.
        actual: what is there.
        where: the file, package entry or element concerned.
        number: the item of DA/T 70-2018 (`1-7`), or our own (`DL-1`); empty outside inspections.
        property: which of the four properties suffers.
        severity: error or warning.
    """

    code: str
    problem: str
    remedy: str = ""
    field: str | None = None
    expected: str | None = None
    actual: str | None = None
    where: str | None = None
    number: str = ""
    property: Property = Property.AUTHENTICITY
    severity: Severity = Severity.ERROR

    @builtins.property  # the field above has the name
    def is_error(self) -> bool:
        """Whether it stops a hand-over."""
        return self.severity is Severity.ERROR

    @classmethod
    def of_error(cls, error: DanglianError, **more: Any) -> Finding:
        """The finding that an error of a shared rule amounts to."""
        field = more.pop("field", error.field)
        return cls(error.code, error.message, error.remedy, field=field, **more)

    def to_wire(self) -> dict[str, Any]:
        """The finding as plain values; every key is there."""
        return {
            "code": self.code,
            "problem": self.problem,
            "remedy": self.remedy,
            "field": self.field,
            "expected": self.expected,
            "actual": self.actual,
            "where": self.where,
            "number": self.number,
            "property": str(self.property),
            "severity": str(self.severity),
        }

    @classmethod
    def from_wire(cls, data: object) -> Finding:
        """Read what `to_wire` wrote. Raises Invalid."""
        if not isinstance(data, Mapping):
            raise _unreadable()
        try:
            return cls(
                code=_text(data["code"]),
                problem=_text(data["problem"]),
                remedy=_text(data["remedy"]),
                field=_text_or_none(data["field"]),
                expected=_text_or_none(data["expected"]),
                actual=_text_or_none(data["actual"]),
                where=_text_or_none(data["where"]),
                number=_text(data["number"]),
                property=Property(data["property"]),
                severity=Severity(data["severity"]),
            )
        except (KeyError, ValueError):
            raise _unreadable() from None


def file_link(where: str | None, urls: Mapping[str, str]) -> str:
    """The address of the file that a finding's `where` names, empty for none.

    `urls` are those of the files by their names. Where a page is named, viewers open it
    (`#page=3`).
    """
    place = where or ""
    named = next((each for each in urls if f"{place}：".startswith(f"{each}：")), None)
    page = _PAGE.search(place)
    return "" if named is None else urls[named] + (f"#page={page[1]}" if page else "")


def shown(value: object) -> str:
    """A value as evidence: short, on one line; 无 for nothing."""
    if value is None or value == "":
        return "无"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_EVIDENCE else text[:_LONGEST_EVIDENCE] + "…"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _unreadable() -> Invalid:
    return Invalid("findings", "检测结果的写法不正确。", "请重新检测。")
