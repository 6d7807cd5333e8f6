"""The pages of registry and filing, as a clerk walks through them."""

from __future__ import annotations

import io
import re

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import select

from node.filing import service as filing
from node.filing.models import ClosedClass, Divergence, Objection, Record
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from node.registry.models import Registered
from shared.kernel.actor import ADMINISTRATORS, Actor, Grant, Role
from tests.node.browser import Browser
from tests.node.conftest import Node


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


def record_id_of(node: Node, title: str) -> str:
    with node.database.read() as session:
        return str(session.scalar(select(Record.id).where(Record.title == title)))


def test_every_empty_page_says_what_to_do_first(browser: Browser) -> None:
    assert "登记第一份收文" in browser.get("/registry/").text
    assert "直接归档" in browser.get("/filing/").text
    assert "没有等待定号的门类" in browser.get("/filing/classes").text
    assert "没有可以列入目录的文件" in browser.get("/filing/catalogue").text
    assert "接下来做什么" in browser.get("/").text


def test_a_document_is_registered_closed_filed_and_numbered_on_the_pages(
    node: Node, browser: Browser
) -> None:
    page = browser.post(
        "/registry/new",
        {
            "direction": "incoming",
            "fonds_id": node.fonds,
            "title": "关于春耕生产的通知",
            "date": "2023-03-01",
            "registered_on": "2023-03-03",
            "security": "none",
            "role": "正本",
            "file": (io.BytesIO(b"%PDF-1.7 x"), "通知.pdf"),
        },
    )
    assert "2023-收-0001" in page.text
    with node.database.read() as session:
        document_id = session.scalar(select(Registered.id))
    browser.post(f"/registry/{document_id}/take_in_hand", {"handler": "王干事"})
    browser.post(f"/registry/{document_id}/close")
    values = {"class_code": "WS", "year": "2023", "retention": "D30", "organ": "bgs"}
    page = browser.post(f"/filing/from-registry/{document_id}", values)
    assert "整理中" in page.text
    record_id = record_id_of(node, "关于春耕生产的通知")
    file = re.search(rf"/filing/{record_id}/files/[0-9a-f-]+", page.text)
    assert file is not None
    assert browser.get(file.group()).data == b"%PDF-1.7 x"

    which = f"?fonds={node.fonds}&class=WS&year=2023"
    assert "A182-WS·2023-D30-BGS-0001" in browser.get(f"/filing/numbers{which}").text
    assert "已为 1 件编出草稿号" in browser.post(f"/filing/numbers{which}").text
    assert "将固定 1 件" in browser.get(f"/filing/close{which}").text
    assert "还没有确认" in browser.post(f"/filing/close{which}", status=422).text
    assert "已定号，共 1 件" in browser.post(f"/filing/close{which}", {"sure": "1"}).text
    assert "已归档" in browser.get(f"/filing/{record_id}").text
    assert "A182-WS·2023-D30-BGS-0001" in browser.get("/filing/catalogue").text


def test_a_selection_is_arranged_reordered_and_searched(node: Node, browser: Browser) -> None:
    for title in ("甲通知", "乙通知", "丙报告"):
        browser.post(
            "/filing/new",
            {
                "fonds_id": node.fonds, "level": "record", "class_code": "WS", "title": title,
                "date": "2023年5月1日", "holding": "paper", "security": "无",
            },
        )  # fmt: skip
    ids = [record_id_of(node, title) for title in ("甲通知", "乙通知", "丙报告")]
    page = browser.post(
        "/filing/", {"ids": ids, "year": "2023", "retention": "Y", "next": "?q=通知"}
    )
    assert "已设定 3 件" in page.text
    assert "丙报告" not in page.text
    category = node.state(ids[0])["category_id"]
    browser.post(f"/filing/order/{category}/move", {"move": f"{ids[2]}:1"})
    assert [node.state(each)["position"] for each in ids] == [2, 3, 1]
    assert "没有选择文件" in browser.post("/filing/", status=422).text


def test_what_was_ticked_was_lost_when_the_year_was_wrong(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    one, two = node.collect(clerk, 2)
    typed = {"ids": [one], "year": "二〇二三", "retention": "Y", "organ_name": "党政办"}
    page = browser.post("/filing/?sort=title", typed, status=422).text
    assert re.findall(r'name="ids" value="([^"]+)"[^>]* checked>', page) == [one]
    assert two in page
    assert "二〇二三" in page
    assert "党政办" in page
    assert 'href="?sort=-title"' in page


def test_a_task_of_the_home_page_led_to_more_than_what_waits(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    returned, refused, _ = node.collect(clerk, 3)
    filed = {"fonds_id": node.fonds, "direction": "incoming", "registered_on": "2024-05-01"}
    documents = [
        browser.post("/registry/new", {**filed, "title": title}).request.path
        for title in ("登记的来文", "在办的来文", "另一份在办的来文")
    ]
    for path in documents[1:]:
        browser.post(f"{path}/take_in_hand", {"handler": "王干事"})
    with node.database.write() as session:
        filing.note_refusal(session, {"seq": 1, "subject": refused, "problem": "档号重复"})
        session.add(Objection(record_id=returned, source="returned", problem="题名不符"))
    tasks = re.findall(
        r'<a class="list-group-item list-group-item-action" href="([^"]+)"><span[^>]*>(\d+)</span> '
        r"(\S+)</a>",
        browser.get("/").text,
    )
    lists = {text: (int(count), url) for url, count, text in tasks if "/classes" not in url}
    assert len(lists) == 4
    for text, (count, url) in lists.items():
        assert f"共 {count} 条" in browser.get(url.replace("&amp;", "&")).text, text


def test_closed_classes_come_page_by_page_and_are_narrowed(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    with node.database.write() as session:
        for year in range(1990, 2022):
            values = {"class_code": "WS", "year": year, "closed_by": "张档案", "records": year}
            session.add(ClosedClass(fonds_id=node.fonds, closed_by_id="x", **values))
    first = browser.get("/filing/classes").text
    assert "共 32 条" in first
    assert "year=2021&amp;class=WS" in first
    assert "year=1990&amp;class=WS" not in first
    assert "year=1990&amp;class=WS" in browser.get("/filing/classes?sort=records").text
    assert "共 1 条" in browser.get("/filing/classes?year=2001").text


def test_only_rows_that_can_be_arranged_have_a_box_and_a_selection_is_put_back(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    [filed] = node.collect(clerk, 1, year=2022)
    node.close(clerk, year=2022)
    drafts = node.collect(clerk, 2)
    [elsewhere] = Node(node.folder, node.database, fonds=node.village).collect(clerk, 1)
    with node.database.write() as session:
        set_standing(fonds_of(node.village, session), Standing.LEAVING, "镇", session=session)
    page = browser.get("/filing/").text
    boxes = re.findall(r'name="ids" value="([^"]+)"', page)
    assert filed in page
    assert elsewhere in page
    assert sorted(boxes) == sorted(drafts)
    assert "已把 2 件退回待整理" in browser.post("/filing/put-back", {"ids": drafts}).text
    assert {node.state(each)["state"] for each in drafts} == {"collected"}
    assert 'formaction="/filing/put-back"' not in browser.get("/filing/").text
    browser.post("/filing/put-back", status=422)


def test_a_form_opened_although_what_it_asks_for_would_be_refused(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    [record_id] = node.collect(clerk, 1)
    document = browser.post(
        "/registry/new",
        {"fonds_id": node.fonds, "direction": "incoming", "title": "来文", "closed": "1",
         "registered_on": "2024-05-01"},
    ).request.path  # fmt: skip
    forms = [f"/filing/{record_id}/{each}" for each in ("edit", "upload", "move")]
    forms += [f"{document}/edit", f"{document}/upload"]
    forms += [f"/filing/from-registry/{document.rsplit('/', 1)[1]}"]
    for path in forms:
        browser.get(path)
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.LEAVING, "文旅局", session=session)
    for path in forms:
        assert "正在移交给“文旅局”保管" in browser.get(path, status=409).text
    # A form that was open before keeps what was typed.
    typed = browser.post(f"/filing/{record_id}/edit", {"title": "打了很久的题名"}, status=409).text
    assert "打了很久的题名" in typed
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.OPEN, session=session)
    node.close(clerk)
    with node.database.write() as session:
        filing.mark_offered(clerk, [record_id], session=session)
    assert "先撤回" in browser.get(f"/filing/{record_id}/edit", status=409).text


def test_what_was_typed_stays_when_something_is_wrong(node: Node, browser: Browser) -> None:
    values = {
        "fonds_id": node.fonds, "level": "record", "class_code": "WS", "title": "会议纪要",
        "date": "2023-02-30", "holding": "electronic", "role": "正本", "kind": "born_digital",
    }  # fmt: skip
    page = browser.post("/filing/new", values, status=422)
    assert "没有2023年2月30日" in page.text
    assert "会议纪要" in page.text
    values["date"] = "2023-02-28"
    for content, name, sentence in (
        (b"", "空.pdf", "0 字节"),
        (b"x", "长" * 300 + ".pdf", "255"),
        (b"x", "../逃.pdf", "路径"),
    ):
        page = browser.post(
            "/filing/new", {**values, "file": (io.BytesIO(content), name)}, status=422
        )
        assert sentence in page.text
        assert "会议纪要" in page.text
    page = browser.post(
        "/filing/new",
        {**values, "title": "会议纪要 机密★10年", "file": (io.BytesIO(b"secret"), "x.pdf")},
        status=422,
    )
    assert "涉密" in page.text
    with node.database.read() as session:
        assert session.scalar(select(Record.id)) is None
    assert list(node.folder.files.names()) == []


def test_a_village_account_meets_only_its_own_fonds(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    (town_record,) = node.collect(clerk, 1)
    village = Browser(node, "village", "王文书", Grant(Role.CLERK, fonds_id=node.village))
    assert "樟政发" not in village.get("/filing/").text
    village.get(f"/filing/{town_record}", status=404)
    village.get(f"/filing/numbers?fonds={node.fonds}&class=WS&year=2023", status=403)
    village.get(f"/filing/catalogue?fonds={node.fonds}&year=2023&as=xlsx")
    assert "关于第1号" not in village.get(f"/filing/catalogue?fonds={node.fonds}&year=2023").text
    for page in village.walk().values():
        assert "关于第1号事项" not in page


def test_no_link_leads_nowhere(node: Node, clerk: Actor) -> None:
    node.collect(clerk, 3)
    node.close(clerk)
    ids = node.collect(clerk, 2, retention="Y")
    with node.database.write() as session:
        volume = filing.collect(
            clerk, node.fonds,
            {"level": "volume", "class_code": "KU", "subclass": "01", "title": "凭证", "box": "7"},
            session=session,
        )  # fmt: skip
        filing.note_refusal(session, {"subject": ids[0], "field": "title", "problem": "题名有误"})
        assert volume.id
    boss = Browser(
        node, "boss", "镇长", *(Grant(role) for role in Role if role not in ADMINISTRATORS)
    )
    pages = boss.walk()
    assert len(pages) > 60


def test_the_catalogue_as_a_spreadsheet_never_computes(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    node.collect(clerk, 2, author='=HYPERLINK("http://x")')
    path = f"/filing/catalogue?fonds={node.fonds}&class=WS&year=2023"
    content = browser.get(f"{path}&as=xlsx").data
    rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
    assert rows[1] == ["序号", "档号", "文号", "责任者", "题名", "日期", "密级", "页数", "备注"]
    assert rows[2][3] == '\'=HYPERLINK("http://x")'
    assert rows[2][5] == "20230202"
    pdf = browser.get(f"{path}&as=pdf")
    assert pdf.data.startswith(b"%PDF")


def test_a_list_asks_the_database_as_often_for_many_records_as_for_few(
    node: Node, clerk: Actor, browser: Browser
) -> None:
    from sqlalchemy import event

    def queries() -> int:
        count = 0

        def counted(*_args: object) -> None:
            nonlocal count
            count += 1

        event.listen(node.database.engine, "after_cursor_execute", counted)
        browser.get("/filing/?size=50")
        event.remove(node.database.engine, "after_cursor_execute", counted)
        return count

    node.collect(clerk, 2)
    few = queries()
    node.collect(clerk, 40)
    assert queries() == few


def test_divergences_come_page_by_page_and_can_be_found(
    node: Node, browser: Browser, clerk: Actor
) -> None:
    assert "没有不一致的档案" in browser.get("/filing/divergences").text
    node.collect(clerk, 21)
    node.close(clerk)
    with node.database.write() as session:
        for held in node.told():
            session.add(
                Divergence(
                    record_id=held["id"], fonds_id=node.fonds,
                    local={**held, "remark": "本机的备注"}, held=held,
                )
            )  # fmt: skip
    page = browser.get("/filing/divergences?sort=code").text
    assert "共 21 条，第 1–20 条" in page
    assert "本机的备注" in page
    assert "A182-WS·2023-D30-BGS-0021" not in page
    assert "A182-WS·2023-D30-BGS-0021" in browser.get("/filing/divergences?sort=code&page=2").text
    page = browser.get("/filing/divergences?q=BGS-0021").text
    assert "共 1 条" in page
    path = re.search(r"/filing/divergences/[0-9a-f-]+", page)
    assert path is not None
    assert "共 20 条" in browser.post(path.group(), {"choice": "held"}).text
    assert "没有符合条件的内容" in browser.get("/filing/divergences?q=BGS-0021").text
