"""Seals inside documents, as the inspection of a record tells of them (DA/T 70-2018, 1-1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.inspection.finding import Severity
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_record
from shared.seals import Seal, Trust, Verdict, seals_of
from tests.shared.inspection.reports import context, found, outcome, packed
from tests.shared.packaging.samples import Unit
from tests.shared.seals.samples import (
    PLAIN,
    Party,
    Sealing,
    plain_pdf,
    sealed,
    signed_data,
    signed_pdf,
    zipped,
)

PAGE = "Doc_0/Pages/Page_0/Content.xml"


@pytest.fixture(scope="module")
def party() -> Party:
    return Party.make()


@pytest.fixture(scope="module")
def letter(party: Party) -> bytes:
    return zipped(sealed(PLAIN, Sealing(party)))


def inspected(unit: Unit, name: str, content: bytes, party: Party | None) -> Report:
    record = unit.record(unit.file(name, content))
    authorities = party.authorities() if party else None
    return inspect_record(record, unit.paths(record), context(unit, authorities=authorities))


def test_a_sealed_letter_passes_where_its_authority_is_known(
    unit: Unit, party: Party, letter: bytes, tmp_path: Path
) -> None:
    record = unit.record(unit.file("通知.ofd", letter))
    report = packed(unit, record, tmp_path, authorities=party.authorities())
    assert (found(report, "1-1"), outcome(report, "1-1")) == ([], Outcome.PASSED)
    (kept,) = Report.from_wire(report.to_wire()).seals
    assert (kept["verdict"], kept["signer"]) == ("valid", "宜昌市财政局")
    assert (kept["field"], kept["file"]) == ("documents.0.files.0", "通知.ofd")
    assert kept["sha256"] == record.files[0].sha256
    assert (len(kept["chain"]), kept["revocation"]) == (3, "unknown")


def test_a_seal_of_somebody_unknown_is_pointed_out_and_stops_nothing(
    unit: Unit, letter: bytes
) -> None:
    report = inspected(unit, "通知.ofd", letter, None)
    (finding,) = found(report, "1-1")
    assert (finding.code, finding.severity) == (
        "document_seal_authority_unknown", Severity.WARNING,
    )  # fmt: skip
    assert outcome(report, "1-1") is Outcome.PASSED


def test_a_document_that_was_changed_after_it_was_sealed_does_not_pass(
    unit: Unit, party: Party
) -> None:
    changed = {**sealed(PLAIN, Sealing(party)), PAGE: PLAIN[PAGE].replace(b"</ofd", b" </ofd", 1)}
    pdf = signed_pdf(plain_pdf(), lambda message: signed_data(party.holder, message))
    for name, content, where, code in (
        ("通知.ofd", zipped(changed), PAGE, "document_seal_broken"),
        ("通知.pdf", pdf.replace(b"200 200", b"200 201"), "对象 5 0", "document_seal_wrong"),
    ):
        report = inspected(unit, name, content, party)
        (finding,) = found(report, "1-1")
        assert (finding.code, finding.severity) == (code, Severity.ERROR)
        assert (finding.field, finding.where) == ("documents.0.files.0", f"{name}：{where}")
        assert outcome(report, "1-1") is Outcome.FAILED
        assert [each["verdict"] for each in report.seals] == ["altered"]


def test_a_record_with_a_mark_leaves_no_trace_of_its_seals(unit: Unit, party: Party) -> None:
    marked = {**PLAIN, PAGE: PLAIN[PAGE].replace("关于".encode(), "机密★10年 关于".encode())}
    report = inspected(unit, "通知.ofd", zipped(sealed(marked, Sealing(party))), party)
    assert report.is_classified
    assert report.seals == ()


def test_real_documents_are_judged_as_their_list_says(real_samples: list[dict[str, str]]) -> None:
    """Status `valid` is of a whole file: whoever sealed it is known to nobody here."""
    wanted = {
        "ofd_digital_signature_no_seal.ofd": ["document_seal_no_certificate"],
        "ofd_eseal_v4.ofd": [
            "document_seal_time_outside", "document_seal_time_outside",
            "document_seal_authority_unknown",
        ],
        "ofd_two_seals_riding.ofd": ["document_seal_authority_unknown"],
        "pdf_digitally_signed.pdf": ["document_seal_authority_unknown"],
    }  # fmt: skip
    for row in real_samples:
        name = row["file"]
        with Path(row["path"]).open("rb") as stream:
            judged = seals_of(name[-3:], stream, Trust())
        if row["status"] == "seal_invalid":
            assert [each.verdict for each in judged] == [Verdict.ALTERED], name
            assert len([each for each in codes(judged[0]) if each == "document_seal_broken"]) == 6
        elif name in wanted:
            assert {each.verdict for each in judged} == {Verdict.UNVERIFIABLE}, name
            assert all(codes(each) == wanted[name] for each in judged), name
        else:
            assert judged == (), name
    if real_samples:
        assert len([row for row in real_samples if row["file"] in wanted]) == len(wanted)


def test_real_seals_lead_to_their_authority_when_it_is_known(
    real_samples: list[dict[str, str]],
) -> None:
    for row in real_samples:
        if row["file"] == "ofd_two_seals_riding.ofd":
            with Path(row["path"]).open("rb") as stream:
                first, second = seals_of("ofd", stream, Trust())
            assert {first.form, second.form} == {"GB/T 38540"}
            assert first.signed_at is not None
            assert f"{first.signed_at:%Y-%m-%d %H:%M}" == "2020-07-16 08:04"
            assert first.name == "OFD R&W 测试用印章"


def codes(seal: Seal) -> list[str]:
    return [each.code for each in seal.findings]
