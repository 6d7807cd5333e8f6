"""The ruleset 检测规则 of an archive: drafted, signed with its seal, in force from a day on.

A draft is changed as often as one likes. Activating makes the next version of it, for ever; nodes
hear of it by a step of its own (`rules_told`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.finding import fonds_of
from hub.federation.fonds_reach import require_reach
from hub.federation.models import Fonds
from hub.federation.places import HubFolder
from hub.federation.rule_models import FondsSchedule, Ruleset, RulesetDraft
from hub.federation.territory import held_archive
from shared.audit import record as audit
from shared.inspection.ruleset import (
    FORM,
    Rules,
    blank_settings,
    built_in,
    in_force,
    named_in,
    read_ruleset,
    version_of,
)
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now, today, utc_text
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from shared.kernel.keys import sign_document
from shared.records.text import CODE_LENGTH, REASON_LENGTH, clean_text, required_text

_SIGNED = "signed"
#: What a draft says; a version says besides who approved it, when, and from when it holds.
_SETTINGS = frozenset(blank_settings())


@dataclass(frozen=True)
class Draft:
    """What the next version of an archive's ruleset would say, and who has changed it last.

    `changed_by` is empty while nobody has: then it is what the last version says.
    """

    archive_code: str
    settings: Mapping[str, Any]
    changed_by: str = ""


# ---- questions


def rulesets_of(archive_code: str, session: Session) -> Sequence[Ruleset]:
    """Every version of an archive, the newest first."""
    return session.scalars(
        select(Ruleset).where(Ruleset.archive_code == archive_code).order_by(Ruleset.number.desc())
    ).all()


def ruleset_of(version: str, session: Session) -> Ruleset:
    """One version. Raises NotFound."""
    found = session.get(Ruleset, version)
    if found is None:
        raise no_ruleset()
    return found


def no_ruleset() -> NotFound:
    """How what there is not of an archive's rules answers, or what is another archive's."""
    return NotFound("没有这个档案馆的检测规则，或不归您管。", "请回到“检测规则”重新选择。")


def ruleset_in_force(archive_code: str, session: Session, day: str | None = None) -> Ruleset | None:
    """The version of an archive that is in force on a day (today)."""
    return in_force(rulesets_of(archive_code, session), day or today())


def draft_of(archive_code: str, session: Session) -> Draft:
    """What is being prepared; what the last version says, where nothing is."""
    row = session.get(RulesetDraft, archive_code)
    if row is not None:
        return Draft(archive_code, row.settings, row.changed_by)
    last = next(iter(rulesets_of(archive_code, session)), None)
    if last is None:
        return Draft(archive_code, blank_settings())
    return Draft(archive_code, {**blank_settings(), **_said(last.document)})


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a version; one of before may say less."""
    return {name: document[name] for name in sorted(_SETTINGS & document.keys())}


def rules_on(fonds: Fonds, session: Session, day: str | None = None) -> Rules:
    """What records of a fonds are inspected by on a day: its receiving archive's, or the program's.

    Raises Unavailable when the ruleset lacks the table that it names.
    """
    archive = fonds.receiving_archive
    row = ruleset_in_force(archive, session, day) if archive else None
    return built_in() if row is None else _rules(row, fonds.id, session)


def rules_named(scheme_version: str, fonds_id: str, session: Session) -> Rules | None:
    """The rules that the version of a scheme names; None for one that this hub does not have.

    A version is never taken from another archive than one that has received this fonds: the name of
    a ruleset is the hub's own, and it has all of them.
    """
    base, name = named_in(scheme_version)
    if not name:
        rules = built_in()
        return rules if named_in(rules.scheme.version)[0] == base else None
    row = session.get(Ruleset, name)
    if row is None or row.document["base"] != base:
        return None
    return _rules(row, fonds_id, session)


def _rules(row: Ruleset, fonds_id: str, session: Session) -> Rules:
    def find(digest: str) -> object:
        found = session.get(FondsSchedule, digest)
        return found.document if found is not None else None

    return read_ruleset(unsigned(row.document)).rules_for(fonds_id, find)


def unsigned(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a version without its signature."""
    return {name: value for name, value in document.items() if name != _SIGNED}


def schedules_named(digests: Iterable[str], session: Session) -> dict[str, FondsSchedule]:
    """Tables by their digests."""
    rows = session.scalars(select(FondsSchedule).where(FondsSchedule.sha256.in_(list(digests))))
    return {row.sha256: row for row in rows}


# ---- verbs


def change_draft(
    actor: Actor, archive_code: str, changes: Mapping[str, Any], *, session: Session
) -> Draft:
    """Change some of what is being prepared: scores, items, formats, years of a copy, the note.

    Raises NotAllowed unless the actor is an archivist of the archive, Invalid for what no ruleset
    may say.
    """
    _require_archivist(actor, archive_code)
    held_archive(archive_code, session)
    settings = {**draft_of(archive_code, session).settings, **changes}
    settings["note"] = clean_text(settings["note"], "note", max_length=REASON_LENGTH)
    return _write_draft(actor, archive_code, settings, sorted(changes), session)


def put_schedule(actor: Actor, document: Mapping[str, Any], *, session: Session) -> FondsSchedule:
    """Keep the approved table of a fonds, and name it in what its receiving archive prepares.

    `document` is `shared.records.fonds_schedule.schedule_document`. Raises WrongState for a fonds
    that no archive receives.
    """
    fonds = fonds_of(str(document["fonds_id"]), session)
    require_reach(actor, fonds)
    archive = fonds.receiving_archive
    if archive is None:
        raise WrongState(
            "这个全宗没有约定接收的档案馆，没有检测规则可以放入它的保管期限表。",
            "请先指定接收的档案馆。",
        )
    _require_archivist(actor, archive)
    held_archive(archive, session)
    digest = digest_of(dict(document))
    row = session.get(FondsSchedule, digest)
    if row is None:
        row = FondsSchedule(
            sha256=digest, fonds_id=fonds.id, document=dict(document), imported_by=actor.name
        )
        session.add(row)
        session.flush()
        audit(
            session, actor, "schedule.imported", f"schedule:{digest}", fonds=fonds.id,
            version=document["version"], rows=len(document["items"]),
        )  # fmt: skip
    settings = dict(draft_of(archive, session).settings)
    settings["schedules"] = {**settings["schedules"], fonds.id: digest}
    _write_draft(actor, archive, settings, ["schedules"], session)
    return row


def leave_schedule_out(actor: Actor, fonds_id: str, *, session: Session) -> Draft:
    """Name no table of a fonds in what is being prepared; the table itself stays."""
    fonds = fonds_of(fonds_id, session)
    require_reach(actor, fonds)
    archive = fonds.receiving_archive or ""
    _require_archivist(actor, archive)
    held_archive(archive, session)
    settings = dict(draft_of(archive, session).settings)
    settings["schedules"] = {
        each: digest for each, digest in settings["schedules"].items() if each != fonds_id
    }
    return _write_draft(actor, archive, settings, ["schedules"], session)


def drop_draft(actor: Actor, archive_code: str, *, session: Session) -> None:
    """Give up what is being prepared; the last version stays in force."""
    _require_archivist(actor, archive_code)
    held_archive(archive_code, session)
    row = session.get(RulesetDraft, archive_code)
    if row is None:
        return
    session.delete(row)
    audit(session, actor, "ruleset.draft_dropped", f"archive:{archive_code}")


def activate_ruleset(
    folder: HubFolder, actor: Actor, archive_code: str, *, active_from: date, approval: str
) -> str:
    """Sign what was prepared with the archive's seal, in force from a day on; returns its version.

    `approval` is the paper or meeting that approved it 批准文号. The seal is asked between two
    transactions. Raises Invalid for a day that has passed or lies before that of the last version,
    WrongState when nothing was prepared, Conflict when it was changed meanwhile.
    """
    _require_archivist(actor, archive_code)
    with folder.database().read() as session:
        document = _document(actor, archive_code, active_from, approval, session)
    signed = {**document, _SIGNED: sign_document(folder.keys.seal(archive_code), document)}
    with folder.database().write() as session:
        held_archive(archive_code, session)
        again = _document(actor, archive_code, active_from, approval, session)
        if {**again, "approved_at": document["approved_at"]} != document:
            raise Conflict(
                "检测规则的草稿在签章时又有修改。", "请核对后再启用一次。", code="saved_meanwhile"
            )
        row = Ruleset(
            version=version_of(archive_code, document["number"]),
            archive_code=archive_code,
            number=document["number"],
            active_from=document["active_from"],
            document=signed,
        )
        session.add(row)
        session.delete(session.get_one(RulesetDraft, archive_code))
        session.flush()
        audit(
            session, actor, "ruleset.activated", f"ruleset:{row.version}",
            active_from=row.active_from, approval=document["approval"],
            digest=digest_of(document),
        )  # fmt: skip
        return row.version


def _spoken(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without a profile that asks for nothing: older programs do not know its name."""
    return {
        name: value for name, value in settings.items() if name != "profile" or value is not None
    }


def _document(
    actor: Actor, archive_code: str, active_from: date, approval: str, session: Session
) -> dict[str, Any]:
    draft = session.get(RulesetDraft, archive_code)
    if draft is None:
        raise WrongState("没有要启用的草稿。", "请先修改检测规则。", code="no_draft")
    last = next(iter(rulesets_of(archive_code, session)), None)
    day = active_from.isoformat()
    first = max(today(), last.active_from if last else "")
    if day < first:
        raise Invalid(
            "active_from",
            "启用日期不能早于今天，也不能早于上一版的启用日期。",
            f"请选择 {first} 或以后的日期。",
        )
    document = {
        **_spoken(draft.settings),
        "form": FORM,
        "archive": archive_code,
        "number": last.number + 1 if last else 1,
        "active_from": day,
        "approval": required_text(approval, "approval", max_length=CODE_LENGTH),
        "made_by": draft.changed_by,
        "approved_by": actor.name,
        "approved_at": utc_text(),
    }
    read_ruleset(document)
    return document


def _write_draft(
    actor: Actor, archive_code: str, settings: Mapping[str, Any], changed: list[str],
    session: Session,
) -> Draft:  # fmt: skip
    # Whatever a version may not say, a draft may not either.
    read_ruleset(
        {
            **settings,
            "form": FORM,
            "archive": archive_code,
            "number": 1,
            "active_from": today(),
            "approval": "—",
            "made_by": actor.name,
            "approved_by": actor.name,
            "approved_at": utc_text(),
        }
    )
    row = session.get(RulesetDraft, archive_code)
    if row is None:
        row = RulesetDraft(archive_code=archive_code)
        session.add(row)
    row.settings, row.changed_by, row.changed_at = dict(settings), actor.name, now()
    session.flush()
    audit(session, actor, "ruleset.drafted", f"archive:{archive_code}", changed=changed)
    return Draft(archive_code, row.settings, row.changed_by)


def _require_archivist(actor: Actor, archive_code: str) -> None:
    require(actor, Role.ARCHIVIST, archive=archive_code, missing=no_ruleset())
    if actor.system:
        raise NotAllowed("检测规则须由档案馆的人员制定和启用。", "请用本人的账号登录后办理。")
