"""Fonds, divisions and archives."""

from datetime import date

import pytest
from hypothesis import given

from shared.kernel.errors import Invalid
from shared.records.archives import archives_of
from shared.records.divisions import Level, lineage, load_divisions, read_divisions
from shared.records.fonds import Fonds, FondsName, check_fonds_number
from tests.shared.records.strategies import a_fonds, fonds_things


@given(fonds_things)
def test_a_fonds_survives_the_wire(fonds: Fonds) -> None:
    assert Fonds.from_wire(fonds.to_wire()) == fonds


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"numbers": {"420506": "182"}}, "numbers.420506.value"),
        ({"names": []}, "names"),
        ({"level": "province"}, "level"),
        ({"division_code": "42"}, "division_code"),
        ({"extra": 1}, "extra"),
        ({"names": [{"name": "a\x00", "since": None, "until": None}]}, "names.0.name"),
    ],
)
def test_a_bad_fonds_is_refused_by_its_field(changes, field) -> None:
    with pytest.raises(Invalid) as caught:
        Fonds.from_wire({**a_fonds().to_wire(), **changes})
    assert caught.value.field == field


def test_a_renamed_unit_has_the_name_of_the_day() -> None:
    names = (
        FondsName("档案局", date(2000, 1, 1), date(2018, 12, 31)),
        FondsName("档案馆", date(2019, 1, 1)),
    )
    fonds = Fonds("x", names, "档案馆", "420506000000", Level.COUNTY)
    assert fonds.name == "档案馆"
    assert fonds.name_on(date(2018, 12, 31)) == "档案局"
    assert fonds.name_on(date(2024, 1, 1)) == "档案馆"
    assert fonds.name_on(date(1990, 1, 1)) == "档案局"


def test_the_number_belongs_to_an_archive_and_may_be_empty() -> None:
    fonds = a_fonds()
    assert fonds.number == "A182"
    assert fonds.number_in("420500") is None


@pytest.mark.parametrize("number", ["A182", "0001", "j001"])
def test_fonds_numbers_have_four_letters_or_digits(number: str) -> None:
    assert check_fonds_number(number) == number.upper()


@pytest.mark.parametrize("number", ["", "12", "A18２", "A-18", "A1823", None])
def test_other_fonds_numbers_are_refused(number) -> None:
    with pytest.raises(Invalid):
        check_fonds_number(number)


def test_yichang_has_1778_divisions_and_14_archives() -> None:
    divisions = load_divisions()
    assert len(divisions) == 1778
    archives = archives_of(divisions)
    assert len(archives) == 14
    assert archives[0].name == "宜昌市档案馆"
    assert [each.code for each in archives if each.name == "夷陵区档案馆"] == ["420506"]


def test_the_divisions_above_are_found_by_parent_links() -> None:
    village = next(each for each in load_divisions().values() if each.level is Level.VILLAGE)
    assert [each.level for each in lineage(village.code)] == [
        Level.VILLAGE,
        Level.TOWNSHIP,
        Level.COUNTY,
        Level.CITY,
        Level.PROVINCE,
    ]
    assert list(lineage("999999999999")) == []


def test_a_table_with_a_missing_parent_or_a_repeated_code_is_refused(tmp_path) -> None:
    path = tmp_path / "d.csv"
    for rows in ("1,甲,province,\n1,乙,city,\n", "1,甲,province,9\n"):
        path.write_text(f"code,name,level,parent_code\n{rows}", encoding="utf-8")
        with pytest.raises(Invalid):
            read_divisions(path)
