"""Tokens that a running identity service gave out, at the door of the feed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from hub.sharing.policies import Audience
from hub.signon import provider as client
from shared.demo.services import free_port
from tests.hub.sharing.conftest import Sharing
from tests.hub.sharing.consumers.conftest import Desk, code_of
from tests.servers.providers import CLIENT, SECRET, OidcProvider

AUDIENCE = "https://hub.example/api/v1/shared"
PROGRAM, STRANGER = "province-records", "another-program"
RECORDS = "/api/v1/shared/records"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[OidcProvider]:
    provider = made(tmp_path / "province", 43_700)
    yield provider
    provider.stop()


def made(folder: Path, port: int) -> OidcProvider:
    folder.mkdir()
    nowhere = "http://127.0.0.1:9"
    return OidcProvider(folder, free_port(port), nowhere, {}, programs=(PROGRAM, STRANGER))


def ask(desk: Desk, token: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(desk.url + RECORDS, headers=headers, timeout=30)


def refusal(desk: Desk, token: str) -> tuple[int, str]:
    answer = ask(desk, token)
    return answer.status_code, code_of(answer)


def test_the_feed_takes_tokens_of_a_running_identity_service_through_new_keys_and_outage(
    archive: Sharing, desk: Desk, provider: OidcProvider, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(client, "_KEYS_AGAIN_SECONDS", 0.2)
    secret = tmp_path / "client.secret"
    secret.write_text(SECRET)
    archive.share(Audience.GOVERNMENT)
    ids = archive.received(2)
    archive.settle()
    desk.serve(
        sso_issuer=provider.issuer, sso_client_id=CLIENT, sso_client_secret_file=str(secret),
        sso_api_audience=AUDIENCE,
    )  # fmt: skip
    consumer = desk.consumer(client_elsewhere=PROGRAM)
    refused = (401, "token_refused")

    # Its clock is an hour behind: what it gives out has run out, though its signature is right.
    provider.set_clock(behind=3600)
    provider.start()
    expired = provider.access_token(PROGRAM, AUDIENCE)
    assert jws.extract_compact(expired.encode()).headers()["typ"] == "at+jwt"
    assert refusal(desk, expired) == refused

    # It comes back with other keys and the right time; they are fetched once more.
    provider.stop()
    provider.set_clock()
    provider.start()
    time.sleep(client._KEYS_AGAIN_SECONDS)
    token = provider.access_token(PROGRAM, AUDIENCE)
    answer = ask(desk, token)
    told: dict[str, Any] = answer.json()
    assert {each["id"] for each in told["entries"]} == set(ids)
    assert told["audience"] == "government"

    # Of the right service and good, but not for us, or of a client that nobody has approved here.
    assert refusal(desk, provider.access_token(PROGRAM, "https://other.example/api")) == refused
    assert refusal(desk, provider.access_token(STRANGER, AUDIENCE)) == refused
    other = made(tmp_path / "elsewhere", 43_900)
    try:
        other.start()
        assert refusal(desk, other.access_token(PROGRAM, AUDIENCE)) == refused
    finally:
        other.stop()

    # It is away: tokens that it gave out go on, for their keys are remembered.
    provider.stop()
    assert ask(desk, token).status_code == 200
    # One under a key that nobody knows yet cannot be read now: said as an outage, not a refusal.
    time.sleep(client._KEYS_AGAIN_SECONDS)
    unknown = _under_another_key(token)
    assert refusal(desk, unknown) == (503, "provider_away")
    assert ask(desk, token).status_code == 200

    # Back once more, with other keys: new tokens are taken, those under a key it has dropped not.
    provider.start()
    time.sleep(client._KEYS_AGAIN_SECONDS)
    assert ask(desk, provider.access_token(PROGRAM, AUDIENCE)).status_code == 200
    assert refusal(desk, token) == refused
    desk.suspend(consumer)
    assert refusal(desk, provider.access_token(PROGRAM, AUDIENCE)) == (403, "consumer_suspended")


def _under_another_key(token: str) -> str:
    """The claims of a token under a key that somebody has made up."""
    claims = json.loads(jws.extract_compact(token.encode()).payload)
    key = RSAKey.generate_key(2048, {"kid": "unknown", "use": "sig"})
    return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": "unknown"}, claims, key)
