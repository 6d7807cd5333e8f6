"""Which sheet is which: of records 归档文件, volumes 案卷, items 卷内文件 or projects 项目.

Read from the names of the columns, the title above them, and the name of the sheet. It is a
proposal; a person can say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from node.intake.columns import plain_name
from shared.records.record import RecordLevel

_ITEM_COLUMNS = {"案卷档号", "所属案卷", "所属案卷档号"}
_ITEM_WORDS = ("卷内", "文件级")
_VOLUME_COLUMNS = {"案卷题名", "案卷名称"}
_VOLUME_WORDS = ("案卷目录", "案卷级", "案卷")
_PROJECT_COLUMNS = {"项目题名", "项目名称", "工程名称"}
_PROJECT_CODES = {"项目号", "项目代号", "工程编号", "项目档号", "档号"}
_PROJECT_WORDS = ("项目目录", "项目级")


def level_of(header: Sequence[Any], around: Iterable[Any] = ()) -> RecordLevel:
    """The level of a sheet by its header and the words around it (titles above, sheet name)."""
    names = {plain_name(str(cell)) for cell in header if str(cell).strip()}
    said = "".join(plain_name(str(each)) for each in around if each)
    if names & _VOLUME_COLUMNS and "卷内顺序号" not in names:
        return RecordLevel.VOLUME
    if names & _ITEM_COLUMNS or (
        "卷内顺序号" in names and any(word in said for word in _ITEM_WORDS)
    ):
        return RecordLevel.ITEM
    if "件号" in names or "文号" in names or "文件编号" in names:
        return RecordLevel.RECORD
    if "案卷号" in names:
        counted = bool(names & {"件数", "项目档号"})
        named = any(word in said for word in _VOLUME_WORDS)
        return RecordLevel.VOLUME if counted or named else RecordLevel.RECORD
    numbered = bool(names & _PROJECT_CODES)
    if numbered and (names & _PROJECT_COLUMNS or any(word in said for word in _PROJECT_WORDS)):
        return RecordLevel.PROJECT
    if any(word in said for word in _VOLUME_WORDS) and not any(w in said for w in _ITEM_WORDS):
        return RecordLevel.VOLUME
    return RecordLevel.RECORD


def choose(levels: Sequence[RecordLevel]) -> list[RecordLevel | None]:
    """Which sheets of a workbook to import together, and as what; None for those left out.

    The first of volumes, of items and of projects belong together; a workbook without volumes
    is read as it was before there were any: its first sheet alone.
    """
    chosen: list[RecordLevel | None] = [None] * len(levels)
    if RecordLevel.VOLUME not in levels:
        chosen[0] = levels[0]
        return chosen
    for level in (RecordLevel.PROJECT, RecordLevel.VOLUME, RecordLevel.ITEM):
        if level in levels:
            chosen[levels.index(level)] = level
    return chosen
