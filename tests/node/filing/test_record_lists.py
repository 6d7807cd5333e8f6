"""The lists on the page of one thing: page by page, sorted, searched, whatever their length."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from node.filing import service as filing
from node.filing.models import Record
from node.office.models import OfficeFonds
from shared.kernel.actor import Actor, Grant, Role
from shared.records.fonds import Fonds, RetentionScheduleRef
from tests.node.browser import Browser
from tests.node.conftest import Node

PLACE = {"class_code": "KU", "subclass": "01", "year": 2023, "retention": "D30"}


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


@pytest.fixture
def volume(node: Node, clerk: Actor) -> str:
    with node.database.write() as session:
        made = filing.collect(
            clerk, node.fonds,
            {"level": "volume", "title": "记账凭证", "date": "2023-12-31", **PLACE},
            session=session,
        )  # fmt: skip
        for number in range(1, 31):
            filing.collect(
                clerk, node.fonds,
                {"level": "item", "parent_id": made.id, "title": f"第{number:02d}号凭证",
                 "date": f"2023-05-{number:02d}"},
                session=session,
            )  # fmt: skip
        return made.id


def test_the_items_of_a_volume_come_page_by_page(browser: Browser, volume: str) -> None:
    first = browser.get(f"/filing/{volume}").text
    assert "卷内文件（30）" in first
    assert "第01号凭证" in first
    assert "第25号凭证" not in first
    second = browser.get(f"/filing/{volume}?items_page=2").text
    assert "第25号凭证" in second
    assert "第01号凭证" not in second
    turned = browser.get(f"/filing/{volume}?items_sort=-date").text
    assert "第30号凭证" in turned
    assert "第01号凭证" not in turned
    found = browser.get(f"/filing/{volume}?items_q=第25").text
    assert "共 1 条" in found
    nothing = browser.get(f"/filing/{volume}?items_q=没有的词&history_q=收集").text
    assert "没有符合条件的内容" in nothing


def test_items_without_a_number_stand_behind_those_with_one(
    node: Node, clerk: Actor, browser: Browser, volume: str
) -> None:
    with node.database.write() as session:
        filing.draft_numbers(clerk, node.fonds, "KU", 2023, session=session)
        late = filing.collect(
            clerk, node.fonds,
            {"level": "item", "parent_id": volume, "title": "补来的凭证", "date": "2023-01-01"},
            session=session,
        )  # fmt: skip
        late.number = None
    first = browser.get(f"/filing/{volume}").text
    assert "第01号凭证" in first
    assert "补来的凭证" not in first
    assert "补来的凭证" in browser.get(f"/filing/{volume}?items_page=2").text


def test_a_long_history_comes_page_by_page(node: Node, clerk: Actor, browser: Browser) -> None:
    (record_id,) = node.collect(clerk, 1)
    node.close(clerk)
    for number in range(25):
        with node.database.write() as session:
            record = session.get_one(Record, record_id)
            filing.edit_returned(clerk, record, {"remark": f"第{number}次"}, session=session)
    page = browser.get(f"/filing/{record_id}").text
    assert "经过（27）" in page
    assert "共 27 条，第 1–20 条" in page
    assert "第 21–27 条" in browser.get(f"/filing/{record_id}?history_page=2").text
    assert "共 1 条" in browser.get(f"/filing/{record_id}?history_q=收集").text


def test_the_catalogue_is_read_page_by_page_and_keeps_its_numbers(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    node.collect(clerk, 120)
    node.close(clerk)
    address = "/filing/catalogue?class=WS&year=2023"
    first = browser.get(address).text
    assert "共 120 条，第 1–100 条" in first
    assert "<td>120</td>" in browser.get(f"{address}&page=2").text
    assert "<td>120</td>" in browser.get(f"{address}&sort=-place").text
    assert "共 11 条" in browser.get(f"{address}&q=第11").text


def test_what_stands_in_a_box_is_searched(node: Node, clerk: Actor, browser: Browser) -> None:
    node.collect(clerk, 25, box="1")
    with node.database.read() as session:
        box_id = session.query(filing.Box).one().id
    page = browser.get(f"/filing/boxes/{box_id}").text
    assert "盒内文件（25）" in page
    assert "共 25 条，第 1–20 条" in page
    assert "共 1 条" in browser.get(f"/filing/boxes/{box_id}?items_q=第25号").text


def test_the_retention_schedule_is_looked_up_by_words_and_period(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    page = browser.get(f"/filing/schedule?fonds={node.fonds}").text
    assert "还没有登记本单位经批准的保管期限表" in page
    assert "国家档案局令第18号" in page
    assert "共 29 条" in page
    village = browser.get(f"/filing/schedule?fonds={node.village}&q=会议记录").text
    assert "国家档案局、民政部、农业部令第12号" in village
    assert "没有符合条件的内容" in browser.get("/filing/schedule?q=没有的词").text
    browser.get("/filing/schedule?fonds=nowhere", status=404)
    approved = RetentionScheduleRef("樟村坪镇归档范围和保管期限表", "2024年版", date(2024, 1, 5))
    with node.database.write() as session:
        office = session.get_one(OfficeFonds, node.fonds)
        office.wire = replace(Fonds.from_wire(office.wire), retention_schedule=approved).to_wire()
    shown = "樟村坪镇归档范围和保管期限表（2024年版，2024-01-05 批准）"
    assert shown in browser.get(f"/filing/schedule?fonds={node.fonds}&retention=Y").text
    (record_id,) = node.collect(clerk, 1)
    assert shown in browser.get(f"/filing/{record_id}").text
