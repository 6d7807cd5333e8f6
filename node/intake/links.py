"""How sheets are linked: items name their volume's code 案卷档号, volumes their project's.

Codes are compared as they are normalised; nothing else links two sheets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from node.intake.cells import cell_text
from shared.kernel.canonical import digest_of
from shared.kernel.errors import Invalid
from shared.records.archival_code import holder_of, normalise, parse
from shared.records.record import LEVEL_NAMES, RecordLevel
from shared.records.values import CODE_LENGTH, empty_like

_HOLDER = {RecordLevel.ITEM: RecordLevel.VOLUME, RecordLevel.VOLUME: RecordLevel.PROJECT}
_COLUMN = {RecordLevel.ITEM: "volume_code", RecordLevel.VOLUME: "project_code"}


@dataclass
class Links:
    """What a row is linked by.

    `group` is the digest of the volume's (or project's) code: rows with the same one go together.
    `holder` is the code of what the row is put into, `above` the digest of a volume's project.
    `items` is how many items 件数 a volume says that it has. `disagrees` names the level whose
    code in its own column denies the row's own code.
    """

    group: str | None = None
    holder: str | None = None
    above: str | None = None
    items: int | None = None
    disagrees: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """What linking still needs, as a plain mapping."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def links_of(fonds_id: str, level: RecordLevel, raw: Mapping[str, Any]) -> Links:
    """How a row of this level is linked, by the cells of its columns."""
    if level is RecordLevel.RECORD:
        return Links()
    own, holder = _code(raw.get("code")), _code(raw.get(_COLUMN.get(level, "")))
    implied = _implied(own)
    disagrees = None
    if holder and implied and holder != implied:
        disagrees = LEVEL_NAMES[_HOLDER[level]]
    holder = holder or implied if level in _HOLDER else None
    above = link_key(fonds_id, _HOLDER[level], holder) if holder else None
    if level is RecordLevel.ITEM:
        return Links(group=above, holder=holder, disagrees=disagrees)
    group = link_key(fonds_id, level, own) if own else None
    return Links(group=group, holder=holder, above=above, disagrees=disagrees)


def link_key(fonds_id: str, level: RecordLevel, code: str) -> str:
    """The digest of a volume's or project's code; filing knows it by this key, too."""
    return digest_of([fonds_id, str(level), code])


def _code(cell: Any) -> str | None:
    text = normalise(cell_text(cell)) if cell is not None else ""
    return None if empty_like(text) is None else text[:CODE_LENGTH]


def _implied(code: str | None) -> str | None:
    """The code of the holder that a row's own code names."""
    try:
        holder = holder_of(parse(code)) if code else None
    except Invalid:
        return None
    return None if holder is None else str(holder)
