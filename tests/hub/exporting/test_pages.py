"""The pages of exports: chosen in the catalogue, made by the hub, stopped, fetched, removed."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from hub.exporting.jobs import KIND
from hub.exporting.work import Export
from shared.audit import events, root_of
from shared.kernel.actor import Grant, Role
from shared.kernel.errors import Unavailable
from shared.kernel.jobs import Job
from shared.kernel.settings import change_settings
from tests.audit_digests import many_of
from tests.hub.desk import Browser, make_desk
from tests.hub.exporting.exported import RECORDS, Received, assert_whole
from tests.hub.receiving.handover import YILING_ARCHIVE, ZHIJIANG_ARCHIVE


@pytest.fixture
def browser(received: Received) -> Browser:
    """The archivist of 夷陵区 at a screen."""
    return Browser(desk_of(received), "archivist")


def desk_of(received: Received) -> Flask:
    if received.desk is None:
        received.desk = make_desk(
            received.hub.city,
            archivist=Grant(Role.ARCHIVIST, YILING_ARCHIVE),
            stranger=Grant(Role.ARCHIVIST, ZHIJIANG_ARCHIVE),
            reviewer=Grant(Role.REVIEWER, YILING_ARCHIVE),
            watcher=Grant(Role.SECURITY_ADMINISTRATOR),
        )
    return received.desk


def begun(browser: Browser, form: str = "bagit", query: str = "year=2024") -> str:
    """Begin an export; the address of its page."""
    answer = browser.send(f"/exports/new?{query}", {"form": form})
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def test_what_the_catalogue_is_narrowed_to_is_exported_and_fetched_as_zip(
    received: Received, browser: Browser, tmp_path: Path
) -> None:
    assert "/exports/new?year=2024" in browser.get("/catalogue/?year=2024").text
    asked = browser.get("/exports/new?year=2024&sort=code").text
    assert f"{RECORDS} 件已接收的档案" in asked
    assert "2024年" in asked
    page = begun(browser)
    assert "停止" in browser.get(page).text
    assert browser.get(f"{page}/zip").status_code == 409
    received.hub.work("exporting.work")
    shown = browser.get(page).text
    for word in ("已完成", f"已导出 {RECORDS} 件", "下载 ZIP", "删除导出的内容"):
        assert word in shown
    with zipfile.ZipFile(io.BytesIO(browser.get(f"{page}/zip").data)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    (folder,) = (tmp_path / "out").iterdir()
    assert len(assert_whole(folder)) == RECORDS
    assert page in browser.get("/exports/").text


def test_an_export_is_stopped_and_gone_on_with(
    received: Received, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.exporting.jobs._SECONDS", 0.0)
    page = begun(browser, "own")
    step = _step(received)
    step()
    assert "1 / 3" in browser.get(page).text.replace("\n", " ")
    browser.send(f"/jobs/{page.rpartition('/')[2]}/stop")
    received.hub.work("exporting.work")
    shown = browser.get(page).text
    assert "已停止" in shown
    assert "接着导出" in shown
    assert browser.send(f"{page}/go-on").status_code == 302
    assert browser.send(f"{page}/go-on").status_code == 409
    received.hub.work("exporting.work")
    assert f"已导出 {RECORDS} 件" in browser.get(page).text


def _step(received: Received) -> Callable[[], bool]:
    from hub.wiring import steps

    return steps(received.hub.city.folder)["exporting.work"]


def test_a_full_disk_is_told_on_the_page_and_it_goes_on_from_there(
    received: Received, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Export) -> bool:
        raise Unavailable("导出目录所在的磁盘满了，停在这里。", "请清理。", code="export_disk_full")

    page = begun(browser)
    with monkeypatch.context() as patched:
        patched.setattr(Export, "step", full)
        received.hub.work("exporting.work")
    assert "磁盘满了" in browser.get(page).text
    browser.send(f"{page}/go-on")
    received.hub.work("exporting.work")
    assert "下载 ZIP" in browser.get(page).text


def test_what_was_left_out_is_named_on_the_page(received: Received, browser: Browser) -> None:
    received.damage(received.records[1])
    page = begun(browser)
    received.hub.work("exporting.work")
    shown = browser.get(page).text
    assert "没有导出的" in shown
    assert str(received.records[1].code) in shown
    assert "1 件没有导出" in browser.get("/exports/").text


def test_what_was_exported_is_removed_and_the_repository_stays(
    received: Received, browser: Browser
) -> None:
    page = begun(browser)
    job_id = page.rpartition("/")[2]
    assert browser.send(f"{page}/remove").status_code == 409
    received.hub.work("exporting.work")
    exports = received.hub.city.folder.path / "exports"
    (exports / job_id).rename(exports / "carried-away")
    assert browser.get(f"{page}/zip").status_code == 404
    (exports / "carried-away").rename(exports / job_id)
    assert browser.send(f"{page}/remove").status_code == 302
    received.hub.work("exporting.sweep")
    assert list(exports.iterdir()) == []
    assert browser.get(f"{page}/zip").status_code == 409
    assert "已删除" in browser.get("/exports/").text
    assert browser.send(f"{page}/go-on").status_code == 409
    with received.hub.city.database.read() as session:
        assert [event.action for event in session.scalars(events(action="export."))] == [
            "export.begun",
            "export.removed",
        ]
        kept = select(CatalogueRecord.id).where(CatalogueRecord.received)
        ids = session.scalars(kept).all()
        assert many_of("export.begun", session) == (len(ids), root_of(ids))


def test_exports_are_for_archivists_and_each_sees_his_own(
    received: Received, browser: Browser
) -> None:
    page = begun(browser)
    desk = desk_of(received)
    stranger, reviewer = Browser(desk, "stranger"), Browser(desk, "reviewer")
    assert page not in stranger.get("/exports/").text
    for path in (page, f"{page}/zip"):
        assert stranger.get(path).status_code == 404
    for path in (f"{page}/go-on", f"{page}/remove"):
        assert stranger.send(path).status_code == 404
    assert "没有符合这些条件的" in stranger.get("/exports/new").text
    assert stranger.send("/exports/new", {"form": "own"}).status_code == 422
    assert reviewer.get("/exports/").status_code == 403
    assert "exports/new" not in reviewer.get("/catalogue/").text
    assert "还没有导出过" in stranger.get("/exports/").text
    assert browser.send("/exports/new", {"form": "tar"}).status_code == 422
    assert browser.get("/exports/new?year=abc").status_code == 422


def test_many_records_are_exported_when_a_second_person_has_agreed(
    received: Received, browser: Browser
) -> None:
    folder = received.hub.city.folder
    change_settings(folder.path, {"export_alone": RECORDS - 1})
    del vars(folder)["settings"]  # read anew, as after a new start
    watcher = Browser(desk_of(received), "watcher")
    asked = {"form": "bagit"}
    assert "没有写明原因" in browser.send("/exports/new?year=2024", asked).text
    told = browser.send("/exports/new?year=2024", asked | {"reason": "移交省馆"})
    assert told.headers["Location"] == "/acts/"
    assert "还没有导出过" in browser.get("/exports/").text
    page = watcher.get("/acts/").text
    assert f"导出 {RECORDS} 件" in page
    assert "移交省馆" in page
    digest = re.findall(r'name="digest" value="([0-9a-f]{64})"', page)[0]
    confirm = re.findall(r'action="(/acts/[^"/]+/confirm)"', page)[0]
    assert browser.send(confirm, {"digest": digest}).status_code == 409, "not the first again"
    assert watcher.send(confirm, {"digest": "0" * 64}).status_code == 409
    assert watcher.send(confirm, {"digest": digest}).status_code == 302
    assert watcher.send(confirm, {"digest": digest}).status_code == 409, "once"
    received.hub.work("exporting.work")
    with received.hub.city.database.read() as session:
        job = session.scalars(select(Job).where(Job.kind == KIND)).one()
    assert job.total == RECORDS


def test_what_two_must_export_is_not_taken_out_bit_by_bit(
    received: Received, browser: Browser
) -> None:
    folder = received.hub.city.folder
    change_settings(folder.path, {"export_alone": RECORDS})
    del vars(folder)["settings"]  # read anew, as after a new start
    first, again = (browser.send("/exports/new?year=2024", {"form": "bagit"}) for _ in range(2))
    assert first.headers["Location"].startswith("/exports/")
    assert "没有写明原因" in again.text
    assert "您还可以导出 0 件" in again.text


def test_who_has_lost_his_rights_since_gets_nothing_more(
    received: Received, browser: Browser
) -> None:
    from shared.identity.models import Account
    from shared.identity.service import disable_account

    page = begun(browser)
    with received.hub.city.database.write() as session:
        account = session.scalars(select(Account).where(Account.login == "archivist")).one()
        disable_account(received.hub.city.admin, account, session=session)
    received.hub.work("exporting.work")
    with received.hub.city.database.read() as session:
        job = session.scalars(select(Job).where(Job.kind == KIND)).one()
    assert (job.state, "已停用" in job.problem) == ("failed", True)
    assert not (received.hub.city.folder.path / "exports" / page.rpartition("/")[2]).exists()
