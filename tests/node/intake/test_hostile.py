"""Sheets that are broken, huge, or made to do harm: refused with a sentence, leaving nothing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.intake import service as intake
from node.intake import sheets
from node.intake.columns import find_header, propose, recognise, vocabulary
from node.intake.reading import Defaults, RowContext, read_row
from node.intake.sheets import open_table
from shared.kernel.errors import Invalid
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


def look(tmp_path: Path, content: bytes, name: str = "目录.xlsx") -> intake.Look:
    path = tmp_path / "sheet"
    path.write_bytes(content)
    return intake.look_into(path, name)


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
