"""The pages of parcels on both sides: what one gives, the other takes."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from hub.app import make_app
from node.sync import parcels
from shared.kernel.actor import Grant, Role
from tests.end_to_end.parcels.sticks import Sticks, batch_with_large_packages, packages_there
from tests.federation import Federation, Unit
from tests.hub.test_app import PASSWORD
from tests.hub.test_app import Browser as HubBrowser
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.people import employ


@pytest.fixture
def clerk(unit: Unit) -> Browser:
    return browser(unit, Grant(Role.CLERK))


def browser(unit: Unit, *grants: Grant) -> Browser:
    node = Node(unit.folder, unit.folder.database())
    return Browser(node, f"p{len(grants)}{grants[0].role}", "张档案", *grants)


@pytest.fixture
def admin(city: Federation) -> HubBrowser:
    with city.hub.database().write() as session:
        employ(
            "guanli", "管理员", PASSWORD, [Grant(Role.SYSTEM_ADMINISTRATOR)],
            session=session,
        )  # fmt: skip
    return HubBrowser(make_app(city.hub), "guanli")


def name_of(disposition: str) -> str:
    found = re.search(r"filename=(\S+)", disposition)
    assert found
    return found.group(1)


def test_a_batch_goes_by_the_pages_and_its_verdict_comes_back(
    city: Federation, unit: Unit, clerk: Browser, admin: HubBrowser, tmp_path: Path
) -> None:
    batch_id = batch_with_large_packages(unit, size=100_000)
    assert "用 U 盘往来" in clerk.get("/sync/").text
    assert "2 个数据包（2" in clerk.get("/parcels/").text
    out = clerk.post("/parcels/out")
    name = name_of(out.headers["Content-Disposition"])
    assert re.fullmatch(r"danglian-up-\w{8}-\d{8}-\d{6}-\w{6}-001\.parcel", name)
    assert "邮包" in admin.get("/nodes/").text
    answer = admin.post("/parcels/in", file=(io.BytesIO(out.data), name))
    assert answer.status_code == 302
    page = admin.get("/parcels/").text
    assert "没有缺的数据包" in page
    assert "龙泉镇人民政府" in page
    Sticks(city, tmp_path / "none").work()
    assert packages_there(city) == [True] * 3
    city.conclude(batch_id, "accepted")
    down = admin.post(f"/parcels/out/{unit.node_id}")
    name = name_of(down.headers["Content-Disposition"])
    page = clerk.post("/parcels/in", {"file": (io.BytesIO(down.data), name)}).text
    assert "已导入" in page
    assert "0 条变动" in page
    assert unit.batch_state(batch_id) == "accepted"


def test_what_is_wrong_with_a_file_is_said_on_the_page(
    city: Federation, unit: Unit, clerk: Browser, admin: HubBrowser
) -> None:
    page = clerk.post("/parcels/in", {"file": (io.BytesIO(b"x"), "照片.jpg")}, status=422).text
    assert "“照片.jpg”不是档联的邮包" in page
    assert "没有选择文件" in clerk.post("/parcels/in", status=422).text
    answer = admin.post("/parcels/in", file=(io.BytesIO(b"x"), "照片.jpg"))
    assert answer.status_code == 422
    unit.file(2)
    torn = clerk.post("/parcels/out").data[:-10]
    together = [(io.BytesIO(b"x"), "一.parcel"), (io.BytesIO(torn), "撕.parcel")]
    assert admin.post("/parcels/in", file=together).status_code == 302
    page = admin.get("/parcels/").text
    assert "不完整或被改动过" in page
    assert "没有导入（一.parcel）" in page


def test_one_bad_file_does_not_hide_what_the_others_brought(
    unit: Unit, clerk: Browser, admin: HubBrowser
) -> None:
    unit.file(2)
    down = admin.post(f"/parcels/out/{unit.node_id}")
    together = [
        (io.BytesIO(down.data), "甲.parcel"),
        (io.BytesIO(b"x"), "乙.parcel"),
        (io.BytesIO(down.data), "丙.parcel"),
    ]
    page = clerk.post("/parcels/in", {"file": together}).text
    assert "没有导入（乙.parcel）" in page
    assert "已导入 甲.parcel" in page
    assert "已导入 丙.parcel" in page


def test_what_is_too_large_for_a_page_is_told_the_command(
    unit: Unit, clerk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_with_large_packages(unit)
    monkeypatch.setattr(parcels, "PAGE_BYTES", 1000)
    assert "danglian node export-bundle" in clerk.post("/parcels/out", status=409).text


def test_a_village_s_clerk_does_not_carry_the_others_records(unit: Unit) -> None:
    village = browser(unit, Grant(Role.CLERK, fonds_id=unit.fonds_id))
    page = village.get("/parcels/").text
    assert "导出邮包</button>" not in page
    assert "导入邮包</button>" not in page, "it was refused once the file was there"
    village.post("/parcels/out", status=403)
    browser(unit, Grant(Role.LEADER)).get("/parcels/", status=403)


def test_a_reviewer_is_not_offered_the_parcels(city: Federation) -> None:
    with city.hub.database().write() as session:
        employ(
            "shenhe", "审核", PASSWORD, [Grant(Role.REVIEWER)],
            session=session,
        )  # fmt: skip
    reviewer = HubBrowser(make_app(city.hub), "shenhe")
    assert "邮包" not in reviewer.get("/nodes/").text
    assert reviewer.get("/parcels/").status_code == 403
