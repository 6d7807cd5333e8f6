"""The pages and the command of intake, as a clerk meets them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import python_calamine
from click.testing import CliRunner
from sqlalchemy import select

from node.command import node as node_command
from node.intake.models import Intake
from node.intake.work import IntakeWork
from node.office.models import Standing
from node.office.service import fonds_of, set_standing
from shared.kernel.actor import Grant, Role
from tests.node.browser import Browser
from tests.node.conftest import Node
from tests.node.intake.conftest import HEADER, csv_bytes, xlsx_bytes

GOOD = ["关于防汛的通知", "樟政发〔2023〕1号", "樟村坪镇人民政府", "2023-05-06", "", ""]
BAD = ["关于抗旱的通知", "樟政发〔2023〕2号", "樟村坪镇人民政府", "昨天", "", ""]
SECRET = ["某某绝不可见的题名", "", "", "2023-05-06", "机密", ""]


@pytest.fixture
def browser(node: Node) -> Browser:
    return Browser(node, "clerk", "张档案", Grant(Role.CLERK))


def upload(browser: Browser, node: Node, content: bytes, name: str = "目录.csv") -> str:
    browser.post(
        "/intake/new",
        {
            "file": (io.BytesIO(content), name),
            "fonds_id": node.fonds,
            "class_code": "WS",
            "retention": "D30",
        },
    )
    with node.database.read() as session:
        return str(session.scalar(select(Intake.id).order_by(Intake.created_at.desc())))


def work(node: Node) -> None:
    steps = IntakeWork(node.folder)
    while steps.step():
        pass


def test_a_sheet_is_brought_checked_and_taken_on_the_pages(node: Node, browser: Browser) -> None:
    assert "导入第一份表格" in browser.get("/intake/").text
    intake_id = upload(browser, node, csv_bytes([HEADER, GOOD, BAD, SECRET]))
    page = browser.get(f"/intake/{intake_id}").text
    assert "核对列名" in page
    assert "“昨天”不是日期" in page
    assert "第 4 行：涉密，未保存" in page
    assert "不可见" not in page

    columns = {f"column-0-{index}": "" for index in range(len(HEADER))}
    columns |= {"column-0-0": "title", "column-0-1": "doc_no", "column-0-2": "author"}
    columns |= {"column-0-3": "date", "column-0-4": "security", "level-0": "record"}
    columns |= {"class_code": "WS", "retention": "Y"}
    page = browser.post(f"/intake/{intake_id}/columns", {**columns, "then": "check"}).text
    assert "检查表格" in page
    work(node)
    page = browser.get(f"/intake/{intake_id}").text
    assert "导入 1 行" in page
    assert "第 4 行：涉密，未保存" in page
    back = browser.client.get(f"/intake/{intake_id}/rejected.xlsx")
    lines = python_calamine.load_workbook(io.BytesIO(back.data)).get_sheet_by_index(0).to_python()
    assert [line[0] for line in lines[1:]] == [3.0, 4.0]
    back.close()

    browser.post(f"/intake/{intake_id}/take")
    work(node)
    assert "已导入 1 行" in browser.get(f"/intake/{intake_id}").text
    assert "关于防汛的通知" in browser.get("/filing/").text
    browser.walk("/intake/", most=40)


def test_the_mapping_opened_in_a_fonds_that_leaves(node: Node, browser: Browser) -> None:
    intake_id = upload(browser, node, csv_bytes([HEADER, GOOD]))
    with node.database.write() as session:
        set_standing(fonds_of(node.fonds, session), Standing.LEAVING, "文旅局", session=session)
    page = browser.get(f"/intake/{intake_id}/columns", status=409).text
    assert "正在移交给“文旅局”保管" in page
    assert "正在移交给“文旅局”保管" in browser.get(f"/intake/{intake_id}").text


def test_a_wrong_mapping_says_why_and_keeps_what_was_chosen(node: Node, browser: Browser) -> None:
    intake_id = upload(browser, node, csv_bytes([HEADER, GOOD]))
    values = {"column-0-0": "title", "column-0-1": "title", "level-0": "record"}
    values |= {"organ_name": "办公室", "class_code": "WS"}
    page = browser.post(
        f"/intake/{intake_id}/columns", {**values, "then": "check"}, status=422
    ).text
    assert "有两列都对应“题名”" in page
    assert 'value="办公室"' in page
    assert len(re.findall(r'value="title" selected', page)) == 2


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"", "空.csv", "0 字节"),
        (b"hello", "公文.docx", "不能导入"),
        (b"not a workbook", "目录.xlsx", "内容不是"),
        (csv_bytes([["姓名", "电话"], ["甲", "1"]]), "目录.csv", "没有找到列名行"),
    ],
)
def test_a_sheet_that_cannot_be_read_leaves_nothing_behind(
    node: Node, browser: Browser, content: bytes, name: str, said: str
) -> None:
    answer = browser.post(
        "/intake/new",
        {"file": (io.BytesIO(content), name), "fonds_id": node.fonds, "class_code": "WS"},
        status=422,
    )
    assert said in answer.text
    folder = node.folder.path / "intake"
    assert not folder.exists() or list(folder.iterdir()) == []
    with node.database.read() as session:
        assert session.scalar(select(Intake.id)) is None


def test_another_sheet_of_the_workbook_can_be_chosen(node: Node, browser: Browser) -> None:
    sheets = {"说明": [["请看下一页"]], "一": [HEADER, GOOD], "二": [HEADER, BAD]}
    intake_id = upload(browser, node, xlsx_bytes(sheets), "目录.xlsx")
    assert "关于防汛的通知" in browser.get(f"/intake/{intake_id}").text
    browser.post(f"/intake/{intake_id}/columns", {"level-0": "", "level-1": "record"})
    page = browser.get(f"/intake/{intake_id}").text
    assert "关于抗旱的通知" in page
    assert "关于防汛的通知" not in page


def test_an_import_can_be_given_up(node: Node, browser: Browser) -> None:
    intake_id = upload(browser, node, csv_bytes([HEADER, GOOD]))
    browser.post(f"/intake/{intake_id}/discard")
    assert list((node.folder.path / "intake").iterdir()) == []
    assert "已放弃" in browser.get("/intake/").text


def test_the_command_imports_and_says_what_it_left(node: Node, tmp_path: Path) -> None:
    Browser(node, "clerk", "张档案", Grant(Role.CLERK))
    sheet, back = tmp_path / "目录.csv", tmp_path / "未导入.xlsx"
    sheet.write_bytes(csv_bytes([["标题栏", *HEADER[1:]], GOOD, BAD, SECRET]))
    command = [
        *("import", str(sheet), "--dir", str(node.folder.path), "--fonds", "A182"),
        *("--retention", "永久", "--map", "标题栏=题名", "--take-good"),
        *("--rejected", str(back), "--as", "clerk", "--json"),
    ]
    result = CliRunner().invoke(node_command, command)
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert (told["taken"], told["bad"], told["classified"], told["rows"]) == (1, 1, 1, 3)
    assert [each["row"] for each in told["problems"]] == [3, 4]
    assert back.exists()
    assert "不可见" not in result.output

    again = json.loads(CliRunner().invoke(node_command, command).output)
    assert (again["taken"], again["there"]) == (0, 1)
    wrong = CliRunner().invoke(node_command, [*command, "--map", "没有=题名"])
    assert wrong.exit_code == 2
    assert "没有名为“没有”的列" in json.loads(wrong.output)["problem"]
