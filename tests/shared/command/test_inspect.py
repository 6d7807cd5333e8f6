"""`danglian inspect`: what it prints of a file, a folder, a package, and how it ends."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from click.testing import CliRunner, Result

from shared.command.main import danglian
from shared.inspection.scheme import CURRENT
from shared.packaging.exchange import convert
from tests.shared.inspection.files import locked_pdf
from tests.shared.inspection.looks import painted
from tests.shared.inspection.test_first_words import MARK, pdf
from tests.shared.packaging.exchange.test_foreign_and_hostile import CODE, foreign, packed
from tests.shared.packaging.exchange.test_foreign_and_hostile import FOLDER as FORM_FOLDER
from tests.shared.packaging.samples import Unit, sound_pdf


def inspect(*arguments: object) -> Result:
    return CliRunner().invoke(danglian, ["inspect", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "disc"
    (made / "inner").mkdir(parents=True)
    (made / "notice.pdf").write_bytes(sound_pdf())
    (made / "inner" / "locked.pdf").write_bytes(locked_pdf())
    (made / "empty.pdf").write_bytes(b"")
    return made


def test_a_sound_file_has_no_failure_and_says_what_is_left_open(folder: Path) -> None:
    done = inspect(folder / "notice.pdf", "--stage", "GD", "--json")
    said = json.loads(done.output)
    assert done.exit_code == 3  # no virus scanner
    assert (said["stage"], said["verdict"]) == ("GD", "open")
    (subject,) = said["subjects"]
    items = {each["item"]: each for each in subject["items"]}
    assert {number for number, each in items.items() if each["outcome"] == "passed"} == {
        "3-3", "3-4", "3-5", "3-8", "DL-1", "DL-2",
    }  # fmt: skip
    assert items["4-2"]["outcome"] == "not_run"
    assert items["1-7"]["outcome"] == "not_applicable"
    assert items["1-7"]["reason"]


def test_a_folder_is_inspected_file_by_file_and_its_worst_is_the_verdict(folder: Path) -> None:
    done = inspect(folder, "--json")
    said = json.loads(done.output)
    assert (done.exit_code, said["verdict"]) == (1, "failed")
    verdicts = {each["subject"]: each["verdict"] for each in said["subjects"]}
    assert verdicts == {"empty.pdf": "failed", "inner/locked.pdf": "failed", "notice.pdf": "open"}
    told = inspect(folder)
    assert told.exit_code == 1
    assert "口令" in told.output
    assert "共 3 个，其中 1 个没有发现问题" in told.output


def test_a_report_for_the_browser_has_the_problems_first(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    (folder / "<b>.txt").write_bytes("通知".encode())
    inspect(folder, "--html", page)
    written = page.read_text(encoding="utf-8")
    assert written.index("locked.pdf") < written.index("notice.pdf")
    assert "&lt;b&gt;.txt" in written
    # Before them what is wrong by its cause, with links to whose it is.
    causes, rest = written.split("按原因")[1].split("</table>", 1)
    place = re.search(r'<a href="#(s\d)">([^<]*locked.pdf)</a>', causes)
    assert place is not None
    assert f'id="{place[1]}">{place[2]}' in rest
    assert f"检测方案 {CURRENT}" in written


def test_a_finding_says_on_which_page_and_what_should_be_there(
    folder: Path, tmp_path: Path
) -> None:
    """The lines and the page left that to those who read JSON."""
    (folder / "odd.pdf").write_bytes(painted(b"0 0 m 10 10 x S"))
    (folder / "notice.pdf").rename(folder / "notice.ofd")
    page = tmp_path / "report.html"
    lines = inspect(folder, "--html", page).output
    for told in (lines, page.read_text(encoding="utf-8")):
        assert "odd.pdf：第 1 页" in told
        assert "应为 pdf，现为 ofd" in told


def test_a_marked_file_is_named_and_nothing_of_it(folder: Path) -> None:
    (folder / "marked.pdf").write_bytes(pdf((780, MARK), (700, "关于某项工作的通知")))
    said = json.loads(inspect(folder / "marked.pdf", "--json").output)
    findings = [each for item in said["subjects"][0]["items"] for each in item["findings"]]
    assert [each["code"] for each in findings] == ["classified"]
    assert "某项" not in json.dumps(said, ensure_ascii=False)


def test_a_package_is_inspected_with_its_metadata(unit: Unit, tmp_path: Path) -> None:
    target = tmp_path / "package.zip"
    unit.package(unit.record(), target)
    said = json.loads(inspect(target, "--json").output)
    items = {each["item"]: each["outcome"] for each in said["subjects"][0]["items"]}
    assert (items["1-13"], items["2-11"], items["3-1"]) == ("passed",) * 3


def subjects(said: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        each["subject"]: {item["item"]: item for item in each["items"]} for each in said["subjects"]
    }


@pytest.fixture
def form(tmp_path: Path) -> Path:
    """An item package of DA/T 93 as another program writes it."""
    files = foreign(**{f"{FORM_FOLDER}/正文.txt": b"x\x00", "Thumbs.db": b"x"})
    return packed(tmp_path / "form.zip", files)


def test_a_foreign_form_is_inspected_as_a_whole_and_record_by_record(
    form: Path, tmp_path: Path
) -> None:
    done = inspect(form, "--json")
    said = subjects(json.loads(done.output))
    assert done.exit_code == 1
    assert list(said) == ["form.zip", f"form.zip：{CODE}"]
    whole, record = said.values()
    outcomes = {number: each["outcome"] for number, each in whole.items()}
    assert (outcomes["1-12"], outcomes["1-13"], outcomes["4-3"]) == ("passed", "passed", "failed")
    assert [each["code"] for each in whole["4-3"]["findings"]] == ["form_file_unassigned"]
    assert outcomes["3-4"] == "not_applicable"
    assert record["3-3"]["outcome"] == "failed"
    assert [each["code"] for each in record["3-1"]["findings"]] == ["form_metadata_foreign"]
    assert record["1-7"]["outcome"] == "passed"
    with zipfile.ZipFile(form) as archive:
        archive.extractall(tmp_path / "disc")
    assert inspect(tmp_path / "disc").exit_code == 1


def test_an_eep_is_opened_and_its_record_inspected(unit: Unit, tmp_path: Path) -> None:
    unit.package(unit.record(), tmp_path / "own.zip")
    convert([tmp_path / "own.zip"], tmp_path / "out.eep", to="eep", as_it_is=True)
    said = json.loads(inspect(tmp_path / "out.eep", "--json").output)
    (items,) = subjects(said).values()
    assert {items[each]["outcome"] for each in ("1-7", "1-13", "2-10", "3-1", "3-4")} == {"passed"}
    broken = (tmp_path / "out.eep").read_bytes()
    (tmp_path / "out.eep").write_bytes(broken[: len(broken) // 2])
    done = inspect(tmp_path / "out.eep", "--json")
    (items,) = subjects(json.loads(done.output)).values()
    assert (done.exit_code, items["3-1"]["outcome"]) == (1, "failed")
    assert items["3-4"]["outcome"] == "not_run"


def test_a_report_for_the_file_is_a_paper(form: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    inspect(form, "--pdf", paper)
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(paper)]
    assert "四性检测报告" in pages[0]
    assert "不合格" in pages[0]
    # 未检测 with 没有检测 as its reason told nothing.
    assert "没有整批的登记" in "".join(pages).replace("\n", "").replace("\r", "")


def test_an_empty_folder_is_a_wrong_call(tmp_path: Path) -> None:
    assert inspect(tmp_path).exit_code == 2


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")
