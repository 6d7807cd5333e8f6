"""Sheets that are broken, huge, or made to do harm: refused with a sentence, leaving nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.intake.attachments import GivenFiles, find_files, relative_name
from node.intake.columns import find_header, propose, recognise, vocabulary
from node.intake.defaults import Defaults
from node.intake.looking import Look, look_into
from node.intake.reading import RowContext, read_row
from node.intake.spool import Spool
from node.intake.unpacking import entries_of, unpack_some
from shared.kernel.errors import Classified, Invalid
from shared.records import sheets
from shared.records.sheets import open_table
from shared.records.values import text_problem
from tests.node.intake.conftest import HEADER, csv_bytes, xlsx_bytes

SHEET = "xl/worksheets/sheet1.xml"


def remade(content: bytes, **parts: bytes) -> bytes:
    """A workbook with some of its parts replaced."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry.filename, parts.get(entry.filename, old.read(entry)))
    return target.getvalue()


def look(tmp_path: Path, content: bytes, name: str = "目录.xlsx") -> Look:
    path = tmp_path / "sheet"
    path.write_bytes(content)
    return look_into(path, name)


BOOK = xlsx_bytes({"目录": [HEADER, ["题名一", "文号", "单位", "2023-01-01", "", ""]]})


def test_a_zip_bomb_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    bomb = remade(BOOK, **{"xl/theme/theme1.xml": b"\0" * (200 * 1024**2)})
    assert len(bomb) < 1024**2
    with pytest.raises(Invalid) as refused:
        look(tmp_path, bomb)
    assert refused.value.code == "zip_bomb"


def test_one_cell_far_out_does_not_fill_the_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        xml = book.read(SHEET)
    far = xml.replace(
        b"</sheetData>", b'<row r="190000"><c r="XFD190000"><v>1</v></c></row></sheetData>'
    )
    with pytest.raises(Invalid) as refused:
        look(tmp_path, remade(BOOK, **{SHEET: far}))
    assert refused.value.code == "zip_bomb"
    long = xml.replace(
        b"</sheetData>", b'<row r="900000"><c r="A900000"><v>1</v></c></row></sheetData>'
    )
    with pytest.raises(Invalid) as refused:
        look(tmp_path, remade(BOOK, **{SHEET: long}))
    assert refused.value.code == "too_many_rows"


def test_a_long_text_that_a_million_cells_share_is_refused(tmp_path: Path) -> None:
    text = b"<sst><si><t>" + b"x" * 2_000_000 + b"</t></si></sst>"
    cells = b"".join(b'<c r="A%d" t="s"><v>0</v></c>' % number for number in range(1, 400))
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        xml = book.read(SHEET)
    body = xml.replace(b"</sheetData>", b"<row>" + cells + b"</row></sheetData>")
    with pytest.raises(Invalid) as refused:
        look(tmp_path, remade(BOOK, **{SHEET: body, "xl/sharedStrings.xml": text}))
    assert refused.value.code == "zip_bomb"


def test_texts_that_stand_in_the_cells_themselves_are_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        xml = book.read(SHEET)
    cell = b'<row r="9"><c r="A9" t="inlineStr"><is><t>' + b"x" * 9000 + b"</t></is></c></row>"
    inline = remade(BOOK, **{SHEET: xml.replace(b"</sheetData>", cell + b"</sheetData>")})
    assert look(tmp_path, inline).sheets
    monkeypatch.setattr(sheets, "_MOST_TEXT", 8000)
    with pytest.raises(Invalid) as refused:
        look(tmp_path, inline)
    assert refused.value.code == "zip_bomb"


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("绝不可见")
    with zipfile.ZipFile(io.BytesIO(BOOK)) as book:
        strings = book.read("xl/sharedStrings.xml").decode()
    doctype = f'<!DOCTYPE sst [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]>'
    head, _, rest = strings.partition("?>")
    evil = (head + "?>" + doctype + rest.replace("题名一", "&x;")).encode()
    path = tmp_path / "sheet"
    path.write_bytes(remade(BOOK, **{"xl/sharedStrings.xml": evil}))
    try:
        cells = [cell for _, row in open_table(path, "目录.xlsx").rows() for cell in row]
    except Invalid:
        return
    assert not any("绝不可见" in str(cell) for cell in cells)


@pytest.mark.parametrize(
    "content",
    [BOOK[:-200], BOOK[: len(BOOK) // 2], b"PK\x03\x04" + b"\0" * 100, b"\xd0\xcf\x11\xe0" * 50],
)
def test_a_torn_workbook_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Invalid):
        look(tmp_path, content)


def test_limits_of_size_rows_and_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_BYTES", 1000)
    with pytest.raises(Invalid, match="超过") as refused:
        look(tmp_path, b"x" * 1001, "a.csv")
    assert refused.value.code == "too_large"
    monkeypatch.undo()
    wide = csv_bytes([HEADER, [str(number) for number in range(201)]])
    with pytest.raises(Invalid) as refused:
        look(tmp_path, wide, "a.csv")
    assert refused.value.code == "too_many_columns"
    monkeypatch.setattr(sheets, "MOST_ROWS", 10)
    path = tmp_path / "long"
    path.write_bytes(csv_bytes([HEADER] * 200))
    with pytest.raises(Invalid) as refused:
        list(open_table(path, "a.csv").rows())
    assert refused.value.code == "too_many_rows"


def test_every_name_seen_in_the_field_is_recognised() -> None:
    seen = {
        "文号": "doc_no", "文件编号": "doc_no", "成文日期": "date", "文件日期": "date",
        "生成日期": "date", "形成单位": "author", "总页数": "pages", "总张数": "pages",
        "保管日期": "retention", "年度号": "year", "归档年度": "year", "机构或问题": "organ_name",
        "机构(问题)": "organ_name", "机构/问题": "organ_name", "案卷题名": "title",
        "文件档号": "code", "案卷档号": "volume_code", "卷内顺序号": "number",
        " 题  名 ": "title", "题名：": "title", "责 任 者": "author",
        "序号": None, "全宗名称": None,
    }  # fmt: skip
    assert {name: recognise(name) for name in seen} == seen
    assert vocabulary().version


def test_of_two_columns_for_one_field_the_first_exact_one_wins() -> None:
    assert propose(["题名", "标题", "日期"]) == {0: "title", 2: "date"}
    assert propose(["项目名称", "案卷题名", "日期"], "volume") == {1: "title", 2: "date"}


CELLS = st.one_of(
    st.text(max_size=60),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.dates(),
    st.datetimes(),
    st.sampled_from(["机密", "秘密★10年", "无", "20230101", "A182-WS·2023-D30-BGS-0001", "D30"]),
)
MAPPING = dict(enumerate(each.field for each in vocabulary().fields))


@pytest.mark.parametrize(
    ("title", "where"),
    [
        ("九\x07控", "控制字符（第2个字符）"),
        ("\x7f", "（第1个字符）"),
        ("半\ud800", "（第2个字符）"),
    ],
)
def test_a_row_with_control_characters_is_refused_and_not_changed_in_silence(
    title: str, where: str
) -> None:
    context = RowContext("f" * 36, "A182", {0: "title", 1: "year"}, Defaults(retention="D30"))
    (problem,) = read_row(7, [title, "2023"], context).problems
    assert (problem.field, problem.code) == ("title", "bad_characters")
    assert where in problem.problem
    assert "原文" in problem.remedy
    (problem,) = read_row(7, ["通知", "20\x0123"], context).problems
    assert (problem.field, problem.code) == ("year", "bad_characters")


def test_white_space_and_zero_width_characters_are_repaired_on_import() -> None:
    context = RowContext("f" * 36, "A182", {0: "title"}, Defaults(year=2023, retention="D30"))
    row = read_row(7, ["关于\n做好\x0b春耕\u3000工作\u200b的通知"], context)
    assert row.problems == []
    assert row.values["title"] == "关于 做好 春耕 工作的通知"


@settings(max_examples=300, deadline=None)
@given(st.lists(CELLS, max_size=len(MAPPING)), st.sampled_from([None, 2023]))
def test_whatever_stands_in_a_row_it_is_good_or_says_why(cells: list[object], year: int) -> None:
    context = RowContext("f" * 36, "A182", MAPPING, Defaults(year=year))
    row = read_row(7, cells, context)
    assert row.number == 7
    if row.classified:
        assert (row.values, row.problems, row.files) == ({}, [], [])
        return
    for problem in row.problems:
        assert problem.problem
        assert problem.remedy
    for value in row.values.values():
        if isinstance(value, str):
            assert text_problem(value, 1000) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=2000), st.sampled_from(["a.csv", "a.xlsx", "a.xls", "a.pdf"]))
def test_any_bytes_are_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    refused = None
    try:
        rows = list(open_table(path, name).rows())
        find_header([cells for _, cells in rows])
    except Invalid as error:
        refused = error
    assert refused is None or refused.remedy


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), max_size=6),
        max_size=20,
    ),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_a_csv_gives_its_cells_with_their_row_numbers(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], encoding: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    content = csv_bytes([HEADER, *rows], encoding)
    path.write_bytes(content)
    found = list(open_table(path, "cells.csv").rows())
    assert [number for number, _ in found] == list(range(1, len(rows) + 2))
    assert found[0][1] == HEADER


@pytest.mark.parametrize("where", ["header", "title", "sheet"])
def test_a_sheet_whose_head_is_marked_is_refused_whole(tmp_path: Path, where: str) -> None:
    mark = "甲乙目录（机密★20年）"
    rows = [[mark if where == "header" else "备考", *HEADER], ["", "题名一"]]
    name = "机密★20年" if where == "sheet" else "目录"
    book = xlsx_bytes({name: rows}, title=mark if where == "title" else "归档文件目录")
    with pytest.raises(Invalid, match="密级标志") as refused:
        look(tmp_path, book)
    assert "甲乙" not in refused.value.message


def test_sheets_of_a_workbook_are_in_memory_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "book"
    path.write_bytes(xlsx_bytes({f"第{each}页": [HEADER, ["题名"]] for each in range(5)}))
    table = open_table(path, "目录.xlsx")
    for sheet in table.sheets:
        assert len(list(table.rows(sheet.index))) == 2
        assert len(table._opened) == 1


def test_the_rows_to_expect_are_all_rows_below_the_header(tmp_path: Path) -> None:
    book = xlsx_bytes({"目录": [HEADER, *([["题名"]] * 7)]}, title="归档文件目录")
    assert look(tmp_path, book).sheets[0].expected == 7


def test_five_gigabytes_are_refused_without_being_read(tmp_path: Path) -> None:
    big = tmp_path / "大.csv"
    with big.open("wb") as stream:
        stream.write(csv_bytes([HEADER]))
        stream.truncate(5 * 1024**3)
    spool = Spool(tmp_path / "node")
    with big.open("rb") as stream, pytest.raises(Invalid, match="超过 50 MB"):
        spool.keep("one", stream)
    assert list((tmp_path / "node" / "intake").iterdir()) == []
    (tmp_path / "files").mkdir()
    big.rename(tmp_path / "files" / "大.mp4")
    row = read_row(2, ["甲", "大.mp4"], RowContext("f", "A182", {0: "title", 1: "files"}))
    assert find_files(row, GivenFiles.in_folder(tmp_path / "files")) == []
    assert [each.code for each in row.problems if each.field == "files"] == ["file_too_large"]


def test_a_zip_entry_that_says_it_has_four_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "files.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("大.mp4", b"x" * 1000)
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02") + 24
    path.write_bytes(content[:at] + b"\xf0\xff\xff\xff" + content[at + 4 :])
    [found] = unpack_some(path, 0, tmp_path, "one")
    assert "超过 2 GB" in str(found.problem)
    assert list(tmp_path.iterdir()) == [path]


def test_control_characters_go_and_what_means_harm_is_told() -> None:
    context = RowContext("f", "A182", {0: "title", 1: "remark"}, Defaults(year=2023))
    row = read_row(2, ["关于\x00防汛\x1b[31m的\u202e通知\x85", "甲\r\n乙"], context)
    assert row.good or all(each.remedy for each in row.problems)
    assert text_problem(str(row.values.get("title", "")), 1000) is None


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_zip_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.zip"
    path.write_bytes(b"PK\x03\x04" + content)
    with pytest.raises(Invalid, match="不是 ZIP"):
        entries_of(path)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=80)
    | st.lists(st.sampled_from(["..", ".", "a", "长" * 200, "C:", ""])).map("/".join)
)
def test_no_name_leads_out_of_what_was_given(name: str) -> None:
    try:
        plain = relative_name(name)
    except (Invalid, Classified):
        return
    assert not plain.startswith("/")
    assert ".." not in plain.split("/")
    assert all(len(part) <= 255 for part in plain.split("/"))
