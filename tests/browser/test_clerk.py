"""A township's clerk: from the letter that comes in to the numbers that never change again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from python_calamine import CalamineWorkbook

from shared.demo.generator import write_files
from tests.browser.city import City
from tests.browser.conftest import Shot, SignIn
from tests.node.intake.conftest import xlsx_bytes
from tests.node.intake.test_files import OldEntry, zip_bytes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

TITLE = "宜昌市夷陵区人民政府关于做好2024年防汛抗旱工作的通知"
_HEADER = "题名,文号,责任者,日期,页数,密级,保管期限\n"
_GOOD = (
    "关于申报2023年农村公路养护资金的请示,分政发〔2023〕3号,分乡镇人民政府,20230309,3,,永久",
    "关于下达2023年春季造林任务的通知,夷政办发〔2023〕11号,夷陵区人民政府办公室,2023/3/21,2,无,30年",
    "关于召开安全生产工作会议的通知,夷政办发〔2023〕15号,夷陵区人民政府办公室,2023年4月6日,1,,10年",
    "关于普溪河村饮水工程的批复,夷水发〔2023〕8号,夷陵区水利和湖泊局,45041,2,内部,永久",
)
_BAD = (
    ",夷政发〔2023〕20号,夷陵区人民政府,2023-05-06,2,,30年",
    "关于开展年度考核工作的通知,夷政发〔2023〕21号,夷陵区人民政府,2023-13-45,2,,30年",
    "关于报送统计年报的通知,夷统发〔2023〕2号,夷陵区统计局,2023-07-11,一摞,,30年",
    "绝不应留下的题名,夷密发〔2023〕1号,夷陵区人民政府,2023-08-01,2,机密,30年",
)


@pytest.fixture
def letter(city: City, tmp_path: Path) -> Path:
    """A letter as a PDF."""
    room = city.rooms["fenxiang"]
    made = [write_files(paper, tmp_path, f"{at}", seed=3) for at, paper in _numbered(room)]
    return next(file.path for files in made for file in files if file.path.suffix == ".pdf")


def _numbered(room):
    return enumerate(room.papers(2024, 6))


def test_a_letter_is_registered_handled_and_filed(
    sign_in: SignIn, shot: Shot, letter: Path
) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/")
    clerk.click("登记文件")
    clerk.fill(
        title=TITLE,
        doc_no="夷政发〔2024〕12号",
        author="宜昌市夷陵区人民政府",
        date="2024-04-02",
        counterpart="宜昌市夷陵区人民政府",
        pages="3",
        handler="孙丽萍",
    )
    clerk.page.locator("#field-file").set_input_files(letter)
    shot(clerk.page, "register")
    clerk.click("登记")
    clerk.sees("已登记，编号", TITLE, letter.name, "孙丽萍", "已登记")

    clerk.click("办结")
    clerk.sees("文件现为“办结”")
    shot(clerk.page, "document")
    clerk.click("列入归档")
    clerk.fill(year="2024", retention="30年", organ="NYB", organ_name="农业农村办公室")
    clerk.goes("列入归档")
    clerk.sees("已列入归档", "整理中", letter.name, "30年", "农业农村办公室")
    clerk.open("/registry/")
    clerk.sees("归档范围内")


def test_a_letter_that_is_not_kept_says_why(sign_in: SignIn) -> None:
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/registry/new?direction=incoming")
    clerk.fill(title="关于征订2024年报刊的函", author="夷陵区邮政局", date="2024-01-08")
    clerk.page.get_by_label("已经办结").check()
    clerk.click("登记")
    clerk.click("不归档")
    clerk.page.locator("dialog[open]").get_by_label("原因").fill("重份文件")
    clerk.goes("不归档")
    clerk.sees("不归档", "重份文件")
    clerk.click("改回办结")
    clerk.sees("文件现为“办结”")
    clerk.click("清退")
    clerk.page.locator("dialog[open]").get_by_label("清退情况").fill("退夷陵区邮政局，2024年1月")
    clerk.goes("清退")
    clerk.sees("已清退")


def test_a_spreadsheet_with_bad_rows_is_imported(
    sign_in: SignIn, shot: Shot, tmp_path: Path
) -> None:
    sheet = tmp_path / "2023年归档文件目录.csv"
    sheet.write_text(_HEADER + "\n".join((*_GOOD, *_BAD)) + "\n", encoding="gb18030")
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/intake/")
    clerk.click("导入表格")
    clerk.page.locator("#field-file").set_input_files(sheet)
    clerk.click("上传并核对列名")
    clerk.sees("每列对应哪个字段", "关于下达2023年春季造林任务的通知")
    clerk.sees_not("绝不应留下的题名")
    shot(clerk.page, "import-columns")
    clerk.click("开始检查")
    clerk.waits_for("检查完毕")
    clerk.sees("可以导入没有问题的 4 行")
    for row, field in (("6", "题名"), ("7", "日期"), ("8", "页数")):
        line = clerk.page.locator("tbody tr").filter(
            has=clerk.page.get_by_role("cell", name=row, exact=True)
        )
        expect(line).to_contain_text(field)
    clerk.sees_not("绝不应留下的题名")
    shot(clerk.page, "import-errors")

    rejected = clerk.downloads("下载有问题的行（XLSX）")
    rows = CalamineWorkbook.from_path(rejected).get_sheet_by_index(0).to_python()
    told = "\n".join("\t".join(map(str, row)) for row in rows)
    assert "原因" in told
    assert "2023-13-45" in told
    assert "一摞" in told
    assert "绝不应留下的题名" not in told

    clerk.click("导入 4 行")
    clerk.waits_for("已导入 4 行")
    clerk.click("去整理")
    clerk.sees("关于普溪河村饮水工程的批复", "2023-04-25", "2023-04-06")
    clerk.sees_not("绝不应留下的题名")


def test_volumes_come_in_with_their_items_and_their_files(
    sign_in: SignIn, shot: Shot, tmp_path: Path
) -> None:
    codes = [f"12-205-{each:03d}" for each in (1, 2)]
    volumes = [["案卷题名", "档号", "保管期限", "件数"]]
    for each, code in enumerate(codes, 1):
        volumes.append([f"2020年第{each}季度记账凭证", code, "30年", 2])
    items = [["件号", "题名", "日期", "案卷档号", "电子文件"]]
    for each, code in enumerate(codes, 1):
        items.append([1, f"{each}月记账凭证", f"20200{each}15", code, f"{each}-1.pdf"])
        items.append([2, f"{each}月银行对账单", f"20200{each}28", code, ""])
    items[-1][2] = "20200231"
    book = tmp_path / "会计案卷.xlsx"
    book.write_bytes(xlsx_bytes({"案卷目录": volumes, "卷内目录": items}))
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/intake/new")
    clerk.page.locator("#field-file").set_input_files(book)
    clerk.page.locator("#field-class_code").select_option("KU")
    clerk.fill(year="2020")
    clerk.goes("上传并核对列名")
    clerk.sees("按档号对应起来一起导入", "2020年第1季度记账凭证", "2月银行对账单")
    shot(clerk.page, "import-volumes")

    clerk.goes("上传电子文件")
    packed = zip_bytes({"凭证/1-1.pdf": b"%PDF-1.7", "凭证/多出来的.pdf": b"%PDF-1.7"}, OldEntry)
    clerk.page.locator("#field-file").set_input_files(
        {"name": "凭证.zip", "mimeType": "application/zip", "buffer": packed}
    )
    clerk.goes("上传")
    clerk.waits_for("凭证/1-1.pdf")
    shot(clerk.page, "import-files")
    clerk.goes("回到导入")
    clerk.goes("开始检查")
    clerk.waits_for("检查完毕")
    clerk.sees("可以导入没有问题的 3 行", "1 个没有行要，不会导入", "整卷暂不导入")
    shot(clerk.page, "import-volumes-checked")
    clerk.goes("导入 3 行")
    clerk.waits_for("已导入 3 行")
    clerk.open("/filing/?q=2020年第1季度")
    clerk.click("2020年第1季度记账凭证")
    clerk.sees("1月记账凭证", "1月银行对账单")


def test_a_year_is_arranged_numbered_and_closed(city: City, sign_in: SignIn, shot: Shot) -> None:
    room = city.rooms["fenxiang"]
    room.collect(room.papers(2022, 6), login="fenxiang", arranged=False)
    clerk = sign_in("fenxiang", "fenxiang")
    clerk.open("/filing/")
    clerk.page.locator("select[name=year]").select_option("2022")
    clerk.sees("共 6 条")
    clerk.page.get_by_label("全选本页").check()
    clerk.sees("已选 6 条")
    clerk.page.locator("#field-retention").select_option(label="30年")
    clerk.page.locator("#field-organ").fill("DZB")
    clerk.page.locator("#field-organ_name").fill("党政办公室")
    shot(clerk.page, "arrange")
    clerk.click("设定")
    clerk.sees("已设定 6 件", "党政办公室")

    clerk.click("编号与定号")
    clerk.row("2022").get_by_role("link", name="编号预览").click()
    clerk.sees("6 件将有变化")
    clerk.click("调整顺序")
    titles = clerk.page.locator("tbody tr a")
    first, second = titles.nth(0).inner_text(), titles.nth(1).inner_text()
    # By keyboard: Tab to the button that moves the first one down, and press it.
    clerk.page.get_by_role("button", name=f"下移《{first}》").focus()
    clerk.page.keyboard.press("Enter")
    clerk.sees("已移到第 2 位")
    assert titles.nth(0).inner_text() == second
    assert titles.nth(1).inner_text() == first
    shot(clerk.page, "order")

    clerk.click("编号预览")
    clerk.click("编草稿号")
    clerk.sees("已为 6 件编出草稿号", "0308-WS·2022-D30-DZB-0001")
    clerk.click("定号…")
    clerk.sees("永远固定", "将固定 6 件")
    shot(clerk.page, "close")
    with clerk.refused(422):
        clerk.click("定号")
        clerk.sees("请核对后勾选确认")
    clerk.page.get_by_label("我已核对目录，由本人（孙丽萍）定号").check()
    clerk.goes("定号")
    clerk.sees("已定号，共 6 件", "孙丽萍")

    clerk.row("2022").get_by_role("link", name="目录").click()
    clerk.sees("归档文件目录", "0308-WS·2022-D30-DZB-0006", first)
    shot(clerk.page, "catalogue")
    clerk.page.emulate_media(media="print")
    shot(clerk.page, "catalogue-printed")
    expect(clerk.page.locator("nav")).to_be_hidden()
    clerk.page.emulate_media(media="screen")
    address = clerk.page.get_by_role("link", name="Excel 表格").get_attribute("href")
    table = clerk.page.request.get(f"{city.rooms['fenxiang'].url}{address}")
    assert table.ok
    assert table.body().startswith(b"PK")


def test_villages_at_the_same_office_see_only_their_own(city: City, sign_in: SignIn) -> None:
    room = city.rooms["fenxiang"]
    village = sign_in("fenxiang", "dazhongba")
    village.open("/registry/new")
    village.fill(title="大中坝村村民代表会议记录", date="2024-05-06")
    offered = village.page.locator("#field-fonds_id option").all_inner_texts()
    assert offered == ["分乡镇大中坝村村民委员会"]
    village.page.get_by_label("已经办结").check()
    village.click("登记")
    village.sees("已登记，编号")
    address = village.page.url.removeprefix(room.url)

    neighbour = sign_in("fenxiang", "puxihe")
    neighbour.open("/registry/")
    neighbour.sees_not("大中坝村村民代表会议记录")
    with neighbour.refused(404):
        neighbour.open(address)
        neighbour.sees("没有")
    neighbour.open("/")
    neighbour.sees_not("大中坝")
    assert re.search(r"保管全宗：.*普溪河", neighbour.page.inner_text("body"))
    with village.refused(403):
        village.open("/accounts/")
