"""Keys 接口密钥 by which other systems 系统对接 show who they are, in the place of a password.

An account whose roles are all 系统对接 may have one key, shown once and kept as its SHA-256: it is
256 random bits, which nobody tries out. It ends after a year, at the next one, when it is revoked,
with the account, and counts nowhere once the account is anything else than another system.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.errors import NotSignedIn
from shared.identity.models import AccessKey, Account, AccountGrant
from shared.identity.service import actor_of, looked_after_by, require_over
from shared.kernel.actor import Actor, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.database import locked
from shared.kernel.errors import NotFound, WrongState
from shared.kernel.keys import random_token

#: What every key begins with: it is told from a token, and found where it should not lie.
PREFIX = "dlk_"
LASTS = timedelta(days=365)
#: When it was used last is written down this often.
_NOTED_EVERY = timedelta(minutes=1)


def issue_key(actor: Actor, account: Account, *, session: Session) -> str:
    """Give another system its key, in the place of the one that it had; nothing tells it again.

    Raises NotAllowed, and WrongState for an account that is no other system's, or not in use.
    """
    require_over(actor, account, Role.SYSTEM_ADMINISTRATOR)
    locked(session, Account, account.id)
    if not may_have_key(account):
        raise WrongState(
            "只有使用中的系统对接账号才有接口密钥。",
            "请先由安全保密管理员授权“系统对接”角色，且不兼其他角色。",
            code="no_system",
        )
    session.execute(delete(AccessKey).where(AccessKey.account_id == account.id))
    key = f"{PREFIX}{random_token(32)}"
    made = AccessKey(
        account_id=account.id,
        digest=_digest(key),
        made_by=actor.name,
        expires_at=now() + LASTS,
    )
    session.add(made)
    session.flush()
    audit.record(session, actor, "account.key_issued", account, until=format_utc(made.expires_at))
    return key


def revoke_key(actor: Actor, account: Account, *, session: Session) -> None:
    """End the key of another system at once. Raises NotAllowed, NotFound where it has none."""
    require_over(actor, account, Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
    kept = key_of(account, session)
    if kept is None:
        raise NotFound("这个账号没有接口密钥。", "请刷新后查看。", code="no_key")
    session.delete(kept)
    session.flush()
    audit.record(session, actor, "account.key_revoked", account)


def may_have_key(account: Account) -> bool:
    """Whether this is the account of another system, in use."""
    usable = not (account.disabled or account.waiting or account.emergency)
    return usable and actor_of(account).is_system_elsewhere


def key_of(account: Account, session: Session) -> AccessKey | None:
    """What is kept of the key of an account; None where it has none."""
    return session.get(AccessKey, account.id)


def account_of_key(key: str, *, session: Session) -> tuple[Account, AccessKey]:
    """Whose key this is. Raises NotSignedIn."""
    row = session.execute(
        select(Account, AccessKey)
        .join(AccessKey, AccessKey.account_id == Account.id)
        .where(AccessKey.digest == _digest(key), AccessKey.expires_at > now())
    ).first()
    if row is None or not may_have_key(row[0]):
        raise NotSignedIn
    return row[0], row[1]


def use_is_noted(kept: AccessKey, place: str) -> bool:
    """Whether it is written down that the key is in use just now, from this place."""
    fresh = kept.used_at is not None and kept.used_at > now() - _NOTED_EVERY
    return fresh and kept.used_from == place[:60]


def note_use(key: str, place: str, *, session: Session) -> None:
    """Write down when a key was used last, and from where."""
    kept = session.scalar(select(AccessKey).where(AccessKey.digest == _digest(key)))
    if kept is not None:
        kept.used_at, kept.used_from = now(), place[:60]
        session.flush()


def systems(actor: Actor) -> Select[tuple[Account, AccessKey]]:
    """The accounts of other systems that an administrator looks after, with their keys if any."""
    holders = select(AccountGrant.account_id).where(AccountGrant.role == Role.INTEGRATOR)
    mine = looked_after_by(actor, select(Account).where(Account.id.in_(holders)))
    return mine.outerjoin(AccessKey, AccessKey.account_id == Account.id).add_columns(AccessKey)


def _digest(key: str) -> str:
    return sha256_hex(key.encode("utf-8", "replace"))
