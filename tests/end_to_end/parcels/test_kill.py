"""kill -9 while a stick is written or taken in: no half file, nothing lost, nothing doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.messaging.parcel import ParcelFile
from tests.end_to_end.parcels.killed import FILE_BYTES, carry
from tests.end_to_end.parcels.sticks import Sticks, batch_with_large_packages, hand_over
from tests.federation import Federation, Unit
from tests.killed import dies

pytestmark = pytest.mark.faults


def die(side: str, verb: str, folder: Path, where: Path, point: tuple[str, int]) -> None:
    """Let another process do it until it is killed there."""
    assert dies(carry, side, verb, folder, where, point)


def close(city: Federation, unit: Unit) -> None:
    city.hub.database().close()
    unit.folder.database().close()


@pytest.mark.parametrize(
    "point",
    [("add-after", 4), ("commit", 1),
     pytest.param(("replace-before", 1), marks=pytest.mark.at_length),
     pytest.param(("add-before", 8), marks=pytest.mark.at_length),
     pytest.param(("replace-after", 3), marks=pytest.mark.at_length)],
)  # fmt: skip
def test_a_stick_whose_writing_was_killed_has_whole_files_only(
    city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path, point: tuple[str, int]
) -> None:
    batch_id = batch_with_large_packages(unit)
    stick = tmp_path / "stick"
    stick.mkdir()
    close(city, unit)
    die("node", "write", unit.folder.path, stick, point)
    left = sorted(stick.glob("*.parcel"))
    for path in left:
        with path.open("rb") as stream:
            file = ParcelFile(stream, path.name)
            assert len(list(file.messages())) > 0
            assert file.end is not None
    sticks.take_up(left)
    (again,) = sticks.up(unit)
    assert again.findings == ()
    assert again.missing == (0, 0)
    hand_over(city, unit, sticks, batch_id)


def test_what_a_killed_process_left_on_the_stick_is_cleared_by_the_next(
    city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path
) -> None:
    batch_with_large_packages(unit)
    stick = tmp_path / "stick"
    stick.mkdir()
    close(city, unit)
    die("node", "write", unit.folder.path, stick, ("add-before", 8))
    assert list(stick.rglob("*.part"))
    die("node", "write", unit.folder.path, stick, ("replace-after", 1))
    assert len(list(stick.rglob("*.part"))) <= 1


@pytest.mark.parametrize(
    "point",
    [("commit", 1), ("commit", 7), ("part-before", 1), ("part-after", 2),
     *(pytest.param(point, marks=pytest.mark.at_length)
       for point in (("commit", 4), ("commit", 12), ("part-after", 6)))],
)  # fmt: skip
def test_killed_while_the_hub_takes_a_stick_in(
    city: Federation, unit: Unit, sticks: Sticks, point: tuple[str, int]
) -> None:
    batch_id = batch_with_large_packages(unit)
    files = sticks.write_up(unit, file_bytes=FILE_BYTES)
    close(city, unit)
    die("hub", "take", city.hub.path, files[0].parent, point)
    taken = sticks.take_up(files)
    assert taken[-1].findings == ()
    assert taken[-1].missing == (0, 0)
    hand_over(city, unit, sticks, batch_id)


@pytest.mark.parametrize("at", [1, 3])
def test_killed_while_a_node_takes_a_stick_in(
    city: Federation, unit: Unit, sticks: Sticks, at: int
) -> None:
    batch_id = batch_with_large_packages(unit)
    sticks.up(unit)
    stick = sticks.write_down(unit)
    close(city, unit)
    die("node", "take", unit.folder.path, stick[0].parent, ("commit", at))
    (taken,) = sticks.take_down(unit, stick)
    assert taken.findings == ()
    hand_over(city, unit, sticks, batch_id)


@pytest.mark.parametrize("point", [("replace-before", 1), ("commit", 1)])
def test_killed_while_the_hub_writes_a_stick(
    city: Federation, unit: Unit, sticks: Sticks, tmp_path: Path, point: tuple[str, int]
) -> None:
    batch_id = batch_with_large_packages(unit)
    sticks.up(unit)
    stick = tmp_path / "stick"
    stick.mkdir()
    close(city, unit)
    die("hub", "write", city.hub.path, stick, point)
    sticks.take_down(unit, sorted(stick.glob("*.parcel")))
    hand_over(city, unit, sticks, batch_id)
