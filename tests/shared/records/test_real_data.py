"""The rules held against 19,603 real titles and 6,722 real document numbers."""

from shared.records.dates import parse_date
from shared.records.numbering import doc_no_key
from shared.records.security import classified_mark
from shared.records.values import (
    AUTHOR_LENGTH,
    DOC_NO_LENGTH,
    TITLE_LENGTH,
    clean_text,
    empty_like,
    repair_text,
)


def test_every_real_title_issuer_and_number_passes_after_repair(real_documents) -> None:
    assert len(real_documents) == 19_603
    for row in real_documents:
        for name, length in (
            ("title", TITLE_LENGTH),
            ("issuer", AUTHOR_LENGTH),
            ("doc_no", DOC_NO_LENGTH),
        ):
            clean_text(repair_text(row[name]), name, max_length=length)
        assert repair_text(row["title"])
        parse_date(row["date"])


def test_no_real_title_is_taken_for_a_classified_one(real_documents) -> None:
    assert [row["title"] for row in real_documents if classified_mark(row["title"])] == []
    assert any("秘密" in row["title"] for row in real_documents)


def test_every_real_document_number_passes_after_repair(real_doc_numbers) -> None:
    for row in real_doc_numbers:
        repaired = repair_text(row["doc_no_raw"])
        clean_text(repaired, "doc_no", max_length=DOC_NO_LENGTH)
        assert doc_no_key(repaired) >= (0,)
        parse_date(row["date"])


def test_no_real_title_is_taken_for_an_empty_cell(real_documents) -> None:
    assert all(empty_like(row["title"]) is not None for row in real_documents)
