"""Numbering within the lowest category."""

from hypothesis import given
from hypothesis import strategies as st

from shared.records.numbering import doc_no_key, gaps


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(["filed", "void"])), max_size=30))
def test_filling_every_gap_leaves_only_repeats(numbers) -> None:
    found = gaps(numbers)
    filled = [*numbers, *((gap.number, "void") for gap in found if gap.kind == "missing")]
    assert all(gap.kind == "duplicate" for gap in gaps(filled))


def test_a_void_number_fills_its_place_and_a_gap_is_named() -> None:
    found = gaps([(1, "filed"), (2, "void"), (4, "filed"), (4, "void"), (0, "filed")])
    assert [(gap.kind, gap.number) for gap in found] == [
        ("out_of_range", 0),
        ("missing", 3),
        ("duplicate", 4),
    ]
    assert "断号" in found[1].problem


@given(st.none() | st.text(max_size=10), st.none() | st.text(max_size=10))
def test_document_numbers_can_always_be_compared(first, second) -> None:
    assert (doc_no_key(first) < doc_no_key(second)) in (True, False)
