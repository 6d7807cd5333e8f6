"""Second factors, sessions, sealed accounts and waiting ones, on their pages."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from flask import Flask

from shared.identity import Account, Policy
from shared.identity.elsewhere import register_elsewhere
from shared.identity.grants import propose_grants
from shared.kernel.actor import Grant, Role, system_actor
from shared.kernel.database import Database
from tests.people import employ
from tests.shared.web.conftest import PASSWORD, Browser, build

Sign = Callable[[str], Browser]
SYSTEM = system_actor("test")


def register_app(browser: Browser) -> pyotp.TOTP:
    """Register an authenticator app, as shown on the page."""
    found = re.search(r"手工输入：<code>([A-Z2-7]+)</code>", browser.get("/factors/").text)
    assert found
    app = pyotp.TOTP(found[1])
    # The code before this one: the next one must count at the door.
    assert (
        browser.send("/factors/app", {"code": app.at(_now() - 30), "proof": PASSWORD}).location
        == "/factors/"
    )
    return app


def _now() -> int:
    return int(time.time())


def test_the_door_asks_for_the_code_and_the_api_does(app: Flask, signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    assert "已经过期" in browser.send("/factors/app", {"code": "12"}).text
    assert "密码或动态码不正确" in browser.send("/factors/app", {"code": "12"}).text
    wrong = browser.send("/factors/app", {"code": "12", "proof": PASSWORD})
    assert "请输入手机上此刻显示的" in wrong.text
    # What was wrong with another of the forms stands above them all, and what was typed stays.
    key = browser.send("/factors/key", {"name": "办公室的密钥", "proof": "guessed"}).text
    assert key.index("密码或动态码不正确") < key.index("已登记</h2>")
    assert key.count("密码或动态码不正确") == key.count('value="办公室的密钥"') == 1
    totp = register_app(browser)
    browser.send("/sign-out")
    half = browser.sign_in("clerk", path="/sign-in?next=/things/")
    assert half.location == "/sign-in/second"
    assert browser.get("/things/").status_code == 302
    assert "双因素验证没有通过" in browser.send("/sign-in/second", {"code": "000000"}).text
    assert browser.send("/sign-in/second", {"code": totp.now()}).location == "/things/"
    assert browser.get("/things/").status_code == 200
    # Who comes to the second page without the first is sent there.
    assert Browser(app.test_client()).get("/sign-in/second").location == "/sign-in"

    api = app.test_client()
    given = {"login": "clerk", "password": PASSWORD}
    asked = api.post("/api/v1/sign_in", json=given)
    assert (asked.status_code, asked.get_json()["code"]) == (401, "second_factor_needed")
    code = totp.at(_now() + 30)  # the one of now has been used
    assert api.post("/api/v1/sign_in", json=given | {"code": code}).status_code == 200
    assert api.post("/api/v1/sign_in", json=given | {"code": code}).status_code == 401


def test_an_administrator_without_a_second_factor_gets_no_further(
    database: Database, tmp_path: Path
) -> None:
    app = build(database, tmp_path, policy=Policy(factor_for_administrators=True))
    boss = Browser(app.test_client())
    boss.sign_in("boss")
    assert boss.get("/accounts/").location == "/factors/"
    token = app.test_client().post(
        "/api/v1/sign_in", json={"login": "boss", "password": PASSWORD}
    ).get_json()["token"]  # fmt: skip
    refused = app.test_client().post(
        "/api/v1/sign_out", headers={"Authorization": f"Bearer {token}"}
    )
    assert refused.get_json()["code"] == "second_factor_needed"
    register_app(boss)
    assert boss.get("/accounts/").status_code == 200
    clerk = Browser(app.test_client())
    clerk.sign_in("clerk")
    assert clerk.get("/things/").status_code == 200


def test_one_ends_ones_sign_ins_elsewhere(app: Flask, signed_in_as: Sign) -> None:
    here, there = signed_in_as("clerk"), signed_in_as("clerk")
    page = here.get("/sessions/").text
    assert page.count("登录名和密码") == 2
    digest = re.findall(r'name="session" value="([0-9a-f]{64})"', page)
    assert len(digest) == 1
    wrong = here.send("/sessions/end", {"session": digest[0], "proof": "guessed"})
    assert "密码或动态码不正确" in wrong.text
    proof = {"proof": PASSWORD}
    assert here.send("/sessions/end", {"session": "made-up", **proof}).status_code == 404
    assert there.get("/things/").status_code == 200
    here.send("/sessions/end", {"session": digest[0], **proof})
    assert there.get("/things/").status_code == 302
    assert here.get("/things/").status_code == 200
    assert here.send("/sessions/end", proof).location == "/sign-in"
    assert "所有地方的登录都已结束" in here.get("/sign-in").text, "was lost on the way"
    assert here.get("/things/").status_code == 302


def account(database: Database, login: str) -> Account:
    with database.read() as session:
        return session.query(Account).filter_by(login=login).one()


def test_two_administrators_open_the_emergency_account_on_its_page(
    app: Flask, database: Database, signed_in_as: Sign
) -> None:
    with database.write() as session:
        grants = [Grant(Role.SYSTEM_ADMINISTRATOR)]
        employ("chief", "另一位", PASSWORD, grants, session=session)
    boss, chief = signed_in_as("boss"), signed_in_as("chief")
    boss.send(
        "/accounts/new",
        {"login": "emergency", "name": "应急", "password": PASSWORD, "emergency": "1",
         "role": ["system_administrator"], "scope": [""]},
    )  # fmt: skip
    path = f"/accounts/{account(database, 'emergency').id}"
    granted = {"role": ["system_administrator"], "scope": [""]}
    signed_in_as("security").send(path, granted)
    assert "封存中" in boss.get(path).text
    nobody = Browser(app.test_client())
    assert "应急账号处于封存状态" in nobody.sign_in("emergency").text
    boss.send(f"{path}/emergency/ask", {"reason": "统一身份认证中断"})
    assert "同意启封" not in boss.get(path).text
    assert "统一身份认证中断" in chief.get(path).text
    assert boss.send(f"{path}/emergency/open").status_code == 409
    chief.send(f"{path}/emergency/open")
    assert nobody.sign_in("emergency").status_code == 302
    assert nobody.get("/accounts/").status_code == 200
    boss.send(f"{path}/emergency/seal")
    assert nobody.get("/accounts/").status_code == 302


def test_saving_the_page_of_who_waits_is_the_grant(
    app: Flask, database: Database, signed_in_as: Sign
) -> None:
    with database.write() as session:
        waits = register_elsewhere(
            SYSTEM, "https://id.example", "1", login="lisi", name="李四", waiting=True,
            session=session,
        )  # fmt: skip
        propose_grants(waits, [Grant(Role.CLERK, None, "f9")])
    boss = signed_in_as("security")
    clerk = account(database, "clerk").id
    assert "李四（lisi）" in boss.get(f"/accounts/{clerk}").text, "may be the same person"
    assert boss.send(f"/accounts/{waits.id}/link", {"other": clerk}).status_code == 409
    assert "李四" in boss.get("/accounts/?state=waiting").text
    assert "李四" not in boss.get("/accounts/?state=active").text
    page = boss.get(f"/accounts/{waits.id}").text
    assert "正在等待安全保密管理员授权" in page
    assert 'value="fonds:f9" selected' in page
    sent = {"name": "李四", "role": ["clerk"], "scope": ["fonds:f9"]}
    boss.send(f"/accounts/{waits.id}", sent)
    assert not account(database, "lisi").waiting
    assert boss.send(f"/accounts/{waits.id}/password", {"password": PASSWORD}).status_code == 409
    assert boss.send(f"/accounts/{waits.id}/sessions/end").status_code == 302
    assert boss.send(f"/accounts/{waits.id}/factors/reset").status_code == 302


@pytest.mark.parametrize("path", ["/factors/", "/sessions/", "/sign-in"])
def test_the_pages_carry_no_script_of_their_own(signed_in_as: Sign, path: str) -> None:
    page = signed_in_as("boss").get(path, follow_redirects=True).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=", page)


def test_pages_load_neither_keys_nor_drawing_before_somebody_needs_them() -> None:
    """They took fifteen megabytes of each process of a record room."""
    said = "import sys, shared.web, shared.web.accounts.views; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", said], capture_output=True, text=True, check=True
    )
    assert "shared.web.accounts.factor_views" in loaded.stdout.split()
    assert {"webauthn", "reportlab"}.isdisjoint(loaded.stdout.split())
