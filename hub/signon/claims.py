"""From what the identity service says of a person to a proposal of grants, by configuration.

The unit's 统一社会信用代码 or the division's code says for what, the duty 职务 says as what. It
is a proposal: the administrator decides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.models import Archive, Fonds
from shared.kernel.actor import ADMINISTRATORS, Grant, Role
from shared.kernel.errors import Invalid

_MOST_FONDS = 50
_OF_UNITS = {Role.CLERK, Role.LEADER}
_CLAIMS = {
    "login": "preferred_username",
    "name": "name",
    "unit": "unit_code",
    "division": "division_code",
    "duty": "duty",
}


@dataclass(frozen=True)
class ClaimMapping:
    """Which claim says what, which duty is which role, and which unit is which fonds.

    `units` maps a credit code to `fonds:<id>` or `archive:<code>`.
    """

    claims: Mapping[str, str] = field(default_factory=lambda: dict(_CLAIMS))
    duties: Mapping[str, Role] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def text(self, what: str, told: Mapping[str, Any]) -> str:
        """What the claims say of this, as one text; empty when they say nothing."""
        found = self.all(what, told)
        return found[0] if found else ""

    def all(self, what: str, told: Mapping[str, Any]) -> list[str]:
        """What the claims say of this, each."""
        found = told.get(self.claims[what])
        values = found if isinstance(found, list) else [found]
        return [each.strip() for each in values[:20] if isinstance(each, str) and each.strip()]


def read_mapping(path: str) -> ClaimMapping:
    """The mapping in a TOML file; without a path the usual names of claims. Raises Invalid."""
    if not path:
        return ClaimMapping()
    try:
        told = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _wrong(f"读不到 {path}：{error}") from error
    parts = {name: told.pop(name, {}) for name in ("claims", "duties", "units")}
    if told or not all(isinstance(each, dict) for each in parts.values()):
        raise _wrong(f"{path} 只能有 claims、duties、units 三节")
    if unknown := parts["claims"].keys() - _CLAIMS:
        raise _wrong(f"claims 一节不认识 {'、'.join(sorted(unknown))}")
    try:
        duties = {name: Role(role) for name, role in parts["duties"].items()}
    except ValueError as error:
        raise _wrong(f"duties 一节的角色不对：{error}") from error
    for scope in parts["units"].values():
        if str(scope).partition(":")[0] not in {"fonds", "archive"}:
            raise _wrong(f"units 一节的“{scope}”应为 fonds:标识 或 archive:代码")
    return ClaimMapping({**_CLAIMS, **parts["claims"]}, duties, parts["units"])


def proposal(mapping: ClaimMapping, told: Mapping[str, Any], session: Session) -> list[Grant]:
    """The grants that the claims suggest; none where they say too little. Never an administrator.

    A role of the archive's staff is for the archive of the division, one of the units for the
    fonds of the unit, else for those of the division.
    """
    roles = [mapping.duties[each] for each in mapping.all("duty", told) if each in mapping.duties]
    kind, _, value = mapping.units.get(mapping.text("unit", told), "").partition(":")
    division = mapping.text("division", told)
    found = []
    for role in dict.fromkeys(roles):
        if role in ADMINISTRATORS:
            continue
        if kind == "archive" or (not kind and role not in _OF_UNITS):
            wanted = Archive.code == value if kind else Archive.division_code == division
            codes = session.scalars(select(Archive.code).where(wanted).limit(1))
            found += [Grant(role, archive_code=each) for each in codes]
        else:
            wanted = Fonds.id == value if kind else Fonds.division_code == division
            ids = session.scalars(select(Fonds.id).where(wanted).limit(_MOST_FONDS))
            found += [Grant(role, fonds_id=each) for each in ids]
    return found


def _wrong(what: str) -> Invalid:
    return Invalid("sso_claims", f"统一身份认证的对照表不对：{what}。", "请更正后再启动。")
