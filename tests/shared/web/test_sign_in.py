"""Signing in, staying signed in, and being signed out."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from shared import audit
from shared.audit import AuditEvent, record
from shared.identity import Account, Policy, TooManyRequests
from shared.kernel.actor import system_actor
from shared.kernel.database import Database
from shared.web.throttle import Allowance, Counts, Throttle
from tests.shared.web.conftest import PASSWORD, Browser, build, token_in

Sign = Callable[[str], Browser]


def test_a_page_sends_to_the_sign_in_and_back(browser: Browser) -> None:
    away = browser.get("/things/?q=1")
    assert away.status_code == 302
    assert away.location == "/sign-in?next=/things/?q%3D1"
    back = browser.sign_in("clerk", path=away.location)
    assert back.location == "/things/?q=1"
    assert browser.get("/things/").text == "things of Clerk"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/%09/evil",
        "\\\\evil",
        "javascript:alert(1)",
        "/a\n/b",
        "things",
        "/x/../../y",
    ],
)
def test_next_takes_local_paths_only(app: Flask, target: str) -> None:
    browser = Browser(app.test_client())
    token = browser.get("/session").get_json()["csrf_token"]
    answer = browser.client.post(
        "/sign-in",
        query_string={"next": target},
        data={"login": "clerk", "password": PASSWORD, "csrf_token": token},
    )
    assert answer.status_code == 302
    assert answer.location in {"/", "/%09/evil"}  # the latter is a name on this host


def test_a_wrong_password_is_told_and_the_name_kept(browser: Browser) -> None:
    answer = browser.sign_in("clerk", "wrong-password")
    assert answer.status_code == 401
    assert "登录名或密码不正确" in answer.text
    assert 'value="clerk"' in answer.text
    assert "wrong-password" not in answer.text


def test_five_failures_lock(browser: Browser) -> None:
    for _ in range(5):
        browser.sign_in("clerk", "wrong-password")
    assert "已锁定" in browser.sign_in("clerk").text


def test_guessing_from_one_address_is_slowed_down_in_every_process(
    app: Flask, browser: Browser, database: Database, tmp_path: Path
) -> None:
    app.extensions["danglian.throttle"] = Throttle(Counts(tmp_path), most=3)
    for _ in range(3):
        browser.sign_in("nobody", "wrong-password")
    another_process = build(database, tmp_path)
    for each in (browser, Browser(another_process.test_client())):
        answer = each.sign_in("clerk")
        assert answer.status_code == 429
        assert "分钟后再试" in answer.text
        assert 240 < int(answer.headers["Retry-After"]) <= 301


def test_the_throttle_forgets(tmp_path: Path) -> None:
    clock = [0.0]
    throttle = Throttle(Counts(tmp_path), most=2, seconds=60, clock=lambda: clock[0])
    throttle.failed("a")
    throttle.failed("a")
    with pytest.raises(Exception, match="暂停登录"):
        throttle.check("a")
    throttle.check("b")
    clock[0] = 61
    throttle.check("a")


def test_each_pause_lasts_twice_as_long_until_a_quiet_day(tmp_path: Path) -> None:
    clock = [0.0]
    throttle = Throttle(Counts(tmp_path), most=1, seconds=60, clock=lambda: clock[0])
    for pause in (60, 120, 240):
        throttle.failed("a")
        clock[0] += pause - 1
        with pytest.raises(Exception, match="暂停登录"):
            throttle.check("a")
        clock[0] += 2
        throttle.check("a")
    clock[0] += 90_000
    throttle.failed("a")
    clock[0] += 61
    throttle.check("a")


def test_a_clock_set_back_shuts_nobody_out_for_ever(tmp_path: Path) -> None:
    clock = [1e9]
    throttle = Throttle(Counts(tmp_path), most=1, seconds=60, clock=lambda: clock[0])
    throttle.failed("a")
    clock[0] = 0
    throttle.check("a")


def test_processes_share_what_an_account_may_ask_in_a_minute(tmp_path: Path) -> None:
    clock = [0.0]
    processes = [Allowance(Counts(tmp_path), clock=lambda: clock[0]) for _ in range(4)]

    def served() -> int:
        count = 0
        for turn in range(2_000):
            try:
                processes[turn % 4].take("a", 400)
            except TooManyRequests:
                continue
            count += 1
        return count

    assert 400 <= served() <= 400 + 4 * 20, "each process may be a twentieth behind"
    processes[0].take("b", 400)
    clock[0] = 60.0
    assert served() >= 400


def test_limits_that_cannot_be_shared_hold_in_each_process(tmp_path: Path) -> None:
    allowance = Allowance(Counts(tmp_path / "missing"), clock=lambda: 0.0)
    for _ in range(20):
        allowance.take("a", 20)
    with pytest.raises(TooManyRequests):
        allowance.take("a", 20)
    throttle = Throttle(Counts(tmp_path / "missing"), most=1)
    throttle.failed("a")
    throttle.check("a")


def test_who_asks_too_often_is_told_when_to_come_back(database: Database, tmp_path: Path) -> None:
    policy = Policy(requests_per_minute=20, address_requests_per_minute=40)
    app = build(database, tmp_path, policy=policy)
    app.extensions["danglian.allowance"] = Allowance(Counts(tmp_path), clock=lambda: 30.0)
    person = Browser(app.test_client())
    person.sign_in("clerk")
    answers = [person.get("/things/") for _ in range(21)]
    assert [each.status_code for each in answers] == [200] * 20 + [429]
    assert answers[-1].headers["Retry-After"] == "31"
    assert "操作过于频繁" in answers[-1].text
    assert person.get("/static/danglian.css", buffered=True).status_code == 200

    quick = build(database, tmp_path / "quick", policy=Policy(changes_per_minute=3))
    quick.extensions["danglian.allowance"] = Allowance(
        Counts(tmp_path / "quick"), clock=lambda: 30.0
    )
    machine = Browser(quick.test_client())
    machine.sign_in("clerk")
    sent = [machine.send("/things/form", {"title": "一"}).status_code for _ in range(4)]
    assert sent == [302] * 3 + [429], "no person is as quick"
    assert machine.get("/things/").status_code == 200

    outside = {"REMOTE_ADDR": "203.0.113.9"}
    stranger = app.test_client()
    asked = [stranger.get("/nowhere", environ_overrides=outside) for _ in range(41)]
    assert [each.status_code for each in asked] == [404] * 40 + [429]
    assert stranger.get("/nowhere").status_code == 404, "another address is another matter"


def test_the_cookie_is_out_of_reach_for_scripts(browser: Browser) -> None:
    cookie = browser.sign_in("clerk").headers["Set-Cookie"]
    assert cookie.startswith("danglian_test_")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" not in cookie
    assert "Secure" not in cookie
    https = browser.get("/session", base_url="https://localhost")
    assert "; Secure" in https.headers["Set-Cookie"]


def test_signing_in_starts_a_new_session(app: Flask) -> None:
    client = app.test_client()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    old = token_in(client.get("/sign-in"))
    client.post("/sign-in", data={"login": "clerk", "password": PASSWORD, "csrf_token": old})
    with client.session_transaction() as session:
        assert set(session) == {"token", "seen"}
    client.get("/session")
    assert client.post("/sign-out", data={"csrf_token": old}).status_code == 400


def test_a_copied_cookie_is_worth_nothing_after_signing_out(app: Flask, signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    thief = app.test_client()
    with browser.client.session_transaction() as session, thief.session_transaction() as copy:
        copy.update(session)
    assert thief.get("/things/").status_code == 200
    away = browser.send("/sign-out")
    assert away.location == "/sign-in"
    assert away.headers["Clear-Site-Data"] == '"storage"', "cookies may be another office's"
    assert browser.get("/things/").status_code == 302
    assert thief.get("/things/").status_code == 302


def test_an_idle_session_ends(app: Flask, signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    with browser.client.session_transaction() as session:
        session["seen"] = int(time.time()) - 29 * 60
    assert browser.get("/things/").status_code == 200
    with browser.client.session_transaction() as session:
        assert session["seen"] > time.time() - 10
        session["seen"] = int(time.time()) - 31 * 60
    assert browser.get("/things/").status_code == 302
    late = browser.send("/things/form", {"title": "x"})
    assert late.status_code == 401
    assert "登录已超时" in late.text


def test_polling_a_job_does_not_keep_a_session_alive(signed_in_as: Sign) -> None:
    browser = signed_in_as("clerk")
    with browser.client.session_transaction() as session:
        session["seen"] = seen = int(time.time()) - 600
    browser.get("/jobs/none/progress")
    with browser.client.session_transaction() as session:
        assert session["seen"] == seen


def test_a_first_password_is_changed_before_anything_else(signed_in_as: Sign) -> None:
    browser = signed_in_as("new")
    assert browser.get("/things/").location == "/password"
    assert browser.get("/things/open").status_code == 200
    sent = {
        "old_password": PASSWORD,
        "password": "an-other-2025",
        "again": "an-other-2026",
    }
    assert "不一致" in browser.send("/password", sent).text
    sent["again"] = sent["password"]
    assert "还不足 12" in browser.send("/password/strength", {"password": "Passw0rd"}).text
    assert "很弱" in browser.send("/password/strength", {"password": "Passw0rd2024"}).text
    assert browser.send("/password/strength", sent).text == "强度：强。"
    assert browser.send("/password", sent).status_code == 302
    assert browser.get("/things/").status_code == 200


def test_guessing_the_old_password_counts_like_guessing_at_the_door(
    signed_in_as: Sign, database: Database
) -> None:
    browser = signed_in_as("clerk")
    sent = {"old_password": "wrong", "password": "an-other-2025", "again": "an-other-2025"}
    answers = [browser.send("/password", sent).text for _ in range(5)]
    assert "原密码不正确" in answers[0]
    assert "账号已锁定" in answers[4]
    assert "账号已锁定" in browser.send("/password", sent | {"old_password": PASSWORD}).text
    with database.write() as session:
        told = session.scalars(audit.events(action="sign_in.").order_by(AuditEvent.id)).all()
        clerk = session.scalars(select(Account).where(Account.login == "clerk")).one()
        clerk.locked_until = None
    assert [(each.action, each.details.get("reason")) for each in told[1:]] == [
        *[("sign_in.refused", "old_password")] * 4,
        ("sign_in.locked", None),
    ]
    assert browser.send("/password", sent | {"old_password": PASSWORD}).status_code == 302
    browser.send("/sign-out")
    browser.sign_in("clerk", "an-other-2025")
    page = browser.get("/things/form").text
    assert "5 次登录未成功" in page
    assert "密码已修改；如有不符" in page
    assert "连续输错，账号曾被锁定" in browser.get("/sessions/").text


def test_every_view_asks_for_a_sign_in_unless_it_is_public(browser: Browser) -> None:
    assert browser.get("/things/open").text == "open"
    assert browser.get("/things/form").status_code == 302
    assert browser.get("/health").get_json() == {"status": "ok"}


def test_a_role_is_asked_for(signed_in_as: Sign) -> None:
    answer = signed_in_as("boss").get("/things/")
    assert answer.status_code == 403
    assert "文书档案员" in answer.text
    assert signed_in_as("clerk").get("/accounts/").status_code == 403
    assert signed_in_as("clerk").get("/things/scope").status_code == 403


def test_apps_under_prefixes_do_not_see_each_other(database: Database, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    apps = [build(database, folder, name="node") for folder in folders]
    assert apps[0].config["SESSION_COOKIE_NAME"] != apps[1].config["SESSION_COOKIE_NAME"]
    root = DispatcherMiddleware(Flask("root"), {"/one": apps[0], "/two": apps[1]})
    one = Browser(Client(root), "/one")
    away = one.get("/things/")
    assert away.location == "/one/sign-in?next=/one/things/"
    back = one.sign_in("clerk", path=away.location.removeprefix("/one"))
    assert back.location == "/one/things/"
    assert "Path=/one;" in back.headers["Set-Cookie"] + ";"
    assert one.get("/things/").status_code == 200
    assert one.get("/").location == "/one/things/"
    assert one.client.get("/two/things/").status_code == 302
    page = one.get("/things/form").text
    assert 'href="/one/static/danglian.css' in page
    assert 'action="/one/sign-out"' in page
    elsewhere = one.sign_in("clerk", path="/sign-in?next=/two/things/")
    assert elsewhere.location == "/one/"


def test_the_secret_is_made_once_and_only_ours(app: Flask, tmp_path: Path) -> None:
    key = tmp_path / "keys" / "session.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text() == app.secret_key


def test_one_makes_an_account_and_another_says_what_it_may(signed_in_as: Sign, app: Flask) -> None:
    boss, security = signed_in_as("boss"), signed_in_as("security")
    made = boss.send(
        "/accounts/new",
        {
            "login": "li4",
            "name": "李四",
            "password": "first-of-many-1",
            "role": ["clerk", "", "leader"],
            "scope": ["fonds:f9", "", ""],
        },
    )
    assert made.location == "/accounts/"
    page = boss.get("/accounts/?q=李&state=waiting").text
    assert "共 1 条" in page
    link = page.split('href="/accounts/')[-1].split('"')[0]
    assert 'name="role"' not in boss.get(f"/accounts/{link}").text
    early = Browser(app.test_client()).sign_in("li4", "first-of-many-1")
    assert "正在等待安全保密管理员授权" in early.text
    boss.send(f"/accounts/{link}", {"name": "李四四", "role": ["clerk"], "scope": [""]})
    assert "李四四" in security.get("/accounts/?state=waiting").text, "renamed, and not granted"
    edit = security.get(f"/accounts/{link}").text
    assert 'value="fonds:f9" selected' in edit
    granted = {"name": "王五", "role": ["clerk", "leader"], "scope": ["fonds:f9", ""]}
    assert security.send(f"/accounts/{link}", granted).status_code == 302
    page = boss.get("/accounts/?q=李&role=clerk").text
    assert "李四四" in page
    assert "单位负责人" in page
    assert security.send("/accounts/new", granted).status_code == 403
    assert security.send(f"/accounts/{link}/state", {"state": "disabled"}).status_code == 403
    assert boss.send(f"/accounts/{link}/password", {"password": "second-of-2-x"}).status_code == 403
    assert boss.send(f"/accounts/{link}/state", {"state": "disabled"}).status_code == 302
    assert "已停用" in boss.get("/accounts/?disabled=1").text
    assert boss.send(f"/accounts/{link}/state", {"state": "enabled"}).status_code == 302
    assert security.send(f"/accounts/{link}/password", {"password": "bad"}).status_code == 422
    renewed = security.send(f"/accounts/{link}/password", {"password": "second-of-2-x"})
    assert renewed.status_code == 302
    taken = boss.send(
        "/accounts/new",
        {
            "login": "li4",
            "name": "另一",
            "password": "first-of-many-1",
            "role": "clerk",
            "scope": "",
        },
    )
    assert taken.status_code == 409
    assert "已被使用" in taken.text
    assert boss.get("/accounts/none").status_code == 404


def test_an_account_was_made_in_silence_without_any_role(signed_in_as: Sign) -> None:
    boss = signed_in_as("boss")
    person = {"login": "li4", "name": "李四", "password": "first-of-many-1"}
    for roles in ({}, {"role": "", "scope": ""}, {"role": "zz", "scope": ""}):
        answer = boss.send("/accounts/new", {**person, **roles})
        assert answer.status_code == 422
        assert "选择" in answer.text
    assert "李四" not in boss.get("/accounts/").text


def test_the_log_is_shown_and_verified(signed_in_as: Sign) -> None:
    auditor = signed_in_as("auditor")
    assert "登录" in auditor.get("/audit/?q=登录").text
    assert "建立账号" not in auditor.get("/audit/?q=登录").text
    assert "共 5 条" in auditor.get("/audit/?q=account.created").text
    auditor.send("/audit/verify")
    assert "日志完整" in auditor.get("/audit/").text


def test_each_of_the_three_sees_of_the_log_what_is_theirs(
    signed_in_as: Sign, database: Database
) -> None:
    boss, security, auditor = map(signed_in_as, ("boss", "security", "auditor"))
    with database.write() as session:
        record(session, system_actor("test"), "record.filed", "record:1")
    auditor.send("/audit/verify")
    assert boss.get("/audit/").status_code == 403
    for path in ("/audit/export", "/audit/verify"):
        assert security.send(path).status_code in (403, 405)
    assert auditor.send("/audit/settle", {"reason": "x", "party": "y"}).status_code == 403
    of_auditor = auditor.get("/audit/?size=200").text
    assert "record.filed" in of_auditor
    assert 'title="sign_in.done"' in of_auditor
    shown = security.get("/audit/?size=200").text
    assert 'title="audit.verified"' in shown, (
        "what the auditor did, the security administrator sees"
    )
    assert "record.filed" not in shown, "business is none of theirs"
    rows = re.findall(r"<tr.*?</tr>", shown, re.DOTALL)
    assert not [row for row in rows if "Security" in row and "sign_in.done" in row]
    assert [row for row in rows if "Boss" in row and "sign_in.done" in row]
