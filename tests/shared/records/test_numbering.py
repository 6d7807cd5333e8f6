"""Numbering within the lowest category."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Invalid
from shared.records.numbering import (
    arrange,
    doc_no_key,
    draft_numbers,
    gaps,
    next_number,
    numbering_key,
)
from tests.shared.records.strategies import a_record, ids, records


@given(st.lists(records(), max_size=6, unique_by=lambda record: record.id), st.integers(1, 50))
def test_draft_numbers_have_no_gaps_and_no_repeats(drawn, start) -> None:
    numbered = draft_numbers(arrange(drawn), start)
    assert sorted(number for _record, number in numbered) == list(range(start, start + len(drawn)))
    assert gaps([(number, "arranging") for _record, number in numbered], start) == []


@given(st.lists(records(), max_size=6, unique_by=lambda record: record.id), st.randoms())
def test_the_order_does_not_depend_on_how_the_records_came(drawn, chance) -> None:
    shuffled = list(drawn)
    chance.shuffle(shuffled)
    assert arrange(shuffled) == arrange(drawn)


def test_records_are_ordered_by_date_then_document_number() -> None:
    def made(number: int, day: int, doc_no: str | None):
        return a_record(
            id=f"00000000-0000-0000-0000-{number:012d}", date=date(2024, 3, day), doc_no=doc_no
        )

    late, tenth, ninth = made(1, 9, None), made(2, 5, "〔2024〕10号"), made(3, 5, "〔2024〕9号")
    without = made(4, 5, None)
    assert arrange([late, tenth, ninth, without]) == [ninth, tenth, without, late]


@given(st.lists(records(), max_size=6, unique_by=lambda record: record.id), st.data())
def test_a_given_order_wins(drawn, data) -> None:
    order = data.draw(st.permutations([record.id for record in drawn]))
    assert [record.id for record in arrange(drawn, order)] == order


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["filed", "void"])), max_size=30))
def test_filling_every_gap_leaves_only_repeats(numbers) -> None:
    found = gaps(numbers)
    filled = [*numbers, *((gap.number, "void") for gap in found if gap.kind == "missing")]
    assert all(gap.kind == "duplicate" for gap in gaps(filled))
    new = next_number(number for number, _state in numbers)
    assert new not in {number for number, _state in numbers}
    assert all(number < new for number, _state in numbers)


def test_a_void_number_fills_its_place_and_a_gap_is_named() -> None:
    found = gaps([(1, "filed"), (2, "void"), (4, "filed"), (4, "void"), (0, "filed")])
    assert [(gap.kind, gap.number) for gap in found] == [
        ("out_of_range", 0),
        ("missing", 3),
        ("duplicate", 4),
    ]
    assert "断号" in found[1].problem


def test_a_late_find_takes_the_next_number_even_after_void_ones() -> None:
    assert next_number([]) == 1
    assert next_number([1, 2, 5]) == 6


def test_records_of_one_category_share_their_key_and_items_are_numbered_in_their_volume() -> None:
    record = a_record()
    assert numbering_key(record) == numbering_key(replace(record, number=99, title="别的"))
    for change in ({"year": 2023}, {"retention": "Y"}, {"organ": None}, {"class_code": "ZP"}):
        assert numbering_key(record) != numbering_key(replace(record, **change))
    item = replace(record, level="item", parent_id="v1")
    assert numbering_key(item) != numbering_key(replace(item, parent_id="v2"))


def test_numbers_start_at_one() -> None:
    with pytest.raises(Invalid):
        draft_numbers([], 0)


@given(st.none() | st.text(max_size=10), st.none() | st.text(max_size=10))
def test_document_numbers_can_always_be_compared(first, second) -> None:
    assert (doc_no_key(first) < doc_no_key(second)) in (True, False)


@given(ids)
def test_unknown_ids_in_the_order_do_no_harm(record_id) -> None:
    assert arrange([a_record()], [record_id]) == [a_record()]
