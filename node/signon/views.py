"""Pages of signing in through the hub: out and back, and the password for days without net."""

from __future__ import annotations

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue

from node.registry.edge import current_folder
from node.signon import service
from shared.identity import SignInRefused, account_of, current_actor, public, signed_in
from shared.identity.elsewhere import set_pin
from shared.kernel.errors import DanglianError, Invalid
from shared.web import Form, current_database
from shared.web.accounts.admission import enter, this_visit
from shared.web.accounts.ways import current_policy
from shared.web.links import local_path

blueprint = Blueprint("sign_on", __name__, template_folder="templates")

_BEGUN = "sign_on"


@blueprint.get("/sign-on/start")
@public
def start() -> ResponseReturnValue:
    """Out to the hub."""
    address = url_for(".back", _external=True)
    try:
        begun = service.begin(current_folder(), address)
    except DanglianError as error:
        return _told(error)
    target = local_path(request.args.get("next"), request.script_root + "/")
    session[_BEGUN] = [begun.state, begun.verifier, address, target]
    return redirect(begun.url)


@blueprint.get("/sign-on/back")
@public
def back() -> ResponseReturnValue:
    """Back from the hub, with a code."""
    state, verifier, address, target = session.pop(_BEGUN, None) or ("", "", "", "")
    try:
        if not state or request.args.get("state") != state:
            raise SignInRefused("这次登录已经过期，或不是在这个浏览器里开始的。", "请重新登录。")
        code = request.args.get("code", "")
        account, at_hub = service.finish(current_folder(), code, verifier, address)
        first = not account.password_hash
        visit = this_visit("hub", provider_session=at_hub)
        answer = enter(account, visit, local_path(target, request.script_root + "/"))
    except DanglianError as error:
        return _told(error)
    if first:
        flash("断网时也要登录的，请在右上角菜单设置“离线密码”。", "info")
    return answer


@blueprint.route("/sign-on/pin", methods=["GET", "POST"])
@signed_in
def pin() -> ResponseReturnValue:
    """One's own password for days without net."""
    form = Form(request.form)
    actor = current_actor()
    with current_database().read() as transaction:
        account = account_of(actor.id, transaction)
    if request.method == "POST":
        throttle = current_app.extensions["danglian.throttle"]
        with form.catching():
            new = form.raw("password")
            if new != form.raw("again"):
                raise Invalid("again", "两次输入的离线密码不一致。", "请重新输入。")
            throttle.check(actor.id)
            try:
                with current_database().write() as transaction:
                    account = account_of(actor.id, transaction)
                    set_pin(actor, account, form.raw("old_password"), new, session=transaction)
            except Invalid:
                throttle.failed(actor.id)
                raise
            flash("离线密码已设置，断网时用登录名和它登录。", "success")
            return redirect(request.script_root + "/")
    return form.answer("signon/pin.html", account=account, days=current_policy().offline_days)


def _told(error: DanglianError) -> ResponseReturnValue:
    page = render_template("signon/refused.html", error=error, local=url_for("accounts.sign_in"))
    return page, error.status
