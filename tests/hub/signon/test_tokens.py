"""Tokens that are not what they should be are refused, each for its own fault."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from hub.signon.provider import Provider, ProviderSettings
from shared.identity import SignInRefused

ISSUER, CLIENT = "https://id.example", "danglian"
EVENT = "http://schemas.openid.net/event/backchannel-logout"
KEY = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})


@pytest.fixture
def provider() -> Provider:
    """One that has discovered its service, and just fetched its keys."""
    provider = Provider(ProviderSettings(ISSUER, CLIENT))
    provider._metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
    provider._keys = KeySet([RSAKey.import_key(KEY.as_dict(private=False))])
    provider._discovered = provider._fetched = time.monotonic()
    return provider


def claims(**changes: Any) -> dict[str, Any]:
    told = {
        "iss": ISSUER, "aud": CLIENT, "iat": int(time.time()), "jti": "j1", "sid": "s1",
        "events": {EVENT: {}},
    }  # fmt: skip
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def signed(told: dict[str, Any], key: Any = KEY, **header: str) -> str:
    head = {"alg": "RS256", "kid": "k1", **header}
    return jwt.encode(head, told, key, algorithms=[head["alg"]])


def test_a_right_logout_token_says_what_has_ended(provider: Provider) -> None:
    said = provider.logged_out(signed(claims(sub="u1")))
    assert (said.subject, said.session, said.jti) == ("u1", "s1", "j1")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"iat": int(time.time()) - 3600},
        {"iat": int(time.time()) + 3600},
        {"exp": int(time.time()) - 3600},
        {"nonce": "n"},
        {"events": {}},
        {"events": "x"},
        {"jti": None},
        {"sid": None},
        {"sid": 7},
    ],
)
def test_a_wrong_claim_is_refused(provider: Provider, changes: dict[str, Any]) -> None:
    with pytest.raises(SignInRefused):
        provider.logged_out(signed(claims(**changes)))


def test_another_key_and_another_algorithm_are_refused(provider: Provider) -> None:
    told = claims(sub="u1")
    head, body, seal = signed(told).split(".")
    nobody = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    secret = OctKey.import_key("a-secret-that-somebody-made-up-01")
    for token in (
        signed(told, RSAKey.generate_key(2048), kid="k1"),
        signed(told, RSAKey.generate_key(2048), kid="k2"),
        f"{nobody}.{body}.",
        jwt.encode({"alg": "HS256", "kid": "k1"}, told, secret, algorithms=["HS256"]),
        f"{head}.{body[:-2]}.{seal}",
        "",
        "a.b.c",
        "长",
    ):
        with pytest.raises(SignInRefused):
            provider.logged_out(token)


def test_signing_out_leads_to_the_service_where_it_has_a_page_for_it(provider: Provider) -> None:
    assert provider.farewell("t", "https://hub.example/sign-in") is None
    provider._metadata = {"end_session_endpoint": f"{ISSUER}/end"}
    address = provider.farewell("t", "https://hub.example/sign-in")
    assert address is not None
    assert address.startswith(f"{ISSUER}/end?client_id=danglian&post_logout_redirect_uri=https%3A")
    assert "id_token_hint=t" in address
