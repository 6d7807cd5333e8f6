"""The account commands that hub and node share: list, grant, disable, reset a password.

Adding an account differs, because the roles and their scopes do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select

from shared.command.main import AskedOption, json_option, show, show_table
from shared.command.persons import by_options, person
from shared.kernel.actor import ADMINISTRATORS, OPENNESS_NAMES, ROLE_NAMES, Actor, Openness, Role
from shared.kernel.database import Database
from shared.kernel.errors import NotFound, WrongState
from shared.records.classes import class_name

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.identity import Account, Policy

#: Given to a command that makes or resets a password.
password_option = click.option(
    "--password",
    cls=AskedOption,
    prompt="密码",
    hide_input=True,
    confirmation_prompt=True,
    help="新的密码。",
)
#: Given to a command that makes an account.
until_option = click.option(
    "--until", help="授权的截止日期（含当天），如 2026-12-31；不写没有截止。"
)
_COLUMNS = {
    "login": "登录名",
    "name": "姓名",
    "role_names": "角色",
    "state_name": "状态",
    "last_sign_in": "上次登录",
}


def add_account_commands(
    group: click.Group,
    *,
    folder_option: Callable[..., Any],
    database: Callable[[Path], Database],
    actor: Actor,
    scope_names: Callable[[Session], Mapping[str, str]],
    policy: Callable[[Path], Policy],
) -> None:
    """Give a group `user` its commands: `list`, `grant`, `disable`, `key`, `password` and so on.

    `scope_names` tells how a scope (an archive's code, a fonds' id) is called, `policy` what is
    asked of passwords.
    """

    def acting(role: Role, folder: Path, shown: tuple[str, str, str]) -> tuple[Database, Actor]:
        """The database of a folder, and who acts there by what was shown (`by_options`)."""
        place = database(folder)
        return place, person(*shown, role, folder=folder, database=place, policy=policy(folder))

    @group.command("list")
    @folder_option
    @json_option
    def list_users(folder: Path, as_json: bool) -> None:
        """列出账号。"""
        from shared.identity import Account
        from shared.identity.service import STATE_NAMES, state_of

        with database(folder).read() as session:
            names = scope_names(session)
            rows = [
                {
                    "login": account.login,
                    "name": account.name,
                    "roles": [
                        {
                            "role": each.role,
                            "archive": each.archive_code,
                            "fonds": each.fonds_id,
                            "class": each.class_code,
                            "openness": each.openness,
                            "until": each.until,
                        }
                        for each in account.grants
                    ],
                    "role_names": "；".join(_grant_text(each, names) for each in account.grants),
                    "state": state_of(account),
                    "state_name": STATE_NAMES[state_of(account)],
                    "last_sign_in": account.last_sign_in,
                }
                for account in session.scalars(select(Account).order_by(Account.login))
            ]
        show_table(rows, _COLUMNS, as_json=as_json, title="账号", key="users")

    @group.command("grant")
    @folder_option
    @click.argument("logins", nargs=-1, required=True)
    @by_options(Role.SECURITY_ADMINISTRATOR, "security")
    @json_option
    def grant_user(
        *,
        folder: Path,
        logins: tuple[str, ...],
        by: str,
        by_password: str,
        by_code: str,
        as_json: bool,
    ) -> None:
        """授予账号添加时申请的角色和范围，账号从此可用；由安全保密管理员办理。"""
        from shared.identity import set_grants
        from shared.identity.grants import proposed_grants

        place, granter = acting(Role.SECURITY_ADMINISTRATOR, folder, (by, by_password, by_code))
        with place.write() as session:
            for login in logins:
                account = _account(login, session)
                wanted = proposed_grants(account)
                if not account.waiting or not wanted:
                    raise WrongState(
                        f"账号“{login}”没有等待授权的申请。", "请在账号页面调整它的授权。"
                    )
                set_grants(granter, account, wanted, session=session)
        show(
            {"logins": list(logins)},
            as_json=as_json,
            sentence=f"已授权：{'、'.join(logins)}。",
        )

    @group.command("administrators")
    @folder_option
    @click.option(
        "--more",
        type=click.Choice([str(each) for each in ADMINISTRATORS]),
        help="这一员已有人，再设一位（如其密码遗失）。",
    )
    @json_option
    def administrators(folder: Path, more: str | None, as_json: bool) -> None:
        """补设三员中没有人担任的，各给一个一次性密码：升级以后、重建以后用。"""
        from shared.identity.founders import found_administrators

        with database(folder).write() as session:
            made = found_administrators(
                actor, session=session, more=Role(more) if more else None, policy=policy(folder)
            )
        told = told_administrators(made) if made else "三员齐全，没有补设。"
        show({"administrators": made}, as_json=as_json, sentence=told)

    @group.command("disable")
    @folder_option
    @click.argument("login")
    @by_options(Role.SYSTEM_ADMINISTRATOR, "admin")
    @json_option
    def disable_user(
        *, folder: Path, login: str, by: str, by_password: str, by_code: str, as_json: bool
    ) -> None:
        """停用一个账号；由系统管理员办理。"""
        from shared.identity import disable_account

        place, closer = acting(Role.SYSTEM_ADMINISTRATOR, folder, (by, by_password, by_code))
        with place.write() as session:
            disable_account(closer, _account(login, session), session=session)
        show({"login": login}, as_json=as_json, sentence=f"已停用账号“{login}”。")

    _add_key_command(group, folder_option, acting)

    @group.command("password")
    @folder_option
    @click.argument("login")
    @password_option
    @by_options(Role.SECURITY_ADMINISTRATOR, "security")
    @json_option
    def reset_user_password(
        *,
        folder: Path,
        login: str,
        password: str,
        by: str,
        by_password: str,
        by_code: str,
        as_json: bool,
    ) -> None:
        """重置一个账号的密码，下次登录须修改；由安全保密管理员办理，三员的须两人在网页上办理。"""
        from shared.identity import reset_password

        place, resetter = acting(Role.SECURITY_ADMINISTRATOR, folder, (by, by_password, by_code))
        with place.write() as session:
            reset_password(
                resetter,
                _account(login, session),
                password,
                session=session,
                policy=policy(folder),
            )
        show({"login": login}, as_json=as_json, sentence=f"已重置账号“{login}”的密码。")


def _add_key_command(
    group: click.Group,
    folder_option: Callable[..., Any],
    acting: Callable[[Role, Path, tuple[str, str, str]], tuple[Database, Actor]],
) -> None:
    @group.command("key")
    @folder_option
    @click.argument("login")
    @click.option("--revoke", is_flag=True, help="作废密钥，不发新的。")
    @by_options(Role.SYSTEM_ADMINISTRATOR, "admin")
    @json_option
    def access_key(
        *,
        folder: Path,
        login: str,
        revoke: bool,
        by: str,
        by_password: str,
        by_code: str,
        as_json: bool,
    ) -> None:
        """给系统对接的账号发一把新的接口密钥，只显示这一次；由系统管理员办理。"""
        from shared.identity.access_keys import issue_key, revoke_key

        place, giver = acting(Role.SYSTEM_ADMINISTRATOR, folder, (by, by_password, by_code))
        with place.write() as session:
            account = _account(login, session)
            if revoke:
                revoke_key(giver, account, session=session)
                told = f"已作废“{login}”的接口密钥。"
                key = None
            else:
                key = issue_key(giver, account, session=session)
                told = f"“{login}”的接口密钥，只显示这一次：{key}"
        show({"login": login, "key": key}, as_json=as_json, sentence=told)


def told_administrators(made: Mapping[str, str]) -> str:
    """The first passwords of the three, for whoever installs; shown this once."""
    lines = [f"  {login}  {password}" for login, password in made.items()]
    head = "三员的一次性密码只显示这一次，请分别交给三个人（首次登录须修改）："
    return "\n".join([head, *lines])


def _account(login: str, session: Session) -> Account:
    from shared.identity import Account

    # Login names are kept in lower case.
    account = session.scalar(select(Account).where(Account.login == login.strip().lower()))
    if account is None:
        raise NotFound(f"没有账号“{login}”。", "请用同组的 list 命令查看有哪些账号。")
    return account


def _grant_text(grant: Any, names: Mapping[str, str]) -> str:
    limits = [names.get(each, each) for each in (grant.archive_code, grant.fonds_id) if each]
    if grant.class_code:
        limits.append(class_name(grant.class_code))
    if grant.openness != Openness.ALL:
        limits.append(OPENNESS_NAMES[Openness(grant.openness)])
    if grant.until:
        limits.append(f"至 {grant.until}")
    return ROLE_NAMES[Role(grant.role)] + (f"（{'，'.join(limits)}）" if limits else "")
