"""The identity service 统一身份认证 as its client sees it (OpenID Connect Core and Discovery 1.0).

Authorization code with PKCE (RFC 7636), state and nonce; keys are fetched once more when a token
names one that is not known; what was discovered is remembered.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urlsplit

import requests
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.claims import JWTClaims
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError, MissingKeyError
from joserfc.jwk import KeySet, KeySetSerialization

from shared.identity.errors import SignInRefused
from shared.kernel.errors import Invalid, Unavailable

#: Seconds to connect, and to wait for an answer.
_TIMEOUT = (5, 15)
_MOST_BYTES = 512 * 1024
_REMEMBERED_SECONDS = 3600.0
#: Nobody is sent to a service that has not been seen for so long: it may be away.
_SEEN_SECONDS = 5.0
#: Keys are not fetched more often than this, whatever tokens come.
_KEYS_AGAIN_SECONDS = 3.0
_LEEWAY_SECONDS = 60
#: A logout token is good for so long after it was made (Back-Channel Logout 1.0, 2.6).
LOGOUT_SECONDS = 300
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
_LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_NEAR = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True)
class ProviderSettings:
    """Where the service is, and who we are there. `secret_file` is empty for a public client."""

    issuer: str
    client_id: str
    secret_file: str = ""
    label: str = "统一身份认证登录"
    scopes: str = "openid profile"
    ca: str = ""

    def __post_init__(self) -> None:
        _require_https(self.issuer, "sso_issuer")
        if "openid" not in self.scopes.split():
            raise Invalid("sso_scopes", "设置项“sso_scopes”缺少 openid。", "请加上 openid。")

    @cached_property
    def secret(self) -> str:
        """The client's secret. Raises Invalid when its file cannot be read."""
        if not self.secret_file:
            return ""
        try:
            return Path(self.secret_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Invalid(
                "sso_client_secret_file",
                f"读不到统一身份认证的客户端密钥文件：{error.strerror}",
                "请检查设置项 sso_client_secret_file 和文件权限。",
            ) from error


@dataclass(frozen=True)
class Begun:
    """A sign-in that has begun: where the browser goes, and what to remember until it is back."""

    url: str
    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Person:
    """Who has signed in at the service, and what it says of them."""

    subject: str
    claims: Mapping[str, Any]
    session: str | None
    id_token: str = field(repr=False)


@dataclass(frozen=True)
class LoggedOut:
    """What a logout token says has ended: one session, or all of a subject."""

    jti: str
    subject: str | None
    session: str | None


class Provider:
    """One service. One object per process: it remembers what it has discovered."""

    def __init__(
        self, settings: ProviderSettings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None
        self._discovered = self._fetched = float("-inf")
        self._keys: KeySet | None = None
        self._http = requests.Session()
        if settings.ca:
            self._http.verify = settings.ca

    def begin(self, redirect_uri: str) -> Begun:
        """Begin a sign-in. Raises Unavailable when the service is away."""
        nonce, verifier = generate_token(32), generate_token(64)
        self._discover(lately=True)
        with self._client(redirect_uri) as client:
            url, state = client.create_authorization_url(
                self._endpoint("authorization_endpoint"), code_verifier=verifier, nonce=nonce
            )
        return Begun(url, state, nonce, verifier)

    def finish(self, code: str, *, nonce: str, verifier: str, redirect_uri: str) -> Person:
        """Whoever this code stands for. Raises SignInRefused, and Unavailable."""
        address = self._endpoint("token_endpoint")
        try:
            with self._client(redirect_uri) as client:
                told = client.fetch_token(
                    address,
                    code=code,
                    code_verifier=verifier,
                    timeout=_TIMEOUT,
                    allow_redirects=False,  # code and secret go there alone
                )
        except OAuthError as error:
            raise _refused(error.error or "token") from error
        except requests.RequestException as error:
            raise _away() from error
        id_token = str(told.get("id_token") or "")
        access_token = str(told.get("access_token") or "")
        claims = self._claims(id_token, CodeIDToken, {"nonce": nonce, "access_token": access_token})
        subject, session = claims["sub"], claims.get("sid")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise _refused("sub")
        return Person(
            subject=subject,
            claims={**claims, **self._user_info(access_token, subject)},
            session=session if isinstance(session, str) and len(session) <= 255 else None,
            id_token=id_token,
        )

    def check_issuer(self, named: str | None) -> None:
        """Raise SignInRefused unless an answer names this service where it must (RFC 9207)."""
        must = self._discover().get("authorization_response_iss_parameter_supported") is True
        if (named is None and must) or (named is not None and named != self.settings.issuer):
            raise _refused("iss")

    def logged_out(self, logout_token: str) -> LoggedOut:
        """What a logout token says (Back-Channel Logout 1.0, 2.6). Raises SignInRefused."""
        claims = self._claims(logout_token, JWTClaims, {})
        events, issued = claims.get("events"), claims.get("iat")
        subject, session, jti = claims.get("sub"), claims.get("sid"), claims.get("jti")
        right = (
            isinstance(events, dict)
            and _LOGOUT_EVENT in events
            and "nonce" not in claims
            and isinstance(jti, str)
            and isinstance(issued, (int, float))
            and abs(time.time() - issued) <= LOGOUT_SECONDS
            and all(each is None or isinstance(each, str) for each in (subject, session))
            and (subject or session)
        )
        if not right:
            raise _refused("logout_token")
        return LoggedOut(str(jti), subject, session)

    def client_of(self, access_token: str, audience: str) -> str:
        """The client id there that an access token was given to, if it is meant for `audience`.

        Raises SignInRefused, and Unavailable.
        """
        claims = self._claims(
            access_token, JWTClaims, {}, audience=audience, exp={"essential": True}
        )
        client = claims.get("client_id") or claims.get("azp")
        if not isinstance(client, str) or not 0 < len(client) <= 255 or not client.isprintable():
            raise _refused("client_id")
        return client

    def farewell(self, id_token: str | None, back: str) -> str | None:
        """Where a browser goes to end the sign-in there (RP-Initiated Logout 1.0); None if nowhere.

        A service that is away is not waited for: the sign-in here has ended.
        """
        if self._metadata is None:
            return None
        address = self._metadata.get("end_session_endpoint")
        if not isinstance(address, str):
            return None
        told = {"client_id": self.settings.client_id, "post_logout_redirect_uri": back}
        if id_token:
            told["id_token_hint"] = id_token
        return f"{address}{'&' if '?' in address else '?'}{urlencode(told)}"

    # Tokens

    def _claims(
        self, token: str, kind: type[Any], params: dict[str, Any], *, audience: str = "",
        **asked: dict[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """The claims of a token that is theirs, meant for us, and good now."""
        try:
            decoded = self._decoded(token)
            claims = kind(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": audience or self.settings.client_id},
                    **asked,
                },
                {"client_id": self.settings.client_id, **params},
            )
            claims.validate(leeway=_LEEWAY_SECONDS)
        except (JoseError, ValueError) as error:
            raise _refused("token") from error
        return dict(claims)

    def _decoded(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._key_set(), algorithms=_ALGORITHMS)
        except (InvalidKeyIdError, MissingKeyError, BadSignatureError):
            # They may have a new key since: look once.
            return jwt.decode(token, self._key_set(again=True), algorithms=_ALGORITHMS)

    def _key_set(self, *, again: bool = False) -> KeySet:
        address = self._endpoint("jwks_uri")
        with self._lock:
            due = again and self._clock() - self._fetched > _KEYS_AGAIN_SECONDS
            if self._keys is None or due:
                self._keys = KeySet.import_key_set(cast("KeySetSerialization", self._get(address)))
                self._fetched = self._clock()
            return self._keys

    def _user_info(self, access_token: str, subject: str) -> dict[str, Any]:
        """What the service tells beside the ID token; nothing where it has no such endpoint."""
        address = self._discover().get("userinfo_endpoint")
        if not isinstance(address, str):
            return {}
        _require_https(address, "userinfo_endpoint")
        told = self._get(address, {"Authorization": f"Bearer {access_token}"})
        if told.get("sub") != subject:
            raise _refused("userinfo")
        return told

    # What is discovered

    def _endpoint(self, name: str) -> str:
        address = self._discover().get(name)
        if not isinstance(address, str):
            raise Unavailable(
                "统一身份认证的配置不完整。", f"请联系系统管理员：其发现文档没有 {name}。"
            )
        _require_https(address, name)
        return address

    def _discover(self, *, lately: bool = False) -> dict[str, Any]:
        """What the service says of itself, as remembered; `lately` it must have answered."""
        with self._lock:
            age = self._clock() - self._discovered
            if age > (_SEEN_SECONDS if lately else _REMEMBERED_SECONDS):
                try:
                    found = self._get(get_well_known_url(self.settings.issuer, external=True))
                except Unavailable:
                    if self._metadata is None or lately:
                        raise
                    found = self._metadata  # what it said before does for this while
                if found.get("issuer") != self.settings.issuer:
                    raise Unavailable(
                        "统一身份认证的配置不一致。",
                        "请联系系统管理员：发现文档的 issuer 与设置项 sso_issuer 不同。",
                    )
                self._metadata, self._discovered = found, self._clock()
            metadata = self._metadata
        return metadata or {}

    def _get(self, address: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """A JSON object. Raises Unavailable."""
        try:
            with self._http.get(
                address, headers=headers, timeout=_TIMEOUT, stream=True, allow_redirects=False
            ) as answer:
                raw = answer.raw.read(_MOST_BYTES + 1, decode_content=True)
            found = json.loads(raw) if answer.status_code == 200 else None
        except (requests.RequestException, OSError, ValueError) as error:
            raise _away() from error
        if not isinstance(found, dict) or len(raw) > _MOST_BYTES:
            raise _away()
        return found

    def _client(self, redirect_uri: str) -> OAuth2Session:
        settings = self.settings
        client = OAuth2Session(
            settings.client_id,
            settings.secret or None,
            token_endpoint_auth_method="client_secret_basic" if settings.secret else "none",
            scope=settings.scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        client.verify = settings.ca or True
        return client


def _require_https(address: str, field_name: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in _NEAR:
        raise Invalid(field_name, f"“{field_name}”不是 https 地址。", "请改为 https 地址。")


def _refused(why: str) -> SignInRefused:
    return SignInRefused(
        "统一身份认证没有通过。",
        f"请重新登录；仍不成功的，请把“{why[:60]}”告诉系统管理员。",
        code="provider_refused",
    )


def _away() -> Unavailable:
    return Unavailable(
        "统一身份认证暂时连接不上。",
        "请稍后再试；有本系统登录名和密码的，可以用它登录。",
        code="provider_away",
    )
