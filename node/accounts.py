"""The commands `danglian node user …`: accounts of one node."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.acting import fonds_named
from node.office.places import NodeFolder
from node.office.service import fonds_here
from shared.command.main import json_option, show, show_table
from shared.identity import Account
from shared.kernel.actor import ROLE_NAMES, Grant, Role, system_actor
from shared.kernel.clock import local_text
from shared.kernel.errors import Invalid

_ACTOR = system_actor("命令行")
_ROLES = [str(role) for role in (Role.CLERK, Role.LEADER, Role.ADMINISTRATOR)]

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)


@click.group("user")
def user_group() -> None:
    """账号：添加、列出、停用、重置密码。"""


@user_group.command("add")
@folder_option
@click.option("--login", required=True, help="登录名。")
@click.option("--name", required=True, help="姓名。")
@click.option(
    "--role",
    "roles",
    type=click.Choice(_ROLES),
    required=True,
    multiple=True,
    help="角色，可重复。",
)
@click.option(
    "--fonds", "fonds", multiple=True, help="限于这些全宗（全宗号、名称或标识），可重复。"
)
@click.option(
    "--password", prompt="密码", hide_input=True, confirmation_prompt=True, help="初始密码。"
)
@click.option("--must-change", is_flag=True, help="首次登录须修改密码。")
@json_option
def add_user(
    *,
    folder: Path,
    login: str,
    name: str,
    roles: tuple[str, ...],
    fonds: tuple[str, ...],
    password: str,
    must_change: bool,
    as_json: bool,
) -> None:
    """添加一个账号；村的账号用 --fonds 限于本村全宗。"""
    from shared.identity import create_account

    with NodeFolder(folder).database().write() as session:
        scopes: list[str | None] = [fonds_named(each, session) for each in fonds]
        grants = [Grant(Role(role), fonds_id=scope) for role in roles for scope in scopes or [None]]
        account = create_account(
            _ACTOR, login, name, password, grants, session=session, must_change=must_change
        )
        account_id = account.id
    names = "、".join(ROLE_NAMES[Role(role)] for role in roles)
    show(
        {"account_id": account_id, "login": login},
        as_json=as_json,
        sentence=f"已添加账号“{login}”（{names}）。",
    )


@user_group.command("list")
@folder_option
@json_option
def list_users(folder: Path, as_json: bool) -> None:
    """列出账号。"""
    with NodeFolder(folder).database().read() as session:
        names = {each.id: each.name for each in fonds_here(session)}
        rows = [
            {
                "login": account.login,
                "name": account.name,
                "roles": "；".join(
                    ROLE_NAMES[Role(each.role)]
                    + (f"（{names.get(each.fonds_id, each.fonds_id)}）" if each.fonds_id else "")
                    for each in account.grants
                ),
                "state": "已停用" if account.disabled else "使用中",
                "last_sign_in": local_text(account.last_sign_in) or None,
            }
            for account in session.scalars(select(Account).order_by(Account.login))
        ]
    columns = {
        "login": "登录名",
        "name": "姓名",
        "roles": "角色",
        "state": "状态",
        "last_sign_in": "上次登录",
    }
    show_table(rows, columns, as_json=as_json, title="账号", key="users")


@user_group.command("disable")
@folder_option
@click.argument("login")
@json_option
def disable_user(folder: Path, login: str, as_json: bool) -> None:
    """停用一个账号。"""
    from shared.identity import disable_account

    with NodeFolder(folder).database().write() as session:
        disable_account(_ACTOR, _account(login, session), session=session)
    show({"login": login}, as_json=as_json, sentence=f"已停用账号“{login}”。")


@user_group.command("password")
@folder_option
@click.argument("login")
@click.option(
    "--password", prompt="新密码", hide_input=True, confirmation_prompt=True, help="新密码。"
)
@json_option
def reset_user_password(folder: Path, login: str, password: str, as_json: bool) -> None:
    """重置一个账号的密码；下次登录须修改。"""
    from shared.identity import reset_password

    with NodeFolder(folder).database().write() as session:
        reset_password(_ACTOR, _account(login, session), password, session=session)
    show({"login": login}, as_json=as_json, sentence=f"已重置账号“{login}”的密码。")


def _account(login: str, session: Session) -> Account:
    account = session.scalar(select(Account).where(Account.login == login.strip().lower()))
    if account is None:
        raise Invalid("login", f"没有账号“{login}”。", "请用 danglian node user list 查看。")
    return account
