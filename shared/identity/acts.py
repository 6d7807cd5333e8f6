"""Dangerous acts 高危操作 that two people do together: one proposes, another confirms.

The act is done in the transaction that confirms it: exactly once, or not at all. Why acts on the
machine (restoring a backup) ask both people there instead: `docs/decisions/0051-two-people.md`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, and_, false, or_, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.factors import drop_factors
from shared.identity.grants import role_names
from shared.identity.models import Account, ActState, ProposedAct
from shared.identity.service import account_of, delete_account, renew_password, require_over
from shared.kernel.actor import Actor, Duty, Role, require
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id
from shared.kernel.keys import random_token

#: For so long a second person may think about it.
_OPEN_FOR = timedelta(days=3)


@dataclass(frozen=True)
class ActKind:
    """One kind of dangerous act.

    Attributes:
        name: what people call it.
        proposers: who may propose it.
        confirmers: who may confirm it; never the same person.
        do: does it, as who confirms; returns what to tell that person besides, or nothing.
    """

    name: str
    proposers: tuple[Role, ...]
    confirmers: tuple[Role, ...]
    do: Callable[[Actor, ProposedAct, Session], str]


Kinds = Mapping[str, ActKind]


def propose(
    actor: Actor,
    kind: str,
    kinds: Kinds,
    *,
    subject: str,
    title: str,
    reason: str,
    arguments: Mapping[str, Any],
    archive: str | None = None,
    session: Session,
) -> ProposedAct:
    """Propose an act, as the first person. Raises NotAllowed, Invalid without a reason, Conflict.

    An act that is proposed already is not proposed twice (Conflict).
    """
    require(actor, *kinds[kind].proposers, archive=archive)
    if not reason.strip():
        raise Invalid("reason", "没有写明原因。", "请写明为什么要办，确认的人要据此决定。")
    digest = digest_of(kind, subject, arguments)
    same = select(ProposedAct).where(ProposedAct.digest == digest)
    if any(each.is_open for each in session.scalars(same)):
        raise Conflict("这件事已经提交过，正在等另一个人确认。", "请在“待双人确认”查看。")
    act = ProposedAct(
        id=new_id(),
        kind=kind,
        subject=subject,
        title=title[:300],
        reason=reason.strip()[:500],
        arguments=dict(arguments),
        digest=digest,
        archive_code=archive,
        proposed_by=actor.id,
        proposed_name=actor.name[:60],
        until=now() + _OPEN_FOR,
    )
    session.add(act)
    session.flush()
    audit.record(
        session, actor, "act.proposed", act, kind=kind, about=subject, reason=act.reason,
        digest=digest,
    )  # fmt: skip
    return act


def confirm(actor: Actor, act_id: str, seen: str, kinds: Kinds, *, session: Session) -> str:
    """Confirm an act, as the second person, and do it; returns what to tell this person besides.

    `seen` is the digest of what this person was shown.

    Raises NotAllowed, NotFound, Conflict where it is not what was seen, and WrongState for who has
    proposed it, or when it was decided or is too late; then nothing is done.
    """
    act = _decided_by(actor, act_id, kinds, session)
    digest = digest_of(act.kind, act.subject, act.arguments)
    if not hmac.compare_digest(act.digest, digest) or not hmac.compare_digest(seen, digest):
        raise Conflict("要办的内容与您看到的不同，没有办理。", "请刷新后重新核对。")
    _decide(act, actor, ActState.DONE)
    told = kinds[act.kind].do(actor, act, session)
    audit.record(
        session, actor, "act.confirmed", act, kind=act.kind, about=act.subject,
        by=act.proposed_by, digest=digest,
    )  # fmt: skip
    return told


def refuse(actor: Actor, act_id: str, answer: str, kinds: Kinds, *, session: Session) -> None:
    """Refuse an act, as the second person; or take it back, as the first.

    Raises NotAllowed, NotFound, WrongState.
    """
    act = _decided_by(actor, act_id, kinds, session, own=True)
    _decide(act, actor, ActState.REFUSED)
    act.answer = answer.strip()[:500]
    audit.record(
        session, actor, "act.refused", act, kind=act.kind, about=act.subject, reason=act.answer
    )


def acts_seen_by(actor: Actor, kinds: Kinds) -> Select[ProposedAct]:
    """The acts that somebody may propose or decide, and for the auditor all, as a select."""
    if actor.may(Role.AUDITOR):
        return select(ProposedAct)
    seen = [ProposedAct.proposed_by == actor.id]
    for code, kind in kinds.items():
        archives = actor.archives(*kind.proposers, *kind.confirmers)
        of_kind = ProposedAct.kind == code
        if archives is None:
            seen.append(of_kind)
        elif archives:
            seen.append(and_(of_kind, ProposedAct.archive_code.in_(archives)))
    return select(ProposedAct).where(or_(false(), *seen))


def done_acts(kind: str, *, session: Session) -> list[ProposedAct]:
    """The confirmed acts of a kind, in the order of their decision, for who carries them out."""
    query = select(ProposedAct).where(ProposedAct.kind == kind, ProposedAct.state == ActState.DONE)
    return list(session.scalars(query.order_by(ProposedAct.decided_at, ProposedAct.id)))


def may_decide(actor: Actor, act: ProposedAct, kinds: Kinds) -> bool:
    """Whether somebody is a second person for an act that is still open."""
    kind = kinds.get(act.kind)
    return (
        kind is not None
        and act.is_open
        and act.proposed_by != actor.id
        and actor.may(*kind.confirmers, archive=act.archive_code)
    )


def digest_of(kind: str, subject: str, arguments: Mapping[str, Any]) -> str:
    """What an act is, as one digest: SHA-256 over its canonical bytes."""
    told = {"kind": kind, "subject": subject, "arguments": dict(arguments)}
    return sha256_hex(b"danglian/act/1\n", canonical_json(told))


def _decided_by(
    actor: Actor, act_id: str, kinds: Kinds, session: Session, *, own: bool = False
) -> ProposedAct:
    """An open act, held, for somebody who may decide about it; with `own`, the proposer as well."""
    act = locked(session, ProposedAct, act_id)
    kind = kinds.get(act.kind) if act else None
    if act is None or kind is None:
        raise NotFound("没有这件待确认的事。", "请回到列表重新查看。")
    if not act.is_open:
        raise WrongState("这件事已经办过、被拒绝或过期。", "仍要办的，请重新提交。")
    if act.proposed_by == actor.id:
        if not own:
            raise WrongState("提交和确认不能是同一人。", "请由另一个人确认。", code="two_people")
    else:
        require(actor, *kind.confirmers, archive=act.archive_code)
    return act


def _decide(act: ProposedAct, actor: Actor, state: ActState) -> None:
    act.state, act.decided_at = state, now()
    act.decided_by, act.decided_name = actor.id, actor.name[:60]


# The acts on accounts, which every installation has


def propose_on_account(
    actor: Actor, kind: str, account: Account, reason: str, *, session: Session
) -> ProposedAct:
    """Propose one of `ACCOUNT_ACTS`. Raises as `propose`, and WrongState for one's own account."""
    require_over(actor, account, *ACCOUNT_ACTS[kind].proposers)
    if account.id == actor.id:
        raise WrongState("不能办理自己的账号。", "请由另一位管理员提交。")
    if kind != DELETE and account.duty == Duty.BUSINESS:
        raise WrongState("这不是三员的账号，不必双人办理。", "请在账号页面直接办理。")
    return propose(
        actor, kind, ACCOUNT_ACTS,
        subject=account.audit_name,
        title=f"{ACCOUNT_ACTS[kind].name}：{account.name}（{account.login}，"
        f"{'、'.join(role_names(account)) or '无角色'}）",
        reason=reason,
        arguments={"account": account.id},
        archive=account.archive_code,
        session=session,
    )  # fmt: skip


def _delete(actor: Actor, act: ProposedAct, session: Session) -> str:
    delete_account(actor, account_of(str(act.arguments["account"]), session), session=session)
    return ""


def _renew_password(actor: Actor, act: ProposedAct, session: Session) -> str:
    account = account_of(str(act.arguments["account"]), session)
    password = one_time_password()
    renew_password(actor, account, password, session=session)
    return f"“{account.login}”的一次性密码：{password}（只显示这一次；本人登录后须修改）"


def _drop_factors(actor: Actor, act: ProposedAct, session: Session) -> str:
    drop_factors(actor, account_of(str(act.arguments["account"]), session), session=session)
    return ""


def one_time_password() -> str:
    """A password to be changed at the first sign-in, of letters that can be read out."""
    return f"Dl-{random_token(9)}"


DELETE, PASSWORD, FACTORS = "account.delete", "account.password", "account.factors"
_SYSTEM, _SECURITY = (Role.SYSTEM_ADMINISTRATOR,), (Role.SECURITY_ADMINISTRATOR,)
ACCOUNT_ACTS: Kinds = {
    DELETE: ActKind("删除账号", _SYSTEM, _SECURITY, _delete),
    PASSWORD: ActKind("重置三员的密码", _SECURITY, _SYSTEM, _renew_password),
    FACTORS: ActKind("清除三员的双因素", _SECURITY, _SYSTEM, _drop_factors),
}


def names_of(kinds: Iterable[tuple[str, ActKind]]) -> dict[str, str]:
    """What the kinds are called."""
    return {code: kind.name for code, kind in kinds}
