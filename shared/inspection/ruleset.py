"""The ruleset 检测规则 of an archive: what it inspects by, in signed versions that only grow.

One document: how each item of the scheme 检测方案 counts, which formats are taken 长期保存格式, and
by its digest the approved 归档范围与保管期限表 of each fonds; in which form packages are taken
接收要求 (`profile`), and how long a unit keeps its copy after receipt. The archive edits it on the
hub, signs it with its seal and activates it from a day on; nodes inspect by the one in force
without the line. It names items and never brings their code.
The tables of fonds travel beside it, so that a node need not carry those of others; a ruleset whose
table is not there is not used at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Protocol, TypeVar

from shared.inspection.formats.table import FORMATS
from shared.inspection.profile import NOTHING_ASKED, Profile, ProfileSchema
from shared.inspection.scheme import CURRENT, Mode, Scheme, load_scheme
from shared.kernel.canonical import canonical_json, digest_of
from shared.kernel.errors import Invalid, NotAllowed, Unavailable
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.records import wire
from shared.records.fonds_schedule import read_schedule
from shared.records.schedules import RetentionSchedule
from shared.records.text import CODE_LENGTH, NAME_LENGTH, REASON_LENGTH

FORM = "danglian/ruleset/1"
#: So many years a unit keeps its copy after receipt, where its archive says nothing longer
#: 《电子档案移交与接收办法》（档发〔2012〕7号）.
MIRROR_YEARS = 5
#: Bounds of what can be set for an item.
MOST_WEIGHT, MOST_DAYS = 100, 365
_MOST_ITEMS, _MOST_FONDS, _MOST_NUMBER = 500, 4_000, 999_999
#: A version of a scheme as reports name it: `2018-1+addition/420500-3`.
_NAMED = re.compile(r"([^+/]+)(?:\+[^/]*)?(?:/(.+))?")


@dataclass(frozen=True)
class Rules:
    """What one inspection of a record goes by.

    Attributes:
        scheme: the items; its version names the ruleset, too.
        formats: codes of the formats that the archive takes; None takes those of the program.
        schedule: the fonds' own approved table; None when its archive has put none in.
        profile: in which form the archive takes packages.
    """

    scheme: Scheme
    formats: frozenset[str] | None = None
    schedule: RetentionSchedule | None = None
    profile: Profile = NOTHING_ASKED


def built_in() -> Rules:
    """The rules that come with the program: for whoever has no ruleset. Raises Unavailable."""
    return Rules(load_scheme())


class _ItemSchema(wire.WireSchema):
    mandatory = wire.Flag()
    veto = wire.Flag()
    weight = wire.Int(0, MOST_WEIGHT)
    mode = wire.Choice([str(each) for each in Mode])
    days = wire.Int(1, MOST_DAYS)


class _RulesetSchema(wire.WireSchema):
    form = wire.Choice([FORM], required=True)
    archive = wire.Text(20, pattern="[0-9A-Za-z]+", required=True)
    number = wire.Int(1, _MOST_NUMBER, required=True)
    base = wire.Text(40, required=True)
    active_from = wire.Day(required=True)
    pass_score = wire.Int(0, 100, required=True)
    items = wire.Map(wire.Text(20), wire.Nested(_ItemSchema), most=_MOST_ITEMS, required=True)
    formats = wire.List(wire.Text(20), least=1, most=200, required=True, allow_none=True)
    schedules = wire.Map(wire.Id(), wire.Digest(), most=_MOST_FONDS, required=True)
    mirror_years = wire.Int(MIRROR_YEARS, 100, allow_none=True)
    profile = wire.Nested(ProfileSchema, allow_none=True)
    approval = wire.Text(CODE_LENGTH, required=True)
    note = wire.Text(REASON_LENGTH, required=True, allow_none=True)
    made_by = wire.Text(NAME_LENGTH, required=True)
    approved_by = wire.Text(NAME_LENGTH, required=True)
    approved_at = wire.Moment(required=True)


_SCHEMA = _RulesetSchema()


@dataclass(frozen=True)
class Ruleset:
    """One version, read and found usable by this program.

    Attributes:
        archive: code of the archive whose it is.
        number: counts from 1 in each archive.
        active_from: the first day on which it is in force.
        scheme: the scheme as the archive has set it.
        formats: see `Rules`.
        schedules: digest of its table, by the id of the fonds.
        mirror_years: so many years a unit keeps its copy after receipt; None for good.
        profile: see `Rules`.
    """

    archive: str
    number: int
    active_from: date
    scheme: Scheme
    formats: frozenset[str] | None
    schedules: Mapping[str, str]
    mirror_years: int | None = MIRROR_YEARS
    profile: Profile = NOTHING_ASKED

    @property
    def version(self) -> str:
        """Its name: `420500-3`."""
        return version_of(self.archive, self.number)

    def rules_for(self, fonds_id: str, find: Callable[[str], object]) -> Rules:
        """What a record of a fonds is inspected by; `find` gives the table of a digest, or None.

        Raises Unavailable while the table is not there, and when it is another one.
        """
        digest = self.schedules.get(fonds_id)
        if digest is None:
            return Rules(self.scheme, self.formats, profile=self.profile)
        document = find(digest)
        if document is None or digest_of(document) != digest:
            raise Unavailable(
                f"检测规则 {self.version} 所用的本全宗保管期限表还没有到达。",
                "请联网同步后再检测；一直没有的，请联系接收的档案馆。",
                code="ruleset_incomplete",
            )
        return Rules(self.scheme, self.formats, read_schedule(document), self.profile)


def version_of(archive: str, number: int) -> str:
    """The name of an archive's version."""
    return f"{archive}-{number}"


def read_ruleset(document: Mapping[str, Any]) -> Ruleset:
    """A ruleset out of its document, without its signature.

    Raises Invalid for another shape, for an item or a format that the program does not have, and
    for a setting that an item cannot have; NotFound for another scheme than the program has.
    """
    return _read(canonical_json(document).decode())


@lru_cache(maxsize=64)
def _read(text: str) -> Ruleset:
    said = wire.load(_SCHEMA, json.loads(text))
    formats = None if said["formats"] is None else frozenset(said["formats"])
    for each in sorted((formats or frozenset()) - FORMATS.keys()):
        raise Invalid(
            "formats",
            f"检测规则里的格式 {each} 本程序没有。",
            "请更新本程序，或请档案馆改正检测规则。",
            code="ruleset_format_unknown",
        )
    name = version_of(said["archive"], said["number"])
    return Ruleset(
        said["archive"],
        said["number"],
        said["active_from"],
        load_scheme(said["base"]).ruled(name, said["items"], said["pass_score"]),
        formats,
        said["schedules"],
        said.get("mirror_years", MIRROR_YEARS),
        Profile.from_wire(said.get("profile")),
    )


def open_ruleset(body: Mapping[str, Any], seals: Iterable[PublicKey]) -> Ruleset:
    """A ruleset as it came: `signed` must be the archive's seal over the rest.

    `seals` are those that the archive is known to have had. Raises NotAllowed for a signature that
    is not of one of them, and whatever `read_ruleset` raises.
    """
    document = {name: value for name, value in body.items() if name != "signed"}
    signed = body.get("signed")
    seal = signer_of(seals, signed) if isinstance(signed, Mapping) else None
    if seal is None or not document_is_signed_by(seal, document, signed or {}):
        raise NotAllowed(
            "检测规则没有该档案馆印章的签名。",
            "没有采用，仍按原来的规则检测；请联系接收的档案馆重新下发。",
            code="ruleset_bad_signature",
        )
    return read_ruleset(document)


class Dated(Protocol):
    """A row that keeps a version: when it begins, and which it is."""

    active_from: str
    number: int


Row = TypeVar("Row", bound=Dated)


def in_force(rows: Iterable[Row], day: str) -> Row | None:
    """The version of one archive that is in force on a day (`2026-12-01`); None before the first.

    A later version holds from its day on, whatever an earlier one said.
    """
    begun = [each for each in rows if each.active_from <= day]
    return max(begun, key=lambda each: each.number, default=None)


def named_in(scheme_version: str) -> tuple[str, str]:
    """The scheme and the ruleset (empty for none) that the version of a scheme names."""
    match = _NAMED.fullmatch(scheme_version)
    return (match[1], match[2] or "") if match else (scheme_version, "")


def blank_settings() -> dict[str, Any]:
    """What a first draft says: everything as the program has it."""
    return {
        "base": CURRENT,
        "pass_score": load_scheme().pass_score,
        "items": {},
        "formats": None,
        "schedules": {},
        "mirror_years": MIRROR_YEARS,
        "profile": None,
        "note": None,
    }
