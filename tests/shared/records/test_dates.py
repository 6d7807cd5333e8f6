"""Dates as offices write them."""

from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.errors import Invalid
from shared.records.values import parse_date, parse_date_range

days = st.dates(date(1600, 1, 1), date(2100, 12, 31))


@given(days, st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"]))
def test_every_day_is_read_back_from_every_form(day: date, form: str) -> None:
    text = day.strftime(form)
    assert parse_date(text) == day
    assert parse_date(text.translate({ord(str(n)): chr(0xFF10 + n) for n in range(10)})) == day


@given(st.dates(date(1928, 1, 1), date(2099, 12, 31)))
def test_serial_days_of_spreadsheets_are_read(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    assert parse_date(serial) == parse_date(str(serial)) == parse_date(float(serial)) == day


@pytest.mark.parametrize(
    "value",
    [
        20210331,
        20210331.0,
        "20210331",
        "2021-3-31",
        "2021/3/31",
        "2021.3.31",
        "2021年3月31日",
        "二〇二一年三月三十一日",
        " 2021 年 3 月 31 日 ",
        "2021-03-31 00:00:00",
        "2021-03-31T08:30",
        "2021—3—31",
        date(2021, 3, 31),
        datetime(2021, 3, 31, 8, tzinfo=UTC),
    ],
)
def test_the_usual_forms_of_a_day(value: object) -> None:
    assert parse_date(value) == date(2021, 3, 31)


@pytest.mark.parametrize(
    "value",
    [
        "20210230",
        "2021-13-01",
        "20210300",
        "2021年3月",
        "202103",
        "2021",
        "去年",
        "",
        None,
        True,
        "2021-3/31",
        "12345678901",
        "00010101",
        99999,
        -5,
    ],
)
def test_what_is_no_day_is_refused_with_a_remedy(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_date(value, "date")
    assert caught.value.field == "date"
    assert caught.value.remedy


@given(st.text(max_size=20) | st.integers() | st.floats() | st.binary(max_size=5))
def test_nothing_but_a_day_or_invalid_comes_out(value: object) -> None:
    with suppress(Invalid):
        assert isinstance(parse_date(value), date)


@pytest.mark.parametrize(
    "value", ["20210101-20211231", "2021-01-01至2021-12-31", "2021.1.1~2021.12.31"]
)
def test_ranges_are_read(value: str) -> None:
    assert parse_date_range(value) == (date(2021, 1, 1), date(2021, 12, 31))


def test_one_day_is_a_range_of_itself_and_a_range_backwards_is_refused() -> None:
    assert parse_date_range("20210101") == (date(2021, 1, 1), date(2021, 1, 1))
    with pytest.raises(Invalid, match="早于"):
        parse_date_range("20211231-20210101")
