"""The door of sharing: what archives decide, and who reads which feed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation import service as federation
from hub.sharing import deciding
from hub.sharing.models import SharingPolicy, SharingState, SharingWithdrawal
from hub.sharing.policies import CLOSED_YEARS, FIELDS, MOST_CLOSED_YEARS, Audience
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotAllowed, NotFound, WrongState
from shared.records.values import REASON_LENGTH, required_text


@dataclass(frozen=True)
class NewPolicy:
    """What an archive decides to show an audience."""

    fields: Collection[str]
    basis: str
    closed_fields: Collection[str] = field(default=())
    closed_years: int = CLOSED_YEARS


def audience_of(actor: Actor, wanted: str | None = None) -> Audience:
    """The feed that a caller reads: the widest of its right, or the narrower one that it names.

    The one place that says whose right is how wide. Raises NotAllowed.
    """
    return narrowed(Audience.GOVERNMENT if actor.has(Role.ARCHIVIST) else Audience.PUBLIC, wanted)


def narrowed(widest: Audience, wanted: str | None) -> Audience:
    """The audience that is asked for, where it is no wider than the right. Raises NotAllowed."""
    if wanted is None or wanted == widest:
        return widest
    if wanted == Audience.PUBLIC:
        return Audience.PUBLIC
    raise NotAllowed(
        "您的账号不能读取这个范围的共享目录。", "如确需读取，请联系安全保密管理员授权。"
    )


def require_of_archive(actor: Actor, archive_code: str) -> None:
    """Raise NotFound for people of other archives, NotAllowed for others than archivists."""
    missing = NotFound("没有这个档案馆。", "请回到“共享范围”重新选择。")
    require(actor, Role.ARCHIVIST, archive=archive_code, missing=missing)


def set_policy(
    actor: Actor, archive_code: str, audience: Audience, new: NewPolicy, *, session: Session
) -> SharingPolicy:
    """Let an archive decide what an audience sees of its holdings; all of them are gone through.

    Raises NotAllowed for another archive's people, Invalid for what cannot be shown.
    """
    require_of_archive(actor, archive_code)
    archive = federation.archive_of(archive_code, session)
    basis = required_text(new.basis, "basis", max_length=REASON_LENGTH)
    shown, of_closed = _fields("fields", new.fields), _fields("closed_fields", new.closed_fields)
    if audience is Audience.PUBLIC and of_closed:
        raise Invalid(
            "closed_fields", "没有开放的档案不向社会公布任何著录项。", "请只对省级共享平台设定。"
        )
    if not set(of_closed) <= set(shown):
        raise Invalid(
            "closed_fields",
            "未开放档案的著录项多于已开放档案的。",
            "请先把这些项列入已开放档案的。",
        )
    if not 0 <= new.closed_years <= MOST_CLOSED_YEARS:
        raise Invalid(
            "closed_years", "封闭期的年数不对。", f"请填写 0 到 {MOST_CLOSED_YEARS} 的整数。"
        )
    row = locked(session, SharingPolicy, (archive.code, str(audience)))
    if row is None:
        row = SharingPolicy(archive_code=archive.code, audience=str(audience), version=0)
        session.add(row)
    row.fields, row.closed_fields = shown, of_closed
    row.closed_years, row.basis = new.closed_years, basis
    row.version += 1
    row.decided_by, row.decided_at = actor.name, now()
    session.flush()
    deciding.sweep(session, f"archive:{archive.code}")
    audit.record(
        session, actor, "sharing.policy_set", f"archive:{archive.code}",
        audience=str(audience), fields=shown, closed_fields=of_closed,
        closed_years=new.closed_years, basis=basis,
    )  # fmt: skip
    return row


def _fields(name: str, given: Collection[str]) -> list[str]:
    unknown = sorted(set(given) - FIELDS.keys())
    if unknown:
        raise Invalid(
            name, f"没有可以共享的著录项“{unknown[0]}”。", f"可以是：{'、'.join(FIELDS)}。"
        )
    return [each for each in FIELDS if each in given]


def close_policy(actor: Actor, archive_code: str, audience: Audience, *, session: Session) -> None:
    """Let an archive share nothing any more with an audience. Raises NotFound."""
    require_of_archive(actor, archive_code)
    row = locked(session, SharingPolicy, (archive_code, str(audience)))
    if row is None:
        raise NotFound("这个档案馆没有对这个范围共享。", "请查看现有的共享规定。")
    session.delete(row)
    session.flush()
    deciding.sweep(session, f"archive:{archive_code}")
    audit.record(
        session, actor, "sharing.policy_closed", f"archive:{archive_code}", audience=str(audience)
    )


def policies(session: Session) -> list[SharingPolicy]:
    """What the archives have decided."""
    return list(
        session.scalars(
            select(SharingPolicy).order_by(SharingPolicy.archive_code, SharingPolicy.audience)
        )
    )


def policy_of(archive_code: str, audience: Audience, session: Session) -> SharingPolicy | None:
    """What an archive shows an audience; None for nothing."""
    return session.get(SharingPolicy, (archive_code, str(audience)))


def withdraw(actor: Actor, record_id: str, reason: str, *, session: Session) -> None:
    """Take a record back from every audience 撤回共享. Raises NotAllowed, WrongState."""
    record = _own_record(actor, record_id, session)
    reason = required_text(reason, "reason", max_length=REASON_LENGTH)
    if locked(session, SharingWithdrawal, record_id) is not None:
        raise WrongState("这件档案已经撤回共享。", "不必再次撤回。", code="already_withdrawn")
    session.add(SharingWithdrawal(record_id=record_id, reason=reason, decided_by=actor.name))
    session.flush()
    deciding.note(session, [record_id])
    audit.record(
        session, actor, "sharing.withdrawn", f"record:{record_id}",
        archive=record.archive, reason=reason,
    )  # fmt: skip


def share_again(actor: Actor, record_id: str, *, session: Session) -> None:
    """Let the policy of its archive decide on a record again. Raises NotAllowed, WrongState."""
    record = _own_record(actor, record_id, session)
    row = locked(session, SharingWithdrawal, record_id)
    if row is None:
        raise WrongState("这件档案没有撤回共享。", "请核对档号。", code="not_withdrawn")
    session.delete(row)
    session.flush()
    deciding.note(session, [record_id])
    audit.record(session, actor, "sharing.restored", f"record:{record_id}", archive=record.archive)


def _own_record(actor: Actor, record_id: str, session: Session) -> CatalogueRecord:
    record = catalogue.record_of(record_id, session)
    missing = catalogue.no_record()
    require(actor, Role.ARCHIVIST, archive=record.archive, **record.scope, missing=missing)
    if record.archive is None:
        raise WrongState("这件档案还没有接收进馆。", "接收以前不共享。", code="not_in_custody")
    return record


def withdrawal_of(record_id: str, session: Session) -> SharingWithdrawal | None:
    """Why and by whom a record was taken back; None when it was not."""
    return session.get(SharingWithdrawal, record_id)


def state_of(record_id: str, audience: Audience, session: Session) -> SharingState | None:
    """How a record stands for one audience; None before it was decided on."""
    return session.get(SharingState, (record_id, str(audience)))


def states_of(record_id: str, session: Session) -> list[SharingState]:
    """How a record stands for each audience, and why; nothing before it was received."""
    return list(
        session.scalars(
            select(SharingState)
            .where(SharingState.record_id == record_id)
            .order_by(SharingState.audience)
        )
    )
