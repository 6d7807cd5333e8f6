"""A clerk's spreadsheet becomes records; what is wrong comes back with the reason."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
import python_calamine

from node.filing import service as filing
from node.intake import service as intake
from node.intake.looking import look_into
from node.intake.models import RowState
from shared.audit import AuditEvent
from shared.audit.service import root_of
from shared.kernel.actor import Actor
from shared.kernel.errors import Invalid, NotAllowed, NotFound, WrongState
from tests.node.conftest import VILLAGE, Node
from tests.node.intake.conftest import HEADER, Desk, csv_bytes, xlsx_bytes


def row(title: str, number: int = 1, date: object = "2023-05-06", **more: str) -> list[object]:
    return [
        title,
        more.get("doc_no", f"樟政发〔2023〕{number}号"),
        "樟村坪镇人民政府",
        date,
        more.get("security", ""),
        more.get("remark", ""),
    ]


def test_a_catalogue_is_checked_first_and_taken_on_the_clerks_word(desk: Desk) -> None:
    sheet = csv_bytes([HEADER, row("关于防汛的通知", 1), row("关于抗旱的通知", 2)])
    intake_id = desk.checked(sheet)
    assert desk.counts(intake_id) == {"good": 2}
    assert desk.titles() == []
    desk.take(intake_id)
    assert desk.counts(intake_id) == {"taken": 2}
    assert desk.titles() == ["关于抗旱的通知", "关于防汛的通知"]
    record = desk.records()[0]
    with desk.node.database.read() as session:
        finished = session.query(AuditEvent).filter_by(action="intake.finished").one()
    assert (finished.count, finished.root) == (2, root_of([each.id for each in desk.records()]))
    assert (record.year, record.retention, record.date) == (2023, "D30", "2023-05-06")
    assert (record.doc_no, record.author) == ("樟政发〔2023〕2号", "樟村坪镇人民政府")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_of_a_csv_is_read(desk: Desk, encoding: str) -> None:
    desk.taken(csv_bytes([HEADER, row("关于㙍塘村防汛的通知")], encoding))
    assert desk.titles() == ["关于㙍塘村防汛的通知"]


def test_a_workbook_with_a_merged_title_above_its_header(desk: Desk) -> None:
    sheets = {"目录": [HEADER, row("关于防汛的通知", 1, dt.date(2021, 3, 31))]}
    intake_id = desk.taken(xlsx_bytes(sheets, title="机读目录（文件级）"), "目录.xlsx")
    assert desk.intake(intake_id).sheets[0].header_row == 2
    assert desk.records()[0].date == "2021-03-31"
    assert desk.rows(intake_id)[0].number == 3


@pytest.mark.parametrize(
    "date", ["20210331", "2021/3/31", "2021年3月31日", "2021.3.31", 44286, "44286", "2021-03-31"]
)
def test_dates_in_every_form_mean_the_same_day(desk: Desk, date: object) -> None:
    sheets = {"目录": [HEADER, row("关于防汛的通知", 1, date)]}
    desk.taken(xlsx_bytes(sheets), "目录.xlsx")
    assert desk.records()[0].date == "2021-03-31"


def test_a_word_for_nothing_is_nothing_and_old_terms_stay(desk: Desk) -> None:
    header = ["档案题名", "文件编号", "成文日期", "保管日期", "归档年度", "页数", "机构或问题"]
    rows = [
        ["关于土改的通知", "无", "19520301", "长期", "1952年", "3页", "办公室"],
        ["关于扫盲的通知", "/", "1953-4-5", "短期", "1953", "无", "-"],
    ]
    desk.taken(csv_bytes([header, *rows]))
    first, second = desk.records()
    assert (first.doc_no, first.pages, first.organ_name) == (None, 3, "办公室")
    assert (second.doc_no, second.pages, second.year) == (None, None, 1953)
    names = {filing_term(each.retention) for each in (first, second)}
    assert names == {"长期", "短期"}


def filing_term(code: str | None) -> str:
    from shared.records.retention import retention_name

    return retention_name(str(code))


def test_a_row_that_was_imported_before_is_recognised(desk: Desk) -> None:
    sheet = csv_bytes([HEADER, row("关于防汛的通知", 1), row("关于抗旱的通知", 2)])
    desk.taken(sheet)
    again = desk.checked(sheet)
    assert desk.counts(again) == {"there": 2}
    with pytest.raises(WrongState, match="没有可以导入"):
        desk.take(again)
    assert len(desk.titles()) == 2


def test_the_same_title_with_another_number_or_date_is_another_document(desk: Desk) -> None:
    rows = [
        row("关于城市总体规划的批复", 1, "1985-01-01"),
        row("关于城市总体规划的批复", 2, "1985-01-01"),
        row("关于城市总体规划的批复", 1, "2004-01-01"),
        row("关于城市总体规划的批复", 1, "1985-01-01"),
    ]
    intake_id = desk.taken(csv_bytes([HEADER, *rows]))
    assert desk.counts(intake_id) == {"taken": 3, "there": 1}
    assert desk.rows(intake_id, RowState.THERE)[0].same_as == "第 2 行"


def test_one_code_twice_spoils_both_rows_and_names_both(desk: Desk) -> None:
    header = ["题名", "日期", "档号"]
    code = "A182-WS·2023-D30-BGS-0007"
    rows = [
        ["甲", "20230101", code],
        ["乙", "20230102", code.replace("·", ".")],
        ["丙", "20230103", ""],
    ]
    intake_id = desk.checked(csv_bytes([header, *rows]))
    assert desk.counts(intake_id) == {"bad": 2, "good": 1}
    first, second = desk.rows(intake_id, RowState.BAD)
    assert "第 3 行" in first.problems[0]["problem"]
    assert "第 2 行" in second.problems[0]["problem"]


def test_a_code_brings_its_parts_and_must_agree_with_their_columns(desk: Desk) -> None:
    header = ["题名", "日期", "档号", "保管期限", "件号"]
    rows = [
        ["甲", "20230101", "A182-WS·2023-Y-BGS-0001", "永久", "1"],
        ["乙", "20230102", "A182-WS·2023-Y-BGS-0002", "30年", "2"],
        ["丙", "20230103", "A182-WS·2023-Y-BGS-0003", "", "4"],
        ["丁", "20230104", "B999-WS·2023-Y-BGS-0004", "", ""],
        ["戊", "20230105", "2021-2-Y-001", "", ""],
    ]
    intake_id = desk.taken(csv_bytes([header, *rows]))
    assert desk.problems(intake_id) == {
        3: [("code", "code_disagrees")],
        4: [("code", "code_disagrees")],
        5: [("code", "other_fonds")],
        6: [("code", "bad_archival_code")],
    }
    [record] = desk.records()
    assert (record.organ, record.retention, record.number) == ("BGS", "Y", 1)


def test_an_old_code_can_be_kept_as_a_former_one(desk: Desk) -> None:
    sheet = csv_bytes([["题名", "日期", "档号"], ["甲", "20100101", "2021-2-Y-001"]])
    desk.taken(sheet, mapping={"档号": "曾用档号"})
    assert desk.records()[0].former_codes == ["2021-2-Y-001"]


def test_of_a_classified_row_nothing_is_kept_but_its_number(desk: Desk) -> None:
    rows = [
        row("关于防汛的通知", 1),
        row("某某绝不可见的题名", 2, security="机密★10年"),
        row("某某也不可见的题名★秘密", 3, remark="秘密"),
        row("关于抗旱的通知", 4, security="无"),
        row("关于党务的通知", 5, security="内部"),
    ]
    intake_id = desk.checked(csv_bytes([HEADER, *rows]))
    assert desk.counts(intake_id) == {"good": 3, "classified": 2}
    assert [each.number for each in desk.rows(intake_id, RowState.CLASSIFIED)] == [3, 4]
    desk.take(intake_id)
    back = python_calamine.load_workbook(io.BytesIO(desk.rejected(intake_id)))
    lines = back.get_sheet_by_index(0).to_python()
    assert [line[:2] for line in lines[1:]] == [
        [3.0, "第 3 行：涉密，未保存"],
        [4.0, "第 4 行：涉密，未保存"],
    ]
    for path in desk.node.folder.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert "不可见的题名".encode() not in content, path


def test_the_preview_masks_what_is_classified_and_writes_nothing(desk: Desk) -> None:
    rows = [row("关于防汛的通知", 1), row("某某绝不可见的题名", 2, security="绝密")]
    intake_id = desk.bring(csv_bytes([HEADER, *rows, row("", 3)]))
    with desk.node.database.read() as session:
        shown = intake.preview(desk.clerk, intake_id, desk.spool.path(intake_id), session=session)
    assert [each.classified for each in shown] == [False, True, False]
    assert shown[1].cells == []
    assert [each["field"] for each in shown[2].problems] == ["title"]
    assert desk.counts(intake_id) == {}


def test_the_sheet_is_erased_once_it_is_staged_or_given_up(desk: Desk) -> None:
    sheet = csv_bytes([HEADER, row("关于防汛的通知", 1)])
    kept = desk.node.folder.path / "intake"
    desk.checked(sheet)
    assert list(kept.iterdir()) == []
    intake_id = desk.bring(sheet)
    with desk.node.database.write() as session:
        intake.discard(desk.clerk, intake_id, session=session)
    desk.spool.erase(intake_id)
    assert list(kept.iterdir()) == []


def test_ten_thousand_rows_with_thirty_seven_bad_ones(desk: Desk) -> None:
    bad = set(range(100, 10_000, 267))
    assert len(bad) == 38
    bad.remove(100)
    rows = [
        row(f"关于第{number}号事项的通知", number, "2023-02-30" if number in bad else "2023-02-28")
        for number in range(10_000)
    ]
    intake_id = desk.taken(csv_bytes([HEADER, *rows]))
    assert desk.counts(intake_id) == {"taken": 9_963, "bad": 37}
    assert len(desk.titles()) == 9_963

    lines = python_calamine.load_workbook(io.BytesIO(desk.rejected(intake_id)))
    back = lines.get_sheet_by_index(0).to_python()
    assert back[0][:3] == ["原行号", "原因", "题名"]
    assert len(back) == 38
    assert "没有2023年2月30日这一天" in str(back[1][1])

    corrected = [[cell if cell != "2023-02-30" else "2023-02-28" for cell in line] for line in back]
    again = desk.taken(xlsx_bytes({"改正": corrected}), "改正.xlsx")
    assert desk.counts(again) == {"taken": 37}
    assert len(desk.titles()) == 10_000


def test_formulas_come_back_as_text(desk: Desk) -> None:
    rows = [row("=HYPERLINK(1)", 1, "昨天"), row("+甲", 2, "昨天", remark="@乙")]
    intake_id = desk.checked(csv_bytes([HEADER, *rows]))
    book = python_calamine.load_workbook(io.BytesIO(desk.rejected(intake_id)))
    lines = book.get_sheet_by_index(0).to_python()
    assert lines[1][2] == "'=HYPERLINK(1)"
    assert (lines[2][2], lines[2][7]) == ("'+甲", "'@乙")
    again = desk.checked(desk.rejected(intake_id), "x.xlsx", mapping={"日期": ""}, year="2023")
    assert sorted(each.values["title"] for each in desk.rows(again)) == ["+甲", "=HYPERLINK(1)"]


def test_wrong_columns_are_named(desk: Desk) -> None:
    with pytest.raises(Invalid, match="没有找到列名行"):
        desk.bring(csv_bytes([["姓名", "电话"], ["甲", "1"]]))
    with pytest.raises(Invalid, match="没有名为“标题2”的列"):
        desk.bring(csv_bytes([HEADER, row("甲")]), mapping={"标题2": "题名"})
    with pytest.raises(Invalid, match="没有名为“页码”的字段"):
        desk.bring(csv_bytes([HEADER, row("甲")]), mapping={"备注": "页码"})


def test_a_clerk_says_what_a_column_means(desk: Desk) -> None:
    sheet = csv_bytes([["文件题名", "收文日", "日期"], ["甲", "20230101", "20220101"]])
    desk.taken(sheet, mapping={"收文日": "日期"})
    assert desk.records()[0].date == "2023-01-01"


def test_files_named_in_a_column_come_along(desk: Desk, tmp_path: Path) -> None:
    files = tmp_path / "扫描"
    (files / "2023").mkdir(parents=True)
    (files / "2023" / "通知.pdf").write_bytes(b"%PDF-1.4 one")
    (files / "附件.xlsx").write_bytes(b"two")
    (tmp_path / "secret.txt").write_text("outside")
    (files / "empty.pdf").write_bytes(b"")
    (files / "link.pdf").symlink_to(tmp_path / "secret.txt")
    header = ["题名", "日期", "电子文件", "载体"]
    rows = [
        ["甲", "20230101", "2023\\通知.pdf；附件.xlsx", ""],
        ["乙", "20230102", "2023/通知.pdf", "纸质"],
        ["丙", "20230103", "../secret.txt", ""],
        ["丁", "20230104", "link.pdf", ""],
        ["戊", "20230105", "没有.pdf", ""],
        ["己", "20230106", "empty.pdf", ""],
        ["庚", "20230107", "/etc/passwd", ""],
    ]
    intake_id = desk.taken(csv_bytes([header, *rows]), files=files)
    assert desk.problems(intake_id) == {
        4: [("files", "bad_path")],
        5: [("files", "file_missing")],
        6: [("files", "file_missing")],
        7: [("files", "empty_file")],
        8: [("files", "bad_path")],
    }
    both = {record.title: record for record in desk.records()}
    with desk.node.database.read() as session:
        first = filing.wire(both["甲"], session=session)
        second = filing.wire(both["乙"], session=session)
    assert [each["role"] for each in first["documents"]] == ["正本", "附件"]
    assert first["documents"][0]["files"][0]["kind"] == "born_digital"
    assert second["holding"] == "paper_with_copy"
    assert second["documents"][0]["files"][0]["kind"] == "digital_copy"


def test_a_stopped_import_goes_on_where_it_was(desk: Desk) -> None:
    rows = [row(f"关于第{number}号事项的通知", number) for number in range(1200)]
    intake_id = desk.checked(csv_bytes([HEADER, *rows]))
    with desk.node.database.write() as session:
        intake.take(desk.clerk, intake_id, session=session)
    desk.work.step()
    with desk.node.database.write() as session:
        intake.stop(desk.clerk, intake_id, session=session)
    assert desk.counts(intake_id) == {"taken": 500, "good": 700}
    desk.take(intake_id)
    assert desk.counts(intake_id) == {"taken": 1200}
    assert len(desk.titles()) == 1200


def test_what_filing_refuses_when_taking_is_named_and_the_rest_is_taken(desk: Desk) -> None:
    header = ["题名", "日期", "档号"]
    code = "A182-WS·2023-D30-BGS-0005"
    first = desk.checked(csv_bytes([header, ["甲", "20230101", code], ["乙", "20230102", ""]]))
    second = desk.checked(csv_bytes([header, ["丙", "20230103", code], ["丁", "20230104", ""]]))
    desk.take(first)
    desk.take(second)
    assert desk.counts(second) == {"bad": 1, "taken": 1}
    assert desk.problems(second) == {2: [("code", "duplicate_code")]}
    assert desk.titles() == ["丁", "乙", "甲"]


def test_only_a_clerk_of_the_fonds_may_import(desk: Desk, node: Node, villager: Actor) -> None:
    intake_id = desk.bring(csv_bytes([HEADER, row("甲")]))
    look = look_into(desk.spool.path(intake_id), "目录.csv")
    with node.database.write() as session:
        with pytest.raises(NotAllowed):
            intake.begin(villager, "x", node.fonds, look, session=session)
        with pytest.raises(NotFound):
            intake.intake_of(villager, intake_id, session=session)
        intake.begin(villager, "y" * 36, VILLAGE, look, session=session)
