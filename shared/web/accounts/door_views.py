"""Signing in and out: the pages of the door."""

from __future__ import annotations

from typing import Any

from flask import (
    Response,
    after_this_request,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from shared.identity import Account, NotSignedIn, Visit, current_actor_or_none, public
from shared.identity.factors import Site, check_code, factors_of
from shared.identity.models import FactorKind
from shared.identity.signing_in import half_signed_in, revoke_token
from shared.web.accounts.admission import counted, enter, finish, prove, this_visit
from shared.web.accounts.views import blueprint
from shared.web.accounts.ways import current_factor_key, current_policy, current_way
from shared.web.current import current_database
from shared.web.forms import Form
from shared.web.links import local_path


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> ResponseReturnValue:
    """The page of name and password, with the other way above it where there is one."""
    target = local_path(request.args.get("next"), request.script_root + "/")
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            account = prove(form["login"], form.raw("password"))
            return enter(account, this_visit(), target)
    elif current_actor_or_none() is not None:
        return redirect(target)
    return form.answer("accounts/sign_in.html", way=current_way(), target=target)


@blueprint.route("/sign-in/second", methods=["GET", "POST"])
@public
def second_factor() -> ResponseReturnValue:
    """The page of the second factor: a code, or a security key."""
    try:
        account_id, visit = _half()
    except NotSignedIn:
        flash("登录已超时，请重新登录。", "warning")
        return redirect(url_for(".sign_in"))
    target = local_path(session.get("next"), request.script_root + "/")
    form = Form(request.form)
    with current_database().read() as transaction:
        kinds = {each.kind for each in factors_of(account_id, transaction)}
    if request.method == "POST":
        with form.catching():
            account = counted(lambda: _shown(account_id, form))
            return _complete(account, visit, target)
    options = _asked_of_keys(account_id) if FactorKind.WEBAUTHN in kinds else ""
    return form.answer(
        "accounts/second_factor.html", options=options, has_app=FactorKind.TOTP in kinds
    )


def _asked_of_keys(account_id: str) -> str:
    """What the browser needs to ask a security key; its challenge is kept in the session."""
    from shared.identity.security_keys import authentication_options  # who has none loads nothing

    with current_database().read() as transaction:
        options, session["challenge"] = authentication_options(account_id, this_site(), transaction)
    return options


@blueprint.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """End the session here, and where it began."""
    kept = current_app.extensions["danglian.sessions"].end()
    after_this_request(_clear_browser)
    way = current_way()
    onward = way.farewell(kept) if way and kept else None
    if onward:
        return onward_to(onward, "正在退出统一登录")
    flash("已退出登录。", "success")
    if kept is not None and kept.way == "hub" and not (way and way.end_there(kept)):
        flash("市级平台上的登录还在；用公用电脑的，请也从市级平台退出。", "info")
    return redirect(url_for(".sign_in"))


def _clear_browser(response: Response) -> Response:
    """Let the browser forget what our pages have left in it; cookies may be another office's."""
    response.headers["Clear-Site-Data"] = '"storage"'
    return response


def onward_to(address: str, title: str) -> str:
    """A page that leads to another site: no form of ours may be redirected there (CSP)."""
    return render_template("accounts/onward.html", address=address, onward_title=title)


def this_site() -> Site:
    """The site as the browser sees it, for security keys."""
    return Site(request.host.rpartition(":")[0] or request.host, request.host_url.rstrip("/"))


def _half() -> tuple[str, Visit]:
    with current_database().read() as transaction:
        return half_signed_in(str(session.get("half", "")), session=transaction)


def _shown(account_id: str, form: Form) -> Account:
    common: dict[str, Any] = {"database": current_database(), "policy": current_policy()}
    if form["answer"]:
        from shared.identity.security_keys import check_security_key  # as above

        return check_security_key(
            account_id,
            answer=form.raw("answer"),
            challenge=str(session.pop("challenge", "")),
            site=this_site(),
            **common,
        )
    return check_code(account_id, form["code"], key=current_factor_key(), **common)


def _complete(account: Account, visit: Visit, target: str) -> ResponseReturnValue:
    with current_database().write() as transaction:
        revoke_token(str(session.get("half", "")), session=transaction)
    return finish(account, visit, target)
