"""公文格式: whether the main text looks like the letter that it is said to be (GB/T 9704-2012)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.inspection.checks.authenticity import the_record
from shared.inspection.finding import Finding, Severity
from shared.inspection.formats.letter import rules
from shared.inspection.measuring import Measure
from shared.inspection.registry import Skipped, check, not_applicable
from shared.inspection.subject import Subject
from shared.records.record import ComputerFile, Record
from shared.records.roles import MAIN_ROLES

LETTER = "DL-13"

#: Kinds of documents that are addressed to nobody (GB/T 9704-2012, 7.3.2; clause 10 for 纪要).
_TO_NOBODY = ("公告", "公报", "通告", "命令", "令", "决议", "纪要", "条例", "规定", "办法")


@check(LETTER)
def main_text_is_a_letter(subject: Subject) -> Iterator[Finding]:
    """正本 has red head, number, title, addressee, issuer, date, seal; its page is as it should be.

    Of a letter with a number 发文字号 whose text a program can read. What was not seen is one
    question for the whole record: a letter may be older than the standard, or of another kind.
    """
    record = the_record(subject)
    if record.class_code != "WS" or not record.doc_no:
        raise not_applicable("不是有发文字号的文书。")
    found = [
        (place, file, measure)
        for place, file, measure in subject.measures()
        if measure.examination.answers is not None and "letter" in measure.examination.facts
    ]
    main = {
        file.id
        for document in record.documents
        if document.role in MAIN_ROLES
        for file in document.files
    }
    texts = [each for each in found if each[1].id in main]
    if not texts:
        raise Skipped("正本没有可以读出的文字，没有看它的格式。")
    lacks = [(list(_lacks(record, measure)), place, file) for place, file, measure in texts]
    # The same letter may be there in several forms: one that has all is enough.
    lacking, place, file = min(lacks, key=lambda each: len(each[0]))
    if lacking:
        yield _asked(lacking, place, file)


def _asked(lacking: list[str], place: str, file: ComputerFile) -> Finding:
    return Finding(
        "letter_form_differs",
        "正本与公文格式（GB/T 9704-2012）有不同。",
        "请打开正本核对；不是按这一格式制发的，或印章、红头在纸质原件上的，可以不改。",
        field=place,
        expected="红头、发文字号、标题、主送机关、发文机关署名、成文日期、印章，A4 版面",
        actual="；".join(lacking),
        where=file.name,
        severity=Severity.WARNING,
    )


def _lacks(record: Record, measure: Measure) -> Iterator[str]:
    """Each lack by its name, in the order in which a reader looks."""
    seen: Mapping[str, Any] = measure.examination.facts["letter"]
    answers = measure.examination.answers or {}
    if not seen.get("red_head"):
        yield "没有看到红头"
    for name, label in (("doc_no", "发文字号"), ("title", "标题")):
        if answers.get(name) is False:
            yield f"没有找到{label}"
    if not seen.get("addressee") and not record.title.rstrip("）)").endswith(_TO_NOBODY):
        yield "没有找到主送机关"
    for name, label in (("author", "发文机关署名"), ("date", "成文日期")):
        if answers.get(name) is False:
            yield f"没有找到{label}"
    if not seen.get("seal") and not measure.seals:
        yield "没有看到印章"
    yield from _page(seen)


def _page(seen: Mapping[str, Any]) -> Iterator[str]:
    """The size of the paper, and what stands in its margins."""
    paper, ink = rules()["page"], seen.get("ink")
    size = seen.get("page")
    if size is None:
        return
    slack = rules()["page_tolerance"]["value"]
    if abs(size[0] - paper["width"]) > slack or abs(size[1] - paper["height"]) > slack:
        yield f"不是 A4（{size[0]:g}×{size[1]:g} 毫米）"
        return
    if ink is None:
        return
    slack = rules()["margin_tolerance"]["value"]
    top, left = rules()["top"]["value"], rules()["left"]["value"]
    right = left + rules()["type_area"]["width"]
    if ink[1] < top - slack:
        yield f"天头只有 {ink[1]:g} 毫米"
    if ink[0] < left - slack:
        yield f"订口只有 {ink[0]:g} 毫米"
    if ink[2] > right + slack:
        yield f"超出版心右边 {ink[2] - right:.0f} 毫米"
