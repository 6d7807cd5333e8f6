"""The commands `danglian node user …`: accounts of one node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy.orm import Session

from node.filing.acting import fonds_named
from node.office.places import NodeFolder
from node.office.service import fonds_here
from shared.command.accounts import add_account_commands, password_option, until_option
from shared.command.main import json_option, show
from shared.command.persons import by_options, person
from shared.kernel.actor import ADMINISTRATORS, ROLE_NAMES, Openness, Role, system_actor
from shared.records.grants import read_grant

if TYPE_CHECKING:
    from shared.identity import Policy

_ACTOR = system_actor("命令行")
_ROLES = [str(role) for role in (Role.CLERK, Role.LEADER, Role.INTEGRATOR, *ADMINISTRATORS)]

folder_option = click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)


def _policy(folder: Path) -> Policy:
    from shared.identity import policy_of

    return policy_of(NodeFolder(folder).settings)


@click.group("user")
def user_group() -> None:
    """账号：添加、授权、列出、停用、重置密码，补设三员。"""


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
@click.option("--class", "class_code", help="限于这个门类（代码）。")
@click.option("--open-only", is_flag=True, help="只限开放意见为“开放”的档案。")
@until_option
@password_option
@click.option("--must-change", is_flag=True, help="首次登录须修改密码。")
@by_options(Role.SYSTEM_ADMINISTRATOR, "admin")
@json_option
def add_user(
    *,
    folder: Path,
    login: str,
    name: str,
    roles: tuple[str, ...],
    fonds: tuple[str, ...],
    class_code: str | None,
    open_only: bool,
    until: str | None,
    password: str,
    must_change: bool,
    by: str,
    by_password: str,
    by_code: str,
    as_json: bool,
) -> None:
    """添加一个账号，由系统管理员办理；安全保密管理员授权（user grant）后才能用。

    村的账号用 --fonds 限于本村全宗。
    """
    from shared.identity import create_account

    place, rules = NodeFolder(folder).database(), _policy(folder)
    maker = person(
        by,
        by_password,
        by_code,
        Role.SYSTEM_ADMINISTRATOR,
        folder=folder,
        database=place,
        policy=rules,
    )
    with place.write() as session:
        scopes: list[str | None] = [fonds_named(each, session) for each in fonds]
        grants = [
            read_grant(
                role,
                fonds_id=scope,
                class_code=class_code,
                openness=Openness.OPEN if open_only else Openness.ALL,
                until=until,
            )
            for role in roles
            for scope in scopes or [None]
        ]
        account = create_account(
            maker,
            login,
            name,
            password,
            grants,
            session=session,
            must_change=must_change,
            policy=rules,
        )
        account_id = account.id
    names = "、".join(ROLE_NAMES[Role(role)] for role in roles)
    show(
        {"account_id": account_id, "login": login},
        as_json=as_json,
        sentence=f"已添加账号“{login}”（{names}），等待安全保密管理员授权。",
    )


def _fonds_names(session: Session) -> dict[str, str]:
    return {each.id: each.name for each in fonds_here(session)}


add_account_commands(
    user_group,
    folder_option=folder_option,
    database=lambda folder: NodeFolder(folder).database(),
    actor=_ACTOR,
    scope_names=_fonds_names,
    policy=_policy,
)
