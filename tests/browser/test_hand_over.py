"""The whole way: a batch is made, approved, reviewed, returned, signed, received; a correction."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import pytest

from tests.browser.city import City
from tests.browser.conftest import Shot, SignIn
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

BATCH = "2021年度文书档案"


def test_a_batch_reaches_the_archive_although_one_record_was_wrong(
    city: City, sign_in: SignIn, shot: Shot, tmp_path: Path
) -> None:
    room = city.rooms["fenxiang"]
    papers = room.papers(2021, 4)
    room.collect(papers, login="fenxiang")
    name = room.office.fonds[0].name
    room.run("file", "close", "--fonds", name, "--year", "2021", "--as", "fenxiang")
    clerk = sign_in("fenxiang", "fenxiang")
    leader = sign_in("fenxiang", "fenxiang-zhen")
    reviewer = sign_in("hub", "shenhe")
    archivist = sign_in("hub", "jieshou")

    _prepare(clerk, shot)
    _inspect(clerk)
    _approve(leader, clerk.page.url, shot)
    clerk.page.reload()
    clerk.click("提交移交")
    clerk.waits_for("已发出 4 / 4")

    # The archive returns it: one title does not say what the paper is about.
    _open_at_the_desk(reviewer)
    wrong = papers[1].title
    reviewer.click(wrong)
    reviewer.sees("/ 4 件")
    reviewer.page.locator("summary").click()
    reviewer.goes("题名不能准确反映文件内容。")
    reviewer.open("/review/")
    reviewer.click(BATCH)
    reviewer.sees("退回 1")
    reviewer.click("整批退回")
    reviewer.goes("整批退回")
    reviewer.sees("已整批退回")

    # The clerk finds the reason beside the title, and mends it.
    clerk.waits_for("档案馆退回了这个批次")
    clerk.sees("题名不能准确反映文件内容。")
    clerk.open("/")
    clerk.sees("1 件被档案馆退回")
    shot(clerk.page, "desk")
    clerk.click("1 件被档案馆退回，请按意见修改")
    clerk.click(wrong)
    beside = clerk.page.locator("dl.details > div", has_text="题名").first
    assert "题名不能准确反映文件内容" in beside.inner_text()
    shot(clerk.page, "returned-record")
    clerk.click("修改")
    clerk.fill(title=f"{wrong}（附实施办法）")
    clerk.click("保存")
    clerk.sees("已保存", "（附实施办法）")
    clerk.open("/transfer/")
    clerk.click(BATCH)
    clerk.click("更正后重新移交")
    clerk.sees("已建立新批次")
    again = clerk.page.url
    _inspect(clerk)
    _approve(leader, again, None)
    clerk.page.reload()
    clerk.click("提交移交")
    clerk.waits_for("已发出 4 / 4")

    _open_at_the_desk(reviewer)
    reviewer.sees("已检验 4 / 4")
    reviewer.click("人工检测项都合格")
    reviewer.goes("人工检测项都合格")
    reviewer.sees("人工检测的决定已记下")
    reviewer.click("整批通过")
    reviewer.goes("整批通过")
    reviewer.sees("已整批通过")

    # The leader signs in two clicks; the archive's signature is the receipt.
    leader.page.goto(again)
    leader.waits_for("核对登记表并签字")
    leader.click("核对登记表并签字")
    leader.sees("电子档案移交与接收登记表", papers[0].title)
    shot(leader.page, "sign-the-form")
    leader.click("以本人名义签字并加盖单位电子印章")
    leader.sees("已签字，等待档案馆签字接收")

    archivist.open("/receiving/")
    archivist.waits_for(BATCH)
    archivist.open("/")
    archivist.sees("等待本馆签字接收")
    archivist.click("现在办理")
    archivist.click(_title_of(archivist))
    archivist.sees(papers[0].title, "何光明")
    shot(archivist.page, "receive")
    archivist.click("签字接收")
    archivist.sees("已签字接收")
    archivist.waits_for("420500-")
    form = archivist.downloads("登记表 PDF").read_bytes()
    assert form.startswith(b"%PDF-")
    written = _characters(form)
    for word in ("移交", "接收", "分乡镇", "何光明", "李文静"):
        assert set(word) <= written, word

    clerk.waits_for("档案馆已正式接收")
    clerk.open("/filing/?year=2021")
    clerk.sees("已接收")
    archivist.open("/receiving/accessions")
    archivist.sees("420500-", name)

    _correct(clerk, archivist, papers[0].title, shot)


def _correct(clerk: Person, archivist: Person, title: str, shot: Shot) -> None:
    """The clerk finds a mistake in what was received; the archive corrects it in two clicks."""
    clerk.open("/filing/?year=2021")
    clerk.click(title)
    clerk.click("请求更正")
    clerk.fill(title=f"{title}（印发稿）", reason="题名漏注稿本，与原件不符。")
    shot(clerk.page, "ask-correction")
    clerk.goes("请求更正")
    clerk.sees("等待答复", f"{title}（印发稿）")
    asked = clerk.page.url

    archivist.open("/corrections/")
    archivist.waits_for(title)
    archivist.open("/")
    archivist.sees("份更正申请等待答复")
    archivist.open("/corrections/")
    archivist.page.locator("[data-row-link]").first.click()
    archivist.sees("题名漏注稿本", "应为")
    shot(archivist.page, "correct")
    archivist.goes("予以更正")
    archivist.sees("已更正，正在写入馆藏库")

    clerk.page.goto(asked)
    clerk.waits_for("已更正")
    clerk.click("查看档案")
    clerk.sees(f"{title}（印发稿）", "题名原为", "只读副本")


def _title_of(person: Person) -> str:
    return person.page.locator("[data-row-link]", has_text=BATCH).first.inner_text()


def _prepare(clerk: Person, shot: Shot) -> None:
    clerk.open("/transfer/")
    clerk.page.get_by_role("link", name="新建移交批次").first.click()
    clerk.page.locator("select[name=year]").select_option("2021")
    clerk.sees("共 4 条")
    clerk.page.get_by_label("全选本页").check()
    clerk.fill(title=BATCH)
    clerk.click("建立批次")
    clerk.sees("已建立批次，共 4 件")
    clerk.page.get_by_label("用于全部 4 件").check()
    clerk.fill(opening_opinion="开放", publicity_attribute="主动公开")
    clerk.click("设定意见")
    clerk.sees("已为 4 件设定意见")
    shot(clerk.page, "batch")


def _inspect(clerk: Person) -> None:
    clerk.click("移交前检测")
    clerk.waits_for("请单位负责人登录后批准")
    clerk.sees("已检测 4 / 4，不合格 0")


def _approve(leader: Person, batch: str, shot: Shot | None) -> None:
    leader.page.goto(batch)
    leader.click("批准移交")
    if shot is not None:
        shot(leader.page, "approve")
    leader.goes("批准移交")
    leader.sees("已批准移交", "何光明")


def _open_at_the_desk(reviewer: Person) -> None:
    reviewer.open("/review/")
    reviewer.waits_for(BATCH)
    reviewer.click(_title_of(reviewer))
    reviewer.sees("审核结论")


def _characters(pdf: bytes) -> set[str]:
    """The characters that a PDF shows, out of the tables that its fonts carry for copying."""
    found: set[str] = set()
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            text = zlib.decompress(stream)
        except zlib.error:
            continue
        if b"beginbfchar" in text or b"beginbfrange" in text:
            found |= {chr(int(code, 16)) for code in re.findall(rb"<([0-9A-Fa-f]{4})>", text)}
    return found
