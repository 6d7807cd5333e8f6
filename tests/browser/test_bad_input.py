"""What is wrong gets a clear sentence at its field, keeps what was typed, and leaves nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser.city import City
from tests.browser.conftest import SignIn
from tests.browser.person import Person

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SECRET = "绝不应留下的密件题名"
_PDF = b"%PDF-1.7\n%%EOF\n"


def test_a_form_with_an_error_keeps_what_was_typed(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new")
    clerk.fill(doc_no="夷政发〔2024〕99号", author="宜昌市夷陵区人民政府", pages="2")
    with clerk.refused(422):
        clerk.click("登记")
    clerk.sees("题名：此项不能为空")
    expect(clerk.page.locator("#field-title")).to_be_focused()
    assert clerk.page.locator("#field-doc_no").input_value() == "夷政发〔2024〕99号"
    assert clerk.page.locator("#field-pages").input_value() == "2"


def test_a_page_whose_session_has_ended_shows_nothing_more(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.page.clock.install()
    clerk.open("/registry/new")
    clerk.fill(doc_no="夷政发〔2024〕99号")
    cookies = clerk.context.cookies()
    clerk.context.clear_cookies()
    clerk.page.clock.fast_forward("30:10")
    clerk.sees("登录已超时，已填内容仍在")
    expect(clerk.page.locator("#field-doc_no")).to_be_hidden()
    # The same person signs in elsewhere, and comes back to what was typed.
    clerk.context.add_cookies(cookies)
    clerk.page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(clerk.page.locator("#field-doc_no")).to_have_value("夷政发〔2024〕99号")
    expect(clerk.page.locator("#field-doc_no")).to_be_visible()
    clerk.open("/registry/")
    clerk.context.clear_cookies()
    clerk.page.clock.fast_forward("30:10")
    clerk.page.wait_for_url(lambda url: "/sign-in" in url)


def test_a_dialog_that_is_refused_stays_open_with_the_reason(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new")
    clerk.fill(title="关于订阅报刊的函", date="2024-03-05")
    clerk.goes("登记")
    clerk.goes("办结")
    clerk.click("不归档")
    dialog = clerk.page.locator("dialog[open]")
    reason = dialog.locator("textarea")
    reason.fill("重" * 501)
    with clerk.refused_in_dialog(422):
        clerk.click("不归档")
    clerk.sees("最多500个字")
    assert reason.input_value() == "重" * 501
    reason.fill("不在归档范围之内")
    clerk.goes("不归档")
    clerk.sees("不在归档范围之内")
    assert not dialog.count()


def test_a_classified_document_is_refused_and_leaves_no_title(city: City, sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new")
    offered = clerk.page.locator("#field-security option").all_inner_texts()
    assert not {"秘密", "机密", "绝密"} & set(offered)
    clerk.fill(title=f"{SECRET} 机密★10年")
    with clerk.refused(422):
        clerk.click("登记")
        clerk.sees("涉密")
    clerk.open("/filing/new")
    clerk.fill(title=f"{SECRET}（机密）", remark="密级：机密")
    with clerk.refused(422):
        clerk.click("归档")
        clerk.sees("涉密")
    clerk.open("/registry/")
    clerk.sees_not(SECRET)
    _nothing_left(city)


def _nothing_left(city: City) -> None:
    with closing(sqlite3.connect(city.rooms["fenxiang"].folder / "node.sqlite")) as database:
        kept = "\n".join(database.iterdump())
    assert SECRET not in kept


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("空.pdf", b"", "0 字节"),
        ("长" * 300 + ".pdf", _PDF, "255"),
        ("../../逃.pdf", _PDF, "路径"),
    ],
    ids=["empty", "long name", "path"],
)
def test_a_bad_file_is_refused_and_the_rest_stays(
    city: City, sign_in: SignIn, name: str, content: bytes, sentence: str
) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new")
    clerk.fill(title="关于做好秋播工作的通知")
    _choose(clerk, {"name": name, "mimeType": "application/pdf", "buffer": content})
    with clerk.refused(422):
        clerk.click("登记")
        clerk.sees(sentence, "请重新选择文件")
    assert clerk.page.locator("#field-title").input_value() == "关于做好秋播工作的通知"
    clerk.open("/registry/")
    clerk.sees_not("关于做好秋播工作的通知")


def _choose(person: Person, file: FilePayload) -> None:
    person.page.locator("#field-file").set_input_files(file)


def test_a_sheet_with_other_columns_says_what_is_missing(sign_in: SignIn, tmp_path: Path) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/intake/new")
    sheet = tmp_path / "通讯录.csv"
    sheet.write_text("姓名,电话\n张三,123\n", encoding="utf-8")
    clerk.page.locator("#field-file").set_input_files(sheet)
    with clerk.refused(422):
        clerk.click("上传并核对列名")
        clerk.sees("题名")
    clerk.page.locator("#field-file").set_input_files(
        {"name": "目录.xlsx", "mimeType": "application/octet-stream", "buffer": b"not a sheet"}
    )
    with clerk.refused(422):
        clerk.click("上传并核对列名")
        clerk.sees("文件内容不是 .xlsx 表格", "另存为 .xlsx")


def test_a_page_that_is_not_there_says_so_in_plain_words(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    with clerk.refused(404):
        clerk.open("/filing/01900000-0000-7000-8000-000000000000")
        clerk.sees("没有")
    with clerk.refused(404):
        clerk.open("/nowhere")
        clerk.sees("没有")


def test_a_file_of_five_gigabytes_was_sent_before_it_was_refused(
    sign_in: SignIn, tmp_path: Path
) -> None:
    large = tmp_path / "会议录像.mp4"
    with large.open("wb") as stream:
        stream.truncate(5 * 1024**3)  # sparse: nothing is written
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new")
    clerk.fill(title="会议录像")
    clerk.page.locator("#field-file").set_input_files(large)
    clerk.sees("所选文件共 5.0 GB，超过一次 2.0 GB 的上限，没有上传")
    sent: list[str] = []
    clerk.page.on("request", lambda request: sent.append(request.method))
    clerk.click("登记")
    clerk.page.wait_for_timeout(500)
    assert "POST" not in sent
    assert clerk.page.locator("#field-title").input_value() == "会议录像"
