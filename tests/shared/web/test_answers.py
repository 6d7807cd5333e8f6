"""CSRF, headers, errors as pages and as problem details, limits, the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import html
from marshmallow import Schema, fields, validate
from werkzeug.test import TestResponse

from shared.kernel.actor import Role
from shared.kernel.database import Database
from shared.web import NavigationItem, download
from shared.web.downloads import PDF
from shared.web.messages import flat_messages
from tests.shared.web.conftest import PASSWORD, Browser, build

Sign = Callable[[str], Browser]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def bearer(app: Flask) -> dict[str, str]:
    answer = app.test_client().post(
        "/api/v1/sign_in", json={"login": "clerk", "password": PASSWORD}
    )
    assert answer.status_code == 200
    assert answer.json
    return {"Authorization": f"Bearer {answer.json['token']}"}


def test_a_form_without_its_token_is_not_taken(signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    for token in ({}, {"csrf_token": "made-up"}):
        answer = browser.client.post("/things/form", data={"title": "x", **token})
        assert answer.status_code == 400
        assert "刷新后重新提交" in answer.text
    assert browser.send("/things/form", {"title": "x"}).status_code == 302


def test_htmx_sends_the_token_as_a_header(signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    token = browser.get("/session").get_json()["csrf_token"]
    answer = browser.client.post(
        "/things/form", data={"title": "x"}, headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 302


def test_a_form_keeps_what_was_typed_and_shows_the_error_beside_its_field(
    signed_in_as: Sign,
) -> None:
    browser = signed_in_as("clerk")
    fresh = browser.get("/things/form").text
    assert 'value="b" selected' in fresh
    assert " checked" in fresh
    answer = browser.send("/things/form", {"title": " ", "remark": "<b>&", "kind": "a"})
    assert answer.status_code == 422
    assert 'id="error-title">题名不能为空。请照文件标题填写。' in answer.text
    assert 'href="#field-title"' in answer.text
    assert "&lt;b&gt;&amp;</textarea>" in answer.text
    assert 'value="a" selected' in answer.text
    assert " checked" not in answer.text
    state = browser.send("/things/form", {"title": "state"})
    assert state.status_code == 409
    assert "已经归档" in state.text


def test_nothing_inline_and_nothing_from_elsewhere(signed_in_as: Sign) -> None:
    boss = signed_in_as("boss")
    for path in ("/accounts/", "/accounts/new", "/acts/", "/password", "/things/form"):
        answer = boss.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|https?://", answer.text)
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert '<html lang="zh-CN">' in answer.text


def test_static_files_may_be_kept_by_browsers(browser: Browser) -> None:
    with browser.get("/static/danglian.css") as answer:
        assert answer.status_code == 200
        assert "no-store" not in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "没有这个页面"),
        ("/things/error/missing", 404, "请回到目录"),
        ("/things/error/state", 409, "请刷新页面"),
        ("/things/error/classified", 422, "涉密文件"),
        ("/things/error/away", 503, "存储暂时不可用"),
        ("/things/upload", 405, "不能这样访问"),
    ],
)
def test_errors_are_pages_that_say_what_to_do(
    signed_in_as: Sign, path: str, status: int, words: str
) -> None:
    browser = signed_in_as("clerk")
    page = browser.get(path)
    assert page.status_code == status
    assert words in page.text
    assert "返回上一页" in page.text
    short = browser.get(path, headers=HTMX)
    assert short.status_code == status
    assert short.mimetype == "text/plain"
    assert words in short.text
    wire = browser.get(path, headers={"Accept": "application/json"})
    assert wire.mimetype == "application/problem+json"
    assert wire.json
    assert wire.json["status"] == status


def test_an_internal_error_has_a_number_and_no_secrets(signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    page = browser.get("/things/error/boom")
    assert page.status_code == 500
    assert "编号" in page.text
    assert "/etc" not in page.text
    api = browser.get("/api/v1/things/boom")
    assert api.status_code == 500
    assert api.json
    assert api.json["code"] == "internal_error"
    assert "/etc" not in api.text


def test_a_locked_database_is_told_as_an_outage(
    signed_in_as: Sign, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    browser = signed_in_as("clerk")
    database.engine.dispose()
    monkeypatch.setattr(database, "_session", _failing(database._session, "database is locked"))
    answer = browser.get("/things/")
    assert answer.status_code == 503
    assert "暂时不可用" in answer.text
    assert "某某局" in answer.text


def _failing(original: Any, sentence: str) -> Any:
    from sqlalchemy.exc import OperationalError

    def fail(mode: str) -> Any:
        raise OperationalError("SELECT 1", {}, Exception(sentence))

    return fail


def test_a_large_request_needs_a_view_that_takes_it(signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    assert upload(browser, "/things/upload", 9_000_000).text == "9000000"
    small = upload(browser, "/things/form", 9_000_000)
    assert small.status_code == 413
    assert "8.0 MB" in small.text
    assert upload(browser, "/things/upload", 21_000_000).status_code == 413
    assert browser.send("/things/upload", {}).status_code == 422


def upload(browser: Browser, path: str, size: int) -> TestResponse:
    """Send a file without the test client's temporary files."""
    token = browser.get("/session").get_json()["csrf_token"]
    part = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    head = part.format("csrf_token", token)
    head += '--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    return browser.client.post(
        path,
        data=head.encode() + b"x" * size + b"\r\n--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )


def test_what_is_typed_as_a_password_can_be_shown(signed_in_as: Sign) -> None:
    page = html.fromstring(signed_in_as("clerk").get("/password").text)
    fields = page.xpath("//input[@type='password']/@id")
    assert fields == ["field-old_password", "field-password", "field-again"]
    assert page.xpath("//button[@type='button']/@data-reveal") == fields
    told = page.xpath("//input[@hx-post='/password/strength']/@hx-target")
    assert told == ["#strength-password"]
    assert page.xpath("//*[@id='strength-password'][@aria-live]")


# The API


def test_the_api_takes_a_token_and_no_cookie(
    app: Flask, bearer: dict[str, str], signed_in_as: Sign
) -> None:
    client = app.test_client()
    sent = {"title": "通知", "pages": 3}
    answer = client.post("/api/v1/things/", json=sent, headers=bearer)
    assert answer.status_code == 201
    assert answer.json == sent
    with_cookie = signed_in_as("clerk").client.post("/api/v1/things/", json=sent)
    for refused in (with_cookie, client.post("/api/v1/things/", json=sent)):
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert refused.json
        assert refused.json["code"] == "not_signed_in"
        assert refused.json["remedy"]
    bad = {"Authorization": "Bearer made-up"}
    assert client.post("/api/v1/things/", json=sent, headers=bad).status_code == 401
    assert client.get("/things/", headers=bearer).status_code == 302


def test_api_errors_are_problem_details(app: Flask, bearer: dict[str, str]) -> None:
    client = app.test_client()
    bad = client.post("/api/v1/things/", json={"title": "bad"}, headers=bearer)
    assert bad.status_code == 422
    assert bad.mimetype == "application/problem+json"
    assert bad.json == {
        "type": "urn:danglian:problem:bad_title",
        "title": "内容需要改正",
        "status": 422,
        "code": "bad_title",
        "detail": "题名不对。",
        "remedy": "请改正。",
        "field": "title",
        "errors": [],
    }
    several = client.post("/api/v1/things/", json={"pages": "x", "y": 1}, headers=bearer)
    assert several.status_code == 422
    assert several.json
    found = {each["field"]: each["problem"] for each in several.json["errors"]}
    assert found == {"title": "缺少此项。", "pages": "应为整数。", "y": "没有这一项。"}
    broken = client.post(
        "/api/v1/things/", data="{", headers=bearer, content_type="application/json"
    )
    assert broken.status_code in {400, 422}
    assert broken.json
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        # Was read as no body at all, and answered by what was missing from it.
        other = client.post(
            "/api/v1/things/", data='{"title": "x"}', headers=bearer, content_type=kind
        )
        assert (other.status_code, other.get_json()["code"]) == (415, "unsupported_media_type")
    assert client.get("/api/v1/none", headers=bearer).json["code"] == "not_found"


def test_signing_in_by_api(app: Flask, bearer: dict[str, str]) -> None:
    client = app.test_client()
    wrong = client.post("/api/v1/sign_in", json={"login": "clerk", "password": "wrong-one"})
    assert wrong.status_code == 401
    first = client.post("/api/v1/sign_in", json={"login": "new", "password": PASSWORD})
    assert first.status_code == 403
    assert first.json
    assert first.json["code"] == "must_change_password"
    again = client.post("/api/v1/sign_in", json={"login": "clerk", "password": PASSWORD}).json
    assert again
    assert again["last_sign_in"].startswith("20")
    assert (again["last_place"], again["failed_since"], again["notices"]) == ("127.0.0.1", 1, [])
    assert client.post("/api/v1/sign_out", headers=bearer).status_code == 204
    assert client.post("/api/v1/sign_out", headers=bearer).status_code == 401


def test_the_api_is_described(app: Flask) -> None:
    document = app.test_client().get("/api/v1/openapi.json").json
    assert document
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1", "of the API, not of the program"
    assert {"/api/v1/things/", "/api/v1/sign_in"} <= set(document["paths"])
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


# What else an app brings


def test_navigation_shows_what_the_role_may(signed_in_as: Sign) -> None:
    clerk = signed_in_as("clerk").get("/things/form").text
    assert "办件" in clerk
    assert 'aria-current="page"' in clerk
    assert "账号管理" not in clerk
    boss = signed_in_as("boss").get("/accounts/").text
    assert "办件" not in boss
    assert "账号管理" in boss


def test_entries_of_one_menu_stand_together_and_one_alone_stands_by_itself(
    app: Flask, signed_in_as: Sign
) -> None:
    app.extensions["danglian.frame"].items = [
        NavigationItem("things.index", "办件", menu="业务"),
        NavigationItem("accounts.index", "账号", roles=(Role.AUDITOR,), menu="管理"),
        NavigationItem("things.form", "新办", menu="业务"),
        NavigationItem("accounts.sessions", "登录", menu="管理"),
    ]
    page = html.fromstring(signed_in_as("clerk").get("/things/form").text)
    entries = page.xpath("//nav[@aria-label='主导航']//ul/li")
    assert [each.xpath("normalize-space(button | a)") for each in entries] == ["业务", "登录"]
    inside = entries[0].xpath(".//a[contains(@class, 'dropdown-item')]")
    assert [(each.text, each.get("aria-current")) for each in inside] == [
        ("办件", None),
        ("新办", "page"),
    ]


def test_a_navigation_that_leads_nowhere_stops_the_start(
    database: Database, tmp_path: Path
) -> None:
    from shared.web import make_app

    with pytest.raises(ValueError, match="nowhere"):
        make_app(
            "x", title="x", database=database, data_folder=tmp_path,
            navigation=[("nowhere.index", "x")],
        )  # fmt: skip


def test_behind_a_proxy_the_prefix_and_scheme_are_its(database: Database, tmp_path: Path) -> None:
    app = build(database, tmp_path, proxies=1)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/node"}
    answer = app.test_client().get("/things/", headers=headers)
    assert answer.location == "/node/sign-in?next=/node/things/"
    page = app.test_client().get("/sign-in", headers=headers)
    assert "Secure" in page.headers["Set-Cookie"]
    assert "Path=/node" in page.headers["Set-Cookie"]


def test_a_stored_file_never_runs_in_the_browser(app: Flask) -> None:
    with app.test_request_context():
        page = download(b"<script>", "a.html", "text/html", inline=True)
        assert page.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in page.headers["Content-Security-Policy"]
        shown = download(b"%PDF", "目录.pdf", PDF, inline=True)
        assert shown.headers["Content-Disposition"].startswith("inline")
        assert "filename*=UTF-8''" in shown.headers["Content-Disposition"]


def test_json_nested_too_deep_was_a_server_error(app: Flask) -> None:
    answer = app.test_client().post(
        "/api/v1/sign_in", data="[" * 100_000, content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.get_json()["code"] == "bad_request"
    assert answer.get_json()["remedy"]


def test_what_marshmallow_said_was_english_and_without_remedy() -> None:
    class Odd(Schema):
        sort = fields.String(validate=validate.OneOf(["title", "year"]))
        limit = fields.Integer(validate=validate.Range(min=1, max=200))
        offset = fields.Integer(validate=validate.Range(min=0))
        code = fields.String(validate=validate.Length(max=3))
        key = fields.String(validate=validate.Length(equal=128))
        word = fields.String(validate=validate.Length(min=8, max=200))
        name = fields.String(validate=validate.Regexp("[a-z]+$"))
        day = fields.Date(required=True)
        items = fields.List(fields.Dict())

    odd = {
        "sort": "x", "limit": 0, "offset": -1, "code": "xxxx", "key": "x", "word": "x",
        "name": "1", "items": ["x"], "other": 1,
    }  # fmt: skip
    found = {field: more for field, *more in flat_messages(Odd().validate(odd))}
    assert found["sort"] == ["不在可用的值之内。", "可用：title, year。"]
    assert found["limit"] == ["超出了范围。", "应在 1 到 200 之间。"]
    assert len(found) == 10
    for problem, remedy in found.values():
        assert not re.search("[A-Za-z]{3}", problem)
        assert remedy
