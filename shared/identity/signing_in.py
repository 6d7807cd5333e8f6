"""Signing in, and the tokens that a sign-in leaves."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.errors import NotSignedIn, SignInRefused
from shared.identity.models import Account, BearerToken
from shared.identity.notices import Notice, notices_since
from shared.identity.passwords import hash_password, is_outdated, password_fits
from shared.identity.policy import POLICY, Policy
from shared.identity.service import actor_of, wrong_old_password
from shared.kernel.actor import Actor, system_actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import Invalid
from shared.kernel.keys import random_token

#: How long somebody may take to show the second factor.
FACTOR_WITHIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Visit:
    """From where somebody signs in, and how: by `password`, `hub` or `provider`.

    The last two fields are the identity service's: its session (`sid`) and its ID token.
    """

    place: str = ""
    agent: str = ""
    way: str = "password"
    provider_session: str | None = None
    id_token: str | None = None


@dataclass(frozen=True)
class SignedIn:
    """A sign-in that was done: its token, and what to tell of the time before it."""

    account: Account
    token: str
    last_sign_in: datetime | None
    last_place: str
    failed_since: int
    notices: Sequence[Notice] = ()


def authenticate(
    login: str, password: str, *, database: Database, policy: Policy = POLICY
) -> Account:
    """The account that this name and password open; `begin` signs it in. Raises SignInRefused.

    Takes the database instead of a session: a failure must be committed although it is raised, and
    the slow comparison of the password must not hold the database's only writer.
    """
    login = unicodedata.normalize("NFKC", login).strip().lower()
    with database.read() as session:
        known = session.scalar(select(Account).where(Account.login == login))
    kept = known.password_hash if known else ""
    fits = password_fits(kept, password)
    renewed = hash_password(password) if fits and is_outdated(kept) else None
    with database.write() as session:
        account = locked(session, Account, known.id) if known else None
        if account is not None and account.password_hash != kept:
            fits = False  # somebody has changed it in between
        refusal = _decide(account, fits, session, policy)
        if account is not None and refusal is None and renewed:
            account.password_hash = renewed
    if refusal is not None or account is None:
        raise refusal or _refused(policy)
    return account


def begin(account: Account, visit: Visit, *, session: Session, policy: Policy = POLICY) -> SignedIn:
    """Sign in whoever has proved who they are. Raises SignInRefused for one who may not now."""
    held = locked(session, Account, account.id)
    refusal = _refused(policy) if held is None else _standing(held, policy, visit.way)
    if held is None or refusal is not None:
        raise refusal or _refused(policy)
    done = SignedIn(
        held,
        issue_token(held, session=session, policy=policy, visit=visit),
        held.last_sign_in,
        held.last_place,
        held.failed_since,
        notices_since(held, held.last_sign_in, session),
    )
    held.failures = held.failed_since = held.locks = 0
    held.locked_until = None
    held.last_sign_in, held.last_place = now(), visit.place[:60]
    audit.record(
        session, actor_of(held), "sign_in.done", held, way=visit.way, place=visit.place[:60]
    )
    return done


def prove_old_password(
    account_id: str, password: str, *, database: Database, policy: Policy = POLICY
) -> None:
    """Ask who is signed in for the password that is to be changed. Raises Invalid, SignInRefused.

    A wrong one counts as at the door, and is committed: a browser left alone is no place to guess.
    """
    with database.read() as session:
        kept = session.scalar(select(Account.password_hash).where(Account.id == account_id))
    fits = password_fits(kept, password)
    with database.write() as session:
        account = locked(session, Account, account_id)
        if account is None:
            raise NotSignedIn
        refusal: SignInRefused | Invalid | None = locked_refusal(account)
        if refusal is None and not fits and account.issuer is None:
            count_failure(account, "old_password", session=session, policy=policy)
            refusal = locked_refusal(account) or wrong_old_password()
    if refusal is not None:
        raise refusal


def half_signed_in(token: str, *, session: Session) -> tuple[str, Visit]:
    """Whose sign-in awaits the second factor (the account's id), and how it began.

    Raises NotSignedIn.
    """
    kept = kept_token(token, session=session)
    if kept is None or not kept.awaits_factor or kept.expires_at <= now():
        raise NotSignedIn
    return kept.account_id, Visit(
        kept.place, kept.agent, kept.way, kept.provider_session, kept.id_token
    )


def sign_in(
    login: str,
    password: str,
    *,
    database: Database,
    policy: Policy = POLICY,
    visit: Visit | None = None,
) -> tuple[Account, str]:
    """Authenticate, and issue a token. Raises SignInRefused."""
    account = authenticate(login, password, database=database, policy=policy)
    with database.write() as session:
        done = begin(account, visit or Visit(), session=session, policy=policy)
    return done.account, done.token


def issue_token(
    account: Account,
    *,
    session: Session,
    policy: Policy = POLICY,
    visit: Visit | None = None,
    awaits_factor: bool = False,
) -> str:
    """A new token for this account, good for `Policy.session_hours`; only its digest is kept.

    One that `awaits_factor` is good for five minutes, and for `complete` alone.
    """
    session.execute(delete(BearerToken).where(BearerToken.expires_at < now()))
    token, visit = random_token(32), visit or Visit()
    life = FACTOR_WITHIN if awaits_factor else policy.session_life
    session.add(
        BearerToken(
            digest=token_digest(token),
            account_id=account.id,
            expires_at=now() + life,
            awaits_factor=awaits_factor,
            place=visit.place[:60],
            agent=visit.agent[:200],
            way=visit.way,
            provider_session=visit.provider_session,
            id_token=visit.id_token,
        )
    )
    session.flush()
    return token


def account_of_token(token: str, *, session: Session) -> Account:
    """The account that a token stands for. Raises NotSignedIn."""
    account = session.scalar(
        select(Account)
        .join(BearerToken, BearerToken.account_id == Account.id)
        .where(BearerToken.digest == token_digest(token), BearerToken.expires_at > now())
        .where(BearerToken.awaits_factor.is_(False))
        .where(Account.disabled.is_(False), Account.waiting.is_(False))
    )
    if account is None or is_sealed(account):
        raise NotSignedIn
    return account


def actor_of_token(token: str, *, session: Session) -> Actor:
    """Who acts with this token. Raises NotSignedIn."""
    return actor_of(account_of_token(token, session=session), session)


def kept_token(token: str, *, session: Session) -> BearerToken | None:
    """What is kept of a token; None when it has ended."""
    return session.get(BearerToken, token_digest(token))


def revoke_token(token: str, *, session: Session) -> None:
    """End a token (signing out)."""
    session.execute(delete(BearerToken).where(BearerToken.digest == token_digest(token)))


def token_digest(token: str) -> str:
    """What is kept of a token."""
    return sha256_hex(token.encode("utf-8", "replace"))


def is_sealed(account: Account) -> bool:
    """Whether this is an emergency account that is not open now."""
    if not account.emergency:
        return False
    return account.open_until is None or account.open_until <= now()


def count_failure(account: Account, reason: str, *, session: Session, policy: Policy) -> None:
    """Count a failed try of an account (held by the caller), and lock it when there were many."""
    actor = actor_of(account, session)
    account.failures += 1
    account.failed_since += 1
    if account.failures < policy.lock_after:
        audit.record(session, actor, "sign_in.refused", account, reason=reason)
        return
    account.locked_until = now() + policy.locked_for(account.locks)
    account.failures = 0
    account.locks += 1
    audit.record(session, actor, "sign_in.locked", account)


def locked_refusal(account: Account) -> SignInRefused | None:
    """What to tell while an account is locked; None when it is not."""
    if account.locked_until is None or account.locked_until <= now():
        return None
    seconds = (account.locked_until - now()).total_seconds()
    minutes = max(1, -int(-seconds // 60))
    return SignInRefused(
        "连续输错，账号已锁定。",
        f"请在 {minutes} 分钟后再试，或联系安全保密管理员解锁。",
        code="account_locked",
    )


def _decide(
    account: Account | None, fits: bool, session: Session, policy: Policy
) -> SignInRefused | None:
    """Write down how the attempt went; the refusal, or None."""
    if account is None:
        # What was typed as a name is not kept: it may well be a password.
        door = system_actor("sign-in")
        audit.record(session, door, "sign_in.refused", "account:unknown", reason="unknown")
        return _refused(policy)
    actor = actor_of(account, session)
    if refusal := locked_refusal(account):
        audit.record(session, actor, "sign_in.refused", account, reason="locked")
        return refusal
    if not fits:
        count_failure(account, "password", session=session, policy=policy)
        return locked_refusal(account) or _refused(policy)
    if refusal := _standing(account, policy, "password"):
        audit.record(session, actor, "sign_in.refused", account, reason=refusal.code)
        return refusal
    return None


def _standing(account: Account, policy: Policy, way: str) -> SignInRefused | None:
    """Why an account may not sign in now, whoever proved to be it; None when it may."""
    if account.disabled:
        return SignInRefused("账号已停用。", "请联系系统管理员。", code="account_disabled")
    if account.waiting:
        return SignInRefused(
            "账号已建立，正在等待安全保密管理员授权。",
            "授权后即可使用，不必重复登记；如有急事请联系安全保密管理员。",
            code="account_waiting",
        )
    if is_sealed(account):
        return SignInRefused(
            "应急账号处于封存状态。",
            "须由两位管理员先后在账号页面启封后，才能登录。",
            code="account_sealed",
        )
    if way == "password" and _first_password_ended(account, policy):
        return SignInRefused(
            f"初始密码超过 {policy.first_password_days} 天没有修改，已失效。",
            "请联系安全保密管理员重置密码，拿到后尽快登录修改。",
            code="first_password_ended",
        )
    if way == "password" and account.issuer is not None and not _vouched(account, policy):
        return SignInRefused(
            f"已超过 {policy.offline_days} 天没有与市级平台核对过这个账号。",
            "请接通网络，通过市级平台登录一次。",
            code="account_unconfirmed",
        )
    return None


def _first_password_ended(account: Account, policy: Policy) -> bool:
    """Whether a password that an administrator gave has waited too long for its person."""
    if not account.must_change:
        return False
    given = account.password_set_at or account.created_at
    return now() - given > timedelta(days=policy.first_password_days)


def _vouched(account: Account, policy: Policy) -> bool:
    """Whether who keeps this account elsewhere has confirmed it lately."""
    if account.confirmed_at is None:
        return False
    return account.confirmed_at + timedelta(days=policy.offline_days) > now()


def _refused(policy: Policy) -> SignInRefused:
    return SignInRefused(
        "登录名或密码不正确。",
        f"请重新输入；连续输错 {policy.lock_after} 次，账号将锁定 {policy.lock_minutes} 分钟，"
        "再错则逐次加倍。",
    )
