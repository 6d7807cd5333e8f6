"""DL-13: the look of a letter 公文 (GB/T 9704-2012), each lack by its name in one question."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from shared.demo.generator.papers import Kind
from shared.inspection.finding import Severity
from shared.inspection.formats.letter import facts_of_pictures, names_addressee, rules
from shared.inspection.formats.looking import examine
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_record
from tests.shared.inspection.files import letter, letter_ofd, letter_on
from tests.shared.inspection.reports import context, found, outcome
from tests.shared.packaging.samples import Unit


def inspected(unit: Unit, content: bytes, name: str = "通知.pdf", **changes: object) -> Report:
    record = unit.record(unit.file(name, content), pages=1, **changes)
    return inspect_record(record, unit.paths(record), context(unit))


def lacks(report: Report) -> list[str]:
    """What the one question names; nothing when there is none."""
    told = found(report, "DL-13")
    assert len(told) <= 1
    assert all(each.severity is Severity.WARNING for each in told)
    assert outcome(report, "DL-13") is Outcome.PASSED
    return str(told[0].actual).split("；") if told else []


@pytest.mark.parametrize(("name", "make"), [("通知.pdf", letter), ("通知.ofd", letter_ofd)])
def test_a_letter_as_the_standard_wants_it_raises_no_question(
    unit: Unit, name: str, make: object
) -> None:
    assert callable(make)
    report = inspected(unit, make(), name)
    assert lacks(report) == []
    assert report.findings == ()


@pytest.mark.parametrize(
    ("field", "value", "lack"),
    [
        ("title", "关于表彰先进单位的决定", "没有找到标题"),
        ("doc_no", "宜财预〔2024〕4号", "没有找到发文字号"),
        ("author", "宜昌市审计局", "没有找到发文机关署名"),
        ("date", date(2024, 3, 6), "没有找到成文日期"),
    ],
)
def test_what_the_catalogue_says_and_the_letter_lacks_is_named(
    unit: Unit, field: str, value: object, lack: str
) -> None:
    assert lacks(inspected(unit, letter(), **{field: value})) == [lack]


def test_a_plain_paper_lacks_what_makes_it_a_letter(unit: Unit) -> None:
    for name, make in (("通知.pdf", letter), ("通知.ofd", letter_ofd)):
        said = lacks(inspected(unit, make(kind=Kind.INTERNAL), name))
        assert {"没有看到红头", "没有找到主送机关", "没有看到印章"} <= set(said)


def test_minutes_are_addressed_to_nobody(unit: Unit) -> None:
    title = "宜昌市财政局2024年第3次局长办公会议纪要"
    said = lacks(inspected(unit, letter(kind=Kind.INTERNAL, title=title), title=title))
    assert "没有找到主送机关" not in said


def test_another_paper_and_narrow_margins_are_named(unit: Unit) -> None:
    for box, lack in (
        ([0, 0, 612, 792], "不是 A4（215.9×279.4 毫米）"),
        ([40, -40, 635.28, 801.89], "订口只有 10.5 毫米"),
    ):
        assert lack in lacks(inspected(unit, letter_on(box)))


def test_what_has_no_number_or_no_text_is_not_looked_at(unit: Unit) -> None:
    assert outcome(inspected(unit, letter(), doc_no=None), "DL-13") is Outcome.NOT_APPLICABLE
    record = unit.record()
    report = inspect_record(record, unit.paths(record), context(unit))
    assert outcome(report, "DL-13") is Outcome.NOT_RUN


def drawn(*shapes: tuple[str, tuple[int, int, int, int]]) -> Image.Image:
    """A page of A4, two points to a millimetre, with red shapes at millimetres."""
    page = Image.new("RGB", (420, 594), "white")
    pen = ImageDraw.Draw(page)
    for shape, box in shapes:
        place = [2 * each for each in box]
        if shape == "seal":
            pen.ellipse(place, outline=(200, 20, 20), width=4)
        else:
            pen.rectangle(place, fill=(200, 20, 20) if shape == "red" else (40, 40, 40))
    return page


HEAD, SEAL = ("red", (50, 40, 160, 52)), ("seal", (120, 200, 162, 242))


@pytest.mark.parametrize(
    ("shapes", "red_head", "seal"),
    [
        ((HEAD, SEAL), True, True),
        ((HEAD,), True, False),
        ((SEAL,), False, True),
        ((("black", HEAD[1]),), False, False),
        ((("red", (50, 40, 80, 52)),), False, False),  # too narrow for a head
        ((("red", (50, 160, 160, 172)),), False, False),  # too low for one, too flat for a seal
        ((("seal", (120, 200, 135, 215)),), False, False),  # too small
        ((("seal", (60, 150, 140, 230)),), False, False),  # too large
    ],
)
def test_head_and_seal_are_told_by_colour_place_and_size(
    shapes: tuple[tuple[str, tuple[int, int, int, int]], ...], red_head: bool, seal: bool
) -> None:
    page = drawn(*shapes)
    seen = facts_of_pictures(page, page, 210.0)
    assert (seen["red_head"], seen["seal"]) == (red_head, seal)


def test_a_seal_on_the_last_page_may_stand_anywhere() -> None:
    seen = facts_of_pictures(drawn(HEAD), drawn(("seal", (120, 50, 162, 92))), 210.0)
    assert (seen["red_head"], seen["seal"]) == (True, True)
    assert seen["ink"] == [50.0, 40.0, 160.5, 52.5]
    blank = facts_of_pictures(drawn(), drawn(), 210.0)
    assert (blank["ink"], blank["red_head"], blank["seal"]) == (None, False, False)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("通知\n各县市区人民政府，市直各部门：\r\n　　现将", True),
        ("各有关单位:", True),
        ("现将有关事项通知如下：一、加强领导。\n二、其他", False),
        ("", False),
    ],
)
def test_an_addressee_is_a_line_of_its_own(text: str, is_one: bool) -> None:
    assert names_addressee(text) is is_one


def test_each_measure_says_how_sure_it_is() -> None:
    for name, rule in rules().items():
        if isinstance(rule, dict):
            assert rule["source"] in ("seen", "own"), name
            assert ("clause" in rule) is (rule["source"] == "seen"), name


def test_a_real_letter_is_seen_as_one(real_samples: list[dict[str, str]]) -> None:
    for row in real_samples:
        if row["file"] == "ofd_gov_letter_red_head_sealed.ofd":
            facts = examine(io.BytesIO(Path(row["path"]).read_bytes()), {}, 20).facts["letter"]
            assert (facts["page"], facts["red_head"], facts["addressee"]) == (
                [210, 297],
                True,
                True,
            )
            assert facts["ink"][:2] == [28.0, 37.0]
