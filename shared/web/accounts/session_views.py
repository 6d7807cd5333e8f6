"""One's own sign-ins, and an administrator's view of those of an account."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app, flash, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from shared.identity import account_of, current_actor, signed_in, with_roles
from shared.identity.factors import has_factor
from shared.identity.notices import notices_since
from shared.identity.sessions import end_all_sessions, end_session, sessions_of
from shared.identity.signing_in import token_digest
from shared.kernel.actor import Role
from shared.kernel.clock import now
from shared.web.accounts.factor_views import prove_again
from shared.web.accounts.views import account_looked_after, blueprint
from shared.web.current import current_database
from shared.web.forms import Form

_NOTICES = timedelta(days=90)
WAY_NAMES = {"password": "登录名和密码", "provider": "统一身份认证", "hub": "市级平台"}


@blueprint.get("/sessions/")
@signed_in
def sessions() -> ResponseReturnValue:
    """Where I am signed in."""
    return _page(Form(request.form))


def _page(form: Form) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as transaction:
        kept = sessions_of(actor.id, transaction)
        account = account_of(actor.id, transaction)
        notices = notices_since(account, now() - _NOTICES, transaction)
        asks = bool(account.password_hash) or has_factor(account.id, transaction)
    return form.answer(
        "accounts/sessions.html",
        asks=asks,
        notices=notices,
        kept=[each for each in kept if not each.awaits_factor],
        account=account,
        this=token_digest(str(session.get("token", ""))),
        way_names=WAY_NAMES,
    )


@blueprint.post("/sessions/end")
@signed_in
def end_sessions() -> ResponseReturnValue:
    """End one of my sign-ins, or all, after the password or a code has been shown again."""
    actor = current_actor()
    form = Form(request.form)
    digest = form.raw("session")
    with form.catching():
        prove_again(form)
        with current_database().write() as transaction:
            account = account_of(actor.id, transaction)
            if digest:
                end_session(actor, account, digest, session=transaction)
            else:
                end_all_sessions(actor, account, session=transaction)
        if digest:
            flash("已结束这次登录。", "success")
            return redirect(url_for(".sessions"))
        # This one has ended, too: what is told has to be in a session that begins anew.
        current_app.extensions["danglian.sessions"].end()
        flash("所有地方的登录都已结束，请重新登录。", "success")
        return redirect(url_for(".sign_in"))
    return _page(form)


@blueprint.post("/accounts/<account_id>/sessions/end")
@with_roles(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
def end_sessions_of(account_id: str) -> ResponseReturnValue:
    """End every sign-in of an account."""
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        count = end_all_sessions(current_actor(), account, session=transaction)
    flash(f"已结束此账号的 {count} 次登录；下属单位的登录在下次核对时结束。", "success")
    return redirect(url_for(".edit", account_id=account_id))
