"""A consumer gets tokens and reads with them, by a client that is not ours."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from hub.sharing.consumers import service as consumers
from hub.sharing.consumers.edge import TOKENS
from hub.sharing.consumers.token_keys import TokenKeys
from hub.sharing.consumers.tokens import Tokens
from shared.kernel.identifiers import new_id
from tests.hub.sharing.consumers.conftest import ME, TOKEN, Desk, code_of, day

RSA = RSAKey.generate_key(2048, {"kid": "theirs"})


def read(desk: Desk, token: str) -> requests.Response:
    return requests.get(desk.url + ME, headers={"Authorization": f"Bearer {token}"}, timeout=20)


def ask(desk: Desk, client_id: str, secret: str, **form: str) -> requests.Response:
    told = {"grant_type": "client_credentials", **form}
    return requests.post(desk.url + TOKEN, data=told, auth=(client_id, secret), timeout=20)


def made_by_hand(desk: Desk, key: Any = None, head: Any = None, **changes: Any) -> str:
    """A token as the hub makes them, but for what a test changes."""
    assert desk.app is not None
    tokens: Tokens = desk.app.extensions[TOKENS]
    now = int(time.time())
    claims = {
        "iss": tokens.issuer, "aud": tokens.audience, "iat": now, "exp": now + 60,
        "jti": new_id(), "scope": "records", "series": 1, **changes,
    }  # fmt: skip
    claims.setdefault("client_id", claims["sub"])
    told = {"alg": "ES256", "typ": "at+jwt", **(head or {})}
    signer = key or tokens.keys.signing()
    return jwt.encode(told, claims, signer, algorithms=[told["alg"]])


def test_a_client_reads_who_it_is_and_what_it_may(served: Desk) -> None:
    consumer = served.consumer(requests=50, rows=1234)
    client = served.client(consumer, scope="records")
    assert client.token["token_type"] == "Bearer"
    assert (client.token["expires_in"], client.token["scope"]) == (600, "records")
    answer = client.get(served.url + ME)
    told = answer.json()
    assert (told["id"], told["body"]) == (consumer.id, "湖北省档案馆")
    assert (told["audience"], told["services"]) == ("government", ["records"])
    assert (told["archives"], told["fonds"]) == (None, None)
    assert told["requests_per_minute"] | {"seconds": 0} == {"limit": 50, "left": 49, "seconds": 0}
    assert told["rows_per_day"]["left"] == 1234
    assert '"minute";q=50;w=60' in answer.headers["RateLimit-Policy"]
    assert answer.headers["RateLimit"].startswith('"minute";r=49;t=')

    # The token can be checked by anybody with the hub's public keys, found as RFC 8414 says.
    said = requests.get(f"{served.url}/.well-known/oauth-authorization-server", timeout=20).json()
    assert said["token_endpoint"] == served.url + TOKEN
    keys = KeySet.import_key_set(requests.get(said["jwks_uri"], timeout=20).json())
    token = jwt.decode(client.token["access_token"], keys, algorithms=["ES256"])
    assert (token.header["typ"], token.claims["iss"]) == ("at+jwt", served.url)
    assert not any("d" in each.as_dict(private=False) for each in keys.keys)


def test_a_suspended_consumer_is_refused_at_its_next_request_and_its_tokens_for_ever(
    served: Desk,
) -> None:
    consumer = served.consumer()
    client = served.client(consumer)
    assert client.get(served.url + ME).status_code == 200
    served.suspend(consumer)
    answer = client.get(served.url + ME)
    assert (answer.status_code, code_of(answer)) == (403, "consumer_suspended")
    secret = client.client_secret
    answer = ask(served, consumer.id, secret)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"] == "consumer_suspended"
    served.resume(consumer)
    answer = client.get(served.url + ME)
    assert (answer.status_code, code_of(answer)) == (401, "token_refused")
    client.fetch_token(served.url + TOKEN)
    assert client.get(served.url + ME).status_code == 200


def test_a_new_secret_ends_the_one_before_and_its_tokens(served: Desk) -> None:
    consumer = served.consumer()
    client = served.client(consumer)
    served.secret(consumer)
    answer = client.get(served.url + ME)
    assert (answer.status_code, code_of(answer)) == (401, "token_refused")
    with pytest.raises(OAuthError, match="invalid_client"):
        client.fetch_token(served.url + TOKEN)


def test_tokens_that_are_not_right_are_refused_each_for_its_fault(served: Desk) -> None:
    consumer, now = served.consumer(), int(time.time())
    right = {"sub": consumer.id}
    assert read(served, made_by_hand(served, **right)).status_code == 200
    head, body, seal = made_by_hand(served, **right).split(".")
    nobody = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()
    secret = OctKey.import_key("a-secret-that-somebody-made-up-01")
    wrong = {
        "expired": made_by_hand(served, **right, iat=now - 900, exp=now - 300),
        "from tomorrow": made_by_hand(served, **right, nbf=now + 900),
        "another audience": made_by_hand(served, **right, aud="https://other.example/api"),
        "another issuer": made_by_hand(served, **right, iss="https://other.example"),
        "another kind": made_by_hand(served, **right, head={"typ": "logout+jwt"}),
        "of an earlier series": made_by_hand(served, **right, series=0),
        "of a nobody": made_by_hand(served, sub=new_id()),
        "of no id": made_by_hand(served, sub="\0"),
        "another key": made_by_hand(served, ECKey.generate_key("P-256"), **right),
        "another algorithm": made_by_hand(served, secret, {"alg": "HS256"}, **right),
        "no algorithm": f"{nobody}.{body}.",
        "another end": f"{head}.{body}.{'A' if seal[0] != 'A' else 'B'}{seal[1:]}",
        "too long": "a" * 9000,
        "nested": base64.urlsafe_b64encode(b"[" * 4000).decode() + ".e30.e30",
    }
    for fault, token in wrong.items():
        answer = read(served, token)
        assert (answer.status_code, code_of(answer)) == (401, "token_refused"), fault
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert requests.get(served.url + ME, timeout=20).status_code == 401


def test_a_signed_assertion_counts_once_and_for_us_alone(served: Desk) -> None:
    consumer = served.consumer()
    with served.city.database.write() as session:
        keys = {"keys": [RSA.as_dict(private=False)]}
        consumers.set_public_keys(served.applicant, consumer.id, keys, session=session)
    client = OAuth2Session(consumer.id, RSA, token_endpoint_auth_method="private_key_jwt")
    client.register_client_auth_method(PrivateKeyJWT(served.url + TOKEN))
    client.fetch_token(served.url + TOKEN)
    assert client.get(served.url + ME).status_code == 200

    def assertion(key: Any = RSA, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": consumer.id, "sub": consumer.id, "aud": served.url + TOKEN, "iat": now,
            "exp": now + 60, "jti": new_id(), **changes,
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": "theirs"}, claims, key)

    def send(signed: str) -> requests.Response:
        told = {
            "grant_type": "client_credentials", "client_assertion": signed,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        }  # fmt: skip
        return requests.post(served.url + TOKEN, data=told, timeout=20)

    once = assertion()
    assert send(once).status_code == 200
    again = send(once)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_client")
    now = int(time.time())
    for wrong in (
        assertion(aud="https://other.example/token"),
        assertion(exp=now - 300),
        assertion(exp=now + 86_400),
        assertion(iss="somebody else"),
        assertion(jti="x" * 300),
        assertion(RSAKey.generate_key(2048)),
        "a.b.c",
    ):
        assert send(wrong).status_code in (400, 401)
    # Whoever has keys needs no secret, and has none.
    assert ask(served, consumer.id, "any").status_code == 401


def test_a_service_that_was_not_granted_is_not_given_in_a_token(served: Desk) -> None:
    consumer = served.consumer(services=("records",))
    secret = served.secret(consumer)
    for scope in ("oai", "records oai", "everything"):
        answer = ask(served, consumer.id, secret, scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    answer = ask(served, consumer.id, secret, grant_type="password")
    assert answer.json()["error"] == "unsupported_grant_type"


def test_a_consumer_comes_within_its_term_and_from_where_it_may(served: Desk) -> None:
    early = served.consumer(since=day(1))
    assert ask(served, early.id, served.secret(early)).json()["error_description"] == (
        "consumer_term_over"
    )
    token = made_by_hand(served, sub=early.id, series=2)
    assert code_of(read(served, token)) == "consumer_term_over"
    elsewhere = served.consumer(networks=("10.8.0.0/16",))
    token = made_by_hand(served, sub=elsewhere.id)
    assert code_of(read(served, token)) == "address_not_allowed"
    here = served.consumer(networks=("10.8.0.0/16", "127.0.0.1"))
    assert read(served, made_by_hand(served, sub=here.id)).status_code == 200


def test_the_key_of_tokens_is_followed_by_another_and_can_be_forgotten(served: Desk) -> None:
    consumer = served.consumer()
    client = served.client(consumer)
    keys = TokenKeys(served.city.folder.path)
    first = keys.public_wire()["keys"][0]["kid"]
    second = keys.roll()
    assert [each["kid"] for each in keys.public_wire()["keys"]] == [second, first]
    assert client.get(served.url + ME).status_code == 200, "tokens under way go on"
    assert (served.city.folder.path / "keys/tokens.json").stat().st_mode & 0o077 == 0
    keys.roll(forget=True)
    assert code_of(client.get(served.url + ME)) == "token_refused"
    client.fetch_token(served.url + TOKEN)
    assert client.get(served.url + ME).status_code == 200


@settings(max_examples=25)
@given(
    st.one_of(
        st.binary(max_size=60).map(lambda raw: b"Basic " + base64.b64encode(raw)),
        st.sampled_from([b"Basic", b"Basic %%%", b"Basic /////w==", b"Bearer x"]),
    ),
    st.dictionaries(
        st.sampled_from(["grant_type", "scope", "client_assertion", "client_assertion_type"]),
        st.one_of(
            st.text(max_size=40),
            st.sampled_from(
                [
                    "client_credentials",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    "eyJhbGciOiJSUzI1NiJ9.W10.eA",
                    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJcdTAwMDAifQ.eA",
                    "W10.W10.W10",
                ]
            ),
        ),
    ),
)
def test_whatever_is_sent_for_a_token_is_answered_as_the_standard_says(
    token_door: Any, header: bytes, form: dict[str, str]
) -> None:
    answer = token_door.post(TOKEN, data=form, headers={"Authorization": header.decode()})
    assert answer.status_code in (400, 401)
    assert answer.get_json()["error"]


@pytest.fixture(scope="module")
def token_door(tmp_path_factory: pytest.TempPathFactory, city_template: Any) -> Any:
    import shutil

    from hub.app import make_app
    from hub.federation.places import HubFolder

    path = tmp_path_factory.mktemp("door") / "hub"
    shutil.copytree(city_template, path)
    app = make_app(HubFolder(path))
    app.extensions["danglian.throttle"]._most = 10**9  # tries are what this is about
    yield app.test_client()
    HubFolder(path).database().close()
