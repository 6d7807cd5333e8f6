"""Signing in for programs."""

from __future__ import annotations

from typing import Any

from flask import request
from marshmallow import Schema, fields

from shared import identity
from shared.identity import public
from shared.identity.notices import TOLD
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


class NoticeSchema(Schema):
    """What happened to an account's ways to sign in."""

    action = fields.String(metadata={"enum": sorted(TOLD)})
    at = fields.String(metadata={"description": "when, UTC"})
    by = fields.String(metadata={"description": "who did it"})
    words = fields.String(metadata={"description": "the same for people"})


class TokenSchema(Schema):
    """A token for `Authorization: Bearer …`, and what has happened since the sign-in before."""

    token = fields.String()
    expires_at = fields.String()
    name = fields.String(metadata={"description": "who is signed in"})
    last_sign_in = fields.String(
        allow_none=True, metadata={"description": "the sign-in before this one, UTC; null for none"}
    )
    last_place = fields.String(metadata={"description": "from which address that was"})
    failed_since = fields.Integer(metadata={"description": "how many tries have failed since"})
    notices = fields.List(fields.Nested(NoticeSchema))


@accounts_api.route("/sign_in", methods=["POST"])
@accounts_api.arguments(SignInSchema)
@accounts_api.response(200, TokenSchema)
@accounts_api.alt_response(401)
@accounts_api.alt_response(403)
@accounts_api.doc(security=[])
@public
def api_sign_in(given: dict[str, str]) -> dict[str, Any]:
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
        "last_sign_in": format_utc(done.last_sign_in) if done.last_sign_in else None,
        "last_place": done.last_place,
        "failed_since": done.failed_since,
        "notices": [
            {"action": each.action, "at": format_utc(each.at), "by": each.by, "words": each.words}
            for each in done.notices
        ],
    }


@accounts_api.route("/sign_out", methods=["POST"])
@accounts_api.response(204)
def api_sign_out() -> None:
    """End the token that this request carries."""
    token = request.headers.get("Authorization", "").partition(" ")[2].strip()
    with current_database().write() as transaction:
        identity.revoke_token(token, session=transaction)
