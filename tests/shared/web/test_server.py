"""The server of a process."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pytest
import requests
from flask import Flask

from shared.kernel.errors import Conflict, Invalid
from shared.web import serve


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
