"""`danglian inspect`: what it prints of a file, a folder, a package, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shared.command.main import danglian
from tests.shared.inspection.files import locked_pdf
from tests.shared.inspection.test_first_words import MARK, pdf
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


def test_an_empty_folder_is_a_wrong_call(tmp_path: Path) -> None:
    assert inspect(tmp_path).exit_code == 2


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    return Unit(tmp_path / "files")
