"""The server of a process."""

from __future__ import annotations

import io
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
import requests
from flask import Flask

from shared.kernel.errors import Conflict, Invalid
from shared.web import serve
from shared.web import server as web_server


def test_it_answers_until_it_is_stopped(app: Flask) -> None:
    server = serve(app, "127.0.0.1", 0)
    assert server.port > 0
    answer = requests.get(f"{server.url}/health", timeout=5)
    assert answer.json()["status"] == "ok"
    assert "Server" not in answer.headers
    server.stop()
    server.stop()
    assert server.wait(0)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/health", timeout=5)


def test_a_request_under_way_is_answered_before_the_end() -> None:
    begun = threading.Event()

    def slow(_environ: Any, start: Any) -> list[bytes]:
        begun.set()
        time.sleep(0.5)
        start("200 OK", [("Content-Length", "4")])
        return [b"done"]

    server = serve(slow, "127.0.0.1", 0)
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(requests.get(server.url, timeout=5).text))
    asking.start()
    assert begun.wait(5)
    server.stop()
    asking.join(5)
    assert found == ["done"]


def test_a_port_in_use_is_told(app: Flask) -> None:
    server = serve(app, "127.0.0.1", 0)
    try:
        with pytest.raises(Conflict) as refused:
            serve(app, "127.0.0.1", server.port)
        assert refused.value.code == "port_in_use"
        assert refused.value.remedy
    finally:
        server.stop()


def test_an_address_that_is_none_is_told(app: Flask) -> None:
    with pytest.raises(Invalid):
        serve(app, "no such host", 0)


def test_a_large_upload_goes_through() -> None:
    def count(environ: Any, start: Any) -> list[bytes]:
        total = 0
        while piece := environ["wsgi.input"].read(1 << 20):
            total += len(piece)
        start("200 OK", [])
        return [str(total).encode()]

    server = serve(count, "127.0.0.1", 0)
    try:
        size = 40_000_000
        answer = requests.post(server.url, data=io.BytesIO(b"x" * size), timeout=60)
        assert answer.text == str(size)
    finally:
        server.stop()


@pytest.mark.parametrize(
    "length", ["Content-Length: 5368709120", "Transfer-Encoding: chunked"], ids=["whole", "chunks"]
)
def test_a_body_of_five_gigabytes_was_refused_in_bare_english(
    app: Flask, length: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "chunked" in length:
        monkeypatch.setattr(web_server, "MOST_BYTES", 30_000_000)
    server = serve(app, "127.0.0.1", 0)
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
            head = f"POST /things/open-upload HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n"
            line.sendall(head.encode())
            if "chunked" in length:
                piece = b"x" * 1_000_000
                with suppress(ConnectionError):
                    for _ in range(30):
                        line.sendall(b"f4240\r\n" + piece + b"\r\n")
            answer = b""
            with suppress(ConnectionError):
                while piece := line.recv(65536):
                    answer += piece
    finally:
        server.stop()
    text = answer.decode()
    assert text.startswith("HTTP/1.1 413")
    assert "提交的内容超过上限" in text
    assert "请分批提交" in text
