"""Nobody leads the platform elsewhere: what it asks, it asks where its settings say (no SSRF)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from hub.signon.provider import Provider, ProviderSettings
from shared.identity import SignInRefused
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.signing_service import SigningService
from shared.packaging.status_service import HttpStatusService
from shared.packaging.time_stamps import HttpTimeStamper
from shared.verifier.certificates import Authorities


class Leading:
    """A service that sends whoever asks on to what lies behind it, and counts who arrives there."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(200 if self.path == "/inside" else 307)
                self.send_header("Location", "/inside")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def leading() -> Iterator[Leading]:
    made = Leading()
    yield made
    made.close()


def ask_for_a_status(url: str) -> None:
    HttpStatusService(url)._asked(b"question")


def ask_for_a_stamp(url: str) -> None:
    HttpTimeStamper(url, Authorities(), "", 5.0)._asked(b"question")


def ask_for_a_signature(url: str) -> None:
    with pytest.raises(Unavailable):
        SigningService(url).sign(b"0" * 32, algorithm="1.2")


def ask_for_what_is_discovered(url: str) -> None:
    with pytest.raises(Unavailable):
        Provider(ProviderSettings(url, "danglian")).begin("http://127.0.0.1/sso/back")


def ask_for_a_token(url: str) -> None:
    with pytest.raises((Unavailable, SignInRefused)):
        discovered(url, token_endpoint=url).finish("c", nonce="n", verifier="v", redirect_uri="r")


def discovered(url: str, **endpoints: str) -> Provider:
    provider = Provider(ProviderSettings(url, "danglian"))
    provider._metadata = {"issuer": url, **endpoints}
    provider._discovered = time.monotonic()
    return provider


@pytest.mark.parametrize(
    "ask",
    [
        ask_for_a_status,
        ask_for_a_stamp,
        ask_for_a_signature,
        ask_for_what_is_discovered,
        ask_for_a_token,
    ],
)
def test_a_service_cannot_send_the_platform_on(leading: Leading, ask: Any) -> None:
    ask(leading.url)
    assert len(leading.asked) == 1, "it was asked, and nobody behind it"
    assert "/inside" not in leading.asked


def test_a_token_is_shown_to_no_address_without_encryption() -> None:
    provider = discovered("https://id.example", userinfo_endpoint="http://10.0.0.1/latest")
    with pytest.raises(Invalid, match="不是 https"):
        provider._user_info("token", "somebody")
