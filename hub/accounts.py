"""The commands `danglian hub user …`: accounts of the platform."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.commands import ACTOR, folder_option
from hub.federation.places import HubFolder
from shared.command.accounts import add_account_commands, password_option, until_option
from shared.command.main import json_option, show
from shared.command.persons import by_options, person
from shared.kernel.actor import ROLE_NAMES, Openness, Role
from shared.records.grants import read_grant

if TYPE_CHECKING:
    from shared.identity import Policy

_ROLES = [str(role) for role in Role]


def _scope_names(session: Session) -> dict[str, str]:
    return {each.code: each.name for each in federation.archives(session)} | {
        each.id: each.name for each in federation.all_fonds(session)
    }


def _policy(folder: Path) -> Policy:
    from shared.identity import policy_of

    return policy_of(HubFolder(folder).settings)


@click.group("user")
def user_group() -> None:
    """账号：添加、授权、列出、停用、重置密码，补设三员。"""


@user_group.command("add")
@folder_option
@click.option("--login", required=True, help="登录名。")
@click.option("--name", required=True, help="姓名。")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="角色。")
@click.option("--archive", help="限于这个档案馆（代码）。")
@click.option("--fonds", "fonds_ids", multiple=True, help="限于这些全宗（编号），可重复。")
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
    role: str,
    archive: str | None,
    fonds_ids: tuple[str, ...],
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
    """添加一个账号，由系统管理员办理；安全保密管理员授权（user grant）后才能用。"""
    from shared.identity import create_account

    place, rules = HubFolder(folder).database(), _policy(folder)
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
        if archive is not None:
            federation.archive_of(archive, session)
        for each in fonds_ids:
            federation.fonds_of(each, session)
        grants = [
            read_grant(
                role,
                archive_code=archive,
                fonds_id=each,
                class_code=class_code,
                openness=Openness.OPEN if open_only else Openness.ALL,
                until=until,
            )
            for each in fonds_ids or (None,)
        ]
        account = create_account(
            maker,
            login,
            name,
            password,
            grants,
            session=session,
            must_change=must_change,
            archive=archive,
            policy=rules,
        )
        account_id = account.id
    show(
        {"account_id": account_id, "login": login},
        as_json=as_json,
        sentence=f"已添加账号“{login}”（{ROLE_NAMES[Role(role)]}），等待安全保密管理员授权。",
    )


add_account_commands(
    user_group,
    folder_option=folder_option,
    database=lambda folder: HubFolder(folder).database(),
    actor=ACTOR,
    scope_names=_scope_names,
    policy=_policy,
)
