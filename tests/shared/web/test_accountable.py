"""What a request leaves in the log although its verb has rolled back, or only showed something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import update

from shared import audit
from shared.audit import AuditEvent
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.web.audit_log.names import TimeLines
from shared.web.audit_log.views import TIME_LINES
from shared.web.throttle import Counts, Tries
from tests.sealing import seal
from tests.shared.web.conftest import Browser

SignIn = Callable[[str], Browser]


def told(database: Database, action: str) -> list[Any]:
    with database.read() as session:
        return list(session.scalars(audit.events(action=action).order_by(AuditEvent.id)))


def test_what_is_refused_is_written_down_with_who_as_what_and_from_where(
    signed_in_as: SignIn, database: Database
) -> None:
    browser = signed_in_as("clerk")
    assert browser.get("/things/scope", headers={"User-Agent": "Firefox/1"}).status_code == 403
    (event,) = told(database, "access.refused")
    assert (event.actor_name, event.role, event.outcome) == ("Clerk", "clerk", "refused")
    assert event.place == "127.0.0.1 Firefox/1"
    assert event.subject == "page:things.scope"
    assert event.details["path"] == "/things/scope"


def test_a_method_that_an_address_does_not_have_is_written_down(
    signed_in_as: SignIn, database: Database
) -> None:
    assert signed_in_as("clerk").get("/things/upload").status_code == 405
    (event,) = told(database, "access.missed")
    assert (event.details["code"], event.details["path"], event.details["method"]) == (
        "method_not_allowed", "/things/upload", "GET",
    )  # fmt: skip


def test_what_is_out_of_reach_answers_as_not_there_and_the_log_tells_them_apart(
    signed_in_as: SignIn, database: Database
) -> None:
    browser = signed_in_as("clerk")
    theirs, nothing = (browser.get(f"/things/one/{name}") for name in ("theirs", "nothing"))
    assert (theirs.status_code, nothing.status_code) == (404, 404)
    assert theirs.text.replace("theirs", "nothing") == nothing.text
    (refused,) = told(database, "access.refused")
    assert (refused.outcome, refused.details["path"]) == ("refused", "/things/one/theirs")
    assert refused.details["code"] == "out_of_reach"
    (missed,) = told(database, "access.missed")
    assert (missed.outcome, missed.details["path"]) == ("failed", "/things/one/nothing")


def test_a_flood_of_guesses_is_counted_and_not_written_one_by_one(
    signed_in_as: SignIn, database: Database
) -> None:
    browser = signed_in_as("clerk")
    for number in range(45):
        browser.get(f"/things/one/{number}")
    found = told(database, "access.missed")
    assert [each.details.get("times") for each in found] == [*[None] * 10, 20, 40]
    browser.get("/things/scope")
    assert told(database, "access.refused"), "another kind is counted by itself"


def test_processes_count_refused_tries_together(tmp_path: Path) -> None:
    hour = 490_000 * 3600.0
    first, second = (Tries(Counts(tmp_path), lambda: hour) for _ in range(2))
    assert [each.one_more("a") for each in (first, second, first)] == [1, 2, 3]
    assert second.one_more("b") == 1
    assert Tries(Counts(tmp_path), lambda: hour + 3600).one_more("a") == 1, "another hour"
    alone = Tries(Counts(tmp_path / "nowhere"), lambda: hour)
    assert [alone.one_more("a") for _ in range(2)] == [1, 2]


def test_nobody_in_particular_leaves_no_refusal(browser: Browser, database: Database) -> None:
    browser.get("/things/scope")
    assert told(database, "access.refused") == []


def test_a_file_that_cannot_be_written_down_does_not_go_out(
    signed_in_as: SignIn, database: Database
) -> None:
    browser = signed_in_as("auditor")
    assert browser.get("/audit/export").status_code == 200
    (event,) = told(database, "file.disclosed")
    assert event.subject == "page:audit_log.export"
    audit.shut_when_unsealed(database, timedelta(minutes=5), patience=0.0)
    with database.write() as session:
        session.execute(update(AuditEvent).values(seq=None, time=now() - timedelta(minutes=6)))
    answer = browser.get("/things/open")
    assert answer.status_code == 200
    page = browser.get("/audit/", headers={"Accept": "application/json"})
    assert page.status_code == 200, "what is only looked at stays open"
    refused = browser.get("/audit/export", headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json["code"]) == (503, "audit_unsealed")


def test_the_pages_of_the_log(signed_in_as: SignIn, database: Database) -> None:
    browser, clerk = signed_in_as("auditor"), signed_in_as("clerk")
    for _ in range(10):
        clerk.get("/things/scope")
    assert "越权被拒" in browser.get("/audit/?outcome=refused").text
    assert "还没有日志" not in browser.get("/audit/?since=2020-01-01&until=2100-01-01").text
    assert "越权被拒" not in browser.get("/audit/?until=2020-01-01").text
    assert "登录" in browser.get(f"/audit/of/{told(database, 'sign_in.done')[0].subject}").text
    assert "还没有与别处联络过" in browser.get("/audit/witnesses").text
    with database.write() as session:
        audit.take_from("n1", {"audit": {"seq": 5, "digest": "a" * 64}}, session)
        audit.open_segment(
            session, system_actor("audit_witness"), "witness",
            here=audit.Head(2, "b" * 64), witnessed=audit.Head(7, "c" * 64), by="hub",
        )  # fmt: skip
    assert f"5:{'a' * 64}" in browser.get("/audit/witnesses").text, "for --witness"
    opened = browser.get("/audit/?q=另起").text
    for words in ("与另一方的见证不符", "见证方：市级平台", "缺失的序号：3 至 7"):
        assert words in opened
    with database.write() as session:
        many = audit.Act(each=["一", "二", "三"])
        audit.record(session, system_actor("test"), "batch.offered", "batch:b1", many)
    seal(database)
    seq = str(told(database, "batch.offered")[0].seq)
    for name, names, said in (
        ("二", "一\n二\n三", "“二”在第"),
        ("二", "一\n二", "不能证明在其中"),
        ("四", "一\n二\n三", "不在名单里"),
        ("二", "\udcff", "不是文本文件"),
    ):
        sent = (BytesIO(names.encode(errors="surrogateescape")), "名单.txt")
        asked = {"seq": seq, "name": name, "names": sent}
        assert said in browser.send("/audit/member", asked).text
    assert "不是成批办理的" in browser.send("/audit/member", {"seq": "1", "name": "二"}).text
    lines = TimeLines(
        lambda session, text: {"record:r1": text} if text == "0308" else {},
        lambda session, subject: [told(database, "sign_in.done")[0].subject],
    )
    browser.client.application.extensions[TIME_LINES] = lines
    assert "/audit/of/record:r1" in browser.get("/audit/?q=0308").text
    assert "登录" in browser.get("/audit/of/record:r1").text, "of what it was done with"
    page = browser.get("/audit/statistics").text
    assert "一天内多次被拒" in page
    assert "Clerk" in page
    assert "还没有归档的日志" in browser.get("/audit/archived").text
    assert browser.get("/audit/archived/7").status_code == 404
