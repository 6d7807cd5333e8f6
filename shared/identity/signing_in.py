"""Signing in, and the tokens that a sign-in leaves."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.errors import NotSignedIn, SignInRefused
from shared.identity.models import Account, BearerToken
from shared.identity.passwords import password_fits
from shared.identity.service import actor_of
from shared.kernel.actor import Actor, system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.keys import random_token

MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=10)
TOKEN_LIFE = timedelta(hours=12)


def authenticate(login: str, password: str, *, database: Database) -> Account:
    """The account that this name and password open. Raises SignInRefused.

    Takes the database instead of a session: a failure must be committed although it is raised, and
    the slow comparison of the password must not hold the database's only writer.
    """
    login = unicodedata.normalize("NFKC", login).strip().lower()
    with database.read() as session:
        known = session.scalar(select(Account).where(Account.login == login))
    fits = password_fits(known.password_hash if known else None, password)
    with database.write() as session:
        account = locked(session, Account, known.id) if known else None
        if account is not None and known is not None:
            # Somebody may have changed the password in between.
            fits = fits and account.password_hash == known.password_hash
        refusal = _decide(account, fits, session)
    if refusal is not None or account is None:
        raise refusal or _refused()
    return account


def sign_in(login: str, password: str, *, database: Database) -> tuple[Account, str]:
    """Authenticate, and issue a token. Raises SignInRefused."""
    account = authenticate(login, password, database=database)
    with database.write() as session:
        return account, issue_token(account, session=session)


def issue_token(account: Account, *, session: Session) -> str:
    """A new token for this account, good for 12 hours; only its digest is kept."""
    session.execute(delete(BearerToken).where(BearerToken.expires_at < now()))
    token = random_token(32)
    session.add(
        BearerToken(digest=_digest(token), account_id=account.id, expires_at=now() + TOKEN_LIFE)
    )
    session.flush()
    return token


def account_of_token(token: str, *, session: Session) -> Account:
    """The account that a token stands for. Raises NotSignedIn."""
    account = session.scalar(
        select(Account)
        .join(BearerToken, BearerToken.account_id == Account.id)
        .where(BearerToken.digest == _digest(token), BearerToken.expires_at > now())
        .where(Account.disabled.is_(False))
    )
    if account is None:
        raise NotSignedIn
    return account


def actor_of_token(token: str, *, session: Session) -> Actor:
    """Who acts with this token. Raises NotSignedIn."""
    return actor_of(account_of_token(token, session=session), session)


def revoke_token(token: str, *, session: Session) -> None:
    """End a token (signing out)."""
    session.execute(delete(BearerToken).where(BearerToken.digest == _digest(token)))


def _digest(token: str) -> str:
    return sha256_hex(token.encode("utf-8", "replace"))


def _decide(account: Account | None, fits: bool, session: Session) -> SignInRefused | None:
    """Write down how the attempt went; the refusal, or None."""
    if account is None:
        # What was typed as a name is not kept: it may well be a password.
        door = system_actor("sign-in")
        audit.record(session, door, "sign_in.refused", "account:unknown", reason="unknown")
        return _refused()
    actor = actor_of(account, session)
    if account.locked_until is not None and account.locked_until > now():
        audit.record(session, actor, "sign_in.refused", account, reason="locked")
        return _locked(account)
    if not fits:
        return _count_failure(account, actor, session)
    if account.disabled:
        audit.record(session, actor, "sign_in.refused", account, reason="disabled")
        return SignInRefused("账号已停用。", "请联系系统管理员。", code="account_disabled")
    account.failures = 0
    account.locked_until = None
    account.last_sign_in = now()
    audit.record(session, actor, "sign_in.done", account)
    return None


def _count_failure(account: Account, actor: Actor, session: Session) -> SignInRefused:
    account.failures += 1
    if account.failures < MOST_FAILURES:
        audit.record(session, actor, "sign_in.refused", account, reason="password")
        return _refused()
    account.failures = 0
    account.locked_until = now() + LOCKED_FOR
    audit.record(session, actor, "sign_in.locked", account)
    return _locked(account)


def _refused() -> SignInRefused:
    return SignInRefused(
        "登录名或密码不正确。",
        f"请重新输入；连续输错 {MOST_FAILURES} 次，账号将锁定 10 分钟。",
    )


def _locked(account: Account) -> SignInRefused:
    seconds = (account.locked_until - now()).total_seconds() if account.locked_until else 0
    minutes = max(1, -int(-seconds // 60))
    return SignInRefused(
        "密码连续输错，账号已锁定。",
        f"请在 {minutes} 分钟后再试，或联系系统管理员解锁。",
        code="account_locked",
    )
