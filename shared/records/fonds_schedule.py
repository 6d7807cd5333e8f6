"""A fonds' own approved 归档范围与保管期限表: its rows as a document, read from a spreadsheet.

The document is `{form, fonds_id, name, version, approved_on, approval, items}`; its digest names it
in the archive's ruleset (`shared.inspection.ruleset`), which is signed. Its rows are what the unit
had approved, so they may be quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import DanglianError, Invalid
from shared.records import wire
from shared.records.retention import read_retention, retention_periods
from shared.records.schedules import APPROVED, RetentionSchedule, ScheduleItem
from shared.records.text import CODE_LENGTH, NAME_LENGTH, SHORT_LENGTH, repair_text
from shared.records.values import required_text

FORM = "danglian/fonds-schedule/1"
#: All rows must fit into one entry of a stream.
MOST_ROWS = 1_000
_MOST_BYTES = 512 * 1024
_SCOPE_LENGTH = 300
_MOST_ERRORS = 200
#: The heading of a column, and what people call it; spaces and punctuation are left out.
_HEADINGS = {
    "number": ("序号", "条款号", "条目号", "编号", "条款", "类目号"),
    "section": ("类别", "部分", "类目", "类目名称", "一级类目", "分类", "大类"),
    "scope": ("归档范围", "文件材料名称", "文件材料范围", "文件材料", "内容", "范围", "条目"),
    "retention": ("保管期限", "期限"),
}  # fmt: skip
_LOOKED_THROUGH = 20


@dataclass(frozen=True)
class RowError:
    """What is wrong with one row of the spreadsheet; `row` as in the sheet, from 1."""

    row: int
    field: str
    problem: str
    remedy: str = ""


@dataclass(frozen=True)
class ReadRows:
    """What was read: the rows as plain values, and everything that is wrong."""

    items: tuple[Mapping[str, Any], ...]
    errors: tuple[RowError, ...]


class _ItemSchema(wire.WireSchema):
    number = wire.Text(SHORT_LENGTH, required=True)
    section = wire.Text(NAME_LENGTH, required=True, allow_none=True)
    scope = wire.Text(_SCOPE_LENGTH, required=True)
    retention = wire.Choice([each.code for each in retention_periods()], required=True)
    alternatives = wire.List(
        wire.Choice([each.code for each in retention_periods()]), most=4, required=True
    )


class _ScheduleSchema(wire.WireSchema):
    form = wire.Choice([FORM], required=True)
    fonds_id = wire.Id(required=True)
    name = wire.Text(NAME_LENGTH, required=True)
    version = wire.Text(SHORT_LENGTH, required=True)
    approved_on = wire.Day(required=True)
    approval = wire.Text(CODE_LENGTH, required=True)
    items = wire.List(wire.Nested(_ItemSchema), least=1, most=MOST_ROWS, required=True)


_SCHEMA = _ScheduleSchema()


def schedule_document(
    fonds_id: str,
    *,
    name: str,
    version: str,
    approved_on: date,
    approval: str,
    items: Iterable[Mapping[str, Any]],
) -> dict[str, Any]:
    """The document of a fonds' schedule. Raises Invalid for what is none."""
    document = {
        "form": FORM,
        "fonds_id": fonds_id,
        "name": required_text(name, "name", max_length=NAME_LENGTH),
        "version": required_text(version, "version", max_length=SHORT_LENGTH),
        "approved_on": approved_on.isoformat(),
        "approval": required_text(approval, "approval", max_length=CODE_LENGTH),
        "items": [dict(each) for each in items],
    }
    read_schedule(document)
    if len(canonical_json(document)) > _MOST_BYTES:
        raise Invalid(
            "file", "保管期限表过长，不能下发。", "请把归档范围写得简短一些。", code="too_large"
        )
    return document


def read_schedule(document: object) -> RetentionSchedule:
    """The schedule in a document. Raises Invalid with the path of the field."""
    said = wire.load(_SCHEMA, document)
    return RetentionSchedule(
        id=said["fonds_id"],
        version=said["version"],
        name=said["name"],
        standard=said["approval"],
        effective_from=said["approved_on"].isoformat(),
        levels=(),
        status=APPROVED,
        note="",
        items=tuple(
            ScheduleItem(
                each["number"],
                each["section"] or "",
                each["scope"],
                each["retention"],
                tuple(each["alternatives"]),
                confidence="源",
            )
            for each in said["items"]
        ),
    )


def read_rows(rows: Iterable[tuple[int, Sequence[Any]]]) -> ReadRows:
    """The rows of a spreadsheet, from (row number, cells); the heading is found by its words.

    Empty rows are passed over; a row without a retention period is a heading within the table, and
    names the section of those that follow. Raises Invalid where there is no heading at all, or
    there are more than `MOST_ROWS` rows.
    """
    columns: dict[str, int] | None = None
    items: list[Mapping[str, Any]] = []
    errors: list[RowError] = []
    seen: dict[str, int] = {}
    section = ""
    for row, cells in rows:
        texts = [repair_text(cell).strip() for cell in cells]
        if not any(texts):
            continue
        if columns is None:
            columns = _columns_of(texts)
            if columns is None and row >= _LOOKED_THROUGH:
                break
            continue
        said = {name: texts[at] if at < len(texts) else "" for name, at in columns.items()}
        if not said["retention"] and not said.get("number"):
            section = said["scope"] or next(filter(None, texts))
            continue
        if len(items) >= MOST_ROWS:
            raise Invalid(
                "file",
                f"保管期限表超过 {MOST_ROWS} 条。",
                "请核对是不是选错了文件。",
                code="too_many_rows",
            )
        item, wrong = _item(row, said, section, len(items) + 1)
        number = str(item["number"])
        if number in seen:
            wrong.append(
                RowError(
                    row,
                    "number",
                    f"序号“{number}”与第 {seen[number]} 行重复。",
                    "请改为不重复的序号。",
                )
            )
        seen.setdefault(number, row)
        items.append(item)
        errors += wrong[: max(0, _MOST_ERRORS - len(errors))]
    if columns is None:
        raise Invalid(
            "file",
            "没有找到表头。",
            "表头须有“归档范围”和“保管期限”两列；可另有“序号”“类别”两列。",
            code="no_heading",
        )
    if not items:
        raise Invalid(
            "file", "表里没有条目。", "请核对是不是选错了文件或工作表。", code="empty_table"
        )
    return ReadRows(tuple(items), tuple(errors))


def _columns_of(texts: Sequence[str]) -> dict[str, int] | None:
    found: dict[str, int] = {}
    for at, text in enumerate(texts):
        plain = "".join(each for each in text if each.isalnum())
        for name, said in _HEADINGS.items():
            if plain in said and name not in found:
                found[name] = at
    return found if {"scope", "retention"} <= found.keys() else None


def _item(
    row: int, said: Mapping[str, str], section: str, place: int
) -> tuple[dict[str, Any], list[RowError]]:
    errors: list[RowError] = []

    def noted(field: str, text: str, most: int) -> str:
        try:
            return required_text(text, field, max_length=most)
        except DanglianError as error:
            errors.append(RowError(row, field, error.message, error.remedy))
            return ""

    terms: list[str] = []
    for each in _terms(said["retention"]):
        try:
            terms.append(read_retention(each))
        except Invalid as error:
            errors.append(RowError(row, "retention", error.message, error.remedy))
    item = {
        "number": noted("number", said.get("number") or str(place), SHORT_LENGTH),
        "section": noted("section", said.get("section") or section or "—", NAME_LENGTH),
        "scope": noted("scope", said["scope"], _SCOPE_LENGTH),
        "retention": terms[0] if terms else "",
        "alternatives": list(dict.fromkeys(terms[1:])),
    }
    return item, errors


def _terms(text: str) -> list[str]:
    """The periods that a cell names: `永久或30年` are two."""
    for mark in ("或者", "或", "、", "/", "／", ",", "，", ";", "；"):
        text = text.replace(mark, "\n")
    return [each.strip() for each in text.split("\n") if each.strip()] or [""]
