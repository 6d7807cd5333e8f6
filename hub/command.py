"""`danglian hub`: the commands of the city's platform."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import click
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.commands import (
    ACTOR,
    agreement_group,
    folder_option,
    fonds_group,
    node_group,
)
from hub.federation.founding import found_hub
from hub.federation.migration_command import migrate_command
from hub.federation.places import HubFolder
from hub.federation.recovery_command import doctor_command, grant_command, recover_command
from shared.command.main import json_option, show, show_table
from shared.kernel.actor import ROLE_NAMES, Grant, Role
from shared.kernel.clock import local_text
from shared.kernel.errors import Invalid
from shared.kernel.files import folder_lock
from shared.kernel.keys import random_token

#: The roles that there are at a hub.
ROLES = [str(role) for role in Role]


def _holdings(node_id: str, session: Session) -> Iterable[Any]:
    from hub.wiring import holdings

    return holdings(node_id, session)


@click.group("hub")
def hub() -> None:
    """市级平台：初始化、运行、账号、全宗、联网单位。"""


hub.add_command(fonds_group)
hub.add_command(node_group)
hub.add_command(agreement_group)
hub.add_command(recover_command)
hub.add_command(doctor_command)
hub.add_command(migrate_command)
node_group.add_command(grant_command(_holdings))


@hub.command("init")
@folder_option
@click.option("--name", required=True, help="平台名称，显示在每个页面上。")
@click.option("--city", required=True, help="市的12位区划代码，如 420500000000。")
@click.option("--port", default=8060, show_default=True, help="网页端口。")
@click.option(
    "--database", default="", help="PostgreSQL 数据库的地址；不填则用数据目录中的 SQLite。"
)
@click.option("--admin", default="admin", show_default=True, help="系统管理员的登录名。")
@click.option("--admin-password", help="系统管理员的密码；不填则生成一个，首次登录须修改。")
@json_option
def init(
    *,
    folder: Path,
    name: str,
    city: str,
    port: int,
    database: str,
    admin: str,
    admin_password: str | None,
    as_json: bool,
) -> None:
    """建立平台的数据目录，载入区划和档案馆，建立系统管理员账号。"""
    from shared.identity import check_password_rules, create_account
    from shared.records.divisions import load_divisions

    if city not in load_divisions():
        raise Invalid(
            "city",
            f"区划表中没有代码为 {city} 的市。",
            "请填写12位的市级区划代码，如 420500000000。",
        )
    password = admin_password or f"Dl-{random_token(6)}"
    check_password_rules(admin, password)
    place = HubFolder.create(folder, name=name, city=city, port=port, database=database)
    with place.database().write() as session:
        found_hub(ACTOR, place, session=session)
        create_account(
            ACTOR,
            admin,
            "系统管理员",
            password,
            [Grant(Role.ADMINISTRATOR)],
            session=session,
            must_change=admin_password is None,
        )
        archives = len(federation.archives(session))
    place.database().close()
    place.establish()
    result = {"hub_id": place.settings.hub_id, "dir": str(place.path), "archives": archives}
    if admin_password is None:
        result["admin_password"] = password
    told = (
        "" if admin_password else f"\n系统管理员：{admin}，初始密码：{password}（首次登录须修改）"
    )
    show(
        result,
        as_json=as_json,
        sentence=f"已建立“{name}”（{archives} 个档案馆），数据目录 {place.path}。{told}",
    )


@hub.command("run")
@folder_option
@click.option("--host", help="监听地址；不填按设置。")
@click.option("--port", type=int, help="端口；不填按设置，0 取一个空闲端口。")
@json_option
def run(folder: Path, host: str | None, port: int | None, as_json: bool) -> None:
    """运行平台：网页、接口，以及与各单位的收发。按 Ctrl-C 停止。"""
    from hub.app import make_app
    from hub.wiring import start
    from shared.web import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    place = HubFolder(folder)
    settings = place.settings
    stopping = threading.Event()
    _stop_on_signal(stopping)
    with folder_lock(place.path, "hub run"):
        server = serve(
            make_app(place),
            host or settings.host,
            settings.port if port is None else port,
            threads=settings.threads,
        )
        background = start(place)
        show(
            {"url": server.url, "hub_id": settings.hub_id},
            as_json=as_json,
            sentence=f"{settings.name}已启动：{server.url} （按 Ctrl-C 停止）",
        )
        stopping.wait()
        server.stop()
        background.stop()
        place.database().close()


def _stop_on_signal(stopping: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


@hub.command("status")
@folder_option
@json_option
def status(folder: Path, as_json: bool) -> None:
    """平台的概况：档案馆、全宗、联网单位、目录条数。"""
    from hub.overview import overview_of

    place = HubFolder(folder)
    with place.database().read() as session:
        found = overview_of(session)
    result = {"name": place.settings.name, "hub_id": place.settings.hub_id, **found}
    if as_json:
        show(result, as_json=True, sentence="")
        return
    rows = [
        {"what": "平台", "value": place.settings.name},
        {"what": "地址", "value": place.address},
        {"what": "代", "value": found["generation"]},
        {"what": "档案馆", "value": found["archives"]},
        {"what": "全宗", "value": found["fonds"]},
        {"what": "联网单位", "value": found["nodes"]},
        {"what": "目录条数", "value": found["records"]},
        {"what": "其中已接收", "value": found["received"]},
        {"what": "等待确认恢复的单位", "value": found["asking"]},
    ]
    show_table(rows, {"what": "项目", "value": "情况"}, as_json=False, title="平台概况")


@hub.group("user")
def user_group() -> None:
    """账号：添加、列出、停用、重置密码。"""


@user_group.command("add")
@folder_option
@click.option("--login", required=True, help="登录名。")
@click.option("--name", required=True, help="姓名。")
@click.option("--role", type=click.Choice(ROLES), required=True, help="角色。")
@click.option("--archive", help="限于这个档案馆（代码）。")
@click.option("--fonds", "fonds_ids", multiple=True, help="限于这些全宗（编号），可重复。")
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
    role: str,
    archive: str | None,
    fonds_ids: tuple[str, ...],
    password: str,
    must_change: bool,
    as_json: bool,
) -> None:
    """添加一个账号。"""
    from shared.identity import create_account

    with HubFolder(folder).database().write() as session:
        if archive is not None:
            federation.archive_of(archive, session)
        for each in fonds_ids:
            federation.fonds_of(each, session)
        grants = [Grant(Role(role), archive, each) for each in fonds_ids or (None,)]
        account = create_account(
            ACTOR, login, name, password, grants, session=session, must_change=must_change
        )
        account_id = account.id
    show(
        {"account_id": account_id, "login": login},
        as_json=as_json,
        sentence=f"已添加账号“{login}”（{ROLE_NAMES[Role(role)]}）。",
    )


@user_group.command("list")
@folder_option
@json_option
def list_users(folder: Path, as_json: bool) -> None:
    """列出账号。"""
    from shared.identity import Account

    with HubFolder(folder).database().read() as session:
        rows = [
            {
                "login": account.login,
                "name": account.name,
                "roles": "；".join(_grant_text(each) for each in account.grants),
                "state": "已停用" if account.disabled else "使用中",
                "last_sign_in": local_text(account.last_sign_in) or None,
            }
            for account in session.scalars(select(Account).order_by(Account.login))
        ]
    show_table(
        rows,
        {
            "login": "登录名",
            "name": "姓名",
            "roles": "角色",
            "state": "状态",
            "last_sign_in": "上次登录",
        },
        as_json=as_json,
        title="账号",
        key="users",
    )


@user_group.command("disable")
@folder_option
@click.argument("login")
@json_option
def disable_user(folder: Path, login: str, as_json: bool) -> None:
    """停用一个账号。"""
    from shared.identity import disable_account

    with HubFolder(folder).database().write() as session:
        disable_account(ACTOR, _account(login, session), session=session)
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

    with HubFolder(folder).database().write() as session:
        reset_password(ACTOR, _account(login, session), password, session=session)
    show({"login": login}, as_json=as_json, sentence=f"已重置账号“{login}”的密码。")


def _account(login: str, session: Session) -> Any:
    from shared.identity import Account

    account = session.scalar(select(Account).where(func.lower(Account.login) == login.lower()))
    if account is None:
        raise Invalid("login", f"没有账号“{login}”。", "请用 danglian hub user list 查看。")
    return account


def _grant_text(grant: Any) -> str:
    scope = grant.archive_code or grant.fonds_id
    return ROLE_NAMES[Role(grant.role)] + (f"（{scope}）" if scope else "")
