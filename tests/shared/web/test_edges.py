"""Hosts, encryption, and what a stranger or a guest of the house might try at every page."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from shared.audit.models import AuditEvent
from shared.kernel.database import Database
from shared.kernel.hosts import trusted_hosts
from shared.web.downloads import download, fit_name, stream_out
from tests.shared.web.conftest import PASSWORD, Browser, build
from tests.shared.web.test_doors import register_app


def hosted(database: Database, folder: Path, **options: Any) -> Browser:
    hosts = trusted_hosts("0.0.0.0", "https://da.example:8443", "10.1.2.3, .dangan.local")
    return Browser(build(database, folder, hosts=hosts, **options).test_client())


@pytest.mark.parametrize(
    "host", ["da.example", "da.example:8443", "10.1.2.3:80", "a.dangan.local",
             "localhost:8060", "127.0.0.1", "[::1]:8060"],
)  # fmt: skip
def test_pages_are_answered_under_the_names_of_this_house(
    database: Database, tmp_path: Path, host: str
) -> None:
    browser = hosted(database, tmp_path)
    assert browser.get("/sign-in", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "da.example.evil.example", "10.1.2.30"])
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


HSTS = "max-age=31536000; includeSubDomains"


def test_a_house_of_https_gives_its_cookie_to_nothing_else(
    database: Database, tmp_path: Path
) -> None:
    browser = Browser(build(database, tmp_path, encrypted=True).test_client())
    plain = browser.get("/sign-in")
    assert "; Secure" in plain.headers["Set-Cookie"]
    assert plain.headers["Set-Cookie"].startswith("__Host-danglian_test")
    under = browser.get("/sign-in", environ_overrides={"SCRIPT_NAME": "/one"})
    assert under.headers["Set-Cookie"].startswith("__Secure-danglian_test"), "its path is its own"
    # A proxy ends the encryption, and may not have told of it.
    assert plain.headers["Strict-Transport-Security"] == HSTS
    open_house = build(database, tmp_path).test_client()
    assert "Strict-Transport-Security" not in open_house.get("/sign-in").headers
    secure = open_house.get("/sign-in", base_url="https://localhost")
    assert secure.headers["Strict-Transport-Security"] == HSTS


def test_a_variable_left_over_from_developing_opens_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert not build(database, tmp_path).debug


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("目录.pdf", "目录.pdf"),
        ("a.pdf\r\nSet-Cookie: x=1", "a.pdfSet-Cookie: x=1"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\系统.dll", "系统.dll"),
        ("发票\u202efdp.exe", "发票fdp.exe"),
        ("\ud800\x00.pdf", "pdf"),
        (" .. ", "未命名"),
        ("长" * 300 + ".pdf", "长" * 76 + ".pdf"),
    ],
)
def test_a_name_that_somebody_typed_becomes_no_header_and_no_path(
    app: Flask, name: str, fit: str
) -> None:
    assert fit_name(name) == fit
    with app.test_request_context():
        for answer in (download(b"x", name), stream_out([b"x"], name)):
            assert len(answer.headers.getlist("Content-Disposition")) == 1
            assert not {"\r", "\n"} & set(answer.headers["Content-Disposition"])


def test_no_secret_reaches_the_log_or_the_audit(
    app: Flask, database: Database, signed_in_as: Callable[[str], Browser], caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong, new = "Falsch-Geraten-1", "Ganz-Neu-2026"
    Browser(app.test_client()).sign_in("clerk", wrong)
    Browser(app.test_client()).sign_in(wrong, PASSWORD)  # typed into the field of the name
    person = signed_in_as("clerk")
    cookie = next(iter(person.client._cookies.values())).value
    asked = {"login": "clerk", "password": PASSWORD}
    token = app.test_client().post("/api/v1/sign_in", json=asked).get_json()["token"]
    totp = register_app(person).secret
    codes = re.findall(
        r"\b[a-z2-7]{5}-[a-z2-7]{5}\b", person.send("/factors/recovery-codes").text.lower()
    )
    sent = {"old_password": PASSWORD, "password": new, "again": new}
    assert person.send("/password", sent).status_code == 302
    person.get("/things/error/boom")
    with pytest.raises(DBAPIError) as broken, database.write() as session:
        session.execute(text("insert into nowhere values (:secret)"), {"secret": PASSWORD})
    logging.getLogger("danglian").error("it broke", exc_info=broken.value)

    assert "it broke" in caplog.text, "the log was heard"
    assert "error" in caplog.text
    with database.read() as session:
        events = session.scalars(select(AuditEvent)).all()
        audited = "\n".join(str(vars(each)) for each in events)
    assert "sign_in.refused" in audited
    for secret in (wrong, new, PASSWORD, cookie, token, totp, *codes):
        assert secret not in caplog.text
        assert secret not in audited
