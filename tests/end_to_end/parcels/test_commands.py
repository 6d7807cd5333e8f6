"""`export-bundle` and `import-bundle` on both sides, beside running processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from shared.command.main import danglian
from shared.kernel.files import folder_lock
from tests.end_to_end.parcels.sticks import Sticks, batch_with_large_packages
from tests.federation import NOTHING_WRONG, Federation, Unit, everywhere_the_same
from tests.node.transfer.conftest import pdf


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    path = tmp_path / "stick"
    path.mkdir()
    return path


@pytest.fixture
def running(city: Federation, unit: Unit) -> Iterator[None]:
    """Both folders are held by their processes."""
    with folder_lock(city.hub.path, "hub run"), folder_lock(unit.folder.path, "node run"):
        yield


Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(city: Federation, unit: Unit) -> Call:
    def run(side: str, *arguments: object, code: int = 0) -> dict[str, Any]:
        result = invoke(city, unit, side, *arguments, "--json")
        assert result.exit_code == code, result.output
        return dict(json.loads(result.stdout))

    return run


def invoke(city: Federation, unit: Unit, side: str, *arguments: object) -> Result:
    folder = city.hub.path if side == "hub" else unit.folder.path
    return CliRunner().invoke(danglian, [side, *map(str, arguments), "--dir", str(folder)])


@pytest.mark.usefixtures("running")
def test_a_batch_there_and_its_verdict_back_while_both_run(
    city: Federation, unit: Unit, stick: Path, call: Call
) -> None:
    batch_id = batch_with_large_packages(unit)
    up = call("node", "export-bundle", "--to", stick)
    assert up["packages"] == 2
    assert up["bytes"] == sum(Path(path).stat().st_size for path in up["files"])
    taken = call("hub", "import-bundle", stick)
    (file,) = taken["taken"]
    assert (file["changes"], file["packages"], file["packages_missing"]) == (up["changes"], 2, 0)
    assert (file["findings"], taken["not_taken"]) == ([], [])
    sticks = Sticks(city, stick)
    sticks.work()
    city.conclude(batch_id, "accepted")
    down = call("hub", "export-bundle", "--to", stick, "--all")
    assert [each["node_id"] for each in down["parcels"]] == [unit.node_id]
    # Of all that is on the stick by now, each side takes what is for it.
    back = call("node", "import-bundle", stick)
    assert [each["waiting"] for each in back["taken"]] == [0]
    assert unit.batch_state(batch_id) == "accepted"
    assert call("hub", "import-bundle", stick)["taken"][0]["changes"] == 0
    assert everywhere_the_same(city, unit) == NOTHING_WRONG


def test_the_sentences_say_what_came_and_what_to_do_next(
    city: Federation, unit: Unit, stick: Path
) -> None:
    batch_with_large_packages(unit)
    said = invoke(city, unit, "node", "export-bundle", "--to", stick)
    assert "2 个数据包" in said.stdout
    assert "danglian hub import-bundle" in said.stdout
    (path,) = stick.glob("*.parcel")
    path.write_bytes(path.read_bytes()[:-600_000])
    said = invoke(city, unit, "hub", "import-bundle", path)
    assert "“龙泉镇人民政府”的" in said.stdout
    assert "还缺 1 个数据包" in said.stdout
    assert "请重新复制" in said.stdout
    said = invoke(city, unit, "hub", "export-bundle", "--to", stick, "--node", unit.node_id)
    assert "node import-bundle" in said.stdout
    said = invoke(city, unit, "node", "import-bundle", stick)
    assert "1 个数据包平台没有确认" in said.stdout


def test_a_wrong_file_does_not_hold_up_the_right_one(
    city: Federation, unit: Unit, stick: Path, call: Call
) -> None:
    unit.file(2)
    call("node", "export-bundle", "--to", stick)
    (stick / "danglian-up-0.parcel").write_bytes(b"nothing")
    taken = call("hub", "import-bundle", stick)
    assert len(taken["taken"]) == 1
    assert [each["code"] for each in taken["not_taken"]] == ["no_parcel"]
    refused = call("hub", "import-bundle", stick / "danglian-up-0.parcel", code=2)
    assert refused["code"] == "no_parcel"


def test_what_is_not_there_or_not_for_us_is_said(
    city: Federation, unit: Unit, stick: Path, call: Call
) -> None:
    assert call("node", "import-bundle", stick, code=1)["code"] == "no_parcel_here"
    call("node", "export-bundle", "--to", stick)
    assert call("node", "import-bundle", stick, code=1)["code"] == "no_parcel_here"
    (path,) = stick.glob("*.parcel")
    assert call("node", "import-bundle", path, code=2)["code"] == "parcel_other_way"
    assert call("hub", "export-bundle", "--to", stick, code=2)["field"] == "node"
    assert call("hub", "export-bundle", "--to", stick, "--node", "x", code=1)["code"] == "not_found"
    assert call("node", "export-bundle", "--to", stick / "no", code=2)["field"] == "to"


def test_a_node_that_was_never_enrolled_is_told_to(
    tmp_path: Path, city: Federation, stick: Path
) -> None:
    lonely = Unit.make(city, tmp_path / "lonely", "某村")
    said = CliRunner().invoke(
        danglian,
        ["node", "export-bundle", "--dir", str(lonely.folder.path), "--to", str(stick), "--json"],
    )
    assert json.loads(said.stdout)["code"] == "not_enrolled"


def test_files_of_a_size_that_is_asked_for(
    city: Federation, unit: Unit, stick: Path, call: Call
) -> None:
    unit.offer(unit.file(1, files=[pdf("大文件", 9 * 2**20)]))
    up = call("node", "export-bundle", "--to", stick, "--volume-mb", 8)
    assert len(up["files"]) == 2
    taken = call("hub", "import-bundle", stick)["taken"]
    assert taken[-1]["packages_missing"] == 0
    assert [each["findings"] for each in taken] == [[], []]
