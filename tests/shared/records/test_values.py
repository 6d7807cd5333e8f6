"""The value domain: what every text must be, and what can safely be repaired."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Invalid
from shared.records.values import (
    clean_text,
    empty_like,
    odd_characters,
    parse_pages,
    parse_year,
    repair_text,
    required_text,
    safe_file_name,
    text_problem,
)

anything = st.text(st.characters(exclude_categories=()), max_size=60)


@given(anything)
def test_a_cleaned_text_is_in_the_value_domain(text: str) -> None:
    try:
        cleaned = clean_text(text, "title", max_length=50)
    except Invalid:
        return
    assert cleaned is None or text_problem(cleaned, 50) is None


@given(anything)
def test_a_repaired_text_is_in_the_value_domain_but_for_its_length(text: str) -> None:
    repaired = repair_text(text)
    assert text_problem(repaired, 10_000) is None
    assert repair_text(repaired) == repaired


@given(anything)
def test_a_text_without_problem_survives_utf8_and_normalisation(text: str) -> None:
    if text_problem(text, 60) is None:
        assert text.encode().decode() == text
        assert unicodedata.normalize("NFC", text) == text
        assert "\x00" not in text


@pytest.mark.parametrize(
    "text",
    [
        "有\x00空",
        "零宽\u200b字",
        "半个\ud83d字",
        "换\n行",
        "制\t表",
        "\ufeff题名",
        "软\u00ad连",
        "左\u202e右",
        "非字\uffff符",
        "平面\U0001fffe",
    ],
)
def test_characters_that_nobody_sees_are_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_text(f"x{text}", "remark", max_length=100)
    assert caught.value.code == "bad_characters"


def test_decomposed_letters_are_composed_and_white_space_is_trimmed() -> None:
    assert clean_text("\u3000Caf\u0065\u0301 \n", "title", max_length=9) == "Café"
    assert text_problem("e\u0301", 9) is not None


def test_a_line_break_is_allowed_only_where_lines_are() -> None:
    assert clean_text("一\n二", "note", max_length=9, multiline=True) == "一\n二"
    assert text_problem("一\r\n二", 9, multiline=True) is not None


def test_a_text_too_long_says_how_long_it_may_be() -> None:
    with pytest.raises(Invalid, match="最多5个字") as caught:
        clean_text("一二三四五六", "title", max_length=5)
    assert caught.value.code == "too_long"


def test_an_empty_required_text_is_refused_and_an_empty_optional_one_is_none() -> None:
    assert clean_text("  ", "remark", max_length=5) is None
    for empty in ("", "\u3000", None):
        with pytest.raises(Invalid):
            required_text(empty, "title", max_length=5)


def test_a_number_is_no_text() -> None:
    with pytest.raises(Invalid):
        clean_text(3, "title", max_length=5)


def test_cells_are_repaired() -> None:
    assert repair_text("关于\n做好\u3000工作\u200b的 通知\t") == "关于 做好 工作的 通知"
    assert repair_text(3.0) == "3"
    assert repair_text(2.5) == "2.5"
    assert repair_text(None) == ""


def test_private_use_and_broken_characters_are_reported_not_refused() -> None:
    assert clean_text("人名\ue000", "author", max_length=9) == "人名\ue000"
    assert odd_characters("人名\ue000\ufffd") == ["\ue000", "\ufffd"]


@pytest.mark.parametrize("value", ["无", " 无 ", "-", "—", "——", "/", "", None, "N/A", "空"])
def test_cells_that_say_nothing_are_empty(value: str | None) -> None:
    assert empty_like(value) is None


def test_cells_that_say_something_stay() -> None:
    assert empty_like("无锡市") == "无锡市"
    assert empty_like(0) == 0


@pytest.mark.parametrize(("value", "pages"), [("3", 3), (3.0, 3), ("共12页", 12), ("３页", 3)])
def test_pages_are_read(value: object, pages: int) -> None:
    assert parse_pages(value) == pages


@pytest.mark.parametrize("value", ["三", -1, 0, 2.5, "1-3", True, "9999999"])
def test_pages_that_are_no_number_are_refused(value: object) -> None:
    with pytest.raises(Invalid):
        parse_pages(value)


@pytest.mark.parametrize("value", [2024, 2024.0, "2024", "2024年", "２０２４年度", " 2024 "])
def test_years_are_read(value: object) -> None:
    assert parse_year(value) == 2024


@pytest.mark.parametrize("value", ["24", 1066, "二〇二四", "", None, 20240305])
def test_years_that_are_none_are_refused(value: object) -> None:
    with pytest.raises(Invalid):
        parse_year(value)


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "..",
        "a/b.pdf",
        "C:\\x",
        "c:x.pdf",
        "\\\\server\\x",
        "x" * 300,
        "a\x00.pdf",
        "a\u202egpj.exe",
        "CON",
        "nul.txt",
        "问?.pdf",
        "a|b",
        "尾.",
        "",
        " ",
    ],
)
def test_file_names_with_paths_or_traps_are_refused_with_a_remedy(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        safe_file_name(name)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["关于….pdf", "A182-WS·2022-D30-0001.ofd", "x" * 255, ".profile"])
def test_ordinary_file_names_are_kept(name: str) -> None:
    assert safe_file_name(name) == name
