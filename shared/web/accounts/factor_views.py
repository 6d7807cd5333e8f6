"""One's own second factors: an app, security keys, recovery codes."""

from __future__ import annotations

import base64

from flask import flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from shared.identity import Account, account_of, current_actor, signed_in, with_roles
from shared.identity import factors as second
from shared.identity.models import Factor
from shared.identity.signing_in import kept_token, token_digest
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.web.accounts.admission import counted
from shared.web.accounts.door_views import this_site
from shared.web.accounts.views import account_looked_after, blueprint
from shared.web.accounts.ways import current_factor_key, current_policy
from shared.web.current import current_database
from shared.web.forms import Form

_QR_POINTS = 180


@blueprint.get("/factors/")
@signed_in
def factors() -> ResponseReturnValue:
    """What I have, and what may be added."""
    return _page(Form(request.form))


@blueprint.post("/factors/app")
@signed_in
def add_app() -> ResponseReturnValue:
    """Take the app that shows the right code."""
    form = Form(request.form)
    with form.catching():
        secret = session.get("totp")
        if not isinstance(secret, str):
            raise Invalid("code", "这一页已经过期。", "请用下面新的二维码登记。")
        prove_again(form)
        with current_database().write() as transaction:
            second.add_totp(
                current_actor(),
                account_of(current_actor().id, transaction),
                secret,
                form["code"],
                session=transaction,
                key=current_factor_key(),
            )
        session.pop("totp", None)
        flash("手机动态码已登记，下次登录时需要。请再生成恢复码。", "success")
        return redirect(url_for(".factors"))
    return _page(form)


@blueprint.post("/factors/key/options")
@signed_in
def key_options() -> ResponseReturnValue:
    """What the browser needs to register a security key."""
    from shared.identity.security_keys import registration_options  # a library of 6 MB

    with current_database().read() as transaction:
        account = account_of(current_actor().id, transaction)
        options, session["challenge"] = registration_options(account, this_site(), transaction)
    return options, 200, {"Content-Type": "application/json"}


@blueprint.post("/factors/key")
@signed_in
def add_key() -> ResponseReturnValue:
    """Take the security key that has answered."""
    from shared.identity.security_keys import add_security_key  # as above

    form = Form(request.form)
    with form.catching():
        prove_again(form)
        with current_database().write() as transaction:
            add_security_key(
                current_actor(),
                account_of(current_actor().id, transaction),
                name=form["name"],
                answer=form.raw("answer"),
                challenge=str(session.pop("challenge", "")),
                site=this_site(),
                session=transaction,
            )
        flash("安全密钥已登记，下次登录时需要。请再生成恢复码。", "success")
        return redirect(url_for(".factors"))
    return _page(form)


@blueprint.post("/factors/recovery-codes")
@signed_in
def recovery_codes() -> ResponseReturnValue:
    """New recovery codes, shown this once."""
    form = Form(request.form)
    codes: list[str] = []
    with form.catching():
        prove_again(form)
        with current_database().write() as transaction:
            account = account_of(current_actor().id, transaction)
            codes = second.make_recovery_codes(current_actor(), account, session=transaction)
    return _page(form, codes)


@blueprint.post("/factors/<factor_id>/remove")
@signed_in
def remove_factor(factor_id: str) -> ResponseReturnValue:
    """Take one of mine away."""
    form = Form(request.form)
    with form.catching():
        prove_again(form)
        with current_database().write() as transaction:
            second.remove_factor(
                current_actor(),
                account_of(current_actor().id, transaction),
                factor_id,
                session=transaction,
                policy=current_policy(),
                here=token_digest(str(session.get("token", ""))),
            )
        flash("已删除，其他地方的登录已结束。", "success")
        return redirect(url_for(".factors"))
    return _page(form)


@blueprint.post("/accounts/<account_id>/factors/reset")
@with_roles(Role.SECURITY_ADMINISTRATOR)
def reset_factors(account_id: str) -> ResponseReturnValue:
    """Take the second factors of somebody who has lost them."""
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        second.reset_factors(current_actor(), account, session=transaction)
    flash("已清除此账号的双因素，其登录已全部结束；请确认是本人申请，并提醒其重新登记。", "success")
    return redirect(url_for(".edit", account_id=account_id))


def prove_again(form: Form) -> None:
    """Ask for the password or a code again: a browser left alone must not get a new factor."""
    token = str(session.get("token", ""))
    with current_database().read() as transaction:
        account = account_of(current_actor().id, transaction)
        kept = kept_token(token, session=transaction)
    counted(
        lambda: second.prove_again(
            account,
            form.raw("proof"),
            signed_in_at=kept.created_at if kept else account.created_at,
            database=current_database(),
            key=current_factor_key(),
            policy=current_policy(),
        )
    )


def _page(form: Form, codes: list[str] | None = None) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as transaction:
        account = account_of(actor.id, transaction)
        held: list[Factor] = list(second.factors_of(account.id, transaction))
        left = second.recovery_codes_left(account.id, transaction)
    # What is wrong stands in the form that was sent; of the smaller ones, above them all.
    app_form = form if request.endpoint == "accounts.add_app" else Form(MultiDict())
    secret = session.setdefault("totp", second.new_totp_secret())
    return form.answer(
        "accounts/factors.html",
        app_form=app_form,
        factors=held,
        codes_left=left,
        codes=codes or (),
        must_have=second.must_have_factor(account, current_policy()),
        secret=secret,
        picture=_qr(secret, account),
    )


def _qr(secret: str, account: Account) -> str:
    """The QR code for the app, as an address of the picture itself."""
    from reportlab.graphics import renderSVG  # 9 MB, for one page that is seldom opened
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing

    widget = QrCodeWidget(second.totp_address(secret, account))
    left, bottom, right, top = widget.getBounds()
    scale = (_QR_POINTS / (right - left), 0, 0, _QR_POINTS / (top - bottom), 0, 0)
    drawing = Drawing(_QR_POINTS, _QR_POINTS, transform=scale)
    drawing.add(widget)
    return "data:image/svg+xml;base64," + base64.b64encode(
        renderSVG.drawToString(drawing).encode()
    ).decode("ascii")
