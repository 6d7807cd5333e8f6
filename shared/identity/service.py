"""The verbs on accounts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from shared import audit
from shared.identity.models import Account, AccountGrant, BearerToken
from shared.identity.passwords import check_password_rules, hash_password, password_fits
from shared.identity.policy import POLICY, Policy
from shared.kernel.actor import ROLE_NAMES, Actor, Grant, Openness, Role, require
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
    grants: Iterable[Grant],
    *,
    session: Session,
    must_change: bool = False,
    emergency: bool = False,
    policy: Policy = POLICY,
) -> Account:
    """Make an account, an `emergency` one sealed. Raises NotAllowed, Invalid, Conflict."""
    require(actor, Role.ADMINISTRATOR)
    login = _login(login)
    check_password_rules(login, password, policy=policy)
    if session.scalar(select(Account.id).where(Account.login == login)) is not None:
        raise Conflict(
            f"登录名“{login}”已被使用。", "请换一个登录名。", code="login_taken", field="login"
        )
    account = Account(
        id=new_id(),
        login=login,
        name=_name(name),
        password_hash=hash_password(password),
        must_change=must_change,
        disabled=False,
        failures=0,
        emergency=emergency,
    )
    account.grants = make_grants(grants)
    session.add(account)
    session.flush()
    audit.record(
        session, actor, "account.created", account, login=login, grants=told_grants(account.grants)
    )
    return account


def account_of(account_id: str, session: Session) -> Account:
    """The account with this id. Raises NotFound."""
    account = session.get(Account, account_id)
    if account is None:
        raise NotFound("没有这个账号。", "请回到账号列表重新查看。")
    return account


def rename_account(actor: Actor, account: Account, name: str, *, session: Session) -> None:
    """Give the person's name anew. Raises NotAllowed, Invalid."""
    require(actor, Role.ADMINISTRATOR)
    name = _name(name)
    if name != account.name:
        act = audit.Act(was=account.name, became=name)
        account.name = name
        audit.record(session, actor, "account.renamed", account, act, name=name)


def set_grants(
    actor: Actor, account: Account, grants: Iterable[Grant], *, session: Session
) -> None:
    """Replace what the account is entitled to; one that waits for its first grant waits no more.

    Nobody takes the administrator's role from the last one, so that there always is one. Raises
    NotAllowed, WrongState.
    """
    require(actor, Role.ADMINISTRATOR)
    wanted = make_grants(grants)
    _hold(account, session)
    account.waiting = account.waiting and not wanted
    if told_grants(wanted) == told_grants(account.grants):
        return
    if _administers(account) and not any(_for_good(each.grant) for each in wanted):
        _keep_an_administrator(account, session)
    act = audit.Act(was=told_grants(account.grants), became=told_grants(wanted))
    account.grants = wanted
    session.flush()
    audit.record(session, actor, "account.grants_set", account, act, grants=told_grants(wanted))


def disable_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Close an account; its sessions and tokens end at once. Raises NotAllowed, WrongState."""
    require(actor, Role.ADMINISTRATOR)
    _hold(account, session)
    if account.disabled:
        return
    if actor.id == account.id:
        raise WrongState("不能停用自己的账号。", "请由另一位系统管理员办理。")
    if _administers(account):
        _keep_an_administrator(account, session)
    account.disabled = True
    end_tokens(account, session)
    audit.record(session, actor, "account.disabled", account)


def enable_account(actor: Actor, account: Account, *, session: Session) -> None:
    """Open a closed or locked account again. Raises NotAllowed."""
    require(actor, Role.ADMINISTRATOR)
    if account.disabled or account.locked_until is not None:
        account.disabled = False
        account.failures = account.locks = 0
        account.locked_until = None
        audit.record(session, actor, "account.enabled", account)


def reset_password(
    actor: Actor, account: Account, password: str, *, session: Session, policy: Policy = POLICY
) -> None:
    """Give a new first password, to be changed at the next sign-in.

    Raises NotAllowed, Invalid, WrongState for who signs in elsewhere.
    """
    require(actor, Role.ADMINISTRATOR)
    if account.issuer is not None:
        raise WrongState("此账号不在这里设密码。", "请本人在统一身份认证或市级平台找回密码。")
    _set_password(account, password, session, policy)
    account.must_change = actor.id != account.id and not account.emergency
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
        raise WrongState("只能修改自己的密码。", "他人的密码请由系统管理员重置。")
    if account.issuer is not None:
        raise WrongState(
            "此账号的密码不在这里。",
            "请在统一身份认证或市级平台修改；断网时用的在菜单“离线密码”。",
        )
    if not password_fits(account.password_hash, old):
        raise Invalid("old_password", "原密码不正确。", "请重新输入。", code="wrong_password")
    if old == new:
        raise Invalid("password", "新密码与原密码相同。", "请换一个。", code="same_password")
    _set_password(account, new, session, policy)
    account.must_change = False
    audit.record(session, actor, "account.password_changed", account)


def actor_of(account: Account, session: Session | None = None) -> Actor:
    """Who acts when this account is signed in."""
    return Actor(id=account.id, name=account.name, grants=grants_of(account))


def grants_of(account: Account) -> tuple[Grant, ...]:
    """What an account is entitled to today; what has ended counts nowhere."""
    return tuple(each.grant for each in account.grants if each.grant.in_force)


def _set_password(account: Account, password: str, session: Session, policy: Policy) -> None:
    check_password_rules(account.login, password, policy=policy)
    account.password_hash = hash_password(password)
    end_tokens(account, session)


def end_tokens(account: Account, session: Session) -> None:
    """End whatever sign-ins an account has here."""
    session.execute(delete(BearerToken).where(BearerToken.account_id == account.id))


def _administers(account: Account) -> bool:
    return any(_for_good(each.grant) for each in account.grants)


def _for_good(grant: Grant) -> bool:
    """Whether it makes an administrator that nobody has to follow."""
    return grant.role == Role.ADMINISTRATOR and grant.until is None and not grant.partial


def _hold(account: Account, session: Session) -> None:
    """Hold an account for a change, and with it all administrators: one of them must remain."""
    administrators = select(AccountGrant.account_id).where(AccountGrant.role == Role.ADMINISTRATOR)
    locked_all(session, Account, [account.id, *session.scalars(administrators)])


def _keep_an_administrator(account: Account, session: Session) -> None:
    other = session.scalar(
        select(Account.id)
        .join(AccountGrant, AccountGrant.account_id == Account.id)
        .where(AccountGrant.role == Role.ADMINISTRATOR, AccountGrant.until.is_(None))
        .where(AccountGrant.class_code.is_(None), AccountGrant.openness == Openness.ALL)
        .where(Account.disabled.is_(False))
        .where(Account.id != account.id, Account.emergency.is_(False))
        .limit(1)
    )
    if other is None:
        raise WrongState(
            "这是最后一位系统管理员。", "请先授权另一位系统管理员，再办理。", code="last_one"
        )


def make_grants(grants: Iterable[Grant]) -> list[AccountGrant]:
    """Grants as rows, each once."""
    unique = dict.fromkeys(grants)
    return [
        AccountGrant(
            id=new_id(),
            role=Role(each.role),
            archive_code=each.archive_code,
            fonds_id=each.fonds_id,
            class_code=each.class_code,
            openness=str(each.openness),
            until=each.until,
        )
        for each in unique
    ]


def told_grants(grants: Iterable[AccountGrant]) -> list[str]:
    """Grants as the audit tells them: `clerk:<fonds> class=WS openness=open until=2026-12-31`."""
    return sorted(
        " ".join(
            (
                ":".join(filter(None, (str(each.role), each.archive_code, each.fonds_id))),
                *([f"class={each.class_code}"] if each.class_code else ()),
                *([f"openness={each.openness}"] if each.openness != Openness.ALL else ()),
                *([f"until={each.until}"] if each.until else ()),
            )
        )
        for each in grants
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


def role_names(account: Account) -> list[str]:
    """The roles of an account in Chinese, each once."""
    return list(dict.fromkeys(ROLE_NAMES[each.role] for each in grants_of(account)))
