"""The emergency account 应急账号: sealed until two administrators, one after the other, open it."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from shared import audit
from shared.identity.models import Account
from shared.identity.policy import POLICY, Policy
from shared.identity.service import end_tokens
from shared.identity.signing_in import is_sealed
from shared.kernel.actor import Actor, Role, require
from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, WrongState

#: Any two of these, the auditor not among them: who watches does not open.
_OPENERS = (Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)


def ask_opening(actor: Actor, account: Account, reason: str, *, session: Session) -> None:
    """Ask, as the first administrator, for the account to be opened.

    Raises NotAllowed, Invalid without a reason, WrongState for one that is open or no such account.
    """
    require(actor, *_OPENERS)
    held = _sealed(account, session)
    if not reason.strip():
        raise Invalid("reason", "没有填写启封原因。", "请写明为什么要启用应急账号。")
    held.opening_asked_by, held.opening_reason = actor.id, reason.strip()[:500]
    held.open_until = None
    audit.record(session, actor, "account.opening_asked", held, reason=held.opening_reason)


def open_sealed(
    actor: Actor, account: Account, *, session: Session, policy: Policy = POLICY
) -> None:
    """Agree, as the second administrator: the account may be used for `emergency_hours`.

    Raises NotAllowed, and WrongState for whoever has asked, or when nobody has.
    """
    require(actor, *_OPENERS)
    held = _sealed(account, session)
    if held.opening_asked_by is None:
        raise WrongState("还没有人申请启封。", "请由一位管理员先申请，另一位再同意。")
    if held.opening_asked_by == actor.id:
        raise WrongState("申请和同意启封不能是同一人。", "请由另一位管理员同意。")
    held.open_until = now() + timedelta(hours=policy.emergency_hours)
    audit.record(session, actor, "account.opened", held, by=held.opening_asked_by)
    held.opening_asked_by = None


def seal_again(actor: Actor, account: Account, *, session: Session) -> None:
    """Seal it again, or take back that it was asked for; its sign-ins end. Raises NotAllowed."""
    require(actor, *_OPENERS)
    held = locked(session, Account, account.id)
    if held is None or not held.emergency:
        raise _no_emergency()
    held.opening_asked_by = held.open_until = None
    end_tokens(held, session)
    audit.record(session, actor, "account.sealed", held)


def _sealed(account: Account, session: Session) -> Account:
    held = locked(session, Account, account.id)
    if held is None or not held.emergency:
        raise _no_emergency()
    if not is_sealed(held):
        raise WrongState("应急账号已经启封。", "可以直接登录；用完请重新封存。")
    return held


def _no_emergency() -> WrongState:
    return WrongState("这不是应急账号。", "普通账号不需要启封。")
