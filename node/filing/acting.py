"""Who acts on the command line: a named account of this node, with its own rights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.service import fonds_kept
from shared.command.acting import acts
from shared.command.main import json_option
from shared.identity import Account, actor_of
from shared.kernel.actor import Actor, Role
from shared.kernel.database import database_of
from shared.kernel.errors import Invalid, NotFound


def acting(login: str | None, *roles: Role, session: Session) -> Actor:
    """The account named by `--as`, or the only one that holds one of the roles.

    Raises NotFound for an unknown or closed account, Invalid when it is not clear who acts.
    """
    accounts = list(
        session.scalars(select(Account).where(Account.disabled.is_(False)).order_by(Account.login))
    )
    if login is not None:
        for account in accounts:
            if account.login == login.strip().lower():
                return _acts(account, session)
        raise NotFound(
            f"没有可用的账号“{login}”。", "请用 danglian node user list 查看账号。", field="as"
        )
    wanted = roles or (Role.CLERK,)
    able = [each for each in accounts if any(grant.role in wanted for grant in each.grants)]
    if len(able) != 1:
        names = "、".join(each.login for each in able)
        raise Invalid(
            "as",
            "有多个账号可以办理，不能确定是谁。" if able else "没有可以办理的账号。",
            f"请用 --as 指明：{names}。"
            if able
            else "请先用 danglian node user add 添加文书档案员。",
        )
    return _acts(able[0], session)


def _acts(account: Account, session: Session) -> Actor:
    actor = actor_of(account, session)
    acts(actor, database_of(session))
    return actor


def command_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command in which somebody acts: `--dir`, `--as`, `--json`."""
    command = json_option(command)
    command = click.option("--as", "login", default=None, help="以哪个账号的名义办理。")(command)
    return click.option(
        "--dir", "folder", type=click.Path(path_type=Path), required=True, help="节点的数据目录。"
    )(command)


def fonds_named(text: str | None, session: Session) -> str:
    """The id of a fonds named by number, name or id; the only one when nothing is named."""
    kept = fonds_kept(session)
    if text is None and len(kept) == 1:
        return kept[0].id
    for each in kept:
        if text in (each.id, each.number, each.name):
            return each.id
    names = "、".join(f"{each.name}（{each.number or '无全宗号'}）" for each in kept)
    problem = f"本机没有全宗“{text}”。" if text else "没有指明全宗。"
    raise NotFound(problem, f"本机的全宗：{names or '还没有'}。", field="fonds")
