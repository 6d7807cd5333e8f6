"""Signing in at nodes through the hub: an authorization server (RFC 6749) for their device keys.

A node pushes its request (RFC 9126) and redeems the code in questions signed with its device key,
so that a code is good for this node alone; the browser carries the rest. PKCE (RFC 7636) binds the
code to the browser that began.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.federation.models import Fonds
from hub.signon.models import NodeSignIn
from shared import audit
from shared.identity import Account
from shared.identity.grants import grants_of
from shared.identity.models import BearerToken
from shared.identity.service import actor_of
from shared.identity.signing_in import token_digest
from shared.kernel.actor import ADMINISTRATORS, Actor, Grant, Openness, Role
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.database import locked
from shared.kernel.errors import Invalid, NotAllowed, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.keys import random_token

#: How long somebody may take to sign in for a node, and the node to redeem the code.
_BEGUN_FOR, _CODE_FOR = timedelta(minutes=15), timedelta(seconds=60)
_URN = "urn:ietf:params:oauth:request_uri:"
_BACK = "/sign-on/back"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_MOST_ASKED = 500
#: The business roles that the hub gives at nodes.
_ROLES = (Role.CLERK, Role.LEADER)
#: How far a grant is limited: its class and its openness; `_WHOLE` is not.
_Limit = tuple[str | None, Openness]
_WHOLE: _Limit = (None, Openness.ALL)
#: Later than any day on which a grant ends.
_EVER = "9999-12-31"


def begin_at_node(session: Session, node_id: str, question: dict[str, Any]) -> dict[str, Any]:
    """Take a node's request to sign somebody in (`sign_in_begin`). Raises Invalid."""
    session.execute(delete(NodeSignIn).where(NodeSignIn.expires_at < now()))
    address, state = str(question.get("redirect_uri")), str(question.get("state"))
    challenge = str(question.get("code_challenge"))
    if not may_return_to(address) or not 16 <= len(state) <= 100:
        raise Invalid("redirect_uri", "返回地址不是本机或内网的地址。", "请升级软件后再试。")
    if not _CHALLENGE.fullmatch(challenge):
        raise Invalid("code_challenge", "登录请求不完整。", "请升级软件后再试。")
    begun = NodeSignIn(
        id=new_id(),
        node_id=node_id,
        redirect_uri=address,
        state=state,
        challenge=challenge,
        expires_at=now() + _BEGUN_FOR,
    )
    session.add(begun)
    return {"request_uri": _URN + begun.id, "expires_in": int(_BEGUN_FOR.total_seconds())}


def give_code(
    actor: Actor, node_id: str, request_uri: str, issuer: str, *, session: Session, token: str = ""
) -> str:
    """Where the browser goes with its code, for who is signed in here (`/sign-on/authorize`).

    `token` is that of the sign-in here.

    Raises NotFound for a request that there is not, NotAllowed for who has nothing to do at that
    node.
    """
    begun = locked(session, NodeSignIn, request_uri.removeprefix(_URN))
    if begun is None or begun.node_id != node_id or begun.expires_at < now() or begun.code_digest:
        raise NotFound("这次登录已经过期。", "请回到单位的登录页，重新点“通过市级平台登录”。")
    account = session.get(Account, actor.id)
    if account is None or not _grants_at(account, node_id, session):
        raise NotAllowed(
            "您的账号没有这个单位的权限。", "请联系市级平台的安全保密管理员，按所在单位的全宗授权。"
        )
    code = random_token(32)
    begun.account_id, begun.code_digest = account.id, sha256_hex(code.encode())
    begun.session_digest = token_digest(token) if token else None
    begun.expires_at = now() + _CODE_FOR
    audit.record(session, actor, "sign_in.passed_on", account, node=node_id)
    told = urlencode({"code": code, "state": begun.state, "iss": issuer})
    return f"{begun.redirect_uri}?{told}"


def redeem(session: Session, node_id: str, question: dict[str, Any]) -> dict[str, Any]:
    """Say whom a code stands for, once, to the node that it was given for (`sign_in_redeem`).

    Raises NotAllowed for any other code, verifier or address, all alike.
    """
    digest = sha256_hex(str(question.get("code")).encode("utf-8", "replace"))
    begun = session.scalar(select(NodeSignIn).where(NodeSignIn.code_digest == digest))
    verifier = str(question.get("code_verifier"))
    right = (
        begun is not None
        and begun.node_id == node_id
        and begun.expires_at >= now()
        and begun.redirect_uri == question.get("redirect_uri")
        and _VERIFIER.fullmatch(verifier)
        and hmac.compare_digest(create_s256_code_challenge(verifier), begun.challenge)
    )
    account = session.get(Account, begun.account_id) if begun and right else None
    told = _told(account, node_id, session, limits=_limits(question)) if account else None
    if begun is None or told is None:
        raise NotAllowed("登录没有通过市级平台的核对。", "请重新登录。", code="code_refused")
    session.delete(begun)
    return told | {"session": begun.session_digest}


def sign_out_at_node(session: Session, node_id: str, question: dict[str, Any]) -> dict[str, Any]:
    """End the sign-in here that somebody came through to a node, when it ends there (`sign_out`).

    `session` is what `redeem` told of it, and only that node was told; says whether it was still
    there.
    """
    kept = session.get(BearerToken, str(question.get("session")))
    if kept is None or kept.account_id != question.get("account_id"):
        return {"ended": False}
    account = session.get(Account, kept.account_id)
    session.delete(kept)
    if account is not None:
        audit.record(
            session, actor_of(account), "sign_in.ended", account, count=1, node=node_id
        )  # fmt: skip
    return {"ended": True}


def accounts_at_node(session: Session, node_id: str, question: dict[str, Any]) -> dict[str, Any]:
    """What becomes of the accounts that a node knows (`accounts`): null for one that has ended."""
    known = question.get("known")
    asked = [each for each in known if isinstance(each, str)] if isinstance(known, list) else []
    if len(asked) > _MOST_ASKED:
        raise Invalid("known", "一次核对的账号过多。", "请升级软件后再试。", code="too_large")
    found = session.scalars(select(Account).where(Account.id.in_(asked))).all()
    limits = _limits(question)
    told = {each.id: _told(each, node_id, session, limits=limits) for each in found}
    return {"accounts": {each: told.get(each) for each in asked}}


def may_return_to(address: str) -> bool:
    """Whether a browser may be sent there with a code: to a node on its PC or in its network."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme not in {"http", "https"} or parts.username or parts.query or parts.fragment:
        return False
    if len(address) > 500 or port == 0 or not parts.path.endswith(_BACK):
        return False
    if host == "localhost" or host.endswith(".local") or re.fullmatch(r"[a-z0-9-]+", host):
        return not host.isdigit()
    try:
        place = ipaddress.ip_address(host)
    except ValueError:
        return False
    return place.is_private and not place.is_unspecified and not place.is_multicast


def _limits(question: dict[str, Any]) -> bool:
    """Whether the node honours class and openness of a grant; one before 0.2 would widen it."""
    return question.get("limits") is True


def _told(
    account: Account, node_id: str, session: Session, *, limits: bool
) -> dict[str, Any] | None:
    """What a node may know of an account; None for one that may nothing there."""
    if account.disabled or account.waiting or account.emergency:
        return None
    grants = [each for each in _grants_at(account, node_id, session) if limits or not each.partial]
    if not grants:
        return None
    return {
        "account_id": account.id,
        "login": account.login,
        "name": account.name,
        "grants": [
            {
                "role": str(each.role),
                "fonds": each.fonds_id,
                "until": each.until,
                **({"class_code": each.class_code} if each.class_code else {}),
                **({"openness": str(each.openness)} if each.openness != Openness.ALL else {}),
            }
            for each in grants
        ],
        "signed_out_at": _text(account.signed_out_at),
    }


def _grants_at(account: Account, node_id: str, session: Session) -> Sequence[Grant]:
    """What an account may do at a node: its roles there, each for one fonds that the node keeps.

    Of several grants of a role that differ in nothing but their end the one that lasts longest says
    until when. Whoever is one of the three
    administrators for the archive that all these fonds belong to, is it at the node as well: small
    offices have none of their own.
    """
    roles = (*_ROLES, *ADMINISTRATORS)
    held = [each for each in grants_of(account) if each.role in roles]
    if not held:
        return []
    kept = {
        row.id: (row.receiving_archive, row.reviewing_archive)
        for row in session.execute(
            select(Fonds.id, Fonds.receiving_archive, Fonds.reviewing_archive).where(
                Fonds.keeping_node == node_id
            )
        )
    }

    def last_day(role: Role, fonds_id: str, limit: _Limit = _WHOLE) -> str:
        """The last day on which the role is held for a fonds or for a part of it; empty for none.

        Each grant says of itself how far it is limited; it is the node that applies that.
        """
        days = [
            each.until or _EVER
            for each in held
            if (each.role, each.class_code, each.openness) == (role, *limit)
            and any(
                each.covers(archive, fonds_id, each.class_code, Openness.OPEN)
                for archive in kept[fonds_id]
            )
        ]
        return max(days, default="")

    limits = dict.fromkeys((each.class_code, each.openness) for each in held)

    administers = [
        Grant(role, until=_until(min(days)))
        for role in ADMINISTRATORS
        if kept and all(days := [last_day(role, each) for each in kept])
    ]
    return administers or [
        Grant(role, None, fonds_id, *limit, until=_until(day))
        for fonds_id in sorted(kept)
        for role in _ROLES
        for limit in limits
        if (day := last_day(role, fonds_id, limit))
    ]


def _until(day: str) -> str | None:
    return None if day == _EVER else day


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else format_utc(moment)
