"""Retention, classes, schedules, states, holdings: rules that stand in data."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from hub.receiving.verdicts import VERBS as VERDICT_VERBS
from shared.kernel.errors import Invalid, NotFound, WrongState
from shared.records.classes import Arrangement, class_name, load_classes, read_class
from shared.records.holdings import (
    FileKind,
    Holding,
    check_holding,
)
from shared.records.retention import (
    read_retention,
    retention_name,
    retention_period,
    retention_periods,
    retention_rank,
)
from shared.records.schedules import load_schedules, schedule, schedule_for_level
from shared.records.states import DOCUMENT, HUB_BATCH, NODE_BATCH, NUMBERED_STATES, RECORD
from tests.shared.records.strategies import a_record

MACHINES = [DOCUMENT, RECORD, NODE_BATCH, HUB_BATCH]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *((value, "Y") for value in ("永久", "Y", "y", " 永 久 ", "Ｙ")),
        *(
            (value, "D30")
            for value in ("30年", "D30", "30Y", "定期30年", "定期(30年)", "３０年", 30)
        ),
        *((value, "D10") for value in ("10年", "D10", "d10", "10Y", 10.0)),
        *((value, "C") for value in ("长期", "C")),
        *((value, "D") for value in ("短期", "D")),
    ],
)
def test_retention_is_read_in_every_spelling(value, code) -> None:
    assert read_retention(value) == code


@pytest.mark.parametrize("value", ["", None, "定期", "40年", "保管", "D40"])
def test_an_unknown_retention_is_refused(value) -> None:
    with pytest.raises(Invalid):
        read_retention(value)


def test_old_terms_have_no_years_and_keep_their_name() -> None:
    for code, name in (("C", "长期"), ("D", "短期")):
        assert retention_period(code).years is None
        assert retention_period(code).kind == "old"
        assert retention_name(code) == name
    assert retention_rank("Y") < retention_rank("D30") < retention_rank("D10") < retention_rank("C")
    assert retention_name("D30") == "30年"
    with pytest.raises(Invalid):
        retention_period("X")


def test_there_are_thirteen_classes_with_their_way_of_arranging() -> None:
    assert len(load_classes()) == 13
    assert load_classes()["WS"].arrangement is Arrangement.ITEM
    assert load_classes()["KU"].arrangement is Arrangement.VOLUME
    assert class_name("KU", "01") == "会计·凭证"
    assert class_name("QQ", "1") == "QQ·1"
    assert read_class("文书档案") == read_class("ws") == "WS"
    with pytest.raises(Invalid):
        read_class("杂物")


def test_every_level_has_its_seed_schedule_and_all_periods_are_known() -> None:
    known = {period.code for period in retention_periods()}
    for level in ("city", "county", "township", "village"):
        found = schedule_for_level(level)
        assert found is not None
        assert found.status == "seed"
    for each in load_schedules().values():
        assert len({item.number for item in each.items}) == len(each.items)
        for item in each.items:
            assert item.confidence in {"源", "知"}
            assert {item.retention, *item.alternatives} <= known
    assert schedule("jiguan").standard == "国家档案局令第8号"
    with pytest.raises(NotFound):
        schedule("none")


@pytest.mark.parametrize("machine", MACHINES, ids=["document", "record", "node", "hub"])
def test_every_state_has_a_name_and_is_reachable(machine) -> None:
    first = next(iter(machine.states))
    reached, waiting = {first}, [first]
    while waiting:
        for verb in machine.possible(waiting.pop()):
            target = machine.verbs[verb].target
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    assert reached == set(machine.states)
    for step in machine.verbs.values():
        assert {*step.sources, step.target} <= set(machine.states)


@pytest.mark.parametrize("folder", ["node", "hub"])
def test_every_verb_that_people_are_offered_is_performed_by_a_service(folder: str) -> None:
    machine, name = (RECORD, "RECORD") if folder == "node" else (HUB_BATCH, "HUB_BATCH")
    sources = Path(__file__).parents[3].joinpath(folder).rglob("*.py")
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    performed = {*re.findall(rf'\b{name}\.after\(\s*"(\w+)"', text)}
    if folder == "hub":
        performed |= set(VERDICT_VERBS.values())
    assert set(machine.verbs) == performed


def test_a_verb_out_of_turn_says_what_is_possible_now() -> None:
    assert RECORD.after("file", "arranging") == "filed"
    with pytest.raises(WrongState, match=r"已归档.*不能.*归档定号") as caught:
        RECORD.after("file", "filed")
    assert "移交" in caught.value.remedy
    with pytest.raises(WrongState) as caught:
        RECORD.after("offer", "received")
    assert "最后" in caught.value.remedy


def test_a_frozen_record_cannot_be_changed_until_a_verdict() -> None:
    assert RECORD.possible("offered") == ["return", "receive"]
    assert RECORD.may("return", "offered")
    assert set(RECORD.states) >= NUMBERED_STATES


FILE = a_record().documents[0].files[0]


def holding_record(holding: Holding, *kinds: FileKind):
    files = tuple(replace(FILE, id=str(n), kind=kind) for n, kind in enumerate(kinds))
    document = replace(a_record().documents[0], files=files)
    return a_record(holding=holding, documents=(document,) if kinds else ())


BORN, COPY = FileKind.BORN_DIGITAL, FileKind.DIGITAL_COPY


@pytest.mark.parametrize(
    ("holding", "kinds"),
    [
        (Holding.ELECTRONIC, (COPY,)),
        (Holding.BOTH, (COPY,)),
        (Holding.ELECTRONIC, (BORN, COPY)),
        (Holding.PAPER, (BORN,)),
        (Holding.PAPER, (COPY,)),
        (Holding.PAPER_WITH_COPY, (BORN,)),
    ],
)
def test_a_digital_copy_never_counts_as_an_electronic_record(holding, kinds) -> None:
    with pytest.raises(Invalid) as caught:
        check_holding(holding_record(holding, *kinds))
    assert caught.value.field == "holding"


@pytest.mark.parametrize(
    ("holding", "kinds"),
    [
        (Holding.ELECTRONIC, (BORN,)),
        (Holding.ELECTRONIC, ()),
        (Holding.BOTH, (BORN, COPY)),
        (Holding.PAPER, ()),
        (Holding.PAPER_WITH_COPY, (COPY,)),
    ],
)
def test_files_that_fit_the_holding_pass(holding, kinds) -> None:
    check_holding(holding_record(holding, *kinds))
