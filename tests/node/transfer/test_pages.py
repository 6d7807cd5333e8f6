"""The pages and the commands of transfer, as clerk and leader meet them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from node.command import node as node_command
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from node.transfer import service as transfer
from node.transfer.models import Batch
from shared.kernel.actor import Grant, Role, system_actor
from shared.kernel.keys import document_is_signed_by
from shared.packaging import FormCheck, FormItem, FormPeople, make_form
from shared.records.record import record_from_wire
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.transfer.conftest import Archive, Office
from tests.shared.inspection.looks import painted

REASON = {
    "field": "title",
    "problem": "题名与正文不符。",
    "remedy": "请照正文改。",
    "code": "title",
}


@pytest.fixture
def clerk_browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


@pytest.fixture
def leader_browser(node: Node) -> Browser:
    return Browser(node, "leader", "李镇长", Grant(Role.LEADER))


def the_batch(node: Node) -> str:
    with node.database.read() as session:
        return str(session.scalar(select(Batch.id).order_by(Batch.created_at.desc())))


def drain(office: Office) -> None:
    while office.work.step():
        pass


def form_of(archive: Archive, batch_id: str) -> dict[str, Any]:
    """A real form over the offers of a batch."""
    records = {record["id"]: record for record in archive.node.told()}
    people = FormPeople("张档案", "2024-06-01", "李镇长", "2024-06-01")
    items = [
        FormItem.of(record_from_wire(records[offer["record_id"]]), offer)
        for offer in archive.told("offer")
    ]
    lines = ("准确性", "完整性", "可用性", "安全性", "载体外观")
    return make_form(
        items,
        batch_id=batch_id,
        title="2023年文书档案移交",
        content="文书档案",
        unit="樟村坪镇人民政府",
        fonds_id=archive.node.fonds,
        fonds_number="A182",
        fonds_name="樟村坪镇人民政府",
        archive_code="420500",
        archive="宜昌市档案馆",
        checks={name: FormCheck("合格", "合格") for name in lines},
        unit_people=people,
        archive_people=people,
    ).to_wire()


def test_clerk_and_leader_bring_a_batch_to_the_archive_on_the_pages(
    node: Node,
    office: Office,
    archive: Archive,
    clerk_browser: Browser,
    leader_browser: Browser,
) -> None:
    assert "新建移交批次" in clerk_browser.get("/transfer/").text
    assert "没有可以移交的档案" in clerk_browser.get("/transfer/new").text
    office.filed(3)
    page = clerk_browser.get("/transfer/new?year=2023&class=WS&retention=D30").text
    assert "关于第1号事项的通知" in page
    page = clerk_browser.post("/transfer/new", {"title": "", "all": "1"}, status=422).text
    assert "此项不能为空" in page
    page = clerk_browser.post("/transfer/new", {"title": "2023年文书", "all": "1"}).text
    batch_id = the_batch(node)
    assert "未检测" in page
    url = f"/transfer/{batch_id}"

    page = clerk_browser.post(
        f"{url}/opinions", {"opening_opinion": "controlled", "all": "1"}, status=422
    ).text
    assert "控制使用须写明理由" in page
    clerk_browser.post(
        f"{url}/opinions",
        {"opening_opinion": "open", "publicity_attribute": "active", "all": "1"},
    )
    assert "主动公开" in clerk_browser.get(url).text
    clerk_browser.post(f"{url}/approve", status=403)
    clerk_browser.post(f"{url}/inspect")
    drain(office)
    page = clerk_browser.get(url).text
    assert "请单位负责人登录后批准" in page
    assert "病毒感染检测" in page  # what is left to the archive is said
    assert "由档案馆在接收时检测，不影响提交" in page
    assert "批准移交" in leader_browser.get(url).text
    with clerk_browser.client.get(f"{url}/inspection.pdf") as answer:
        assert answer.data.startswith(b"%PDF")
    report = clerk_browser.client.get(f"{url}/inspection.json").get_json()
    assert (report["batch"]["id"], report["counted"]["records"]) == (batch_id, 3)
    signed = report.pop("signature")
    assert document_is_signed_by(node.folder.keys.seal().public, report, signed)
    clerk_browser.get(f"{url}/inspection.doc", status=404)
    leader_browser.post(f"{url}/approve")
    clerk_browser.post(f"{url}/offer")
    drain(office)
    assert "已发出 3 / 3" in clerk_browser.get(url).text

    archive.send(transfer.apply_verdict, archive.verdict(batch_id, form=form_of(archive, batch_id)))
    assert "核对登记表并签字" in leader_browser.get(url).text
    assert "签字" in leader_browser.get(f"{url}/form").text
    leader_browser.post(f"{url}/form")
    assert office.batch(batch_id).state == "signed"
    with node.database.read() as session:
        confirmation = session.get_one(Batch, batch_id).confirmation
    archive.send(transfer.apply_receipt, archive.receipt(batch_id, unit_signature=confirmation))
    assert "已正式接收" in clerk_browser.get(url).text
    answer = clerk_browser.client.get(f"{url}/form.pdf")
    assert answer.data.startswith(b"%PDF")
    answer.close()
    clerk_browser.walk(url, most=40)


def test_the_home_page_said_nothing_of_batches_that_wait_for_somebody(
    node: Node,
    office: Office,
    archive: Archive,
    clerk_browser: Browser,
    leader_browser: Browser,
) -> None:
    villager = Browser(node, "cun", "村主任", Grant(Role.LEADER, fonds_id=node.village))

    def waits_for(*readers: Browser, what: str) -> None:
        for reader in (clerk_browser, leader_browser, villager):
            assert (what in reader.get("/").text) == (reader in readers), what

    batch_id = office.prepared(office.filed(2))
    waits_for(what="等您批准")
    office.inspect(batch_id)
    waits_for(leader_browser, what="等您批准")
    leader_browser.post(f"/transfer/{batch_id}/approve")
    waits_for(what="等您批准")
    waits_for(clerk_browser, what="可以提交")
    clerk_browser.post(f"/transfer/{batch_id}/offer")
    drain(office)
    waits_for(what="可以提交")
    archive.send(transfer.apply_verdict, archive.verdict(batch_id, form=form_of(archive, batch_id)))
    waits_for(leader_browser, what="等您签字")
    leader_browser.post(f"/transfer/{batch_id}/form")
    waits_for(what="等您签字")


def test_what_was_ticked_was_lost_when_something_was_missing(
    office: Office, clerk_browser: Browser
) -> None:
    def ticked(path: str, one: str, **values: str) -> list[str]:
        page = clerk_browser.post(path, {"ids": [one], **values}, status=422).text
        return re.findall(r'name="ids" value="([^"]+)"[^>]* checked>', page)

    ids = office.filed(3)
    assert ticked("/transfer/new", ids[0], title="") == ids[:1]
    batch_id = office.prepared(ids)
    offer_id = office.lines(batch_id)[1].offer_id
    assert ticked(f"/transfer/{batch_id}/opinions", offer_id, opening_opinion="controlled") == [
        offer_id
    ]


def test_a_finding_beside_its_field_says_on_which_page(
    office: Office, clerk_browser: Browser
) -> None:
    """It named the file and the trouble, and let the clerk look for the page."""
    odd = painted(b"0 0 m 10 10 x S")
    batch_id = office.prepared(office.filed(1, content=odd))
    office.inspect(batch_id)
    (line,) = office.lines(batch_id)
    page = clerk_browser.get(f"/transfer/{batch_id}/records/{line.offer_id}").text
    assert "正文.pdf：第 1 页" in page
    assert re.search(r'<a href="/filing/[^"]+#page=1">[^<]*正文.pdf：第 1 页</a>', page)


def test_returned_reasons_stand_beside_the_fields(
    node: Node, office: Office, archive: Archive, clerk_browser: Browser
) -> None:
    batch_id, ids = office.offered(2)
    archive.send(
        transfer.apply_verdict,
        archive.verdict(batch_id, "returned", returned=ids[:1], reasons=[REASON]),
    )
    page = clerk_browser.get(f"/transfer/{batch_id}").text
    assert "题名与正文不符" in page
    assert f"/filing/{ids[0]}/edit" in page
    assert "共 1 条" in clerk_browser.get(f"/transfer/{batch_id}?only=to_mend").text
    page = clerk_browser.get(f"/transfer/{batch_id}?only=returned&q=第1号").text
    assert "关于第1号事项的通知" in page
    line = office.lines(batch_id)[0]
    page = clerk_browser.get(f"/transfer/{batch_id}/records/{line.offer_id}").text
    assert "修改这一件" in page
    page = clerk_browser.post(f"/transfer/{batch_id}/correct").text
    assert "更正而来" in page
    clerk_browser.walk("/transfer/", most=40)


def test_a_sound_record_that_came_back_with_its_batch_asks_for_nothing(
    office: Office, archive: Archive, clerk_browser: Browser
) -> None:
    batch_id, ids = office.offered(2)
    with_its_batch = {**REASON, "field": None, "problem": "整批退回", "code": "whole_batch"}
    archive.send(
        transfer.apply_verdict,
        archive.verdict(batch_id, "returned", returned=ids[1:], reasons=[with_its_batch]),
    )
    assert "被档案馆退回" not in clerk_browser.get("/").text
    assert "随整批退回，本件不用改" in clerk_browser.get(f"/transfer/{batch_id}").text
    assert "没有符合条件的内容" in clerk_browser.get(f"/transfer/{batch_id}?only=to_mend").text


def test_a_notice_is_shown_until_it_is_put_aside(
    node: Node, office: Office, archive: Archive, clerk_browser: Browser
) -> None:
    batch_id, _ = office.offered(1)
    archive.send(transfer.apply_verdict, {"batch_id": batch_id, "outcome": "returned"})
    assert "未予采用" in clerk_browser.get("/transfer/").text
    with node.database.read() as session:
        [notice] = transfer.notices(system_actor("test"), session=session)
    clerk_browser.post(f"/transfer/notices/{notice.id}/aside")
    assert "未予采用" not in clerk_browser.get("/transfer/").text


def test_a_village_read_what_the_hub_said_of_a_batch_of_the_township(
    node: Node, office: Office, archive: Archive
) -> None:
    batch_id, _ = office.offered(1)
    archive.send(transfer.apply_verdict, {"batch_id": batch_id, "outcome": "returned"})
    villager = Browser(node, "cun", "村文书", Grant(Role.CLERK, fonds_id=node.village))
    assert "未予采用" not in villager.get("/transfer/").text
    with node.database.read() as session:
        [notice] = transfer.notices(system_actor("test"), session=session)
    villager.post(f"/transfer/notices/{notice.id}/aside", status=404)
    administrator = Browser(node, "guanli", "管理员", Grant(Role.SYSTEM_ADMINISTRATOR))
    administrator.get("/transfer/", status=403)


def test_a_notice_of_no_batch_could_not_be_put_aside_by_the_clerk_of_one_fonds(
    node: Node, office: Office
) -> None:
    clerk = Browser(node, "zhen", "镇文书", Grant(Role.CLERK, fonds_id=node.fonds))
    with node.database.write() as session:
        transfer.report(session, "declined", "record_unknown", "收到一份更正答复，不在本机。")
        [notice] = transfer.notices(system_actor("test"), session=session)
    assert "收到一份更正答复" in clerk.get("/transfer/").text
    assert "收到一份更正答复" not in clerk.post(f"/transfer/notices/{notice.id}/aside").text


def test_what_is_said_of_a_fonds_that_moves_stood_on_the_list_twice(node: Node) -> None:
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.LEAVING, "文旅局", session=session)
    clerk = Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    assert clerk.get("/transfer/").text.count("正在移交给“文旅局”保管") == 1


def test_a_batch_is_withdrawn_and_given_up_on_the_pages(
    node: Node, office: Office, archive: Archive, clerk_browser: Browser
) -> None:
    batch_id, _ = office.offered(2)
    clerk_browser.post(f"/transfer/{batch_id}/withdraw", {"reason": ""}, status=422)
    page = clerk_browser.post(f"/transfer/{batch_id}/withdraw", {"reason": "发现漏件"}).text
    assert "等待市级平台答复" in page
    archive.send(transfer.apply_withdrawn, {"batch_id": batch_id, "granted": True, "reason": None})
    page = clerk_browser.post(f"/transfer/{batch_id}/correct").text
    again = the_batch(node)
    lines = office.lines(again)
    page = clerk_browser.post(f"/transfer/{again}/take_out", {"ids": [lines[0].offer_id]}).text
    assert "已从批次中去掉 1 件" in page
    clerk_browser.post(f"/transfer/{again}/give_up")
    assert "（更正）" not in clerk_browser.get("/transfer/").text


def test_another_fonds_clerk_finds_no_batch(node: Node, office: Office, archive: Archive) -> None:
    batch_id = office.prepared(office.filed(1))
    stranger = Browser(node, "village", "王村文书", Grant(Role.CLERK, fonds_id=node.village))
    stranger.get(f"/transfer/{batch_id}", status=404)
    stranger.post(f"/transfer/{batch_id}/inspect", status=404)
    assert "还没有移交批次" in stranger.get("/transfer/").text


def test_the_commands_do_what_the_pages_do(
    node: Node, office: Office, archive: Archive, clerk_browser: Browser, leader_browser: Browser
) -> None:
    office.filed(2)

    def run(*words: str, exit_code: int = 0) -> Any:
        command = ["transfer", *words, "--dir", str(node.folder.path), "--json"]
        result = CliRunner().invoke(node_command, command)
        assert result.exit_code == exit_code, result.output
        return json.loads(result.output)

    batch = run("prepare", "--fonds", "A182", "--title", "2023年", "--year", "2023")["id"]
    assert run("opinions", batch, "--opening", "open")["records"] == 2
    assert run("approve", batch, exit_code=1)["code"] == "not_inspected"
    assert run("inspect", batch)["inspected"] == 2
    assert run("approve", batch, "--as", "clerk", exit_code=1)["code"] == "not_allowed"
    assert run("approve", batch, "--as", "leader")["approved_by"] == "李镇长"
    assert run("offer", batch, "--as", "clerk")["state"] == "offered"
    assert run("withdraw", batch, "--reason", "发现漏件")["state"] == "withdrawing"
    archive.send(transfer.apply_verdict, archive.verdict(batch))
    assert run("sign", batch)["state"] == "signed"
    assert [each["id"] for each in run("list")["batches"]] == [batch]
    shown = run("show", batch)
    assert {line["outcome"] for line in shown["lines"]} == {"accepted"}


def test_a_village_saw_the_names_of_other_fonds_in_the_filter(node: Node) -> None:
    villager = Browser(node, "cun", "村文书", Grant(Role.CLERK, fonds_id=node.village))
    pages = ("/transfer/", "/transfer/new", "/filing/", "/filing/catalogue", "/filing/new")
    for path in (*pages, "/registry/", "/registry/new", "/intake/", "/intake/new"):
        assert node.fonds not in villager.get(path).text, path
    clerk = Browser(node, "zhen", "镇文书", Grant(Role.CLERK))
    assert node.village in clerk.get("/transfer/").text


def test_all_that_fit_can_only_be_chosen_within_one_fonds(node: Node, office: Office) -> None:
    office.filed()
    clerk = Browser(node, "both", "张档案", Grant(Role.CLERK))
    page = clerk.get("/transfer/new").text
    assert "请先在下面选定一个全宗" in page
    assert "全部符合条件的" in page
    assert 'name="all"' not in page
    assert 'name="all"' in clerk.get(f"/transfer/new?fonds={node.fonds}").text
    village = Browser(node, "one", "王村文书", Grant(Role.CLERK, fonds_id=node.village))
    assert 'name="all"' in village.get("/transfer/new").text


def test_a_dialog_that_is_refused_gets_words_and_one_that_is_not_the_way_on(
    node: Node, office: Office, archive: Archive
) -> None:
    clerk = Browser(node, "dialog", "张档案", Grant(Role.CLERK))
    clerk.post("/transfer/new", {"title": "2023年文书", "ids": office.filed()})
    batch_id = the_batch(node)

    def sent(verb: str, **fields: str) -> Any:
        return clerk.client.post(
            f"/transfer/{batch_id}/{verb}",
            data={**fields, "csrf_token": clerk.token()},
            headers={"HX-Request": "true"},
        )

    refused = sent("withdraw", reason="重报")
    assert refused.status_code == 409
    assert refused.content_type.startswith("text/plain")
    assert "不能“申请撤回”" in refused.text
    done = sent("give_up")
    assert (done.status_code, done.data) == (204, b"")
    assert done.headers["HX-Redirect"] == "/transfer/"
