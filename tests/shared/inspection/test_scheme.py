"""The scheme as data: every item in every link, its function or the reason why there is none."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import shared.inspection.checks  # noqa: F401 - importing registers the functions
from shared.inspection import scheme
from shared.inspection.registry import checks_of, functions
from shared.inspection.report import Outcome, Stage
from shared.inspection.run import inspect_record
from shared.inspection.scheme import (
    DATA,
    Mode,
    Occasion,
    Source,
    load_scheme,
    program_with_additions,
    read_scheme,
    versions,
    with_rows,
)
from shared.inspection.subject import Context
from shared.kernel.errors import NotFound, Unavailable
from tests.shared.inspection.reports import outcome
from tests.shared.packaging.samples import Unit

OF_THE_STANDARD = [
    f"{group}-{number}"
    for group, last in ((1, 14), (2, 11), (3, 8), (4, 7))
    for number in range(1, last + 1)
]
#: Items for which DA/T 70 knows no counterpart in keeping (as far as it was seen).
NOT_IN_KEEPING = {"1-9", "1-12", "1-13", "2-9", "3-3", "3-7", "3-8", "4-1"}
SCHEME = load_scheme()
ROW = {
    "number": "ACME-1", "property": "usability", "group": "内容", "name": "水印检测",
    "object": "图像", "method": "看有无水印", "mode": "automatic", "rule": "没有水印",
    "stages": {"YJ": {"source": "own"}},
}  # fmt: skip


def numbers(occasion: Occasion) -> list[str]:
    return [each.number for each in SCHEME.items(occasion)]


@pytest.mark.parametrize("occasion", [Occasion.FILING, Occasion.TRANSFER, Occasion.RECEIVING])
def test_filing_and_hand_over_have_every_item_of_the_standard_in_its_order(
    occasion: Occasion,
) -> None:
    assert numbers(occasion) == [*OF_THE_STANDARD, "DL-1", "DL-2", "DL-11", "DL-12", "DL-13"]


@pytest.mark.parametrize("occasion", [Occasion.STORING, Occasion.KEEPING])
def test_keeping_has_its_own_items(occasion: Occasion) -> None:
    kept = [each for each in OF_THE_STANDARD if each not in NOT_IN_KEEPING]
    assert numbers(occasion) == [*kept, "DL-1", "DL-2", "DL-3", "DL-4", "DL-11", "DL-12", "DL-13"]


def test_names_and_rules_differ_by_link() -> None:
    filing, receiving = Occasion.FILING, Occasion.RECEIVING
    assert SCHEME.item("2-9", filing).name == "归档范围检测"
    assert SCHEME.item("2-9", receiving).name == "移交范围检测"
    assert "归档登记表" in SCHEME.item("2-1", filing).method
    assert "移交与接收登记表" in SCHEME.item("2-1", receiving).method
    assert SCHEME.item("1-14", Occasion.KEEPING).subject == "保存信息包"
    assert SCHEME.item("1-14", receiving).code == "YJ-1-14"
    with pytest.raises(NotFound):
        SCHEME.item("2-9", Occasion.KEEPING)


def test_every_row_has_a_function_or_a_reason_and_every_function_a_row() -> None:
    for number, row in SCHEME.rows.items():
        assert number in functions() or row["without"]["reason"], number
    assert functions() <= set(SCHEME.rows)


def test_every_item_says_what_it_is_in_every_link() -> None:
    for occasion in Occasion:
        for item in SCHEME.items(occasion):
            said = (item.name, item.subject, item.method, item.rule, item.group)
            assert all(said), item.code
            assert (item.mode is Mode.AUTOMATIC) == (not item.ask), item.code
            assert (item.source is Source.OWN) == item.number.startswith("DL-"), item.code
            assert item.weight >= 1


def test_the_receiving_side_does_virus_carrier_and_process(unit: Unit) -> None:
    record = unit.record()
    context = Context(stage=Stage.TRANSFER, occasion=Occasion.TRANSFER, fonds=unit.fonds)
    report = inspect_record(record, unit.paths(record), context)
    assert {each.number for each in report.open} == {f"4-{each}" for each in range(1, 8)}
    assert all(each.outcome is Outcome.NOT_RUN for each in report.open)
    assert "7 项由接收方检测" in report.conclusion
    assert report.passed
    at_archive = inspect_record(record, unit.paths(record), Context(fonds=unit.fonds))
    assert at_archive.open == ()
    assert (report.occasion, at_archive.occasion) == ("transfer", "receiving")
    assert report.scheme == at_archive.scheme == SCHEME.version


def test_an_item_that_does_not_concern_a_kind_of_records_says_so(unit: Unit) -> None:
    record = unit.record(class_code="ZP", code=None)
    report = inspect_record(record, unit.paths(record), Context(fonds=unit.fonds))
    assert outcome(report, "2-8") is Outcome.NOT_APPLICABLE
    said = {item.number: item for item in SCHEME.items(Occasion.RECEIVING, "photos")}
    assert said["2-8"].not_applicable == "照片没有附件。"
    assert SCHEME.kind_of({"level": "volume", "class_code": "WS"}) == "volumes"
    assert SCHEME.kind_of({"level": "record", "class_code": "LX"}) == "audiovisual"
    assert SCHEME.kind_of({}) == "documents"


def test_a_version_that_nobody_has_is_refused() -> None:
    assert versions() == ("2018-1",)
    with pytest.raises(NotFound) as told:
        load_scheme("2031-1")
    assert told.value.code == "scheme_unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"number": "1-1"}, {"number": "5-1"}, {"number": "../x"}, {"property": "beauty"},
        {"mode": "sometimes"}, {"mode": "manual"}, {"stages": {}}, {"weight": -1},
        {"stages": {"YJ": {"source": "heard"}}},
    ],
)  # fmt: skip
def test_a_row_that_does_not_follow_the_form_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own words
        with_rows(SCHEME, "acme", [{**ROW, **change}])


def test_an_item_twice_is_refused() -> None:
    data = json.loads((DATA / "scheme-2018-1.json").read_text(encoding="utf-8"))
    with pytest.raises(ValueError, match="twice"):
        read_scheme({**data, "items": [*data["items"], data["items"][0]]})


USE = """
import tempfile
from pathlib import Path
from shared.inspection.loose import inspect_file
from shared.inspection.run import inspect_record
from shared.inspection.scheme import program_with_additions
from shared.inspection.subject import Context
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "有水印.txt"
    path.write_text("公文")
    reports = inspect_record({"id": "x"}, {}, Context()), inspect_file(path, Context())
print(program_with_additions("0.1"))
for report in reports:
    print([each.outcome.value for each in report.checks if each.number == "ACME-1"], report.scheme)
"""


def installed(folder: Path, module: str) -> str:
    """What a program says with an addition of others installed in a folder."""
    about = folder / "acme_items-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-items\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[danglian.inspection]\nacme = acme_items:ROWS\n")
    (folder / "acme_items.py").write_text(module, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{Path.cwd()}"}
    run = subprocess.run(
        [sys.executable, "-c", USE], env=environment, capture_output=True, text=True, check=False
    )
    return run.stdout + run.stderr


def test_others_add_an_item_by_installing_what_the_documents_show(tmp_path: Path) -> None:
    """It stood there with an import that there never was; and a file alone has it, too."""
    page = (Path(__file__).parents[3] / "docs" / "inspection.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    said = installed(tmp_path, next(each for each in shown if "ROWS" in each))
    assert said.split("\n")[:3] == [
        "0.1+acme-1.0", "['passed'] 2018-1+acme", "['failed'] 2018-1+acme"
    ]  # fmt: skip


def test_an_addition_that_cannot_be_loaded_lets_no_inspection_look_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> None:
        raise ModuleNotFoundError("No module named 'acme_items'")

    point = SimpleNamespace(name="acme", dist=None, load=gone)
    monkeypatch.setattr("shared.inspection.scheme._entry_points", lambda: [point])
    with pytest.raises(Unavailable, match="“acme”不能载入：ModuleNotFoundError"):
        scheme._additions.__wrapped__()
    # A row that lacks something was a traceback.
    lacking = {name: value for name, value in ROW.items() if name != "rule"}
    monkeypatch.setattr("shared.inspection.scheme._additions", lambda: (("acme", [lacking]),))
    with pytest.raises(Unavailable, match="“acme”不能载入：KeyError：'rule'"):
        load_scheme.__wrapped__()
    # The hub keeps 40 characters of a node's version.
    monkeypatch.setattr("shared.inspection.scheme._entry_points", lambda: [point] * 9)
    assert len(program_with_additions("0.10.0")) < 40


def test_checks_know_whether_somebody_examines_them() -> None:
    built = {each.number: each.is_built for each in checks_of(SCHEME, Occasion.RECEIVING)}
    assert built["1-1"]
    assert not built["4-7"]
