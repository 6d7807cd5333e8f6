"""Signing in at this door, with a brake on guessing from one address."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from shared import identity
from shared.identity import Account, SignedIn, SignInRefused, Visit
from shared.identity.factors import check_code, has_factor
from shared.identity.signing_in import issue_token
from shared.kernel.clock import local_text
from shared.kernel.errors import Invalid
from shared.web.accounts.ways import current_factor_key, current_policy
from shared.web.current import current_database

Answer = TypeVar("Answer")


def prove(login: str, typed: str) -> Account:
    """The account that name and password open. Raises SignInRefused, TooManyAttempts."""
    return counted(
        lambda: identity.authenticate(
            login, typed, database=current_database(), policy=current_policy()
        )
    )


def counted(check: Callable[[], Answer]) -> Answer:
    """What a check at the door says, its failures counted by address. Raises as it does."""
    throttle = current_app.extensions["danglian.throttle"]
    place = request.remote_addr or ""
    throttle.check(place)
    try:
        return check()
    except (SignInRefused, Invalid):
        throttle.failed(place)
        raise


def this_visit(way: str = "password", **details: str | None) -> Visit:
    """From where the current request comes."""
    return Visit(request.remote_addr or "", request.user_agent.string, way, **details)


def admit_program(login: str, typed: str, code: str) -> SignedIn:
    """Sign a program in, with the second factor where the account has one.

    Raises SignInRefused, TooManyAttempts.
    """
    account = prove(login, typed)
    database, policy = current_database(), current_policy()
    with database.read() as transaction:
        asks = has_factor(account.id, transaction)
    if asks and not code:
        raise SignInRefused(
            "此账号需要双因素。", "请同时给出动态码（code）。", code="second_factor_needed"
        )
    if asks:
        key = current_factor_key()
        counted(lambda: check_code(account.id, code, database=database, key=key, policy=policy))
    with database.write() as transaction:
        return identity.begin(account, this_visit(), session=transaction, policy=policy)


def enter(account: Account, visit: Visit, target: str) -> ResponseReturnValue:
    """Sign the browser in, or ask it for the second factor first. Raises SignInRefused."""
    with current_database().read() as transaction:
        asks = has_factor(account.id, transaction)
    if not asks:
        return finish(account, visit, target)
    with current_database().write() as transaction:
        half = issue_token(account, session=transaction, visit=visit, awaits_factor=True)
    current_app.extensions["danglian.sessions"].end()
    session["half"], session["next"] = half, target
    return redirect(url_for("accounts.second_factor"))


def finish(account: Account, visit: Visit, target: str) -> ResponseReturnValue:
    """Sign the browser in, under a new session, and tell of the time before."""
    with current_database().write() as transaction:
        done = identity.begin(account, visit, session=transaction, policy=current_policy())
    current_app.extensions["danglian.sessions"].begin(done.token)
    if done.failed_since:
        flash(
            f"{_last(done)}此后有 {done.failed_since} 次登录未成功；如非本人所为，请修改密码。",
            "warning",
        )
    elif done.last_sign_in is not None:
        flash(_last(done), "info")
    for each in done.notices:
        by = "" if each.by == done.account.name else f"，由 {each.by} 办理"
        told = f"{local_text(each.at)} {each.words}{by}；如有不符，请联系安全保密管理员。"
        flash(told, "warning")
    return redirect(target)


def _last(done: SignedIn) -> str:
    if done.last_sign_in is None:
        return ""
    place = f"，来自 {done.last_place}" if done.last_place else ""
    return f"上次登录：{local_text(done.last_sign_in)}{place}。"
