"""Hosts, encryption, and what a stranger or a guest of the house might try at every page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.kernel.database import Database
from shared.web.hosts import trusted_hosts
from tests.shared.web.conftest import Browser, build


def hosted(database: Database, folder: Path, **options: Any) -> Browser:
    hosts = trusted_hosts("0.0.0.0", "https://da.example.gov.cn:8443", "10.1.2.3, .dangan.local")
    return Browser(build(database, folder, hosts=hosts, **options).test_client())


@pytest.mark.parametrize(
    "host", ["da.example.gov.cn", "da.example.gov.cn:8443", "10.1.2.3:80", "a.dangan.local",
             "localhost:8060", "127.0.0.1", "[::1]:8060"],
)  # fmt: skip
def test_pages_are_answered_under_the_names_of_this_house(
    database: Database, tmp_path: Path, host: str
) -> None:
    browser = hosted(database, tmp_path)
    assert browser.get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "da.example.gov.cn.evil.example", "10.1.2.30"])
def test_a_request_for_another_host_is_refused_and_its_name_not_repeated(
    database: Database, tmp_path: Path, host: str
) -> None:
    browser = hosted(database, tmp_path)
    for path in ("/sign-in", "/nowhere", "/static/danglian.css", "/session"):
        answer = browser.get(path, headers={"Host": host})
        assert answer.status_code == 400, path
        assert "不以这个网址提供服务" in answer.text
        assert host not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_programs_and_monitors_ask_by_whatever_address_works(
    database: Database, tmp_path: Path
) -> None:
    browser = hosted(database, tmp_path)
    assert browser.get("/health", headers={"Host": "10.9.9.9"}).status_code == 200
    assert browser.get("/api/v1/openapi.json", headers={"Host": "10.9.9.9"}).status_code == 200


def test_a_proxy_that_is_not_trusted_cannot_name_another_host(
    database: Database, tmp_path: Path
) -> None:
    sent = {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "192.0.2.7"}
    assert hosted(database, tmp_path).get("/sign-in", headers=sent).status_code == 200
    behind = hosted(database, tmp_path, proxies=1)
    assert behind.get("/sign-in", headers=sent).status_code == 400


def test_without_any_name_no_host_can_be_refused() -> None:
    assert trusted_hosts("0.0.0.0", "", "") is None
    assert trusted_hosts("::", "", " , ") is None
    assert "192.168.3.4" in (trusted_hosts("192.168.3.4", "", "") or ())


def test_a_house_of_https_gives_its_cookie_to_nothing_else(
    database: Database, tmp_path: Path
) -> None:
    browser = Browser(build(database, tmp_path, encrypted=True).test_client())
    plain = browser.get("/sign-in")
    assert "; Secure" in plain.headers["Set-Cookie"]
    assert "Strict-Transport-Security" not in plain.headers, "worth nothing without https"
    secure = browser.get("/sign-in", base_url="https://localhost")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000"
