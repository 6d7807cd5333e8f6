"""Access tokens: the hub as an OAuth 2.0 authorisation server for its consumers (authlib).

Client credentials (RFC 6749, 4.4) by secret or by signed assertion (RFC 7523); tokens are JWT
(RFC 9068), bound to the client's certificate where its terms ask for one (RFC 8705, 3). What a
token says is never more than who has it: what that consumer may, is read at each request.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc6749.errors import InvalidClientError, InvalidRequestError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator, JWTBearerTokenValidator
from flask import Flask, Response, request
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from hub.federation.places import HubFolder
from hub.sharing.consumers.errors import ConsumerRefused, TokenRefused
from hub.sharing.consumers.models import Consumer, UsedAssertion
from hub.sharing.consumers.peers import Door, Peer, door_of
from hub.sharing.consumers.terms import Service
from hub.sharing.consumers.token_keys import ALGORITHM, TokenKeys
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import today
from shared.kernel.database import Database
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id

TOKEN_PATH = "/api/v1/oauth/token"  # noqa: S105 - a path
KEYS_PATH = "/api/v1/oauth/jwks"
RESOURCE_PATH = "/api/v1/shared"
SECRET, ASSERTION = "client_secret_basic", "private_key_jwt"

_ASSERTION_ALGORITHMS = ("RS256", "ES256")
#: An assertion may not be good for longer (authlib's own clients say an hour): so long its use is
#: remembered.
_ASSERTION_SECONDS = 3_660
_ASK = "请与档案馆联系。"
_LONGEST_TOKEN = 8_192
_LONGEST_JTI = 255
_MINUTES = range(1, 61)

#: From an access token of the provincial identity service to the client id there; raises
#: SignInRefused, Unavailable.
ClientElsewhere = Callable[[str], str]


@dataclass(frozen=True)
class Bearer:
    """What a token says: whose it is, for which services (None: all), since which series."""

    consumer_id: str | None = None
    client_elsewhere: str | None = None
    series: int | None = None
    services: frozenset[str] | None = None
    certificate: str | None = None


class Tokens:
    """Giving out access tokens, and reading them. One object to an app."""

    def __init__(
        self, app: Flask, folder: HubFolder, elsewhere: ClientElsewhere | None = None
    ) -> None:
        minutes = folder.settings.token_minutes
        if minutes not in _MINUTES:
            raise Invalid(
                "token_minutes", f"设置项“token_minutes”的值 {minutes} 不对。", "应为 1 到 60。"
            )
        self.issuer = folder.address.rstrip("/")
        self.audience = self.issuer + RESOURCE_PATH
        self.keys = TokenKeys(folder.path)
        self.door: Door = door_of(folder.settings)
        self.database: Database = folder.database()
        self._elsewhere = elsewhere
        self._reader = _Reader(self.issuer, self.audience, self.keys)
        self._server = AuthorizationServer()
        self._server.init_app(app, query_client=self._client, save_token=lambda token, by: None)
        self._server.scopes_supported = [str(each) for each in Service]
        self._server.register_token_generator("default", _Generator(self, minutes * 60))
        self._server.register_client_auth_method(ASSERTION, _Assertion(self))
        self._server.register_grant(_grant(self.door))

    def answer(self) -> Response:
        """Answer a request for a token (RFC 6749, 4.4.3 and 5.2)."""
        response: Any
        try:
            response = self._server.create_token_response()
        except OAuth2Error as error:
            # What is wrong before a grant is found, such as a way that is not encrypted.
            response = self._server.handle_response(*error())
        except (ValueError, TypeError, RecursionError):
            # The library reads headers and tokens of strangers; what is no UTF-8, no Base64, no
            # object or nested too deep fails in it in one of these ways.
            response = self._server.handle_response(*InvalidRequestError()())
        return _told(response)

    def read(self, token: str) -> Bearer:
        """Whose a token is. Raises TokenRefused, SignInRefused, Unavailable."""
        if len(token) > _LONGEST_TOKEN:
            raise TokenRefused
        if self._elsewhere is not None and _issuer_of(token) != self.issuer:
            return Bearer(client_elsewhere=self._elsewhere(token))
        try:
            claims = self._reader.authenticate_token(token)
            self._reader.validate_token(claims, None, None)
        except (OAuth2Error, JoseError, ValueError, TypeError, RecursionError) as error:
            # Strangers send anything; what is no token fails in the library in these ways.
            raise TokenRefused from error
        confirmed = claims.get("cnf")
        return Bearer(
            consumer_id=str(claims["sub"]),
            series=claims.get("series"),
            services=frozenset(str(claims.get("scope") or "").split()),
            certificate=confirmed.get("x5t#S256") if isinstance(confirmed, dict) else None,
        )

    def metadata(self) -> dict[str, Any]:
        """What the authorisation server says of itself (RFC 8414)."""
        return {
            "issuer": self.issuer,
            "token_endpoint": self.issuer + TOKEN_PATH,
            "jwks_uri": self.issuer + KEYS_PATH,
            "scopes_supported": [str(each) for each in Service],
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": [SECRET, ASSERTION],
            "token_endpoint_auth_signing_alg_values_supported": list(_ASSERTION_ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": bool(self.door.header),
        }

    def _client(self, client_id: str) -> _Client | None:
        if not is_id(client_id):
            return None
        with self.database.read() as session:
            consumer = session.get(Consumer, client_id)
        return _Client(consumer) if consumer is not None else None

    def remember(self, client_id: str, jti: str, expires: datetime) -> bool:
        """Note that an assertion was used; False when it had been."""
        digest = sha256_hex(f"{client_id} {jti}".encode())
        try:
            with self.database.write() as session:
                known = select(UsedAssertion.digest).where(UsedAssertion.digest == digest)
                if session.scalar(known) is not None:
                    return False
                session.add(UsedAssertion(digest=digest, expires_at=expires))
        except IntegrityError:  # the same one at the same moment, elsewhere
            return False
        return True


def _told(answer: Any) -> Response:
    """The answer with the header that clients wait for (RFC 6749, 5.2)."""
    response: Response = answer
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Basic"
    return response


def _issuer_of(token: str) -> str:
    """Who says to have signed a token: it is not believed, only asked of the right one."""
    try:
        claims = json.loads(jws.extract_compact(token.encode()).payload)
    except (JoseError, ValueError, TypeError, RecursionError):  # as in `Tokens.read`
        return ""
    return str(claims.get("iss")) if isinstance(claims, dict) else ""


def refusal(consumer: Consumer, peer: Peer) -> ConsumerRefused | None:
    """Why a consumer may not come in now; None when it may."""
    terms = consumer.terms
    if consumer.state == "suspended":
        return ConsumerRefused("这个应用已停用。", _ASK, code="consumer_suspended")
    if terms is None or consumer.state != "active":
        return ConsumerRefused("这个应用还没有批准。", _ASK, code="consumer_not_approved")
    if not terms.in_term(today()):
        return ConsumerRefused(
            f"不在批准的使用期限内（{terms.since} 至 {terms.until}）。",
            "要继续使用的，请向档案馆申请延期。",
            code="consumer_term_over",
        )
    if not terms.admits(peer.address):
        return ConsumerRefused(
            "这个地址不在批准的地址范围内。", "请从登记的地址访问。", code="address_not_allowed"
        )
    if terms.certificate and not hmac.compare_digest(terms.certificate, peer.certificate):
        return ConsumerRefused(
            "没有出示登记的客户端证书。",
            "请用登记的证书建立连接。",
            code="client_certificate_needed",
        )
    return None


def bound_to(certificate: str) -> str:
    """A certificate as tokens name it: `x5t#S256` (RFC 8705, 3.1)."""
    return base64.urlsafe_b64encode(bytes.fromhex(certificate)).rstrip(b"=").decode()


class _Client(ClientMixin):
    """A consumer as authlib sees it."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer

    def get_client_id(self) -> str:
        return self.consumer.id

    def get_allowed_scope(self, scope: Any) -> Any:
        """What it gets of a wanted scope; all it may have when none is named, None for too much."""
        terms = self.consumer.terms
        granted = set(terms.services) if terms is not None else set()
        wanted = set((scope or "").split()) or granted
        return " ".join(sorted(wanted)) if wanted <= granted else None

    def check_client_secret(self, client_secret: str) -> bool:
        kept = self.consumer.secret_digest or ""
        return hmac.compare_digest(kept, sha256_hex(client_secret.encode()))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        if method == ASSERTION:
            return self.consumer.public_keys is not None
        return method == SECRET and self.consumer.secret_digest is not None

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


def _grant(door: Door) -> type[grants.ClientCredentialsGrant]:
    class Grant(grants.ClientCredentialsGrant):
        """Client credentials, from where and when the terms allow it."""

        TOKEN_ENDPOINT_AUTH_METHODS = [SECRET, ASSERTION]  # noqa: RUF012 - as authlib has it

        def authenticate_token_endpoint_client(self) -> Any:
            client: Any = super().authenticate_token_endpoint_client()
            problem = refusal(client.consumer, door.peer(request))
            if problem is not None:
                raise InvalidClientError(status_code=401, description=problem.code)
            return client

    return Grant


class _Generator(JWTBearerTokenGenerator):
    """Makes access tokens (RFC 9068)."""

    def __init__(self, tokens: Tokens, seconds: int) -> None:
        super().__init__(tokens.issuer, ALGORITHM, None, lambda client, grant: seconds)
        self._tokens = tokens

    def get_jwks(self) -> KeySet:
        return self._tokens.keys.signing()

    def get_audiences(self, client: Any, user: Any, scope: Any) -> str:
        return self._tokens.audience

    def get_extra_claims(
        self, client: _Client, grant_type: str, user: Any, scope: str
    ) -> dict[str, Any]:
        terms = client.consumer.terms
        claims: dict[str, Any] = {"series": client.consumer.series}
        if terms is not None and terms.certificate:
            claims["cnf"] = {"x5t#S256": bound_to(terms.certificate)}
        return claims


class _Reader(JWTBearerTokenValidator):
    """Reads them again."""

    def __init__(self, issuer: str, audience: str, keys: TokenKeys) -> None:
        super().__init__(issuer, audience)
        self._keys = keys

    def get_jwks(self) -> KeySet:
        return self._keys.public()


class _Assertion(JWTBearerClientAssertion):
    """Signing in by a signed assertion (RFC 7523), which counts once."""

    # Meant to be given, though the stubs call it final.
    CLIENT_AUTH_METHOD = ASSERTION  # type: ignore[misc]

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self._tokens = tokens

    def get_audiences(self) -> list[str]:
        issuer = self._tokens.issuer
        return [issuer, issuer + TOKEN_PATH]

    def resolve_client_public_key(self, client: _Client) -> KeySet:
        keys = client.consumer.public_keys
        if keys is None:
            raise InvalidClientError(status_code=401, description="no public keys")
        return KeySet.import_key_set(cast("KeySetSerialization", keys))

    def validate_jti(self, claims: dict[str, Any], jti: Any) -> bool:
        expires = int(claims["exp"])
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
            return False
        if expires > time.time() + _ASSERTION_SECONDS:
            raise InvalidClientError(status_code=401, description="exp is too far away")
        until = datetime.fromtimestamp(expires + self.leeway, UTC)
        return self._tokens.remember(str(claims["sub"]), jti, until)
