"""Signing in for programs."""

from __future__ import annotations

from flask import request
from marshmallow import Schema, fields

from shared import identity
from shared.identity import public
from shared.identity.service import must_change_password
from shared.kernel.clock import format_utc, now
from shared.kernel.errors import NotAllowed
from shared.web.accounts.admission import admit_program
from shared.web.accounts.ways import current_policy
from shared.web.api import api_blueprint
from shared.web.current import current_database

accounts_api = api_blueprint("accounts", "登录", prefix="")


class SignInSchema(Schema):
    """Name and password."""

    login = fields.String(required=True)
    password = fields.String(required=True, load_only=True)
    code = fields.String(
        load_default="",
        load_only=True,
        metadata={"description": "the second factor, where the account has one"},
    )


class TokenSchema(Schema):
    """A token for `Authorization: Bearer …`."""

    token = fields.String()
    expires_at = fields.String()
    name = fields.String(metadata={"description": "who is signed in"})


@accounts_api.route("/sign_in", methods=["POST"])
@accounts_api.arguments(SignInSchema)
@accounts_api.response(200, TokenSchema)
@accounts_api.alt_response(401)
@accounts_api.alt_response(403)
@accounts_api.doc(security=[])
@public
def api_sign_in(given: dict[str, str]) -> dict[str, str]:
    """Sign in with name and password; the token is good for 12 hours, or as it is set."""
    done = admit_program(given["login"], given["password"], given["code"])
    account, token = done.account, done.token
    if must := must_change_password(account, current_policy()):
        with current_database().write() as transaction:
            identity.revoke_token(token, session=transaction)
        raise NotAllowed(
            "密码已到期，须先修改。" if must == "expired" else "初始密码须先修改。",
            "请先在网页上登录并修改密码。",
            code="must_change_password",
        )
    return {
        "token": token,
        "expires_at": format_utc(now() + current_policy().session_life),
        "name": account.name,
    }


@accounts_api.route("/sign_out", methods=["POST"])
@accounts_api.response(204)
def api_sign_out() -> None:
    """End the token that this request carries."""
    token = request.headers.get("Authorization", "").partition(" ")[2].strip()
    with current_database().write() as transaction:
        identity.revoke_token(token, session=transaction)
