"""The browser's session: its cookie, its secret, its end; and who acts in a request."""

from __future__ import annotations

import time
from pathlib import Path

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.orm import Session

from shared.identity import NotSignedIn, Policy, actor_of
from shared.identity.access_keys import PREFIX, account_of_key, note_use, use_is_noted
from shared.identity.factors import has_factor, must_have_factor
from shared.identity.models import Account, BearerToken
from shared.identity.service import must_change_password
from shared.identity.signing_in import account_of_token, kept_token, revoke_token
from shared.kernel.actor import Actor
from shared.kernel.canonical import sha256_hex
from shared.kernel.database import Database
from shared.kernel.files import made_once
from shared.kernel.keys import random_token
from shared.web.links import is_api
from shared.web.polling import is_polling

_KEY_FILE = "session.key"
#: The cookie tells this often that its session is in use.
_TOUCH_SECONDS = 60


class PrefixedSessions(SecureCookieSessionInterface):
    """A cookie that belongs to the prefix under which the app is mounted, and to no other."""

    def get_cookie_name(self, app: Flask) -> str:
        """The name that makes browsers hold us to it: `__Host-` where the app has its host alone.

        Under a prefix a cookie belongs to its path, which `__Host-` does not allow.
        """
        name = super().get_cookie_name(app)
        if not app.config["SESSION_COOKIE_SECURE"]:
            return name
        return f"__Secure-{name}" if request.script_root else f"__Host-{name}"

    def get_cookie_path(self, app: Flask) -> str:
        """The app's prefix."""
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether only encrypted connections carry it: as soon as one brought it."""
        return request.is_secure or super().get_cookie_secure(app)


class Sessions:
    """Sign-in of one app's browsers and programs."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._policy = policy
        self._idle_seconds = policy.idle_minutes * 60

    def begin(self, token: str) -> None:
        """Start a new session for who just signed in; nothing of the old one stays."""
        self.end()
        session["token"] = token
        session["seen"] = int(time.time())

    def end(self) -> BearerToken | None:
        """End the browser's session, here and in its cookie; what was kept of it."""
        old = session.get("token")
        session.clear()
        g.pop("csrf_token", None)
        g.pop("danglian_actor", None)
        if not isinstance(old, str):
            return None
        with self._database.write() as transaction:
            kept = kept_token(old, session=transaction)
            revoke_token(old, session=transaction)
        return kept

    def load_actor(self) -> Actor | None:
        """Who acts: by bearer token for the API, by the session for pages; None for nobody."""
        token = _bearer_token() if is_api() else self._session_token()
        if token is None:
            return None
        if is_api() and token.startswith(PREFIX):
            return self._system(token)
        try:
            with self._database.read() as transaction:
                account = account_of_token(token, session=transaction)
                g.danglian_must_change = must_change_password(account, self._policy)
                g.danglian_must_enrol = self._must_enrol(account, token, transaction)
                return actor_of(account, transaction)
        except NotSignedIn:
            if not is_api():
                session.clear()
            return None

    def _system(self, key: str) -> Actor | None:
        """Another system, by its key; its last use is written down, at most once a minute."""
        place = request.remote_addr or ""
        try:
            with self._database.read() as transaction:
                account, kept = account_of_key(key, session=transaction)
                actor, noted = actor_of(account, transaction), use_is_noted(kept, place)
        except NotSignedIn:
            return None
        if not noted:
            with self._database.write() as transaction:
                note_use(key, place, session=transaction)
        return actor

    def _must_enrol(self, account: Account, token: str, transaction: Session) -> bool:
        """Whether an administrator has to register a second factor before anything else.

        Who came through the hub has shown it there.
        """
        if not must_have_factor(account, self._policy) or has_factor(account.id, transaction):
            return False
        kept = kept_token(token, session=transaction)
        return kept is None or kept.way != "hub"

    def _session_token(self) -> str | None:
        token, seen = session.get("token"), session.get("seen")
        if not isinstance(token, str) or not isinstance(seen, int):
            return None
        idle = time.time() - seen
        if idle > self._idle_seconds:
            session.clear()
            return None
        # A page that asks by itself is not somebody at work.
        if idle > _TOUCH_SECONDS and not is_polling():
            session["seen"] = int(time.time())
        return token


def _bearer_token() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def session_secret(data_folder: Path) -> str:
    """The secret that signs the cookies of one data folder; made at the first start."""
    path = data_folder / "keys" / _KEY_FILE
    return made_once(path, lambda: random_token(32).encode()).decode().strip()


def cookie_name(name: str, secret: str) -> str:
    """A name that no other app on this host has: cookies know hosts, but no ports."""
    plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in name)
    return f"danglian_{plain}_{sha256_hex(b'cookie', secret.encode())[:8]}"
