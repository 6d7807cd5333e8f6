"""The verbs on accounts: 系统管理员 makes and closes them, 安全保密管理员 says what they may do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.grants import (
    give,
    grants_of,
    one_duty,
    propose_grants,
    role_names,
    told_grants,
)
from shared.identity.models import AccessKey, Account, AccountGrant, BearerToken, Factor
from shared.identity.passwords import check_password_rules, hash_password, password_fits
from shared.identity.policy import POLICY, Policy
from shared.kernel.actor import (
    ADMINISTRATORS,
    ROLE_NAMES,
    Actor,
    Duty,
    Grant,
    Openness,
    Role,
    require,
)
from shared.kernel.clock import now
from shared.kernel.database import locked_all
from shared.kernel.errors import Conflict, Invalid, NotFound, WrongState
from shared.kernel.identifiers import new_id

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@-]{1,59}")
_NAME_LENGTH = 60


def create_account(
    actor: Actor,
    login: str,
    name: str,
    password: str,
    grants: Iterable[Grant] = (),
    *,
    session: Session,
    must_change: bool = False,
    emergency: bool = False,
    archive: str | None = None,
    policy: Policy = POLICY,
) -> Account:
    """Make an account, an `emergency` one sealed; it waits until `set_grants` gives it a role.

    The grants are what is asked for, a proposal. `archive` names the archive whose administrators
    look after the account: without it the one that all these grants are limited to, if so; those
    of one archive make such accounts only. Another system 系统对接 needs no password: it has a key
    (`access_keys`).

    Raises NotAllowed, Invalid, Conflict.
    """
    grants = list(grants)
    one_duty(grants)  # what could not be granted is told now, not at the grant
    archive = _own_archive(actor, Role.SYSTEM_ADMINISTRATOR, archive or _one_archive(grants))
    require(actor, Role.SYSTEM_ADMINISTRATOR, archive=archive)
    login = _login(login)
    if password or emergency or not _of_systems(grants):
        check_password_rules(login, password, policy=policy)
    if session.scalar(select(Account.id).where(Account.login == login)) is not None:
        raise Conflict(
            f"登录名“{login}”已被使用。", "请换一个登录名。", code="login_taken", field="login"
        )
    account = Account(
        id=new_id(),
        login=login,
        name=_name(name),
        password_hash=hash_password(password) if password else "",
        must_change=must_change and bool(password),
        password_set_at=now(),
        disabled=False,
        failures=0,
        emergency=emergency,
        waiting=True,
        archive_code=archive,
    )
    propose_grants(account, grants)
    session.add(account)
    session.flush()
    audit.record(session, actor, "account.created", account, login=login, asked=told_grants(grants))
    return account


def account_of(account_id: str, session: Session) -> Account:
    """The account with this id. Raises NotFound."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("没有这个账号。", "请回到账号列表重新查看。")
    return account


def rename_account(actor: Actor, account: Account, name: str, *, session: Session) -> None:
    """Give the person's name anew. Raises NotAllowed, Invalid."""
    require_over(actor, account, Role.SYSTEM_ADMINISTRATOR)
    name = _name(name)
    if name != account.name:
        act = audit.Act(was=account.name, became=name)
        account.name = name
        audit.record(session, actor, "account.renamed", account, act, name=name)


def set_grants(
    actor: Actor, account: Account, grants: Iterable[Grant], *, session: Session
) -> None:
    """Replace what the account is entitled to; one that waits for its first grant waits no more.

    The second of the two steps to an account that works, by another person than the first. Whoever
    grants for one archive grants within it only, whatever was chosen. One of the three
    administrators holds nothing else, and the last one of the three keeps the role.

    Raises NotAllowed, Invalid, WrongState.
    """
    require_over(actor, account, Role.SECURITY_ADMINISTRATOR)
    if actor.id == account.id:
        raise WrongState("不能给自己授权。", "请由另一位安全保密管理员办理。")
    wanted = [_within(actor, each) for each in grants]
    _hold(account, session)
    before = told_grants(account.grants)
    duty = one_duty(wanted)
    stays = account.duty == duty and any(_for_good(each) for each in wanted)
    if account.duty != Duty.BUSINESS and not stays:
        _keep_one_of(account, session)
    account.waiting = account.waiting and not wanted
    give(account, wanted, session)
    after = told_grants(account.grants)
    if after != before:
        act = audit.Act(was=before, became=after)
        audit.record(session, actor, "account.grants_set", account, act, grants=after)


def disable_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Close an account; its sessions and tokens end at once. Raises NotAllowed, WrongState."""
    require_over(actor, account, Role.SYSTEM_ADMINISTRATOR)
    _hold(account, session)
    if account.disabled:
        return
    if actor.id == account.id:
        raise WrongState("不能停用自己的账号。", "请由另一位系统管理员办理。")
    if account.duty != Duty.BUSINESS:
        _keep_one_of(account, session)
    close_account(account, session)
    audit.record(session, actor, "account.disabled", account)


def close_account(account: Account, session: Session) -> None:
    """Close an account as part of another verb, which authorises and records it."""
    account.disabled = True
    end_tokens(account, session)
    session.execute(delete(AccessKey).where(AccessKey.account_id == account.id))


def enable_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Open a closed account again. Raises NotAllowed."""
    require_over(actor, account, Role.SYSTEM_ADMINISTRATOR)
    if account.disabled:
        account.disabled = False
        audit.record(session, actor, "account.enabled", account)


def unlock_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Let somebody who was locked out try again. Raises NotAllowed."""
    require_over(actor, account, Role.SECURITY_ADMINISTRATOR)
    if account.locked_until is not None:
        account.failures = account.locks = 0
        account.locked_until = None
        audit.record(session, actor, "account.unlocked", account)


def delete_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Take an account away for good; what it did stays in the log, by name.

    Two people do that together (`acts`). Raises NotAllowed, WrongState.
    """
    require_over(actor, account, *ADMINISTRATORS)
    _hold(account, session)
    if actor.id == account.id:
        raise WrongState("不能删除自己的账号。", "请由另一位管理员办理。")
    if account.duty != Duty.BUSINESS:
        _keep_one_of(account, session)
    for model in (AccessKey, BearerToken, Factor):
        session.execute(delete(model).where(model.account_id == account.id))
    audit.record(session, actor, "account.deleted", account, login=account.login, name=account.name)
    session.delete(account)
    session.flush()


def reset_password(
    actor: Actor, account: Account, password: str, *, session: Session, policy: Policy = POLICY
) -> None:
    """Give a new first password, to be changed at the next sign-in.

    Of one of the three administrators only by two people together (`acts`).

    Raises NotAllowed, Invalid, WrongState for who signs in elsewhere.
    """
    require_over(actor, account, Role.SECURITY_ADMINISTRATOR)
    require_business(actor, account)
    renew_password(actor, account, password, session=session, policy=policy)


def renew_password(
    actor: Actor, account: Account, password: str, *, session: Session, policy: Policy = POLICY
) -> None:
    """Give a new first password, when whoever may has agreed. Raises Invalid, WrongState."""
    if account.issuer is not None:
        raise WrongState("此账号不在这里设密码。", "请本人在统一身份认证或市级平台找回密码。")
    _set_password(account, password, session, policy)
    account.must_change = not account.emergency
    account.failures = account.locks = 0
    account.locked_until = None
    audit.record(session, actor, "account.password_reset", account)


def change_password(
    actor: Actor,
    account: Account,
    old: str,
    new: str,
    *,
    session: Session,
    policy: Policy = POLICY,
) -> None:
    """Change one's own password; other sessions and tokens end. Raises Invalid, WrongState."""
    if actor.id != account.id:
        raise WrongState("只能修改自己的密码。", "他人的密码请由安全保密管理员重置。")
    if account.issuer is not None:
        raise WrongState(
            "此账号的密码不在这里。",
            "请在统一身份认证或市级平台修改；断网时用的在菜单“离线密码”。",
        )
    if not password_fits(account.password_hash, old):
        raise wrong_old_password()
    if old == new:
        raise Invalid("password", "新密码与原密码相同。", "请换一个。", code="same_password")
    _set_password(account, new, session, policy)
    account.must_change = False
    audit.record(session, actor, "account.password_changed", account)


def wrong_old_password() -> Invalid:
    """What to tell who does not know the password that is to be changed."""
    return Invalid("old_password", "原密码不正确。", "请重新输入。", code="wrong_password")


def must_change_password(account: Account, policy: Policy) -> str:
    """Why somebody has to change the password before anything else; empty for who has not to.

    `first` for one that somebody else knows, `expired` for one that is older than
    `Policy.password_days`. The password of an emergency account is sealed, not used.
    """
    if account.must_change:
        return "first"
    if not policy.password_days or account.issuer is not None or account.emergency:
        return ""
    age = now() - (account.password_set_at or account.created_at)
    return "expired" if age > timedelta(days=policy.password_days) else ""


def actor_of(account: Account, session: Session | None = None) -> Actor:
    """Who acts when this account is signed in."""
    return Actor(id=account.id, name=account.name, grants=grants_of(account))


def _set_password(account: Account, password: str, session: Session, policy: Policy) -> None:
    check_password_rules(account.login, password, policy=policy)
    account.password_hash = hash_password(password)
    account.password_set_at = now()
    end_tokens(account, session)


def end_tokens(account: Account, session: Session) -> None:
    """End whatever sign-ins an account has here."""
    session.execute(delete(BearerToken).where(BearerToken.account_id == account.id))


def require_over(actor: Actor, account: Account, *roles: Role) -> None:
    """Raise NotAllowed unless the actor is such an administrator of the account's archive."""
    require(actor, *roles, archive=account.archive_code)


def require_business(actor: Actor, account: Account) -> None:
    """Raise WrongState for an administrator's account: nobody alone may become one of the three."""
    if account.duty != Duty.BUSINESS and not actor.system:
        name = role_names(account)[0]
        raise WrongState(
            f"这是{name}的账号，须两人办理。", "请提交双人确认，由另一人确认。",
            code="two_people",
        )  # fmt: skip


def looked_after_by(actor: Actor, statement: Select[Account]) -> Select[Account]:
    """Narrow a question for accounts to those that an administrator looks after."""
    archives = actor.archives(*ADMINISTRATORS)
    return statement if archives is None else statement.where(Account.archive_code.in_(archives))


def held_by_someone(role: Role, session: Session, *, but: str | None = None) -> bool:
    """Whether somebody who may sign in holds this role everywhere, `but` this account."""
    return (
        session.scalar(
            select(Account.id)
            .join(AccountGrant, AccountGrant.account_id == Account.id)
            .where(AccountGrant.role == role, Account.disabled.is_(False))
            .where(AccountGrant.archive_code.is_(None), AccountGrant.fonds_id.is_(None))
            .where(AccountGrant.class_code.is_(None), AccountGrant.openness == Openness.ALL)
            .where(AccountGrant.until.is_(None))
            .where(Account.id != but, Account.emergency.is_(False), Account.waiting.is_(False))
            .limit(1)
        )
        is not None
    )


def _own_archive(actor: Actor, role: Role, archive: str | None) -> str | None:
    """The archive that is meant: the actor's own, where there is just one."""
    held = actor.archives(role)
    return next(iter(held)) if archive is None and held is not None and len(held) == 1 else archive


def _one_archive(grants: Iterable[Grant]) -> str | None:
    """The archive that all of the grants are limited to; None where there is no such one."""
    archives = {each.archive_code for each in grants}
    return archives.pop() if len(archives) == 1 else None


def _within(actor: Actor, grant: Grant) -> Grant:
    """A grant, kept within what the actor may grant for. Raises NotAllowed."""
    archive = _own_archive(actor, Role.SECURITY_ADMINISTRATOR, grant.archive_code)
    require(actor, Role.SECURITY_ADMINISTRATOR, archive=archive)
    return replace(grant, archive_code=archive)


def _hold(account: Account, session: Session) -> None:
    """Hold an account for a change, and with it all administrators: one of each must remain."""
    administrators = select(AccountGrant.account_id).where(AccountGrant.role.in_(ADMINISTRATORS))
    locked_all(session, Account, [account.id, *session.scalars(administrators)])


def _of_systems(grants: Iterable[Grant]) -> bool:
    """Whether what is asked for is another system's, and nobody's who signs in."""
    roles = {each.role for each in grants}
    return roles == {Role.INTEGRATOR}


def _for_good(grant: Grant) -> bool:
    """Whether it is held everywhere and without an end."""
    return (grant.archive_code, grant.fonds_id, grant.until) == (None, None, None) and (
        not grant.partial
    )


def _keep_one_of(account: Account, session: Session) -> None:
    """Raise WrongState when nobody else holds what this administrator holds everywhere."""
    for each in account.grants:
        if _for_good(each.grant) and not held_by_someone(Role(each.role), session, but=account.id):
            name = ROLE_NAMES[Role(each.role)]
            raise WrongState(
                f"这是最后一位{name}。", f"请先授权另一位{name}，再办理。", code="last_one"
            )


def _login(text: str) -> str:
    login = unicodedata.normalize("NFKC", text).strip().lower()
    if not _LOGIN.fullmatch(login):
        raise Invalid(
            "login",
            "登录名不符合要求。",
            "请用 2 至 60 个小写字母、数字或 . _ - @，以字母或数字开头。",
        )
    return login


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text).strip()
    if not name or len(name) > _NAME_LENGTH or not name.isprintable():
        raise Invalid("name", "姓名不符合要求。", f"请填写 1 至 {_NAME_LENGTH} 个字的姓名。")
    return name


STATE_NAMES = {"active": "使用中", "waiting": "待授权", "disabled": "已停用"}


def state_of(account: Account) -> str:
    """How an account stands: a key of `STATE_NAMES`."""
    if account.disabled:
        return "disabled"
    return "waiting" if account.waiting else "active"
