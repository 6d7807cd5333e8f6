"""2-1, 2-2, 2-6 and DL-11: what a batch shows as a whole."""

from __future__ import annotations

from shared.inspection.finding import Severity
from shared.inspection.report import Outcome
from shared.inspection.run import inspect_batch
from shared.inspection.subject import Batch, Context
from shared.inspection.twins import EMPTY_DIGEST, Twin, twins_among
from shared.records.numbering import Gap


def test_a_number_that_nobody_has_is_an_error_and_one_not_handed_over_a_question() -> None:
    gaps = {"文书·2024·永久": [Gap("missing", 17, 19), Gap("unsent", 21), Gap("withdrawn", 23)]}
    report = inspect_batch(Batch("b", 3, 300, gaps=gaps), Context())
    assert [(each.code, each.actual, each.severity) for each in report.findings] == [
        ("number_missing", "17–19", Severity.ERROR),
        ("number_unsent", "21", Severity.WARNING),
        ("number_withdrawn", "23", Severity.WARNING),
    ]
    assert {each.where for each in report.findings} == {"文书·2024·永久"}


def test_bytes_that_could_not_be_counted_are_not_compared() -> None:
    batch = Batch("b", 3, 200, registered_records=3, registered_size=300, uncounted=1)
    report = inspect_batch(batch, Context())
    said = {each.number: each for each in report.checks}
    assert said["2-1"].outcome is Outcome.PASSED
    assert said["2-2"].outcome is Outcome.NOT_RUN
    assert "1 件" in said["2-2"].reason


def test_what_looks_filed_twice_is_a_question_at_each() -> None:
    twins = [
        Twin("1", "A-0001", ("A-0002",), by_content=True),
        Twin("2", "A-0002", tuple(f"A-{n:04d}" for n in range(3, 10)), by_content=False),
    ]
    report = inspect_batch(Batch("b", 2, 1, twins=twins), Context())
    assert [(each.code, each.where, each.actual) for each in report.findings] == [
        ("duplicate_content", "A-0001", "A-0002"),
        ("duplicate_number_and_title", "A-0002", "A-0003、A-0004、A-0005、A-0006、A-0007等 7 件"),
    ]
    assert report.errors == ()


def test_twins_are_those_that_share_something_with_another_record() -> None:
    rows = [
        ("1", "A-0001", "x"),
        ("1", "A-0001", "x"),  # twice in one record: no twin of itself
        ("2", "A-0002", "x"),
        ("3", "A-0003", "y"),
        ("4", "A-0004", EMPTY_DIGEST),
        ("5", "A-0005", EMPTY_DIGEST),
    ]
    found = twins_among(rows, {"1", "3", "4"}, by_content=True)
    assert found == [Twin("1", "A-0001", ("A-0002",), by_content=True)]
