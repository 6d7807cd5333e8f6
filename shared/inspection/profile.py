"""The receiving profile 接收要求 of an archive: in which form it takes packages, and keeps media.

A part of its ruleset (`ruleset`), so nodes have it signed, in versions, and without the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.records import wire
from shared.records.model import RecordLevel

#: The forms of a package: files beside the signed manifest, or inside a package of DA/T 48-2009.
FOLDER, EEP = "folder", "eep"
FORM_NAMES = {FOLDER: "文件夹形式（文件在清单旁）", EEP: "电子文件封装包（DA/T 48-2009，每件一个）"}
#: The canonical forms by which packages of DA/T 48 are signed, see `shared.packaging.eep.form`.
RULES = ("exc-c14n", "stripped")
RULE_NAMES = {
    "exc-c14n": "规范形式 exc-c14n（空白也在签名范围内）",
    "stripped": "去空白后签名（VERS 方式，兼容旧系统）",
}
#: Bounds of a medium: the smallest optical disc, and more than the largest hard disk.
LEAST_MEDIUM_MB, MOST_MEDIUM_MB = 100, 50_000_000

#: DA/T 48 wraps one document 文件级, and has no place for a volume or a project itself.
_NOT_WRAPPED = frozenset({RecordLevel.VOLUME, RecordLevel.PROJECT})


@dataclass(frozen=True)
class Profile:
    """What an archive wants of what is handed over to it, and of its own media.

    Attributes:
        form: FOLDER or EEP.
        rule: the canonical form that the signatures of an EEP use; one of RULES.
        medium_mb: how much its media hold, in MB (10^6); None where it has not said.
    """

    form: str = FOLDER
    rule: str = RULES[0]
    medium_mb: int | None = None

    @classmethod
    def from_wire(cls, said: dict[str, Any] | None) -> Profile:
        """Out of a ruleset; one that says nothing takes folders."""
        return cls(**said) if said else cls()

    def form_for(self, level: object, *, has_files: bool) -> str:
        """In which form a record is wanted: one without computer files always as a folder.

        So is a volume or project itself, whatever lies in it.
        """
        return self.form if has_files and level not in _NOT_WRAPPED else FOLDER


#: What an archive wants that has said nothing.
NOTHING_ASKED = Profile()


class ProfileSchema(wire.WireSchema):
    """As it stands in a ruleset."""

    form = wire.Choice([FOLDER, EEP], required=True)
    rule = wire.Choice(list(RULES), required=True)
    medium_mb = wire.Int(LEAST_MEDIUM_MB, MOST_MEDIUM_MB, required=True, allow_none=True)
