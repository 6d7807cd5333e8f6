"""Accounts of people who sign in elsewhere.

At a hub that is through the identity service, at a node through the hub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.grants import give, told_grants
from shared.identity.models import Account
from shared.identity.passwords import check_pin_rules, hash_password, password_fits
from shared.identity.service import end_tokens, require_business, require_over
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.clock import now
from shared.kernel.errors import Invalid, WrongState
from shared.kernel.identifiers import new_id

_UNFIT = re.compile(r"[^a-z0-9._@-]+")
_SHORTEST, _LONGEST = 2, 60


def account_elsewhere(issuer: str, subject: str, session: Session) -> Account | None:
    """The account of this person, if there is one."""
    return session.scalar(
        select(Account).where(Account.issuer == issuer, Account.subject == subject)
    )


def register_elsewhere(
    actor: Actor,
    issuer: str,
    subject: str,
    *,
    login: str,
    name: str,
    waiting: bool,
    session: Session,
) -> Account:
    """Make an account without password for somebody who signs in elsewhere for the first time.

    `waiting` until an administrator grants something (`set_grants`). A login name that is taken or
    does not fit is changed.
    """
    account = Account(
        id=new_id(),
        login=_free_login(login, subject, session),
        name=_fit_name(name) or _fit_name(login) or "未提供姓名",
        password_hash="",
        must_change=False,
        disabled=False,
        failures=0,
        issuer=issuer,
        subject=subject,
        waiting=waiting,
        confirmed_at=now(),
    )
    session.add(account)
    session.flush()
    audit.record(session, actor, "account.registered", account, login=account.login)
    return account


def confirm(
    actor: Actor,
    account: Account,
    *,
    name: str,
    grants: Iterable[Grant],
    signed_out_at: datetime | None,
    session: Session,
) -> None:
    """Take over what the issuer says of an account now: its name and grants; it goes on.

    Another `signed_out_at` than the one known ends the sign-ins that there are here.
    """
    ended_by_issuer, account.confirmed_at = account.confirmed_at is None, now()
    if fit := _fit_name(name):
        account.name = fit
    before = told_grants(account.grants)
    give(account, grants, session)
    if (after := told_grants(account.grants)) != before:
        audit.record(session, actor, "account.grants_set", account, grants=after)
    if account.disabled and ended_by_issuer:  # one that was closed here stays so
        account.disabled = False
        audit.record(session, actor, "account.enabled", account)
    if signed_out_at != account.issuer_ended_at:
        account.issuer_ended_at = signed_out_at
        end_tokens(account, session)
        audit.record(session, actor, "sign_in.ended", account, reason="issuer")


def link_elsewhere(actor: Actor, account: Account, other: Account, *, session: Session) -> None:
    """Let a local account be that of somebody who has signed in elsewhere for the first time.

    `other` is what that sign-in has left, still without a grant; it is taken away, and whoever
    signs in so is `account` from now on, with its grants and second factors. Its password here is
    void. Of the three administrators nobody links alone: their accounts are made anew.

    Raises NotAllowed, WrongState.
    """
    for each in (account, other):
        require_over(actor, each, Role.SECURITY_ADMINISTRATOR)
        require_business(actor, each)
    if account.issuer is not None or account.emergency:
        raise WrongState("这个账号不是本机的普通账号，不能关联。", "请选用登录名和密码登录的账号。")
    if other.issuer is None or not other.waiting or other.disabled:
        raise WrongState(
            "要关联的不是等待授权的统一身份认证账号。", "请本人先通过统一身份认证登录一次，再办理。"
        )
    issuer, subject = other.issuer, other.subject
    login, confirmed = other.login, other.confirmed_at
    end_tokens(other, session)
    session.delete(other)
    session.flush()
    account.issuer, account.subject, account.confirmed_at = issuer, subject, confirmed
    account.password_hash, account.must_change = "", False
    end_tokens(account, session)
    audit.record(session, actor, "account.linked", account, login=login)


def waiting_elsewhere(session: Session) -> Sequence[Account]:
    """Who has signed in elsewhere for the first time, and has no grant yet."""
    return session.scalars(
        select(Account)
        .where(Account.issuer.is_not(None), Account.waiting, Account.disabled.is_(False))
        .order_by(Account.name)
    ).all()


def revoke_elsewhere(actor: Actor, account: Account, *, session: Session) -> None:
    """The issuer says that this account may nothing here any more: it is closed at once."""
    if not account.disabled:
        account.disabled, account.confirmed_at = True, None
        account.password_hash = ""
        end_tokens(account, session)
        audit.record(session, actor, "account.disabled", account, reason="issuer")


def set_pin(actor: Actor, account: Account, old: str, pin: str, *, session: Session) -> None:
    """Set one's own password for days without net 离线密码. Raises Invalid, WrongState."""
    if actor.id != account.id or account.issuer is None:
        raise WrongState("离线密码只用于通过市级平台登录的本人账号。", "本机账号请用“修改密码”。")
    if account.password_hash and not password_fits(account.password_hash, old):
        raise Invalid("old_password", "原密码不正确。", "请重新输入。", code="wrong_password")
    check_pin_rules(account.login, pin)
    account.password_hash = hash_password(pin)
    audit.record(session, actor, "account.password_changed", account)


def _free_login(wanted: str, subject: str, session: Session) -> str:
    fit = _UNFIT.sub("-", wanted.strip().lower()).lstrip("._@-")[:_LONGEST]
    stem = fit if len(fit) >= _SHORTEST else "user"
    taken = set(
        session.scalars(
            select(Account.login).where(Account.login.startswith(stem[:40], autoescape=True))
        )
    )
    if stem not in taken and len(fit) >= _SHORTEST:
        return stem
    number = 2
    while (login := f"{stem[:50]}-{number}") in taken:
        number += 1
    return login


def _fit_name(name: str) -> str:
    return "".join(each for each in name.strip() if each.isprintable())[:60]
