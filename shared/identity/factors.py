"""The second factor 双因素: an authenticator app (RFC 6238), or a security key (`security_keys`).

Recovery codes are for when both are lost.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from pyotp.utils import strings_equal
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.errors import SignInRefused
from shared.identity.factor_key import FactorKey, is_sealed_secret
from shared.identity.models import Account, Factor, FactorKind
from shared.identity.passwords import password_fits
from shared.identity.policy import POLICY, Policy
from shared.identity.service import account_of, actor_of, require_business, require_over
from shared.identity.sessions import end_sign_ins
from shared.identity.signing_in import count_failure, locked_refusal
from shared.kernel.actor import Actor, Duty, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database, locked
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id

#: What apps and browsers show beside the login.
PRODUCT = "档联"
_MOST_FACTORS = 10
_RECOVERY_CODES = 10
#: Without those that are taken for one another.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_STRONG = (FactorKind.TOTP, FactorKind.WEBAUTHN)
_STEP_SECONDS, _DIGITS = 30, 6
#: So fresh a sign-in is proof enough for the first factor of somebody without a password here.
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True)
class Site:
    """The web site that a security key is bound to: its host name, and its origin."""

    host: str
    origin: str


def factors_of(account_id: str, session: Session) -> Sequence[Factor]:
    """The second factors of an account, recovery codes left out."""
    return session.scalars(
        select(Factor)
        .where(Factor.account_id == account_id, Factor.kind.in_(_STRONG))
        .order_by(Factor.made_at)
    ).all()


def recovery_codes_left(account_id: str, session: Session) -> int:
    """How many recovery codes have not been used."""
    found = select(func.count()).where(
        Factor.account_id == account_id,
        Factor.kind == FactorKind.RECOVERY,
        Factor.used_at.is_(None),
    )
    return session.scalar(found) or 0


def has_factor(account_id: str, session: Session) -> bool:
    """Whether a sign-in of this account asks for a second factor."""
    return bool(factors_of(account_id, session))


def must_have_factor(account: Account, policy: Policy) -> bool:
    """Whether this account may do nothing without a second factor.

    Not an emergency account: two people open it, and the factor would be the device of one.
    """
    return (
        policy.factor_for_administrators and account.duty != Duty.BUSINESS and not account.emergency
    )


# An authenticator app


def new_totp_secret() -> str:
    """The secret of a new authenticator app, base32."""
    return pyotp.random_base32()


def totp_address(secret: str, account: Account) -> str:
    """What an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name=PRODUCT)


def add_totp(
    actor: Actor, account: Account, secret: str, code: str, *, session: Session, key: FactorKey
) -> None:
    """Take an authenticator app that shows the right code. Raises NotAllowed, Invalid."""
    require_own(actor, account, session)
    step = _step_of(secret, code)
    if step is None:
        raise Invalid(
            "code",
            "动态码不正确。",
            "请输入手机上此刻显示的 6 位数字；手机时间须准确。",
            code="wrong_code",
        )
    factor_id = new_id()
    factor = Factor(
        id=factor_id, account_id=account.id, kind=FactorKind.TOTP, name="手机动态码",
        secret=key.seal(secret, factor_id=factor_id, account_id=account.id), counter=step,
    )  # fmt: skip
    session.add(factor)
    _seal_plain(session, key)
    audit.record(session, actor, "account.factor_added", account, kind=factor.kind)


# At the door


def check_code(
    account_id: str, code: str, *, database: Database, key: FactorKey, policy: Policy = POLICY
) -> Account:
    """The account, if the app shows this code or it is a recovery code not yet used.

    Raises SignInRefused; a failure counts like a wrong password, and is committed.
    """
    code = "".join(code.split()).replace("-", "").upper()
    with database.write() as session:
        _seal_plain(session, key)
    used: list[Factor] = []
    return account_shown(
        account_id, lambda each: _code_fits(each, code, key, used), database, policy, used=used
    )


def _seal_plain(session: Session, key: FactorKey) -> None:
    """Seal the secrets of authenticator apps that an earlier release has left plain."""
    plain = select(Factor).where(Factor.kind == FactorKind.TOTP)
    for each in session.scalars(plain):
        if not is_sealed_secret(each.secret):
            each.secret = key.seal(each.secret, factor_id=each.id, account_id=each.account_id)


def prove_again(
    account: Account,
    proof: str,
    *,
    signed_in_at: datetime,
    database: Database,
    key: FactorKey,
    policy: Policy = POLICY,
) -> None:
    """Ask who is signed in to prove it once more, before their second factors change.

    `proof` is the password, or a code of a factor that there is. Who has neither (signed in
    elsewhere, no factor yet) must have signed in lately. Raises SignInRefused; a wrong proof counts
    as at the door.
    """
    with database.read() as session:
        has = has_factor(account.id, session)
    if not account.password_hash and not has:
        if now() - signed_in_at > _FRESH:
            raise SignInRefused(
                "登录已有一些时间，为安全起见没有办理。", "请退出后重新登录，再马上办理。",
                code="sign_in_again",
            )  # fmt: skip
        return
    if account.password_hash and password_fits(account.password_hash, proof):
        with database.read() as session:
            refusal = locked_refusal(account_of(account.id, session))
        if refusal is not None:
            raise refusal
        return
    try:
        check_code(account.id, proof, database=database, key=key, policy=policy)
    except SignInRefused as error:
        if error.code != "wrong_factor":
            raise
        raise SignInRefused(
            "密码或动态码不正确，没有办理。",
            "请输入本人的登录密码，或已登记的动态码、恢复码。",
            code="wrong_proof",
        ) from error


# Keeping them


def make_recovery_codes(actor: Actor, account: Account, *, session: Session) -> list[str]:
    """New recovery codes, shown this once; earlier ones are void. Raises WrongState, NotAllowed."""
    require_own(actor, account, session)
    if not has_factor(account.id, session):
        raise WrongState("还没有登记双因素。", "请先登记手机动态码或安全密钥。")
    session.execute(
        delete(Factor).where(Factor.account_id == account.id, Factor.kind == FactorKind.RECOVERY)
    )
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(_RECOVERY_CODES)]
    session.add_all(
        Factor(
            id=new_id(), account_id=account.id, kind=FactorKind.RECOVERY,
            secret=_kept_recovery_code(each),
        )
        for each in codes
    )  # fmt: skip
    audit.record(session, actor, "account.recovery_codes_made", account, count=len(codes))
    return ["-".join((each[:4], each[4:8], each[8:])) for each in codes]


def remove_factor(
    actor: Actor,
    account: Account,
    factor_id: str,
    *,
    session: Session,
    policy: Policy = POLICY,
    here: str = "",
) -> None:
    """Take one's own second factor away; sign-ins end, but for the one of `here` (its digest).

    Raises NotFound, and WrongState for the last one of somebody who must have one.
    """
    require_own(actor, account, session, limit=False)
    factor = session.get(Factor, factor_id)
    if factor is None or factor.account_id != account.id or factor.kind not in _STRONG:
        raise NotFound("没有这个双因素。", "请刷新页面。")
    if must_have_factor(account, policy) and len(factors_of(account.id, session)) == 1:
        raise WrongState("管理员至少须有一个双因素。", "请先登记另一个，再删除这个。")
    session.delete(factor)
    session.flush()
    if not has_factor(account.id, session):
        session.execute(delete(Factor).where(Factor.account_id == account.id))
    end_sign_ins(account, session, but=here)
    audit.record(session, actor, "account.factor_removed", account, kind=factor.kind)


def reset_factors(actor: Actor, account: Account, *, session: Session) -> None:
    """Take the second factors of somebody who has lost them.

    Of one of the three administrators only by two people together (`acts`). Raises NotAllowed,
    WrongState.
    """
    require_over(actor, account, Role.SECURITY_ADMINISTRATOR)
    require_business(actor, account)
    if actor.id == account.id:
        raise WrongState("不能清除自己的双因素。", "请由另一位安全保密管理员办理。")
    drop_factors(actor, account, session=session)


def drop_factors(actor: Actor, account: Account, *, session: Session) -> None:
    """Take all second factors of an account, when whoever may has agreed; its sign-ins end."""
    end_sign_ins(account, session)
    gone = session.scalars(
        delete(Factor).where(Factor.account_id == account.id).returning(Factor.id)
    ).all()
    audit.record(session, actor, "account.factors_reset", account, audit.Act(each=gone))


def require_own(actor: Actor, account: Account, session: Session, *, limit: bool = True) -> None:
    """Hold an account, for its own person only. Raises WrongState, also for too many factors."""
    if actor.id != account.id:
        raise WrongState("只能登记自己的双因素。", "请由本人登录后办理。")
    locked(session, Account, account.id)
    if limit and len(factors_of(account.id, session)) >= _MOST_FACTORS:
        raise WrongState("登记的双因素过多。", "请先删除不用的。")


def account_shown(
    account_id: str,
    fits: Callable[[Factor], bool],
    database: Database,
    policy: Policy,
    *,
    used: Sequence[Factor] = (),
) -> Account:
    """The account, if one of its factors `fits`. Raises SignInRefused; a failure is committed.

    Afterwards `used` has the factors whose code was right, and had counted before: its person is
    told of that (`notices`).
    """
    with database.write() as session:
        account = locked(session, Account, account_id)
        if account is None:
            raise _wrong()
        refusal = locked_refusal(account)
        if refusal is None:
            factors = session.scalars(select(Factor).where(Factor.account_id == account_id))
            for each in factors.all():
                if fits(each):
                    each.used_at = now()
                    return account
            if used:
                refused = audit.Act(ended=audit.Outcome.REFUSED)
                actor = actor_of(account, session)
                audit.record(session, actor, "sign_in.code_reused", account, refused)
            count_failure(account, "factor", session=session, policy=policy)
            refusal = locked_refusal(account) or _wrong()
    raise refusal


def _code_fits(factor: Factor, code: str, key: FactorKey, used: list[Factor]) -> bool:
    if factor.kind == FactorKind.TOTP:
        if len(code) != _DIGITS:
            return False  # a recovery code, which counts also where the key is lost
        secret = key.open(factor.secret, factor_id=factor.id, account_id=factor.account_id)
        step = _step_of(secret, code)
        if step is not None and step <= factor.counter:
            used.append(factor)
            return False
        if step is None:
            return False
        factor.counter = step
        return True
    if factor.kind == FactorKind.RECOVERY and factor.used_at is None:
        return _recovery_code_fits(factor.secret, code)
    return False


def _kept_recovery_code(code: str) -> str:
    """What is kept of a recovery code: a salt of its own, and the SHA-256 over both."""
    salt = secrets.token_hex(16)
    return f"{salt}:{sha256_hex(salt.encode(), code.encode())}"


def _recovery_code_fits(kept: str, code: str) -> bool:
    """Whether this is the code; those of version 0.1 were kept without a salt."""
    salt, _, digest = kept.rpartition(":")
    return hmac.compare_digest(digest, sha256_hex(salt.encode(), code.encode()))


def _step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is: now's, or one before or after it."""
    app, today = pyotp.TOTP(secret), int(now().timestamp()) // _STEP_SECONDS
    digits = "".join(code.split())
    for step in (today, today - 1, today + 1):
        if strings_equal(app.generate_otp(step), digits):
            return step
    return None


def _wrong() -> SignInRefused:
    return SignInRefused(
        "双因素验证没有通过。",
        "请输入此刻显示的动态码，或一个没有用过的恢复码；手机时间须准确。",
        code="wrong_factor",
    )
