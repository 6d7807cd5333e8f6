"""What the main text says, held against the catalogue: questions, which stop nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from shared.inspection.finding import Severity
from shared.inspection.questions import spellings_of
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_record
from shared.records.record import Document, Record
from tests.shared.inspection.files import wave, word
from tests.shared.inspection.reports import context, found, ofd, outcome
from tests.shared.inspection.test_first_words import pdf
from tests.shared.packaging.samples import Unit, sound_pdf

TITLE = "关于下达2024年部门预算的通知"
LETTER = (
    (780, "宜昌市财政局文件"),
    (740, "宜财预〔2024〕3号"),
    (700, "宜昌市财政局关于下达2024年"),
    (680, "部门预算的通知"),
    (640, "各县市区财政局，市直各部门：现将二○二四年部门预算下达给你们，请遵照执行。"),
    (600, "2024年3月5日"),
)


def report_on(unit: Unit, record: Record) -> Report:
    return inspect_record(record, unit.paths(record), context(unit))


def letter(unit: Unit, **changes: object) -> Report:
    record = unit.record(unit.file("正本.pdf", pdf(*LETTER)))
    return report_on(unit, replace(record, pages=1, **changes))


def test_a_letter_that_says_what_the_catalogue_says_raises_no_question(unit: Unit) -> None:
    assert found(letter(unit), "1-11") == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", "关于表彰先进单位的决定"),
        ("doc_no", "宜财预〔2024〕4号"),
        ("date", date(2024, 3, 6)),
    ],
)
def test_a_letter_that_says_something_else_raises_a_question(
    unit: Unit, field: str, value: object
) -> None:
    report = letter(unit, **{field: value})
    (told,) = found(report, "1-11")
    assert (told.code, told.field, told.severity) == ("text_differs", field, Severity.WARNING)
    assert outcome(report, "1-11") is Outcome.PASSED


def test_a_scan_without_text_and_an_annex_are_not_asked(unit: Unit) -> None:
    assert report_on(unit, unit.record(title="关于表彰先进单位的决定")).findings == ()
    main = unit.record(unit.file("正本.pdf", pdf(*LETTER)), pages=None)
    annex = Document(main.id, "附件", None, 2, (unit.file("附件.pdf", pdf(*LETTER[4:])),))
    assert found(report_on(unit, replace(main, documents=(*main.documents, annex))), "1-11") == []


def test_pages_that_are_not_those_of_the_catalogue_are_a_question(unit: Unit) -> None:
    report = report_on(unit, unit.record(pages=9))
    (told,) = found(report, "2-7")
    assert (told.code, told.expected, told.actual) == ("pages_differ", "9 页", "2 页")
    assert told.severity is Severity.WARNING
    assert outcome(report, "2-7") is Outcome.PASSED


@pytest.mark.parametrize("pages", [1, 2, 3])
def test_the_same_text_may_be_there_in_two_formats(unit: Unit, pages: int) -> None:
    files = unit.file("a.pdf", sound_pdf()), unit.file("a.ofd", ofd("公文"))
    assert found(report_on(unit, unit.record(*files, pages=pages)), "2-7") == []
    assert found(report_on(unit, unit.record(*files, pages=4)), "2-7") != []


@pytest.mark.parametrize(
    ("remark", "asked"),
    [
        ("时长：0:02", False), ("时长0:00:03", False), ("时长 2秒", False), (None, False),
        ("时长：1分2秒", True), ("时长为1:00:02", True), ("时长待查", False), ("2秒", False),
    ],
)  # fmt: skip
def test_a_recording_of_another_length_than_the_catalogue_says_is_a_question(
    unit: Unit, remark: str | None, asked: bool
) -> None:
    record = unit.record(unit.file("录音.wav", wave(2)), remark=remark, pages=None)
    told = found(report_on(unit, record), "2-7")
    assert [(each.code, each.severity) for each in told] == (
        [("duration_differs", Severity.WARNING)] if asked else []
    )
    if asked:
        assert told[0].actual == "0:00:02"


def test_the_text_of_an_old_word_file_is_read_too(unit: Unit) -> None:
    text = "\r".join(said for _, said in LETTER)
    record = unit.record(unit.file("正本.doc", word(text)), pages=None)
    assert found(report_on(unit, record), "1-11") == []
    other = replace(record, doc_no="宜财预〔2024〕9号")
    assert [each.field for each in found(report_on(unit, other), "1-11")] == ["doc_no"]


def test_a_date_is_known_in_every_spelling() -> None:
    assert {"2024年3月5日", "二〇二四年三月五日", "20240305"} <= set(spellings_of(date(2024, 3, 5)))
    assert "二〇二四年十二月三十一日" in spellings_of(date(2024, 12, 31))
    assert "二〇二〇年十月二十日" in spellings_of(date(2020, 10, 20))
