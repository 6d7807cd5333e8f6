"""Pages of single sign-on: out to the identity service and back, and on to a node."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from hub.federation.edge import current_folder
from hub.signon import for_nodes
from hub.signon.edge import current_sign_on
from hub.signon.service import account_of_person, note_refusal, take_logout
from shared.identity import SignInRefused, current_actor, public, signed_in
from shared.kernel.errors import Unavailable
from shared.web import current_database
from shared.web.accounts.admission import enter, this_visit
from shared.web.accounts.door_views import onward_to
from shared.web.links import local_path

blueprint = Blueprint("sso", __name__, template_folder="templates")

_BEGUN = "sso"


@blueprint.get("/sso/start")
@public
def start() -> ResponseReturnValue:
    """Out to the service."""
    sign_on = current_sign_on()
    try:
        begun = sign_on.provider.begin(sign_on.back)
    except Unavailable as error:
        return _told(error), error.status
    target = local_path(request.args.get("next"), request.script_root + "/")
    session[_BEGUN] = [begun.state, begun.nonce, begun.verifier, target]
    return redirect(begun.url)


@blueprint.get("/sso/back")
@public
def back() -> ResponseReturnValue:
    """Back from the service, with a code or a refusal."""
    sign_on = current_sign_on()
    state, nonce, verifier, target = session.pop(_BEGUN, None) or ("", "", "", "")
    try:
        if not state or request.args.get("state") != state:
            raise SignInRefused("这次登录已经过期，或不是在这个浏览器里开始的。", "请重新登录。")
        sign_on.provider.check_issuer(request.args.get("iss"))
        if "code" not in request.args:
            raise SignInRefused("没有完成统一身份认证。", "请重新登录。", code="provider_refused")
        person = sign_on.provider.finish(
            request.args["code"], nonce=nonce, verifier=verifier, redirect_uri=sign_on.back
        )
        issuer = sign_on.provider.settings.issuer
        with current_database().write() as transaction:
            account = account_of_person(person, issuer, sign_on.mapping, session=transaction)
        visit = this_visit("provider", provider_session=person.session, id_token=person.id_token)
        return enter(account, visit, local_path(target, request.script_root + "/"))
    except SignInRefused as error:
        with current_database().write() as transaction:
            note_refusal(error.code, session=transaction)
        return _told(error), error.status
    except Unavailable as error:
        return _told(error), error.status


@blueprint.post("/api/v1/sso/back-channel-logout")
@public
def back_channel_logout() -> ResponseReturnValue:
    """The service says that a sign-in has ended there (Back-Channel Logout 1.0, 2.5)."""
    sign_on = current_sign_on()
    headers = {"Cache-Control": "no-store"}
    try:
        said = sign_on.provider.logged_out(request.form.get("logout_token", ""))
    except SignInRefused:
        return {"error": "invalid_request"}, 400, headers
    with current_database().write() as transaction:
        take_logout(sign_on.provider.settings.issuer, said, session=transaction)
    return "", 200, headers


@blueprint.get("/sign-on/authorize")
@signed_in
def authorize() -> ResponseReturnValue:
    """On to a node, with a code for it."""
    folder = current_folder()
    with current_database().write() as transaction:
        address = for_nodes.give_code(
            current_actor(),
            request.args.get("client_id", ""),
            request.args.get("request_uri", ""),
            folder.address.rstrip("/"),
            session=transaction,
            token=str(session.get("token", "")),
        )
    return onward_to(address, "正在返回单位")


def _told(error: SignInRefused | Unavailable) -> str:
    return render_template("signon/refused.html", error=error, local=url_for("accounts.sign_in"))
