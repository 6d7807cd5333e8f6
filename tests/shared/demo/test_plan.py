"""What the demo is about to do follows from its seed and its number, and adds up."""

import socket
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from shared.demo.city import OFFICES
from shared.demo.goals import Goal, batch_sizes, first_round, number_in, to_the_end, verdict_on
from shared.demo.plan import CLOSED_YEARS, CityPlan
from shared.demo.services import free_port
from shared.demo.sheets import write_sheet
from shared.records.divisions import load_divisions


@pytest.mark.parametrize("records", [24, 60, 400, 2000])
def test_every_record_has_its_sheet_or_stands_in_a_register(records: int) -> None:
    plan = CityPlan(records, seed=1)
    sheets = [len(sheet.papers) for sheet in plan.sheets()]
    registers = [len(register.papers) for register in plan.registers()]
    assert sum(sheets) + sum(registers) == records
    assert {sheet.fonds.name for sheet in plan.sheets() if sheet.closes} >= {
        office.fonds[0].name for office in OFFICES
    }


def test_the_same_plan_twice_and_no_paper_twice() -> None:
    first, second = (list(CityPlan(400, seed=5).sheets()) for _ in range(2))
    assert first == second
    seen = {(s.fonds.name, p.title, p.doc_no, p.day) for s in first for p in s.papers}
    assert len(seen) == sum(len(sheet.papers) for sheet in first)


def test_real_titles_are_used_where_they_are_given(real_data: Path) -> None:
    plan = CityPlan(400, seed=5, titles=real_data / "gov_documents.csv")
    papers = [p for s in plan.sheets() if s.year in CLOSED_YEARS for p in s.papers]
    assert sum("宜昌" not in p.author and "夷陵" not in p.author for p in papers) > len(papers) / 2


@pytest.mark.parametrize("due", [0, 1, 2, 7, 19, 20, 83, 500, 3000])
def test_batches_add_up_and_none_is_too_large(due: int) -> None:
    sizes = batch_sizes(due)
    assert sum(sizes) == due
    assert all(0 < size <= 250 for size in sizes)
    if due >= 20:
        assert len(sizes) >= 5


def test_batches_stop_at_every_station_in_the_first_round_and_nowhere_at_once() -> None:
    goals, verdicts = set(), set()
    for office in OFFICES:
        for number in range(1, 6):
            title = f"2021—2022年度文书档案移交（第{number}批）"
            assert number_in(title) == number
            goals.add(first_round(title, office.fonds[0]))
            verdicts.add(verdict_on(title, office.fonds[0], 10))
            assert to_the_end(title, office.fonds[0]) is Goal.RECEIVED
    assert goals == set(Goal)
    assert verdicts == {"accepted", "returned", "corrected"}


def test_the_places_are_real() -> None:
    divisions = load_divisions()
    for office in OFFICES:
        for fonds in office.fonds:
            place = divisions[fonds.division].name.removesuffix("村民委员会")
            assert place.rstrip("市") in fonds.name or office.division == "420500000000"


def test_sheets_look_like_those_of_offices(tmp_path: Path) -> None:
    sheet = next(each for each in CityPlan(120, seed=2).sheets() if each.bad_rows)
    path, files, given = write_sheet(sheet, tmp_path, seed=2)
    title, header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()
    assert title[0].endswith("归档文件目录")
    assert "题名" in header
    assert len(rows) == len(given) + 6, "six rows that a node must not take"
    names = rows[0][header.index("电子文件")].split(";")
    assert all((files / name).is_file() for name in names)


def test_a_port_in_use_is_never_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port, frozenset({port})) != port
