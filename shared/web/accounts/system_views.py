"""The accounts of other systems 系统对接: their keys, and when each was used last."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from shared.identity import Account, current_actor, with_roles
from shared.identity.access_keys import issue_key, key_of, may_have_key, revoke_key, systems
from shared.identity.models import AccessKey
from shared.identity.service import STATE_NAMES, state_of
from shared.kernel.actor import ADMINISTRATORS, Role
from shared.kernel.clock import now
from shared.web.accounts.views import account_looked_after, blueprint
from shared.web.current import current_database
from shared.web.listing import Filter, Listing

_KEYS = {"valid": "有密钥", "none": "没有或已过期"}


@blueprint.get("/accounts/systems/")
@with_roles(*ADMINISTRATORS)
def systems_index() -> ResponseReturnValue:
    """The accounts of other systems, with their keys."""
    listing = Listing.from_request(
        request.args,
        sorts={
            "login": Account.login,
            "name": Account.name,
            "used": AccessKey.used_at,
            "expires": AccessKey.expires_at,
        },
        default_sort="name",
        search=(Account.login, Account.name),
        filters={"key": Filter("密钥", choices=_KEYS, apply=_having_key)},
    )
    with current_database().read() as transaction:
        scopes = dict(current_app.extensions["danglian.scopes"](transaction))
        page = listing.apply(systems(current_actor()), session=transaction)
        return render_template(
            "accounts/systems.html", page=page, scopes=scopes, now=now(),
            state_of=state_of, STATES=STATE_NAMES,
        )  # fmt: skip


@blueprint.get("/accounts/<account_id>/key")
@with_roles(*ADMINISTRATORS)
def access_key(account_id: str) -> ResponseReturnValue:
    """The key of another system, as far as it is known: not the key itself."""
    return _key_page(account_id)


@blueprint.post("/accounts/<account_id>/key")
@with_roles(Role.SYSTEM_ADMINISTRATOR)
def issue_access_key(account_id: str) -> ResponseReturnValue:
    """Make a new key: the answer shows it, and nothing does again."""
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        key = issue_key(current_actor(), account, session=transaction)
    return _key_page(account_id, key)


@blueprint.post("/accounts/<account_id>/key/revoke")
@with_roles(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR)
def revoke_access_key(account_id: str) -> ResponseReturnValue:
    """End its key at once."""
    with current_database().write() as transaction:
        account = account_looked_after(account_id, transaction)
        revoke_key(current_actor(), account, session=transaction)
    flash("接口密钥已作废，立即生效。", "success")
    return redirect(url_for(".access_key", account_id=account_id))


def _key_page(account_id: str, key: str | None = None) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as transaction:
        account = account_looked_after(account_id, transaction)
        return render_template(
            "accounts/key.html",
            account=account,
            key=key,
            kept=key_of(account, transaction),
            now=now(),
            may_have=may_have_key(account),
            makes=actor.has(Role.SYSTEM_ADMINISTRATOR),
            ends=actor.has(Role.SYSTEM_ADMINISTRATOR, Role.SECURITY_ADMINISTRATOR),
        )


def _having_key(statement: object, value: str) -> object:
    valid = AccessKey.expires_at > now()
    wanted = valid if value == "valid" else AccessKey.account_id.is_(None) | ~valid
    return statement.where(wanted)  # type: ignore[attr-defined]
