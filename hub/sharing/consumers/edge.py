"""What views for consumers share: the guard, who asks, and what is counted of the answer.

```python
@sharing_api.route("/records", methods=["GET"])
@sharing_api.doc(security=[{"oauth2": ["records"]}])
@for_consumers(Service.RECORDS)
def read_feed() -> Response:
    asking = current_consumer()
    ...  # asking.terms says what it may see, asking.rows_left how many rows it may still take
    asking.took(len(rows))
```

The guard looks at what is stored at each request: whoever was suspended a moment ago is refused.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.sharing.consumers import quotas
from hub.sharing.consumers.errors import ConsumerRefused, QuotaUsed, TokenRefused
from hub.sharing.consumers.models import Consumer
from hub.sharing.consumers.terms import SERVICE_NAMES, Service, Terms
from hub.sharing.consumers.tokens import TOKEN_PATH, Bearer, Tokens, bound_to, refusal
from shared.identity import Access, SignInRefused, guarded_by
from shared.kernel.actor import Actor
from shared.kernel.database import Database
from shared.kernel.identifiers import is_id
from shared.web import current_database

#: Under this name the app keeps its `Tokens`.
TOKENS = "danglian.sharing.tokens"
_ASKING = "danglian_consumer"


class Asking:
    """A consumer that asks, in the current request."""

    def __init__(
        self, consumer: Consumer, terms: Terms, services: frozenset[str],
        counted: quotas.Counted, database: Database,
    ) -> None:  # fmt: skip
        self.id = consumer.id
        self.name = consumer.name
        self.body = consumer.body
        self.terms = terms
        self.services = services
        self.counted = counted
        self.rows = self.sent = 0
        self._uncounted = 0
        self._day_taken = counted.taken
        self._database = database

    @property
    def actor(self) -> Actor:
        """As the audit names it; it has no rights of an account."""
        return Actor(f"consumer:{self.id}", self.name)

    @property
    def requests_left(self) -> int:
        """How many requests it may still make in this minute."""
        return max(0, self.terms.requests - self.counted.in_minute)

    @property
    def rows_left(self) -> int:
        """How many rows it may still take today; what other answers take is known in strides."""
        return max(0, self.terms.rows - self._day_taken - self._uncounted)

    def took(self, rows: int) -> None:
        """Count rows that are given out; of a long answer as it goes."""
        self.rows += rows
        self._uncounted += rows
        if self._uncounted >= quotas.STRIDE:
            self._day_taken = quotas.take(self._database, self.counted, self._uncounted)
            self._uncounted = 0

    def finish(self, status: int) -> None:
        """Write how it was answered."""
        quotas.finish(
            self._database, self.counted, status=status, rows=self.rows,
            uncounted=self._uncounted, sent=self.sent,
        )  # fmt: skip


@dataclass(frozen=True)
class ConsumerAccess(Access):
    """What a view for consumers asks for: an access token, for the service if one is named.

    It is `public` as far as accounts are concerned: no account is asked for. Where people may look
    as well (`people_too`), whoever shows no access token is asked for an account.
    """

    public: bool = True
    service: Service | None = None
    people_too: bool = False

    def check(self) -> None:
        """Raise TokenRefused, ConsumerRefused or QuotaUsed; once counted, a request stays so."""
        if self.people_too and not _shows_access_token():
            Access().check()
            return
        if _ASKING not in g:
            try:
                g.danglian_consumer = _asking()
            except QuotaUsed as error:
                g.danglian_quota_used = error  # its headers are put on the answer
                raise
        asking: Asking = g.danglian_consumer
        if self.service is not None and self.service not in asking.services:
            raise ConsumerRefused(
                f"没有获准使用“{SERVICE_NAMES[self.service]}”。",
                "需要的，请向档案馆申请变更。",
                code="service_not_granted",
            )


def for_consumers(service: Service | None = None) -> Callable[[Any], Any]:
    """Mark a view for consumers that are let to this service; without one, for all of them."""
    return lambda view: guarded_by(view, ConsumerAccess(service=service))


def for_consumers_and_people(service: Service) -> Callable[[Any], Any]:
    """Mark a view for consumers that are let to this service, and for whoever is signed in."""
    access = ConsumerAccess(public=False, service=service, people_too=True)
    return lambda view: guarded_by(view, access)


def consumer_or_none() -> Asking | None:
    """The consumer of the current request; None where a person asks."""
    asking: Asking | None = g.get(_ASKING)
    return asking


def _shows_access_token() -> bool:
    """Whether a request bears a JWT; the token of an account has no dots."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and token.count(".") == 2


def current_consumer() -> Asking:
    """The consumer of the current request, in a view that is marked `for_consumers`."""
    asking: Asking = g.danglian_consumer
    return asking


def _asking() -> Asking:
    tokens: Tokens = current_app.extensions[TOKENS]
    database = current_database()
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("没有出示访问令牌。")
    try:
        bearer = tokens.read(token.strip())
    except SignInRefused as error:
        raise TokenRefused from error
    with database.read() as session:
        consumer = _consumer_of(bearer, session)
    if consumer is None:
        raise TokenRefused
    peer = tokens.door.peer(request)
    problem, terms = refusal(consumer, peer), consumer.terms
    if problem is not None:
        raise problem
    assert terms is not None  # noqa: S101 - one without terms is refused above
    # A token from before the secret was changed, or the consumer suspended.
    if bearer.series is not None and bearer.series != consumer.series:
        raise TokenRefused
    _check_binding(bearer, terms, peer.certificate)
    services = frozenset(terms.services)
    if bearer.services is not None:
        services &= bearer.services
    asked = quotas.Asked(peer.address, request.method, request.full_path.rstrip("?"))
    counted = quotas.count(database, consumer.id, terms, asked)
    return Asking(consumer, terms, services, counted, database)


def _consumer_of(bearer: Bearer, session: Session) -> Consumer | None:
    if bearer.client_elsewhere is not None:
        return session.scalar(
            select(Consumer).where(Consumer.client_elsewhere == bearer.client_elsewhere)
        )
    return session.get(Consumer, bearer.consumer_id) if is_id(bearer.consumer_id) else None


def _check_binding(bearer: Bearer, terms: Terms, certificate: str) -> None:
    """Raise TokenRefused for a token that is bound to another certificate (RFC 8705, 3)."""
    if bearer.certificate is None:
        # Tokens of the service elsewhere need not be bound: the certificate was looked at.
        if terms.certificate and bearer.client_elsewhere is None:
            raise TokenRefused
        return
    if not certificate or not hmac.compare_digest(bearer.certificate, bound_to(certificate)):
        raise TokenRefused


# ---- around the answer


def begin(app: Flask, tokens: Tokens) -> None:
    """Let an app serve consumers: tokens, headers, the log, and what its description says."""
    app.extensions[TOKENS] = tokens
    app.after_request(_after)
    for each in app.extensions["flask-smorest"]["apis"].values():
        each["ext_obj"].spec.components.security_scheme("oauth2", _SCHEME)


_SCHEME = {
    "type": "oauth2",
    "description": "Consumers: OAuth 2.0 client credentials, JWT access tokens (RFC 9068).",
    "flows": {
        "clientCredentials": {
            "tokenUrl": TOKEN_PATH,
            "scopes": {str(each): name for each, name in SERVICE_NAMES.items()},
        }
    },
}


def _after(response: Response) -> Response:
    used: QuotaUsed | None = g.get("danglian_quota_used")
    if used is not None:
        seconds, name = used.retry_seconds, "day" if used.code == "rows_used_up" else "minute"
        response.headers["Retry-After"] = str(seconds)
        response.headers["RateLimit"] = f'"{name}";r=0;t={seconds}'
    asking: Asking | None = g.get(_ASKING)
    if asking is None:
        return response
    response.headers.update(quota_headers(asking))
    status = response.status_code
    length = response.calculate_content_length()
    if length is None:
        response.response = _measured(response.response, asking)
    else:
        asking.sent = length
    response.call_on_close(lambda: asking.finish(status))
    return response


def quota_headers(asking: Asking) -> dict[str, str]:
    """Quotas as headers (draft-ietf-httpapi-ratelimit-headers-10)."""
    terms, counted = asking.terms, asking.counted
    return {
        "RateLimit-Policy": (
            f'"minute";q={terms.requests};w=60, "day";q={terms.rows};qu="rows";w=86400'
        ),
        "RateLimit": (
            f'"minute";r={asking.requests_left};t={counted.minute_left}, '
            f'"day";r={asking.rows_left};t={counted.day_left}'
        ),
    }


def _measured(pieces: Iterable[Any], asking: Asking) -> Iterator[Any]:
    for piece in pieces:
        asking.sent += len(piece)
        yield piece
