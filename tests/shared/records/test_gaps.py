"""The gap list: what an archive lacks of a fonds, told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.records.gaps import (
    Run,
    Series,
    Standing,
    gap_of,
    is_kept_elsewhere,
    lacking,
    series_key,
    split_code,
)

PERMANENT = Series("A182-WS·2024-Y-", "WS", 2024, "Y")
HELD, VOID, UNSENT, UNKNOWN = Standing.HELD, Standing.VOID, Standing.UNSENT, Standing.UNKNOWN


def run(first: int, last: int, standing: Standing, series: Series = PERMANENT) -> Run:
    return Run(series, first, last, standing)


def told(runs: list[Run]) -> list[tuple[int, int, str]]:
    return [(each.first, each.last, each.standing.value) for each in runs]


def test_you_lack_2024_permanent_0017_to_0019() -> None:
    (missing,) = lacking([run(1, 16, HELD), run(20, 30, HELD)])
    assert missing.label == "文书·2024·永久 0017–0019"
    assert missing.standing is UNKNOWN
    assert missing.count == 3
    gap = gap_of(missing)
    assert gap is not None
    assert gap.problem == "断号，没有件号 17–19。"


def test_void_numbers_and_what_is_kept_elsewhere_are_told_and_are_no_gaps() -> None:
    runs = [
        run(1, 2, HELD),
        run(3, 3, VOID),
        run(4, 4, Standing.ELSEWHERE),
        run(5, 5, Standing.DISPOSED),
        run(6, 6, UNSENT),
        run(7, 7, HELD),
    ]
    found = lacking(runs)
    assert [each.standing for each in found if each.standing.is_gap] == [UNSENT]
    assert [each.first for each in found] == [3, 4, 5, 6]
    assert [gap_of(each) for each in found[:3]] == [None, None, None]
    unsent = gap_of(found[3])
    assert unsent is not None
    assert not unsent.is_error


def test_what_comes_after_the_last_received_number_may_still_follow() -> None:
    assert told(lacking([run(1, 5, HELD), run(6, 40, UNSENT)])) == []
    assert told(lacking([run(1, 8, UNSENT), run(9, 9, HELD), run(10, 12, UNSENT)])) == [
        (1, 8, "unsent")
    ]
    # Of what nobody handed over, only numbers are told that nobody has.
    assert told(lacking([run(2, 3, UNSENT), run(5, 9, UNSENT)])) == [
        (1, 1, "unknown"),
        (4, 4, "unknown"),
    ]


def test_a_run_is_cut_where_the_received_ones_end() -> None:
    assert told(lacking([run(1, 10, UNSENT), run(5, 5, HELD)])) == [(1, 5, "unsent")]


def test_a_year_without_one_record_between_two_is_asked_about() -> None:
    earlier = Series("A182-WS·2021-Y-", "WS", 2021, "Y")
    other = Series("A182-WS·2022-D30-", "WS", 2022, "D30")
    found = lacking([run(1, 3, HELD), run(1, 3, HELD, earlier), run(1, 3, HELD, other)])
    assert [(each.label, each.standing) for each in found] == [
        ("文书·2022·永久", Standing.EMPTY_YEAR),
        ("文书·2023·永久", Standing.EMPTY_YEAR),
    ]


def test_series_of_old_stock_go_through_years_and_terms() -> None:
    old = Series("230-QQ0309-", "KJ", None, None)
    (missing,) = lacking([run(1, 1, HELD, old), run(3, 3, HELD, old)])
    assert missing.label == "科技 0002"


@pytest.mark.parametrize(
    ("code", "key", "number"),
    [
        ("A182-WS·2024-D30-BGS-0012", "A182-WS·2024-D30-BGS-", 12),
        ("A182-WS·2024-D30-BGS-0012·001", "A182-WS·2024-D30-BGS-", 12),
        ("A182－WS.2024-D30-0012", "A182-WS·2024-D30-", 12),
        ("A182-KU·01·2022-D30-001-0003", "A182-KU·01·2022-D30-001-", 3),
        ("A182-KU·01·2022-D30-001", "A182-KU·01·2022-D30-", 1),
        ("230-QQ0309-0001-001", "230-QQ0309-0001-", 1),
    ],
)
def test_the_series_of_a_code_is_all_but_its_last_number(code: str, key: str, number: int) -> None:
    assert split_code(code) == (key, number)
    assert series_key(code) == key


@pytest.mark.parametrize(
    ("reason", "elsewhere"),
    [
        ("另处保存：区委机要室", True),
        ("原件另行保管", True),
        ("占号，文件存机要室", True),
        ("重复归档", False),
        (None, False),
    ],
)
def test_a_reason_says_that_a_number_is_kept_elsewhere(reason: str | None, elsewhere: bool) -> None:
    assert is_kept_elsewhere(reason) is elsewhere


numbers = st.dictionaries(
    st.integers(1, 60), st.sampled_from([HELD, VOID, UNSENT, Standing.OFFERED]), max_size=40
)


@given(numbers)
def test_every_number_below_the_last_received_is_received_or_told_once(
    known: dict[int, Standing],
) -> None:
    found = lacking([run(number, number, standing) for number, standing in known.items()])
    said = [number for each in found for number in range(each.first, each.last + 1)]
    last = max((number for number, each in known.items() if each is HELD), default=0)
    expected = {number for number in range(1, last + 1) if known.get(number) is not HELD}
    expected |= {number for number in range(1, max(known, default=0)) if number not in known}
    assert sorted(said) == sorted(expected)
    assert all(known.get(each.first, UNKNOWN) is each.standing for each in found)
