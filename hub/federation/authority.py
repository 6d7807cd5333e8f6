"""What the 档案主管部门, apart from the archive, decides about a fonds; it never writes records.

It approves the 归档范围与保管期限表, says after how many years a fonds transfers, and consents to a
transfer before or after that (提前移交, 延期移交). Without that consent the archive cannot accept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.assignments import announce, write_shape
from hub.federation.finding import locked_fonds
from hub.federation.fonds_reach import require_reach
from hub.federation.models import TRANSFER_TIMINGS, Fonds, TransferConsent, TransferRule
from shared.audit import record as audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now, today
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.records.fonds import RetentionScheduleRef
from shared.records.text import REASON_LENGTH
from shared.records.values import CODE_LENGTH, SHORT_LENGTH, required_text

_FIRST_YEAR = 1949
_MOST_YEARS = 60


def approve_schedule(
    actor: Actor,
    fonds_id: str,
    name: str,
    version: str,
    approved_on: date | None,
    *,
    key: SigningKey,
    session: Session,
) -> Fonds:
    """Approve a version of the retention schedule 保管期限表 of a fonds, and tell its node.

    `name` is what people know it by, such as its title or the number of its approval. What was
    filed before keeps its retention. Raises NotAllowed unless the actor is the authority over one
    of the fonds' archives.
    """
    (fonds,) = locked_fonds([fonds_id], session)
    _require_authority(actor, fonds)
    schedule = RetentionScheduleRef(
        required_text(name, "name", max_length=CODE_LENGTH),
        required_text(version, "version", max_length=SHORT_LENGTH),
        approved_on,
    )
    write_shape(fonds, replace(fonds.shape, retention_schedule=schedule))
    session.flush()
    audit(
        session, actor, "fonds.schedule_set", f"fonds:{fonds.id}", name=schedule.id,
        version=schedule.version, approved_on=approved_on and approved_on.isoformat(),
    )  # fmt: skip
    announce(fonds, key=key, session=session)
    return fonds


def consent_to_transfer(
    actor: Actor,
    fonds_id: str,
    timing: str,
    years: tuple[int, int],
    reason: str,
    *,
    session: Session,
) -> TransferConsent:
    """Consent that a fonds transfers the records of these years, first and last, `early` or `late`.

    Raises NotAllowed unless the actor is the authority over one of the fonds' archives, Invalid
    for years or a timing that cannot be.
    """
    (fonds,) = locked_fonds([fonds_id], session)
    _require_authority(actor, fonds)
    first_year, last_year = years
    if timing not in TRANSFER_TIMINGS:
        raise Invalid("timing", "没有说明是提前还是延期。", "请选择提前移交或延期移交。")
    if not _FIRST_YEAR <= first_year <= last_year <= now().year:
        raise Invalid("last_year", "年度的起止不正确。", "请填写 1949 年以后、起不晚于止的年度。")
    consent = TransferConsent(
        id=new_id(), fonds_id=fonds.id, timing=timing, first_year=first_year, last_year=last_year,
        reason=required_text(reason, "reason", max_length=REASON_LENGTH), given_by=actor.name,
    )  # fmt: skip
    session.add(consent)
    session.flush()
    audit(
        session, actor, "fonds.transfer_consented", f"fonds:{fonds.id}", timing=timing,
        first_year=first_year, last_year=last_year, reason=consent.reason,
    )  # fmt: skip
    return consent


def transfer_consents(fonds_id: str, session: Session) -> list[TransferConsent]:
    """What was consented to for a fonds, newest first."""
    return list(
        session.scalars(
            select(TransferConsent)
            .where(TransferConsent.fonds_id == fonds_id)
            .order_by(TransferConsent.given_at.desc(), TransferConsent.id)
        )
    )


def set_transfer_rule(
    actor: Actor, fonds_id: str, earliest: int | None, latest: int | None, *, session: Session
) -> TransferRule | None:
    """Say after how many whole years the records of a fonds are transferred, from and at most.

    Without `earliest` there is no rule any more. Raises NotAllowed unless the actor is the
    authority over one of the fonds' archives, Invalid for years that cannot be.
    """
    (fonds,) = locked_fonds([fonds_id], session)
    _require_authority(actor, fonds)
    rule = session.get(TransferRule, fonds.id)
    if earliest is None and latest is not None:
        raise Invalid("earliest", "没有填写满几年移交。", "请填写，或把两项都清空。")
    if earliest is not None and not 0 < earliest <= (latest or earliest) <= _MOST_YEARS:
        raise Invalid("earliest", "移交的年数不正确。", f"请填写 1 至 {_MOST_YEARS}，起不大于止。")
    if earliest is None:
        if rule is not None:
            session.delete(rule)
        rule = None
    elif rule is None:
        rule = TransferRule(fonds_id=fonds.id, earliest=earliest, latest=latest, set_by=actor.name)
        session.add(rule)
    else:
        rule.earliest, rule.latest, rule.set_by, rule.set_at = earliest, latest, actor.name, now()
    session.flush()
    audit(
        session, actor, "fonds.transfer_rule_set", f"fonds:{fonds.id}", earliest=earliest,
        latest=latest,
    )  # fmt: skip
    return rule


def transfer_rule(fonds_id: str, session: Session) -> TransferRule | None:
    """When a fonds transfers; None where nothing was said."""
    return session.get(TransferRule, fonds_id)


def without_consent(fonds_id: str, years: Iterable[int], session: Session) -> dict[str, list[int]]:
    """Which of these years would be transferred `early` or `late` now without consent."""
    rule = transfer_rule(fonds_id, session)
    if rule is None:
        return {}
    consents = transfer_consents(fonds_id, session)
    this_year = int(today()[:4])
    found: dict[str, list[int]] = {}
    for year in sorted(set(years)):
        timing = rule.timing_of(year, this_year)
        if timing is not None and not any(
            each.timing == timing and each.first_year <= year <= each.last_year for each in consents
        ):
            found.setdefault(timing, []).append(year)
    return found


def is_authority_over(actor: Actor, fonds: Fonds) -> bool:
    """Whether the actor is the authority over an archive that reviews or receives the fonds."""
    return any(
        actor.may(Role.AUTHORITY, archive=code, fonds=fonds.id)
        for code in (fonds.reviewing_archive, fonds.receiving_archive)
        if code is not None
    )


def _require_authority(actor: Actor, fonds: Fonds) -> None:
    """Raise NotAllowed; a fonds without archive is under the authority over all of them."""
    if not is_authority_over(actor, fonds):
        require_reach(actor, fonds)
        require(actor, Role.AUTHORITY, archive=fonds.receiving_archive, fonds=fonds.id)
