"""What this node inspects by: the rulesets 检测规则 of archives, as they came from the hub.

Every version that came is kept. The one in force on the day is used, also with the line down; a
node that has none uses what comes with the program. A ruleset is taken only when it bears the seal
of its archive, and all of it can be used here.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.models import OfficeRuleset, OfficeSchedule
from node.office.service import fonds_kept, office_of
from shared.audit import record as audit
from shared.inspection.ruleset import (
    MIRROR_YEARS,
    Rules,
    built_in,
    in_force,
    named_in,
    open_ruleset,
    read_ruleset,
)
from shared.kernel.actor import system_actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import today
from shared.kernel.errors import Conflict, NotFound, Unavailable, WrongState
from shared.kernel.keys import PublicKey
from shared.records.fonds import Fonds
from shared.records.fonds_schedule import read_schedule

_HUB = system_actor("市级平台")


def apply_schedule(session: Session, body: dict[str, Any]) -> None:
    """Keep the approved table of a fonds (entry `schedule`), by its digest.

    It is used only once a signed ruleset names it. Raises Invalid for what is no such table.
    """
    read_schedule(body)
    digest = digest_of(body)
    if session.get(OfficeSchedule, digest) is None:
        session.add(OfficeSchedule(sha256=digest, fonds_id=body["fonds_id"], document=dict(body)))
        session.flush()


def apply_ruleset(session: Session, body: dict[str, Any]) -> None:
    """Keep a version of an archive's ruleset (entry `ruleset`); the same again is nothing.

    Raises NotAllowed without the archive's seal, Invalid and NotFound for what this program cannot
    inspect by, WrongState when a table that it names for a fonds kept here did not come before it,
    Conflict for another document under a known name. Nothing of it is kept then.
    """
    try:
        ruleset = open_ruleset(body, _seals_of(str(body.get("archive")), session))
    except Unavailable as error:
        # An extension here is broken: that must not hold up all that the hub sends.
        raise WrongState(error.message, error.remedy, code=error.code) from error
    for fonds in fonds_kept(session):
        digest = ruleset.schedules.get(fonds.id)
        if digest is not None and session.get(OfficeSchedule, digest) is None:
            raise WrongState(
                f"检测规则 {ruleset.version} 所用的“{fonds.name}”的保管期限表没有到达。",
                "没有采用，仍按原来的规则检测；请联系接收的档案馆重新下发。",
                code="ruleset_incomplete",
            )
    known = session.get(OfficeRuleset, ruleset.version)
    if known is not None:
        if known.document != body:
            raise Conflict(
                f"检测规则 {ruleset.version} 先后说的不是同一内容。",
                "仍按先到的检测；请联系接收的档案馆核对。",
                code="ruleset_altered",
            )
        return
    session.add(
        OfficeRuleset(
            version=ruleset.version,
            archive_code=ruleset.archive,
            number=ruleset.number,
            active_from=ruleset.active_from.isoformat(),
            document=dict(body),
        )
    )
    session.flush()
    audit(
        session, _HUB, "ruleset.taken", "office", version=ruleset.version,
        active_from=ruleset.active_from.isoformat(),
    )  # fmt: skip


def rules_on(fonds: Fonds, session: Session, day: str | None = None) -> Rules:
    """What records of a fonds are inspected by on a day (today), with or without the line.

    Raises Unavailable while the fonds' own table has not come.
    """
    archive = fonds.receiving_archive
    rows = [] if archive is None else rulesets_of(archive, session)
    row = in_force(rows, day or today())
    return built_in() if row is None else _rules(row, fonds.id, session)


def rules_named(scheme_version: str, fonds: Fonds, session: Session) -> Rules:
    """The rules that the version of a scheme names. Raises NotFound for one that is not here."""
    _base, name = named_in(scheme_version)
    if not name:
        return built_in()
    row = session.get(OfficeRuleset, name)
    if row is None:
        raise NotFound(f"本机没有检测规则 {name}。", "请重新检测。", code="ruleset_unknown")
    return _rules(row, fonds.id, session)


def mirror_years(archive_code: str, session: Session) -> int | None:
    """So many years a copy is kept here after this archive's receipt; None for good.

    By the ruleset in force today, else what 档发〔2012〕7号 asks for.
    """
    row = in_force(rulesets_of(archive_code, session), today())
    return MIRROR_YEARS if row is None else read_ruleset(_unsigned(row)).mirror_years


def versions_in_force(session: Session) -> list[str]:
    """The version in force today of each archive that receives a fonds kept here."""
    archives = {each.receiving_archive for each in fonds_kept(session) if each.receiving_archive}
    rows = [in_force(rulesets_of(code, session), today()) for code in sorted(archives)]
    return [f"{row.version}（{row.active_from} 起）" for row in rows if row is not None]


def rulesets_of(archive_code: str, session: Session) -> list[OfficeRuleset]:
    """The versions of an archive that came, oldest first."""
    return list(
        session.scalars(
            select(OfficeRuleset)
            .where(OfficeRuleset.archive_code == archive_code)
            .order_by(OfficeRuleset.number)
        )
    )


def _rules(row: OfficeRuleset, fonds_id: str, session: Session) -> Rules:
    def find(digest: str) -> object:
        found = session.get(OfficeSchedule, digest)
        return found.document if found is not None else None

    return read_ruleset(_unsigned(row)).rules_for(fonds_id, find)


def _unsigned(row: OfficeRuleset) -> dict[str, Any]:
    return {name: value for name, value in row.document.items() if name != "signed"}


def _seals_of(archive_code: str, session: Session) -> list[PublicKey]:
    """Every seal that an archive is known to have had."""
    for each in office_of(session).archives:
        if each["code"] == archive_code:
            keys = [*each.get("former_seals", ()), each["seal_public_key"]]
            return [PublicKey.from_hex(key) for key in keys if key]
    return []
