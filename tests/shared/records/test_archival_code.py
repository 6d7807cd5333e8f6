"""The archival code 档号: one canonical form, read and built without loss."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Invalid
from shared.records.archival_code import (
    ArchivalCode,
    build,
    compare,
    holder_of,
    normalise,
    parse,
    sort_key,
    with_middle,
)
from shared.records.record_code import code_of, differences
from tests.shared.records.strategies import a_record, archival_codes, records

DOTS = ".•・‧･．·"
DASHES = "-—–－‐⁃−/／_＿"


def read_as(code: ArchivalCode, text: str) -> ArchivalCode:
    """The text as read, with the middle segment under the name that the code has it by."""
    return with_middle(parse(text), code.project_number, code.catalogue_number)


@given(archival_codes)
def test_a_code_that_is_built_is_read_back_the_same(code: ArchivalCode) -> None:
    text = build(code)
    assert read_as(code, text) == code
    assert normalise(text) == text
    assert build(parse(text)) == text


@given(archival_codes, st.data())
def test_every_spelling_of_a_code_is_the_same_code(code: ArchivalCode, data: st.DataObject) -> None:
    text = build(code)
    spelt = ""
    for each in text:
        if each == "·":
            spelt += data.draw(st.sampled_from(DOTS))
        elif each == "-":
            spelt += data.draw(st.sampled_from([*DASHES, "——", " - "]))
        else:
            wide = chr(ord(each) + 0xFEE0)
            spelt += data.draw(st.sampled_from([each, each.lower(), wide, wide.lower()]))
    assert normalise(spelt) == text
    assert read_as(code, spelt) == code
    assert compare(spelt, text) == 0


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.text(alphabet="AB12-·. KUWSYD0", max_size=30))
def test_a_code_that_is_read_is_built_back_to_its_normal_form(text: str) -> None:
    try:
        code = parse(text)
    except Invalid:
        return
    assert build(code) == normalise(text)


@given(st.lists(archival_codes.map(build) | st.text(max_size=8), max_size=8))
def test_codes_have_one_total_order(codes: list[str]) -> None:
    ordered = sorted(codes, key=sort_key)
    for first, second in pairwise(ordered):
        assert compare(first, second) <= 0 <= compare(second, first)


def test_numbers_are_ordered_as_numbers_and_permanent_comes_first() -> None:
    codes = [
        "A182-WS·2022-D10-0001",
        "A182-WS·2022-D30-10000",
        "A182-WS·2022-D30-0002",
        "A182-WS·2022-Y-0009",
        "A182-WS·2021-D10-0001",
    ]
    assert sorted(codes, key=sort_key) == [
        codes[4],
        codes[3],
        codes[2],
        codes[1],
        codes[0],
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Z109-WS·2011-Y-BGS-0001", {"organ": "BGS", "retention": "Y", "number": 1}),
        ("A182-WS·2022-D30-XZ-0026", {"organ": "XZ", "number": 26}),
        ("A182-WS·2022-D10-0003", {"organ": None, "number": 3}),
        ("A182-SW·JB·2022-Y-0001", {"class_code": "SW", "subclass": "JB"}),
        ("A182-KU·01·2022-D30-001-0001", {"scheme": "volume", "volume": 1, "number": 1}),
        ("A182-KU·01·2022-D30-001", {"scheme": "volume", "volume": 1, "number": None}),
        ("A182-WS·2022-D30-001-0001", {"scheme": "item", "organ": "001", "number": 1}),
        ("A182-KJ·JJ-2019001-001-0012", {"scheme": "project", "project_number": "2019001"}),
        ("A182-KJ·JJ-2019001", {"scheme": "project", "volume": None}),
        ("A182-RS-003-012-0001", {"scheme": "project", "catalogue_number": "003"}),
        ("230-QQ0309-0001-001", {"scheme": "old", "fonds": "230", "number": 1}),
        ("A182-ZY·GH-2019001", {"scheme": "project", "project_number": "2019001"}),
        ("A182-ZY·GH-003-001-0001", {"scheme": "project", "catalogue_number": "003"}),
        ("A182-KJ·JJ-2019001-001", {"project_number": "2019001", "volume": 1, "number": None}),
        ("230-KJ-0001-001", {"scheme": "old", "fonds": "230", "class_code": "KJ", "volume": 1}),
        ("KJ-2019001-001-0012", {"scheme": "old", "fonds": "", "project_number": "2019001"}),
        ("A182-WS·2022-D30-0001·002", {"sub_number": 2}),
        ("A182-WS·2022-D30-12345", {"number": 12345}),
    ],
)
def test_the_parts_of_the_forms_in_use(text: str, parts: dict[str, object]) -> None:
    code = parse(text)
    assert {name: getattr(code, name) for name in parts} == parts


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2021-2-Y-001", "结构"),
        ("无/A/10年/1992/0001", "含有"),
        ("BR-GROUP-2024-30Y-FIN-AC01-0001", "结构"),
        ("A182-WS-2022-D30-0001", "应为“·”"),
        ("A182-KU-2022-0026", "应为“·”"),
        ("A182-WS·2022-D30-026", "位数"),
        ("A182-WS·2022--0026", "空的段"),
        ("A18-WS·2022-D30-0026", "不是4位"),
        ("A182-WS·0022-D30-0026", "年度"),
        ("A182-WS·2022-D30-0000", "从1开始"),
        ("A182-WS·2022-D30-012345", "结构"),
        ("", "没有内容"),
    ],
)
def test_a_code_that_cannot_be_read_says_why_and_what_to_do(text: str, word: str) -> None:
    with pytest.raises(Invalid, match=word) as caught:
        parse(text)
    assert caught.value.code == "bad_archival_code"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "code",
    [
        ArchivalCode("item", "A182", "KU", None, 2022, "D30", "001", number=1),
        ArchivalCode("item", "A18", "WS", None, 2022, "D30", number=1),
        ArchivalCode("item", "A182", "WS", None, 2022, "D30"),
        ArchivalCode("volume", "A182", "KU", None, 2022, "D30", volume=1000, number=1),
    ],
)
def test_a_code_that_would_read_as_something_else_is_never_built(code: ArchivalCode) -> None:
    with pytest.raises(Invalid):
        build(code)


@given(records(filed=True))
def test_a_record_agrees_with_the_code_of_its_own_fields(record) -> None:
    assert record.code is not None
    code = parse(record.code)
    assert differences(code, record, code.fonds) == []
    assert build(code_of(record, code.fonds)) == record.code


def test_each_part_that_disagrees_is_named() -> None:
    record = a_record(year=2023, retention="Y", organ=None, number=13)
    found = differences(parse("A182-WS·2024-D30-BGS-0012"), record, "B001")
    assert [(each.field, each.in_code, each.in_record) for each in found] == [
        ("fonds_number", "A182", "B001"),
        ("year", "2024", "2023"),
        ("retention", "D30", "Y"),
        ("organ", "BGS", "无"),
        ("number", "12", "13"),
    ]


def test_an_old_code_is_not_asked_for_what_its_scheme_lacks() -> None:
    record = a_record(catalogue_number="QQ0309", volume_number=1, number=1)
    assert differences(parse("230-QQ0309-0001-001"), record) == []


@pytest.mark.parametrize(
    ("class_code", "middle", "word"),
    [
        ("KU", {"project_number": "2019001"}, "不设项目号"),
        ("KJ", {"catalogue_number": "003"}, "不用目录号"),
    ],
)
def test_a_number_that_the_class_has_no_place_for_is_named(
    class_code: str, middle: dict[str, str], word: str
) -> None:
    with pytest.raises(Invalid, match=word):
        build(ArchivalCode("project", "A182", class_code, volume=1, **middle))


@pytest.mark.parametrize("name", ["project_number", "catalogue_number"])
def test_where_a_class_has_both_the_record_says_what_the_middle_is(name: str) -> None:
    record = a_record(
        class_code="ZY", level="item", organ=None, volume_number=1, number=2, **{name: "003"}
    )
    code = build(code_of(record, "A182"))
    assert code == "A182-ZY-003-001-0002"
    assert differences(parse(code), record, "A182") == []


@pytest.mark.parametrize(
    ("text", "holder"),
    [
        ("A182-KU·01·2022-D30-001-0001", "A182-KU·01·2022-D30-001"),
        ("A182-KU·01·2022-D30-001", None),
        ("A182-KJ·JJ-2019001-001-0012", "A182-KJ·JJ-2019001-001"),
        ("A182-KJ·JJ-2019001-001", "A182-KJ·JJ-2019001"),
        ("A182-RS-003-012", None),
        ("230-QQ0309-0001-001", "230-QQ0309-0001"),
        ("A182-WS·2022-D10-0003", None),
    ],
)
def test_a_code_says_what_holds_its_record(text: str, holder: str | None) -> None:
    found = holder_of(parse(text))
    assert (None if found is None else str(found)) == holder
