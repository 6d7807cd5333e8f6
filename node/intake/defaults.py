"""What a person says for a whole import, where a row has no value of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.intake.cells import ORGAN, read_holding
from shared.kernel.errors import Invalid
from shared.records.classes import read_class
from shared.records.retention import read_retention
from shared.records.values import clean_text, parse_year


@dataclass(frozen=True)
class Defaults:
    """Values for rows that have none of their own; `year` None takes the year of the row's date."""

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
        if organ and not ORGAN.fullmatch(organ):
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
            holding=read_holding(given["holding"]) if given.get("holding") else None,
        )

    def to_wire(self) -> dict[str, Any]:
        """The defaults as a plain mapping."""
        return dict(self.__dict__)
