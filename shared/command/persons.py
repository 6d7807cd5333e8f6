"""Commands of the three administrators: who acts, proved as at the door of the pages.

Whoever has the machine can change its data anyhow; but through the program each of the three does
only what is theirs, and the log names the person and not "the command line".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shared.command.acting import acts
from shared.command.main import AskedOption
from shared.kernel.actor import ROLE_NAMES, Actor, Role
from shared.kernel.database import Database
from shared.kernel.errors import Invalid, NotAllowed

if TYPE_CHECKING:
    from shared.identity import Policy


def by_options(role: Role, login: str, *, name: str = "by") -> Callable[..., Any]:
    """The options `--by`, `--by-password`, `--by-code`: who acts, as which of the administrators.

    A command receives `by`, `by_password` and `by_code`; or the same under another `name`.
    """
    who = ROLE_NAMES[role]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(f"--{name}-code", default="", help=f"{who}的动态码；登记了双因素的须填。"),
            click.option(
                f"--{name}-password",
                cls=AskedOption,
                prompt=f"{who}的密码",
                hide_input=True,
                help=f"{who}本人的密码。",
            ),
            click.option(
                f"--{name}",
                default=login,
                show_default=True,
                help=f"由哪位{who}办理（登录名）。",
            ),
        ):
            command = option(command)
        return command

    return add


def person(
    login: str,
    password: str,
    code: str,
    *roles: Role,
    folder: Path,
    database: Database,
    policy: Policy,
) -> Actor:
    """Who acts, once name, password and second factor were right, and one of the roles is held.

    Raises SignInRefused; failures count as at the door. Raises NotAllowed for another's role, or
    while a password has to be changed, or a second factor to be
    registered.
    """
    from shared.identity import SignInRefused, actor_of, authenticate
    from shared.identity.factor_key import factor_key
    from shared.identity.factors import check_code, has_factor, must_have_factor
    from shared.identity.service import must_change_password

    account = authenticate(login, password, database=database, policy=policy)
    with database.read() as session:
        asks = has_factor(account.id, session)
    if asks:
        if not code:
            raise SignInRefused(
                "此账号需要双因素。", "请同时给出动态码。", code="second_factor_needed"
            )
        key = factor_key(folder)
        account = check_code(account.id, code, database=database, key=key, policy=policy)
    actor = actor_of(account)
    acts(actor, database)
    if must := must_change_password(account, policy):
        raise NotAllowed(
            "密码已到期，须先修改。" if must == "expired" else "初始密码须先修改。",
            "请先在网页上登录并修改密码。",
            code="must_change_password",
        )
    if must_have_factor(account, policy) and not asks:
        raise NotAllowed(
            "管理员须先登记双因素。", "请先在网页上登录并登记。", code="second_factor_needed"
        )
    if not actor.has(*roles):
        wanted = "、".join(ROLE_NAMES[each] for each in roles)
        raise NotAllowed(f"“{login}”不是{wanted}。", "请由本人办理，并写明其登录名。")
    return actor


def two_people_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a dangerous act at the machine: `--first…` and `--second…`, two people's.

    A command receives `first`, `first_password`, `first_code`, and the same of `second`; all may
    be empty, `two_people` asks for what is missing.
    """
    for which, name in (("second", "另一个人"), ("first", "办理的人")):
        for option, what in (("code", "动态码"), ("password", "密码"), ("", "登录名")):
            flag = f"--{which}-{option}" if option else f"--{which}"
            command = click.option(flag, default="", help=f"{name}的{what}。")(command)
    return command


def two_people(
    given: Mapping[str, Any],
    first: Role,
    second: Role,
    *,
    folder: Path,
    database: Database,
    policy: Policy,
) -> tuple[Actor, Actor]:
    """The two people who do a dangerous act at the machine, both proved as at the door.

    `given` are the options of `two_people_options` and `as_json`; what is missing is asked for.

    Raises SignInRefused, NotAllowed for another's role, Invalid for one person twice.
    """
    people = []
    for which, role in (("first", first), ("second", second)):
        login = given[which] or _asked(given, which, f"{ROLE_NAMES[role]}的登录名")
        password = given[f"{which}_password"] or _asked(
            given, f"{which}-password", f"“{login}”的密码", hide=True
        )
        code = given[f"{which}_code"]
        people.append(
            person(login, password, code, role, folder=folder, database=database, policy=policy)
        )
    one, other = people
    if one.id == other.id:
        raise Invalid("second", "两人不能是同一个人。", "请由另一个人填写自己的登录名和密码。")
    return one, other


def _asked(given: Mapping[str, Any], option: str, text: str, *, hide: bool = False) -> str:
    if given.get("as_json"):
        raise Invalid(
            option,
            f"此操作须两人办理，没有写明{text}。",
            f"请用 --{option} 写明；用 --json 时不会询问。",
            code="two_people",
        )
    return str(click.prompt(text, hide_input=hide))
