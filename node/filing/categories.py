"""The lowest categories 最低一级类目: which series of numbers a record belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing.models import Category, ClosedClass, Record
from shared.records.record import RecordLevel

_KEY = (
    *("fonds_id", "level", "class_code", "subclass", "year", "retention", "organ"),
    *("project_number", "catalogue_number", "parent_id"),
)


def key_of(values: Any) -> tuple[Any, ...] | None:
    """The key of the category for a record's values; None while a part is missing.

    An item is numbered in its volume; a volume in a project or catalogue runs across the years
    (as its code has neither year nor retention). A project has a number of its own.
    """
    level = values["level"]
    if values["year"] is None or values["retention"] is None or level == RecordLevel.PROJECT:
        return None
    fonds_id = values["fonds_id"]
    if level == RecordLevel.ITEM:
        return (fonds_id, level, "", "", 0, "", "", "", "", values["parent_id"])
    kind = (values["class_code"], values["subclass"] or "")
    project, catalogue = values["project_number"] or "", values["catalogue_number"] or ""
    if project or catalogue:
        return (fonds_id, level, *kind, 0, "", "", project, catalogue, "")
    dated = (values["year"], values["retention"], values["organ"] or "")
    return (fonds_id, level, *kind, *dated, "", "", "")


def is_complete(values: Any) -> bool:
    """Whether class, year and retention are known: the record can be numbered."""
    project = values["level"] == RecordLevel.PROJECT
    return (
        values["year"] is not None
        and values["retention"] is not None
        and (not project or values["project_number"] is not None)
    )


@dataclass
class Categories:
    """Finds and makes categories within one transaction, and hands out places in their order."""

    session: Session
    _found: dict[tuple[Any, ...], Category] = field(default_factory=dict)
    _last: dict[str, int] = field(default_factory=dict)

    def of(self, values: Any) -> Category | None:
        """The category of these values, made at the first need; None while a part is missing."""
        key = key_of(values)
        if key is None:
            return None
        if key not in self._found:
            named = dict(zip(_KEY, key, strict=True))
            category = self.session.scalar(select(Category).filter_by(**named))
            if category is None:
                category = Category(**named)
                self.session.add(category)
                self.session.flush()
            self._found[key] = category
        return self._found[key]

    def next_position(self, category_id: str) -> int:
        """The place behind the last record of a category."""
        if category_id not in self._last:
            self._last[category_id] = (
                self.session.scalar(
                    select(func.max(Record.position)).where(Record.category_id == category_id)
                )
                or 0
            )
        self._last[category_id] += 1
        return self._last[category_id]


def closed_class(
    fonds_id: str, class_code: str, year: int, *, session: Session
) -> ClosedClass | None:
    """The closing 定号 of a class of a year, if it was closed."""
    return session.get(ClosedClass, (fonds_id, class_code, year))


def values_of(record: Record) -> dict[str, Any]:
    """The values of a record that decide where it is numbered."""
    names = (*_KEY, "id")
    return {name: getattr(record, name) for name in names}
