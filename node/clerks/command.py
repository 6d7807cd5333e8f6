"""`danglian node change-clerk`: a change of clerk in one go, all three at this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.clerks.inventory import ROLE_NAMES
from node.clerks.service import prepare_change, sign_change
from node.office.places import NodeFolder
from shared.command.main import json_option, show
from shared.command.persons import person
from shared.kernel.actor import Actor, Role
from shared.kernel.errors import Invalid

_SIGNERS = {"giver": "移交人（已离岗的，单位负责人）", "taker": "接收人", "witness": "监交人"}


def _signers(command: Any) -> Any:
    for role, name in reversed(_SIGNERS.items()):
        for option, what in (("code", "动态码"), ("password", "密码"), ("", "登录名")):
            flag = f"--{role}-{option}" if option else f"--{role}"
            command = click.option(flag, default="", required=not option, help=f"{name}的{what}。")(
                command
            )
    return command


@click.command("change-clerk")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
)
@click.option("--leaving", default="", help="移交人的登录名；已离岗的才须写。")
@click.option("--reason", required=True, help="交接原因，如：调离、退休。")
@_signers
@json_option
def change_clerk_command(
    *, folder: Path, leaving: str, reason: str, as_json: bool, **given: str
) -> None:
    """办理经办人交接：三人在场，各用自己的密码签字；移交人的账号停用，手头的事转给接收人。"""
    from sqlalchemy import select

    from shared.identity import Account, policy_of

    place = NodeFolder(folder)
    database, policy = place.database(), policy_of(place.settings)

    def proved(role: str) -> Actor:
        login, password = given[role], given[f"{role}_password"]
        if not password:
            if as_json:
                raise Invalid(
                    f"{role}-password", f"没有写明{ROLE_NAMES[role]}的密码。",
                    "用 --json 时须写明，不会询问。",
                )  # fmt: skip
            password = click.prompt(f"{ROLE_NAMES[role]}“{login}”的密码", hide_input=True)
        return person(
            login, password, given[f"{role}_code"], Role.CLERK, Role.LEADER,
            folder=place.path, database=database, policy=policy,
        )  # fmt: skip

    signers = {role: proved(role) for role in ROLE_NAMES}
    with database.write() as session:

        def named(login: str) -> Account:
            account = session.scalar(select(Account).where(Account.login == login.strip().lower()))
            if account is None:
                raise Invalid("leaving", f"没有账号“{login}”。", "请用 user list 查看有哪些账号。")
            return account

        change = prepare_change(
            signers["giver"], named(leaving or given["giver"]), named(given["taker"]), reason,
            has_left=bool(leaving), session=session,
        )  # fmt: skip
        for role, actor in signers.items():
            sign_change(actor, change.id, role, change.digest, session=session)
        result = {
            "id": change.id,
            "leaving": change.leaving_name,
            "successor": change.successor_name,
            "counts": change.inventory["counts"],
            "digest": change.digest,
        }
    show(
        result,
        as_json=as_json,
        sentence=f"“{result['leaving']}”已交接给“{result['successor']}”，账号已停用；"
        "清册在网页“交接”里打印。",
    )
