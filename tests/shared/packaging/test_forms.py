"""The hand-over form, its PDF, the catalogue on paper, and the receipt."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.inspection.run import inspect_record
from shared.inspection.subject import Context
from shared.kernel.errors import Invalid, Unavailable
from shared.kernel.identifiers import new_id
from shared.kernel.keys import SigningKey
from shared.packaging import (
    CHECK_LINES,
    CatalogueHeading,
    CatalogueRow,
    FormCheck,
    FormItem,
    FormPeople,
    HandoverForm,
    catalogue_pdf,
    checks_of_reports,
    corrected,
    form_pdf,
    make_form,
    make_receipt,
    receipt_covers,
    sign_receipt,
    verify_receipt,
)
from shared.packaging import pdf as drawing
from shared.packaging.pdf import Page, wrap
from tests.shared.packaging.samples import Unit

ROOT = Path(__file__).resolve().parents[3]
UNIT, ARCHIVE = SigningKey.generate(), SigningKey.generate()
HEADING = CatalogueHeading("A182", "宜昌市财政局", "2024", "30年", "办公室")


def item(number: int, **changes: Any) -> FormItem:
    whole = FormItem(
        new_id(), new_id(), 3, f"{number:064x}", 12_345, f"A182-WS·2024-D30-BGS-{number:04d}",
        f"关于第{number}件事的通知", "2024-03-05", "D30", "record", 2, 1_000_000,
    )  # fmt: skip
    return replace(whole, **changes)


def form(*items: FormItem, **changes: Any) -> HandoverForm:
    options: dict[str, Any] = {
        "batch_id": new_id(),
        "title": "宜昌市财政局2024年度文书档案移交",
        "content": "2024年度形成的文书类电子档案。",
        "unit": "宜昌市财政局",
        "fonds_id": new_id(),
        "fonds_number": "A182",
        "fonds_name": "宜昌市财政局",
        "archive_code": "420500",
        "archive": "宜昌市档案馆",
        "checks": {name: FormCheck("合格", "合格") for name in CHECK_LINES},
        "unit_people": FormPeople("张三", "2025-06-01", "李四", "2025-06-02"),
        "archive_people": FormPeople("王五", "2025-06-10", "赵六", "2025-06-11"),
    }
    return make_form(items or (item(1), item(2), item(3)), **{**options, **changes})


# --- the form --------------------------------------------------------------------------------


def test_a_form_counts_what_it_lists() -> None:
    whole = form(
        item(10), item(2), item(1, level="volume"), item(3, bytes=5 * 1024**3), item(4, code=None)
    )
    assert (whole.records, whole.volumes, whole.files) == (4, 1, 10)
    assert whole.bytes == 5 * 1024**3 + 4_000_000
    assert whole.gigabytes == "5.004"
    # 0010 comes after 0004, and an item without a code comes last.
    assert whole.first_code == "A182-WS·2024-D30-BGS-0001"
    assert whole.last_code == "A182-WS·2024-D30-BGS-0010"
    assert whole.items[-1].code is None


@given(st.integers(0, 1 << 50))
def test_gigabytes_have_three_decimals(size: int) -> None:
    shown = form(item(1, bytes=size)).gigabytes
    assert re.fullmatch(r"\d+\.\d{3}", shown)
    assert abs(int(shown.replace(".", "")) * 1024**3 - size * 1000) * 2 <= 1024**3


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0.000 GB（合 0.0 KB，0 字节）"),
        (300_000, "不足 0.001 GB（合 293.0 KB，300,000 字节）"),
        (5 * 1024**2, "0.005 GB（合 5.0 MB，5,242,880 字节）"),
        (3 * 1024**3, "3.000 GB（3,221,225,472 字节）"),
    ],
)
def test_a_small_batch_is_never_printed_as_nothing(
    size: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    cell = Page.cell

    def note(page: Page, *given: Any, **more: Any) -> None:
        drawn.extend(given[4])
        cell(page, *given, **more)

    monkeypatch.setattr(Page, "cell", note)
    form_pdf(form(item(1, bytes=size)))
    assert shown in drawn


def test_a_form_item_is_made_of_a_record_and_its_offer(unit: Unit, tmp_path: Path) -> None:
    record = unit.record()
    offer = unit.offer(record, new_id(), unit.package(record, tmp_path / "p.zip"))
    made = FormItem.of(record, offer)
    assert (made.code, made.files, made.bytes) == (record.code, 1, record.size)
    assert made.package_sha256 == offer["package"]["sha256"]


def test_both_sides_sign_the_same_words() -> None:
    whole = form()
    unit, archive = whole.sign(UNIT), whole.sign(ARCHIVE)
    travelled = HandoverForm.from_wire(whole.to_wire())
    assert travelled == whole
    assert travelled.digest == whole.digest
    assert travelled.is_signed_by(UNIT.public, unit)
    assert travelled.is_signed_by(ARCHIVE.public, archive)
    assert not travelled.is_signed_by(ARCHIVE.public, unit)
    assert not replace(whole, title="另一个名称").is_signed_by(UNIT.public, unit)


@pytest.mark.parametrize(
    "change",
    [
        {"count": {**form().to_wire()["count"], "records": 4}},
        {"format": "danglian-handover-form/2"},
        {"format": "danglian-handover-form/2", "merkle_root": "x"},
        {"merkle_root": "0" * 64},
        {"items": "none"},
        {"items": [{}]},
        {"checks": {}},
        {"unknown": 1},
        {"archive": None},
    ],
)  # fmt: skip
def test_a_form_whose_sums_or_shape_are_wrong_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        HandoverForm.from_wire({**form().to_wire(), **change})


@pytest.mark.parametrize("value", [-1, "1", 1.5, None, True])
def test_a_form_with_odd_numbers_is_refused(value: object) -> None:
    wire = form().to_wire()
    wire["items"][0]["bytes"] = value
    with pytest.raises(Invalid):
        HandoverForm.from_wire(wire)


def test_a_part_of_a_batch_has_a_corrected_form_that_names_the_first() -> None:
    whole = form(*(item(number) for number in range(1, 6)))
    kept = [each.offer_id for each in whole.items[:3]]
    part = corrected(whole, kept, remarks="第4、5件退回。")
    assert [each.offer_id for each in part.items] == kept
    assert part.corrects == whole.digest
    assert part.records == 3
    assert part.last_code == "A182-WS·2024-D30-BGS-0003"
    assert part.digest != whole.digest
    assert not part.is_signed_by(UNIT.public, whole.sign(UNIT))
    assert HandoverForm.from_wire(part.to_wire()) == part


def test_a_corrected_form_keeps_something_and_adds_nothing() -> None:
    with pytest.raises(Invalid):
        corrected(form(), [])
    with pytest.raises(Invalid):
        corrected(form(), [new_id()])
    with pytest.raises(Invalid):
        make_form([], **{  # an empty form is none
            name: getattr(form(), name)
            for name in (
                "batch_id", "title", "content", "unit", "fonds_id", "fonds_number", "fonds_name",
                "archive_code", "archive", "checks", "unit_people", "archive_people",
            )
        })  # fmt: skip


def test_the_lines_of_checks_say_passed_only_where_all_was_run(unit: Unit) -> None:
    record = unit.record()
    good = inspect_record(record, unit.paths(record), Context(fonds=unit.fonds))
    bad = inspect_record(replace(record, pages=None), {}, Context(fonds=unit.fonds))
    assert good.passed
    assert not bad.passed
    lines = checks_of_reports([good], [good, bad])
    assert list(lines) == list(CHECK_LINES)
    assert lines["安全性"].unit == "已检部分合格"  # no virus scanner is set up
    assert lines["准确性"].archive == "不合格"
    assert lines["载体外观"] == FormCheck("不适用", "不适用")
    assert checks_of_reports([], [])["准确性"] == FormCheck("未检测", "未检测")


# --- on paper --------------------------------------------------------------------------------


def pages_of(content: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b", content))


def test_the_form_is_one_page_and_its_list_follows() -> None:
    whole = form(*(item(number) for number in range(1, 101)))
    code = "0190a5d2-0000-7000-8000-000000000001"
    content = form_pdf(whole, whole.sign(UNIT), whole.sign(ARCHIVE), code)
    assert content.startswith(b"%PDF-")
    assert 3 <= pages_of(content) <= 6
    assert pages_of(form_pdf(form())) == 2


def test_the_same_form_gives_the_same_bytes_here_and_in_another_process() -> None:
    rows = [CatalogueRow("A-1", "宜〔2024〕1号", "局", "题名", "20240305", "", "3", "")]
    here = catalogue_pdf(rows, HEADING)
    assert catalogue_pdf(rows, HEADING) == here
    program = (
        "import hashlib\n"
        "from shared.packaging import CatalogueHeading, CatalogueRow, catalogue_pdf\n"
        f"rows = [{rows[0]!r}]\n"
        f"print(hashlib.sha256(catalogue_pdf(rows, {HEADING!r})).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == hashlib.sha256(here).hexdigest()
    whole = form()
    signature = whole.sign(UNIT)
    assert form_pdf(whole, signature) == form_pdf(whole, signature)


def test_what_was_not_signed_is_never_printed_as_signed() -> None:
    whole = form()
    with pytest.raises(Invalid):
        form_pdf(whole, form(title="另一份").sign(UNIT))
    with pytest.raises(Invalid):
        form_pdf(whole, None, {"key": "x", "public_key": "zz", "signature": "00"})


def test_the_font_is_embedded_and_chinese_can_be_copied_out() -> None:
    content = form_pdf(form())
    assert b"/FontFile2" in content
    assert b"/ToUnicode" in content


def test_two_thousand_rows_take_a_few_seconds() -> None:
    rows = [
        CatalogueRow(
            f"A182-WS·2024-D30-BGS-{number:04d}", f"宜财预〔2024〕{number}号", "宜昌市财政局",
            "关于印发《2024年国民经济和社会发展计划执行情况与2025年计划草案》的通知", "20240305",
            "", "12", "",
        )
        for number in range(1, 2001)
    ]  # fmt: skip
    start = time.monotonic()
    content = catalogue_pdf(rows, HEADING)
    assert time.monotonic() - start < 15
    assert pages_of(content) > 50
    assert len(content) < 3_000_000


def test_a_catalogue_may_be_empty_or_hold_very_long_titles() -> None:
    assert pages_of(catalogue_pdf([], HEADING)) == 1
    row = CatalogueRow("A-1", "", "", "长" * 500 + "x" * 500, "", "", "", "备注" * 500)
    assert pages_of(catalogue_pdf([row] * 3, HEADING, is_draft=True)) >= 1


def test_a_line_of_the_catalogue_is_what_the_standard_asks(unit: Unit) -> None:
    row = CatalogueRow.of(unit.record())
    assert row.date == "20240305"
    assert row.security == ""
    assert row.pages == "2"
    void = CatalogueRow.of(unit.record(state="void", void_reason="误收，已退文", documents=()))
    assert void.remark == "误收，已退文"


def test_lines_break_as_chinese_typesetting_wants() -> None:
    drawing._register_font()
    for width in range(30, 200, 7):
        lines = wrap("关于2024年度预算，2025年计划的通知。（附件：目录）", width, 10)
        assert "".join(lines) == "关于2024年度预算，2025年计划的通知。（附件：目录）"
        assert all(line[0] not in "，。）：" for line in lines)
    assert wrap("甲\n乙", 100, 10) == ["甲", "乙"]
    assert wrap("甲" * 100, 30, 10, most=2)[-1].endswith("…")
    assert "2024" in " ".join(wrap("财政2024", 35, 10))


def test_without_its_font_printing_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "FONT_FILE", Path("/nowhere/font.ttf"))
    drawing._register_font.cache_clear()
    try:
        with pytest.raises(Unavailable, match="中文字体"):
            catalogue_pdf([], HEADING)
    finally:
        monkeypatch.undo()
        drawing._register_font.cache_clear()
    assert catalogue_pdf([], HEADING)


def test_titles_are_really_drawn() -> None:
    row = CatalogueRow("A", "B", "C", "题名甲乙", "", "", "", "")
    content = catalogue_pdf([row], HEADING)
    starts = [each.end() for each in re.finditer(rb"\bstream\r?\n", content)]
    streams = [content[start : content.index(b"endstream", start)] for start in starts]
    drawn = [zlib.decompress(each) for each in streams]
    letters = next(each for each in drawn if b"beginbfchar" in each)  # ToUnicode
    assert all(f"<{ord(each):04X}>".encode() in letters for each in row.title)
    assert any(b" Tj" in each for each in drawn)


# --- the receipt -----------------------------------------------------------------------------


def receipt(whole: HandoverForm | None = None) -> dict[str, Any]:
    whole = whole or form()
    return make_receipt(whole, unit_signature=whole.sign(UNIT), archive_seal=ARCHIVE, by="王五")


def codes(document: dict[str, Any], unit: SigningKey = UNIT) -> list[str]:
    return [each.code for each in verify_receipt(document, unit.public, ARCHIVE.public)]


def test_a_receipt_proves_that_the_archive_has_received() -> None:
    whole = form()
    document = receipt(whole)
    assert codes(document) == []
    assert document["form_digest"] == whole.digest
    assert receipt_covers(document, document["offers"][:2])
    assert not receipt_covers(document, [{**document["offers"][0], "record_version": 9}])
    assert not receipt_covers(document, [{**document["offers"][0], "offer_id": new_id()}])


def test_a_receipt_is_made_only_over_the_units_own_signature() -> None:
    with pytest.raises(Invalid, match="不是对这份登记表的签名"):
        make_receipt(form(), unit_signature=form().sign(UNIT), archive_seal=ARCHIVE, by="王五")


def test_a_receipt_of_strangers_proves_nothing() -> None:
    stranger = SigningKey.generate()
    whole = form()
    forged = make_receipt(whole, unit_signature=whole.sign(UNIT), archive_seal=stranger, by="王五")
    assert codes(forged) == ["form_signature_invalid", "archive_signature_invalid"]
    assert codes(receipt(), unit=stranger) == ["unit_signature_invalid"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"batch_id": "x"}, "receipt_of_another"),
        ({"archive": "420583"}, "receipt_of_another"),
        ({"form_digest": "0" * 64}, "form_digest_differs"),
        ({"offers": []}, "receipt_offers_differ"),
        ({"at": "2025-06-01T00:00:00.000000Z"}, "archive_signature_invalid"),
        ({"by": "别人"}, "archive_signature_invalid"),
        ({"form_signature": form().sign(ARCHIVE)}, "form_signature_invalid"),
        ({"at": "yesterday"}, "receipt_malformed"),
        ({"receipt_id": "1"}, "receipt_malformed"),
        ({"more": 1}, "receipt_malformed"),
        ({"archive_signature": None}, "receipt_malformed"),
        ({"offers": [{"offer_id": "x"}]}, "receipt_malformed"),
        ({"form": {}}, "bad_form"),
    ],
)
def test_every_change_of_a_receipt_is_named(change: dict[str, Any], code: str) -> None:
    assert code in codes({**receipt(), **change})


def test_a_receipt_signed_again_still_has_to_fit_its_form() -> None:
    document = receipt()
    document["offers"][0]["package_sha256"] = "0" * 64
    assert codes(sign_receipt(document, ARCHIVE)) == ["receipt_offers_differ"]


def test_a_receipt_may_list_its_offers_in_another_order() -> None:
    document = receipt()
    document["offers"].reverse()
    assert codes(sign_receipt(document, ARCHIVE)) == []


def test_the_shape_of_a_receipt_is_the_one_of_the_architecture() -> None:
    assert {
        "receipt_id", "batch_id", "archive", "form", "form_digest", "offers", "unit_signature",
        "archive_signature", "at", "by", "form_signature",
    } == set(receipt())  # fmt: skip
