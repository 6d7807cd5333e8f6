"""Certificates that a proxy passes, addresses, quotas in headers, tokens of the province."""

from __future__ import annotations

import base64
import time
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from hub.sharing.consumers.edge import TOKENS, Asking, current_consumer, for_consumers
from hub.sharing.consumers.peers import door_of, thumbprint
from hub.sharing.consumers.quotas import STRIDE
from hub.sharing.consumers.terms import Service
from hub.signon.provider import Provider, ProviderSettings
from shared.kernel.errors import Invalid
from shared.web import api_blueprint
from tests.hub.sharing.consumers.conftest import ME, TOKEN, Desk, code_of, terms, wait_for_log

DER = b"0\x82\x01\x0a made up: whether TLS has checked it is the proxy's business"
PRINT = "d" * 64
ISSUER, AUDIENCE = "https://id.example", "https://hub.example/api/v1/shared"
KEY = RSAKey.generate_key(2048, {"kid": "p1", "use": "sig"})


def pem(der: bytes = DER) -> str:
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"


def test_both_forms_of_the_header_name_the_same_certificate() -> None:
    told = thumbprint(quote(pem()))
    assert len(told) == 64
    assert thumbprint(f":{base64.b64encode(DER).decode()}:") == told
    for nothing in ("", ":", "::", ":%%:", "x", quote("-----BEGIN CERTIFICATE-----"), "a" * 20_000):
        assert thumbprint(nothing) == ""


def test_a_token_is_bound_to_the_certificate_that_the_consumer_must_show(desk: Desk) -> None:
    desk.serve(client_certificate_header="X-Client-Cert")
    mine, other = ({"X-Client-Cert": quote(pem(each))} for each in (DER, DER + b"!"))
    consumer = desk.consumer(certificate=thumbprint(mine["X-Client-Cert"]))
    secret = desk.secret(consumer)

    def ask(headers: dict[str, str]) -> requests.Response:
        told = {"grant_type": "client_credentials"}
        return requests.post(
            desk.url + TOKEN, data=told, auth=(consumer.id, secret), headers=headers, timeout=20
        )

    for headers in ({}, other):
        assert ask(headers).json()["error_description"] == "client_certificate_needed"
    token = ask(mine).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}

    def read(headers: dict[str, str]) -> requests.Response:
        return requests.get(desk.url + ME, headers={**bearer, **headers}, timeout=20)

    assert read(mine).status_code == 200
    for headers in ({}, other):
        assert code_of(read(headers)) == "client_certificate_needed"


def test_a_certificate_in_a_header_of_a_stranger_is_none(desk: Desk) -> None:
    desk.serve(client_certificate_header="X-Client-Cert", client_certificate_proxies="10.1.1.1")
    header = quote(pem())
    consumer = desk.consumer(certificate=thumbprint(header))
    answer = requests.post(
        desk.url + TOKEN, data={"grant_type": "client_credentials"},
        auth=(consumer.id, desk.secret(consumer)), headers={"X-Client-Cert": header}, timeout=20,
    )  # fmt: skip
    assert answer.json()["error_description"] == "client_certificate_needed"


def test_a_setting_that_names_no_proxy_stops_the_start(desk: Desk) -> None:
    from dataclasses import replace

    settings = desk.city.folder.settings
    for wrong in ("", "proxy.example", "10.0.0.1/8"):
        with pytest.raises(Invalid):
            door_of(
                replace(settings, client_certificate_header="X", client_certificate_proxies=wrong)
            )


@pytest.mark.parametrize(
    ("address", "admitted"),
    [
        ("10.8.1.2", True),
        ("10.9.1.2", False),
        ("::ffff:10.8.1.2", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("unix:", False),
    ],
)
def test_addresses_are_held_against_the_list(address: str, admitted: bool) -> None:
    assert terms(networks=("10.8.0.0/16", "2001:db8::/32")).admits(address) is admitted
    assert terms().admits(address)


def test_a_quota_that_is_used_up_says_when_to_come_again(served: Desk) -> None:
    client = served.client(served.consumer(requests=2))
    assert [client.get(served.url + ME).status_code for _ in range(2)] == [200, 200]
    answer = client.get(served.url + ME)
    if answer.status_code == 200:  # a new minute has begun in between
        client.get(served.url + ME)
        answer = client.get(served.url + ME)
    assert (answer.status_code, code_of(answer)) == (429, "requests_used_up")
    seconds = int(answer.headers["Retry-After"])
    assert 0 < seconds <= 61
    assert answer.headers["RateLimit"] == f'"minute";r=0;t={seconds}'
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_view_for_consumers_counts_rows_as_they_go_and_the_log_has_them(desk: Desk) -> None:
    """As the feed will be: a guarded view that streams."""
    from flask import Response

    from hub.app import make_app
    from hub.federation.places import HubFolder
    from shared.web import serve

    api = api_blueprint("tried", prefix="/shared/tried")
    seen: list[Asking] = []

    @api.route("/rows", methods=["GET"])
    @for_consumers(Service.RECORDS)
    def rows() -> Response:
        asking = current_consumer()
        seen.append(asking)

        def lines() -> Any:
            while asking.rows_left > 0:
                asking.took(1)
                yield b"{}\n"

        return Response(lines(), mimetype="application/x-ndjson")

    @api.route("/oai", methods=["GET"])
    @for_consumers(Service.OAI)
    def oai() -> dict[str, str]:
        return {}

    desk.serve()
    desk.server.stop()
    app = make_app(HubFolder(desk.city.folder.path))
    app.register_blueprint(api)
    desk.server = serve(app, "127.0.0.1", HubFolder(desk.city.folder.path).settings.port)
    rows_a_day = STRIDE + 10
    client = desk.client(desk.consumer(rows=rows_a_day), scope="records")
    answer = client.get(f"{desk.url}/api/v1/shared/tried/rows")
    assert answer.text == "{}\n" * rows_a_day
    (line,) = wait_for_log(desk, 1)
    assert (line.path, line.status) == ("/api/v1/shared/tried/rows", 200)
    assert (line.taken, line.sent) == (rows_a_day, 3 * rows_a_day)
    answer = client.get(f"{desk.url}/api/v1/shared/tried/rows")
    assert (answer.status_code, code_of(answer)) == (429, "rows_used_up")
    other = desk.client(desk.consumer(), scope="records")
    answer = other.get(f"{desk.url}/api/v1/shared/tried/oai")
    assert (answer.status_code, code_of(answer)) == (403, "service_not_granted")
    assert [each.status for each in wait_for_log(desk, 2)] == [200, 403]


def test_a_token_of_the_provincial_service_is_its_clients_consumer(served: Desk) -> None:
    provider = Provider(ProviderSettings(ISSUER, "danglian"))
    provider._metadata = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
    provider._keys = KeySet([RSAKey.import_key(KEY.as_dict(private=False))])
    provider._discovered = provider._fetched = time.monotonic()
    served.app.extensions[TOKENS]._elsewhere = partial(provider.client_of, audience=AUDIENCE)
    consumer = served.consumer(client_elsewhere="prov-7")

    def read(key: Any = KEY, **changes: Any) -> requests.Response:
        now = int(time.time())
        claims = {
            "iss": ISSUER, "aud": [AUDIENCE, "account"], "iat": now, "exp": now + 60,
            "azp": "prov-7", "sub": "service-account", **changes,
        }  # fmt: skip
        head = {"alg": "RS256", "kid": "p1"}
        told = {name: value for name, value in claims.items() if value is not None}
        token = jwt.encode(head, told, key)
        return requests.get(served.url + ME, headers={"Authorization": f"Bearer {token}"})

    assert read().json()["id"] == consumer.id
    assert read(azp=None, client_id="prov-7").json()["id"] == consumer.id
    for wrong in (
        {"aud": "danglian"},
        {"exp": int(time.time()) - 300},
        {"exp": None},
        {"azp": "prov-8"},
        {"azp": "a\0b"},
        {"azp": None},
        {"key": RSAKey.generate_key(2048)},
        {"iss": "https://evil.example"},
    ):
        answer = read(**wrong)
        assert (answer.status_code, code_of(answer)) == (401, "token_refused"), wrong
    served.suspend(consumer)
    assert code_of(read()) == "consumer_suspended"
    own = served.client(served.consumer())
    assert own.get(served.url + ME).status_code == 200, "our own tokens count beside theirs"
