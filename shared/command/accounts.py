"""The account commands that hub and node share: list, disable, reset a password.

Adding an account differs, because the roles and their scopes do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import select

from shared.command.main import AskedOption, json_option, show, show_table
from shared.kernel.actor import OPENNESS_NAMES, ROLE_NAMES, Actor, Openness, Role
from shared.kernel.database import Database
from shared.kernel.errors import NotFound
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
    """Give a group `user` its commands `list`, `disable` and `password`.

    `scope_names` tells how a scope (an archive's code, a fonds' id) is called, `policy` what is
    asked of passwords.
    """

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

    @group.command("disable")
    @folder_option
    @click.argument("login")
    @json_option
    def disable_user(folder: Path, login: str, as_json: bool) -> None:
        """停用一个账号。"""
        from shared.identity import disable_account

        with database(folder).write() as session:
            disable_account(actor, _account(login, session), session=session)
        show({"login": login}, as_json=as_json, sentence=f"已停用账号“{login}”。")

    @group.command("password")
    @folder_option
    @click.argument("login")
    @password_option
    @json_option
    def reset_user_password(folder: Path, login: str, password: str, as_json: bool) -> None:
        """重置一个账号的密码；下次登录须修改。"""
        from shared.identity import reset_password

        with database(folder).write() as session:
            reset_password(
                actor,
                _account(login, session),
                password,
                session=session,
                policy=policy(folder),
            )
        show({"login": login}, as_json=as_json, sentence=f"已重置账号“{login}”的密码。")


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
