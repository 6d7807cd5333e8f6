"""The verdict on a batch: nothing reads as passed that nobody has looked at."""

from __future__ import annotations

import pytest

from shared.inspection.finding import Property
from shared.inspection.report import CheckResult, Outcome
from shared.inspection.scheme import Occasion, load_scheme
from shared.inspection.verdict import Decision, Tally, Verdict, judge
from shared.kernel.errors import Invalid

SCHEME = load_scheme()
RECEIVING = Occasion.RECEIVING
ASKED = [each.number for each in SCHEME.items(RECEIVING) if each.asks_person]


def tally(records: int = 2, occasion: Occasion = RECEIVING, **changes: Outcome) -> Tally:
    """A batch in which every item passed, but for these (`_4_2="not_run"`)."""
    changed = {name[1:].replace("_", "-"): outcome for name, outcome in changes.items()}
    counted = Tally()
    for _ in range(records):
        counted.add_results(
            CheckResult(
                each.number, each.property, each.name,
                changed.get(each.number, Outcome.PASSED), "这样" if each.number in changed else "",
            )
            for each in SCHEME.items(occasion)
        )  # fmt: skip
    return counted


def decisions(*failed: str) -> list[Decision]:
    return [
        Decision(each, each not in failed, "看过", "王红", "2026-01-01T00:00:00.000000Z")
        for each in ASKED
    ]


def test_all_passed_and_all_decided_is_passed() -> None:
    said = judge(SCHEME, RECEIVING, tally(), decisions())
    assert said.verdict is Verdict.PASSED
    assert (said.score, said.undecided, said.conclusion) == (100, (), "合格。")


def test_what_no_person_has_decided_leaves_the_batch_open() -> None:
    said = judge(SCHEME, RECEIVING, tally())
    assert said.verdict is Verdict.OPEN
    mandatory = {each.number for each in SCHEME.items(RECEIVING) if each.mandatory}
    assert [each.item.number for each in said.undecided] == [
        each for each in ASKED if each in mandatory
    ]
    assert "项等待人工检测" in said.conclusion
    but_one = [each for each in decisions() if each.number != "4-7"]
    assert [each.item.number for each in judge(SCHEME, RECEIVING, tally(), but_one).undecided] == [
        "4-7"
    ]


def test_a_person_can_find_what_no_program_finds() -> None:
    said = judge(SCHEME, RECEIVING, tally(), decisions("2-7"))
    assert said.verdict is Verdict.FAILED
    assert [each.item.number for each in said.refused] == ["2-7"]
    assert said.score < 100


def test_a_person_does_not_pass_what_a_program_has_found() -> None:
    said = judge(SCHEME, RECEIVING, tally(_3_4=Outcome.FAILED), decisions())
    assert said.verdict is Verdict.FAILED
    assert [each.item.number for each in said.failed] == ["3-4"]


def test_one_record_that_fails_fails_its_item() -> None:
    counted = tally(_1_7=Outcome.FAILED, records=1)
    other = tally(records=5)
    for number, outcomes in other.outcomes.items():
        counted.outcomes[number].update(outcomes)
    assert judge(SCHEME, RECEIVING, counted, decisions()).verdict is Verdict.FAILED


def test_a_mandatory_item_that_was_not_run_is_never_passed() -> None:
    said = judge(SCHEME, RECEIVING, tally(_4_2=Outcome.NOT_RUN), decisions())
    assert said.verdict is Verdict.OPEN
    assert [each.item.number for each in said.not_run] == ["4-2"]
    other = judge(SCHEME, RECEIVING, tally(_3_2=Outcome.NOT_RUN), decisions())
    assert other.verdict is Verdict.PASSED  # 3-2 is not mandatory
    nothing = judge(SCHEME, RECEIVING, Tally(), decisions())
    assert nothing.verdict is Verdict.OPEN


def test_what_does_not_apply_waits_for_nobody() -> None:
    counted = tally(_4_5=Outcome.NOT_APPLICABLE)
    but_one = [each for each in decisions() if each.number != "4-5"]
    assert judge(SCHEME, RECEIVING, counted, but_one).verdict is Verdict.PASSED


def test_an_item_that_is_not_mandatory_costs_only_its_weight() -> None:
    said = judge(SCHEME, RECEIVING, tally(_3_5=Outcome.FAILED), decisions())
    assert said.verdict is Verdict.PASSED
    assert said.score < 100


def test_an_item_is_explained_with_how_many_records_it_is_about() -> None:
    """The reason why another record is for a person stood behind “1 件不通过。” as its cause."""
    counted = tally(1, _2_9=Outcome.FAILED)
    for each in (tally(2, _2_8=Outcome.MANUAL), tally(1, _2_9=Outcome.MANUAL)):
        for number, counts in each.outcomes.items():
            counted.outcomes[number] += counts
        counted.reasons |= each.reasons
    said = {each.item.number: each.explained for each in judge(SCHEME, RECEIVING, counted).items}
    assert said["2-9"] == "1 件不通过。"
    assert said["2-8"] == "2 件待人工检测，如：这样"
    by_name = judge(SCHEME, RECEIVING, counted, decisions("2-8"))
    assert "看过" in [each.explained for each in by_name.items if each.item.number == "2-8"]


@pytest.mark.parametrize(
    ("row", "verdict"),
    [({"veto": True}, Verdict.FAILED), ({"weight": 9}, Verdict.PASSED)],
)
def test_veto_and_weight_are_data(row: dict[str, object], verdict: Verdict) -> None:
    from dataclasses import replace

    rows = {**SCHEME.rows, "3-5": {**SCHEME.rows["3-5"], **row}}
    changed = replace(SCHEME, rows=rows, pass_score=75)
    said = judge(changed, RECEIVING, tally(_3_5=Outcome.FAILED), decisions())
    assert said.verdict is verdict
    heavy = judge(
        replace(changed, pass_score=99), RECEIVING, tally(_3_5=Outcome.FAILED), decisions()
    )
    assert heavy.verdict is Verdict.FAILED
    # A batch failed by its score alone said "不合格：1 项不通过", of an item that need not pass.
    assert f"得分 {heavy.score}（合格分数 99）" in heavy.conclusion


def test_what_failed_stays_failed_when_its_addition_is_taken_away() -> None:
    """A batch that an item of others had stopped was 未完成 once the program had it no more."""
    counted = tally()
    found = CheckResult("ACME-1", Property.USABILITY, "水印检测", Outcome.FAILED)
    counted.add_of_set([found])
    said = judge(SCHEME, RECEIVING, counted, decisions())
    assert said.verdict is Verdict.FAILED
    assert said.conclusion == "不合格：ACME-1 不通过（本程序已没有这一项）。"


def test_before_a_hand_over_the_items_of_the_receiving_side_stay_open() -> None:
    said = judge(SCHEME, Occasion.TRANSFER, tally(occasion=Occasion.TRANSFER))
    left = {each.item.number for each in said.items if each.is_open}
    assert left == {f"4-{each}" for each in range(1, 8)}
    assert said.verdict is Verdict.OPEN


def test_a_tally_travels() -> None:
    counted = tally(_4_2=Outcome.NOT_RUN)
    again = Tally.from_wire(counted.to_wire())
    assert again == counted
    for wrong in (None, {}, {**counted.to_wire(), "items": {"1-1": {"good": 1}}}):
        with pytest.raises(Invalid):
            Tally.from_wire(wrong)
