"""A record's holding must agree with its files: a digital copy is never an electronic record."""

from __future__ import annotations

from collections.abc import Collection

from shared.records.holdings import Holding, check_holding, read_file_kind
from shared.records.record import ComputerFile, Document, Record


def check_kinds(holding: str, kinds: Collection[str]) -> None:
    """Raise Invalid when files of these kinds contradict the holding.

    The rule itself is `shared.records.holdings.check_holding`.
    """
    if not kinds:
        return
    files = tuple(
        ComputerFile(str(kind), "", 0, "", None, read_file_kind(kind))
        for kind in sorted(set(kinds))
    )
    check_holding(
        Record(
            id="",
            fonds_id="",
            class_code="",
            year=0,
            retention="",
            title="",
            holding=Holding(holding),
            documents=(Document("", "", None, 1, files),),
        )
    )
