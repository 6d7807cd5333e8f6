"""What is printed for paper: box labels, note sheets, and the cover and list of a volume."""

from __future__ import annotations

from typing import Any

import pytest

from node.filing import box_papers
from node.filing import service as filing
from node.filing.models import Box, Record
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.errors import Classified, Invalid, NotAllowed
from shared.packaging.pdf import Page
from tests.node.browser import Browser
from tests.node.conftest import Node


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line of text that is drawn into a PDF from here on."""
    lines: list[str] = []
    text = Page.text

    def note(page: Page, x: float, y: float, words: str, *more: Any) -> None:
        lines.append(words)
        text(page, x, y, words, *more)

    monkeypatch.setattr(Page, "text", note)
    return lines


def box_id_of(node: Node) -> str:
    with node.database.read() as session:
        return str(session.query(Box.id).scalar())


def test_a_label_says_what_is_in_the_box(node: Node, clerk: Actor, drawn: list[str]) -> None:
    ids = node.collect(clerk, 3, box="12", pages=4)
    node.close(clerk)
    with node.database.write() as session:
        filing.remove_filed(clerk, session.get_one(Record, ids[2]), "重复归档", session=session)
    with node.database.read() as session:
        paper = box_papers.box_paper(session.get_one(Box, box_id_of(node)), session=session)
    assert (paper.years, paper.retentions, paper.organs) == (("2023",), ("30年",), ("办公室",))
    assert (paper.spans, paper.records, paper.pages) == (("0001—0002",), 2, 8)
    assert paper.voids == ("0003（重复归档）",)
    browser = Browser(node, "boss", "李镇长", Grant(Role.LEADER))
    for width in (20, 50, 99):
        answer = browser.get(f"/filing/boxes/print?ids={box_id_of(node)}&what=spines&width={width}")
        assert answer.data.startswith(b"%PDF")
    assert {"全宗号", "A182", "年度", "2023", "起止件号", "0001—0002", "盒号", "12"} <= set(drawn)
    assert not any("草稿" in each for each in drawn)


def test_a_note_is_kept_and_printed_and_an_empty_one_is_left_to_the_pen(
    node: Node, clerk: Actor, drawn: list[str]
) -> None:
    node.collect(clerk, 2, box="7")
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    box_id = box_id_of(node)
    path = f"/filing/boxes/print?ids={box_id}&what=notes"
    assert browser.get(path).data.startswith(b"%PDF")
    assert {"备考表", "盒内文件情况说明：", "整理人", "检查人", "草稿，尚未定号"} <= set(drawn)
    values = {"situation": "第2件缺附件一。\r\n其余齐全。", "arranged_by": "张档案"}
    page = browser.post(f"/filing/boxes/{box_id}", {**values, "arranged_on": "2024-03-05"})
    assert "已保存备考表" in page.text
    browser.get(path)
    assert {"第2件缺附件一。", "其余齐全。", "张档案", "2024年3月5日"} <= set(drawn)
    page = browser.post(
        f"/filing/boxes/{box_id}", {**values, "arranged_on": "2024-02-30"}, status=422
    )
    assert "没有2024年2月30日" in page.text
    assert "第2件缺附件一" in page.text


def test_a_note_with_a_secret_mark_or_of_somebody_else_is_refused(
    node: Node, clerk: Actor, villager: Actor
) -> None:
    node.collect(clerk, 1, box="7")
    with node.database.write() as session:
        box = session.get_one(Box, box_id_of(node))
        with pytest.raises(Classified):
            filing.write_note(clerk, box, {"situation": "其中一件 机密★10年"}, session=session)
        with pytest.raises(NotAllowed):
            filing.write_note(villager, box, {"situation": "x"}, session=session)
        with pytest.raises(Invalid):
            filing.write_note(clerk, box, {"situation": "长" * 5000}, session=session)
    village = Browser(node, "village", "王文书", Grant(Role.CLERK, fonds_id=node.village))
    village.get(f"/filing/boxes/{box_id_of(node)}", status=404)
    village.get(f"/filing/boxes/print?ids={box_id_of(node)}", status=404)
    assert "7 盒" not in village.get("/filing/boxes").text


def test_boxes_come_in_the_order_of_their_numbers(node: Node, clerk: Actor) -> None:
    for number in ("10", "2", "1"):
        node.collect(clerk, 1, box=number, title=f"第{number}盒的文件")
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    page = browser.get("/filing/boxes").text
    assert page.index(">1 盒<") < page.index(">2 盒<") < page.index(">10 盒<")
    assert "没有选择盒" in browser.get("/filing/boxes/print", status=422).text


def test_a_volume_has_a_cover_a_list_with_page_numbers_and_a_note(
    node: Node, clerk: Actor, drawn: list[str]
) -> None:
    with node.database.write() as session:
        volume = filing.collect(
            clerk, node.fonds,
            {"level": "volume", "class_code": "KU", "subclass": "01", "year": 2023,
             "retention": "D30", "title": "2023年凭证", "date": "2023-12-31"},
            session=session,
        )  # fmt: skip
        for number, pages in enumerate((5, 1, None, 2), 1):
            filing.collect(
                clerk, node.fonds,
                {"level": "item", "parent_id": volume.id, "title": f"凭证{number}",
                 "date": f"2023-0{number}-01", "pages": pages},
                session=session,
            )  # fmt: skip
        rows = box_papers.contents(volume, session=session)
    assert [row[5] for row in rows] == ["1—5", "6", "7", ""]
    browser = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    path = f"/filing/{volume.id}/papers"
    assert "封面与备考表" in browser.get(f"/filing/{volume.id}").text
    assert "已保存备考表" in browser.post(path, {"situation": "齐全", "checked_by": "李"}).text
    node.close(clerk, "KU")
    for what in ("cover", "contents", "note"):
        assert browser.get(f"{path}/{what}.pdf").data.startswith(b"%PDF")
    wanted = {"2023年凭证", "自 2023年1月1日　至 2023年4月1日", "立卷人", "齐全", "案卷号", "001"}
    assert wanted <= set(drawn)
    (loose,) = node.collect(clerk, 1)
    browser.get(f"/filing/{loose}/papers", status=409)
