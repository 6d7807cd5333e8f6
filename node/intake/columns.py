"""Which column of a sheet is which field: the header row is found, its names are recognised.

The names really seen in catalogue sheets are data (`columns.json`), not code.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from shared.kernel.errors import Invalid
from shared.records.record import RecordLevel

#: The header may stand below a merged title and a line or two of notes.
HEADER_WITHIN = 20
_ALIKE = 0.8
_WITHOUT_TITLE = 3


@dataclass(frozen=True)
class Field:
    """A field that a column may hold: its name in code, for people, and in sheets."""

    field: str
    name: str
    names: tuple[str, ...]
    required: bool = False
    #: The levels whose sheets have it; all when empty.
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """The fields, and the normalised names by which columns are recognised."""

    version: str
    fields: tuple[Field, ...]
    by_name: Mapping[str, str]
    ignored: frozenset[str]

    def of_level(self, level: str) -> list[Field]:
        """The fields that a sheet of this level may have."""
        return [each for each in self.fields if not each.levels or level in each.levels]

    def label(self, field: str) -> str:
        """The field's name for people."""
        return next((each.name for each in self.fields if each.field == field), field)

    def field_named(self, text: str) -> str | None:
        """The field with this name, in code or in Chinese; None when there is none."""
        plain = plain_name(text)
        for each in self.fields:
            if plain in (plain_name(each.field), plain_name(each.name)):
                return each.field
        return self.by_name.get(plain)


@cache
def vocabulary() -> Vocabulary:
    """The fields and names of `columns.json`."""
    raw: dict[str, Any] = json.loads(
        Path(__file__).with_name("columns.json").read_text(encoding="utf-8")
    )
    fields = tuple(
        Field(
            each["field"],
            each["name"],
            tuple(each["names"]),
            bool(each.get("required")),
            tuple(each.get("levels", ())),
        )
        for each in raw["fields"]
    )
    by_name = {plain_name(name): each.field for each in fields for name in each.names}
    ignored = frozenset(plain_name(name) for name in raw["ignored"])
    return Vocabulary(raw["version"], fields, by_name, ignored)


def plain_name(text: str) -> str:
    """A column name without white space, punctuation, case and width: 机构（问题） = 机构/问题."""
    wide = unicodedata.normalize("NFKC", text).lower()
    return "".join(char for char in wide if char.isalnum() or char == "_")


def recognise(name: str) -> str | None:
    """The field that a column name means, exactly or nearly; None when unknown or ignored."""
    words = vocabulary()
    plain = plain_name(name)
    if not plain or plain in words.ignored:
        return None
    if plain in words.by_name:
        return words.by_name[plain]
    near = difflib.get_close_matches(plain, [*words.by_name, *words.ignored], n=1, cutoff=_ALIKE)
    return words.by_name.get(near[0]) if near else None


def find_header(rows: Sequence[Sequence[Any]]) -> int:
    """Index of the header among the first rows: the one with the most recognised names.

    Raises Invalid when none names a title and one thing more, or three things beside a title that
    a person must point out.
    """
    best, score = -1, 1
    for index, row in enumerate(rows[:HEADER_WITHIN]):
        found = {field for cell in row if isinstance(cell, str) and (field := _known(cell))}
        worth = len(found) if "title" in found or len(found) >= _WITHOUT_TITLE else 0
        if worth > score:
            best, score = index, worth
    if best < 0:
        raise Invalid(
            "header",
            f"表格前 {HEADER_WITHIN} 行中没有找到列名行（至少要有“题名”和另外一列）。",
            "请检查是否选对了工作表；列名可用：题名、文号、责任者、日期、年度、保管期限、档号等。",
        )
    return best


def _known(name: str) -> str | None:
    return vocabulary().by_name.get(plain_name(name)) if len(name) <= 40 else None


#: A catalogue of volumes may name the code of the volume itself 案卷档号, one of projects 项目档号.
_OWN_CODE = {RecordLevel.VOLUME: "volume_code", RecordLevel.PROJECT: "project_code"}


def propose(header: Sequence[Any], level: str = RecordLevel.RECORD) -> dict[int, str]:
    """Column index → field for a header row.

    Of two columns for one field the exact name wins, then the one that is more to the point
    (案卷题名 before 项目名称), then the first.
    """
    chosen: dict[int, str] = {}
    names = [str(cell).strip() for cell in header]
    fields = {each.field for each in vocabulary().of_level(level)}
    order = list(vocabulary().by_name)
    exact = [(order.index(plain_name(name)), at) for at, name in enumerate(names) if _known(name)]
    found = [(at, _known(names[at])) for _, at in sorted(exact)]
    found += [(at, recognise(name)) for at, name in enumerate(names)]
    for index, field in found:
        if field in fields and index not in chosen and field not in chosen.values():
            chosen[index] = str(field)
    own = _OWN_CODE.get(RecordLevel(level))
    if own and "code" not in chosen.values():
        chosen = {at: "code" if field == own else field for at, field in chosen.items()}
    return dict(sorted(chosen.items()))


def header_names(header: Sequence[Any]) -> list[str]:
    """The column names as shown: empty ones get their letter."""
    return [str(cell).strip() or f"（第 {index + 1} 列）" for index, cell in enumerate(header)]


def mapping_from(
    header: Sequence[Any], given: Mapping[str, str], level: str = RecordLevel.RECORD
) -> dict[int, str]:
    """The proposed mapping, changed by what a person said: column name → field (or "" for none).

    Raises Invalid naming an unknown column or field, or a field given twice.
    """
    mapping = propose(header, level)
    names = header_names(header)
    for column, wanted in given.items():
        if column not in names:
            raise Invalid(
                "mapping",
                f"表格中没有名为“{column}”的列。",
                f"表格中的列名：{'、'.join(names)}。",
            )
        field = vocabulary().field_named(wanted) if wanted.strip("-") else None
        if wanted.strip("-") and field is None:
            raise Invalid(
                "mapping",
                f"没有名为“{wanted}”的字段。",
                f"可用的字段：{'、'.join(each.name for each in vocabulary().fields)}。",
            )
        index = names.index(column)
        mapping.pop(index, None)
        if field is not None:
            mapping = {at: each for at, each in mapping.items() if each != field}
            mapping[index] = field
    return check_mapping(mapping)


def check_mapping(mapping: Mapping[int, str]) -> dict[int, str]:
    """The mapping in column order. Raises Invalid for a field chosen twice, or no 题名."""
    words = vocabulary()
    chosen = list(mapping.values())
    for each in words.fields:
        if chosen.count(each.field) > 1:
            raise Invalid(
                "mapping",
                f"有两列都对应“{each.name}”。",
                "请只保留一列，另一列改为“不导入”。",
            )
        if each.required and each.field not in chosen:
            raise Invalid("mapping", f"没有指定哪一列是“{each.name}”。", "请选择对应的列。")
    return dict(sorted(mapping.items()))
