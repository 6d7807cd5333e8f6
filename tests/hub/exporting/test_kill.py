"""kill -9 at every step of an export: run again, it goes on, and nothing half-made looks whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hub.catalogue.query import Filters
from hub.exporting import folder as folders
from hub.exporting.folder import ExportFolder, plan_in
from hub.exporting.service import draft
from hub.exporting.work import Export
from hub.federation.places import HubFolder
from shared.storage import FolderStore
from tests.hub.conftest import City
from tests.hub.exporting.exported import RECORDS, Received, assert_whole
from tests.hub.receiving.handover import YILING_ARCHIVE
from tests.hub.repository.validating import assert_valid
from tests.killed import Bomb, dies, mined

pytestmark = pytest.mark.faults


def export(hub: HubFolder, target: Path, form: str) -> None:
    """Begin an export, or go on with it."""
    plan = plan_in(target)
    if plan is None:
        with hub.database().read() as session:
            plan, _ = draft(City.admin, hub.settings.hub_id, form, Filters(), session=session)
    with ExportFolder.opened(target, plan) as folder:
        work = Export(hub, folder, City.admin)
        while work.step():
            pass


def works(path: Path, target: Path, form: str, what: str, at: int) -> None:
    """Export until death at the `at`-th of what is named."""
    port, _, moment = what.partition("-")
    owner = folders if port == "write_atomically" else ExportFolder
    setattr(owner, port, mined(getattr(owner, port), Bomb(at), after=moment == "after"))
    export(HubFolder(path), target, form)


def finished(target: Path) -> dict[Path, int]:
    """Every file that has a name already, and which it is."""
    return {
        path: path.stat().st_ino
        for path in target.rglob("*")
        if path.is_file() and ".export" not in path.parts
    }


# A piece is made, written down, gets its name; three of them; then four papers and the report.
POINTS = [
    ("write_atomically-before", 1), ("write_atomically-after", 1),
    ("settle-before", 1), ("_append-before", 1), ("_append-after", 1), ("_name-after", 1),
    ("_append-after", 3), ("_name-before", 3), ("_append-after", 4),
    ("paper-before", 1), ("paper-before", 4), ("finish-before", 1), ("write_atomically-after", 2),
]  # fmt: skip


@pytest.mark.parametrize(
    ("form", "what", "at"),
    [
        *(("own", *each) for each in POINTS),
        ("ocfl", "_append-before", 5), ("ocfl", "_name-before", 5), ("ocfl", "_name-after", 9),
        ("dat93", "_append-before", 1), ("dat93", "_name-before", 1),
    ],
)  # fmt: skip
def test_killed_at_any_step_it_goes_on_without_repeating_what_is_finished(
    received_once: Received, tmp_path: Path, form: str, what: str, at: int
) -> None:
    hub, target = received_once.hub.city.folder, tmp_path / "out"
    hub.database().close()
    assert dies(works, hub.path, target, form, what, at)
    before = finished(target)
    is_whole = (target / "export.json").exists()
    assert is_whole is ((what, at) == ("write_atomically-after", 2))
    export(hub, target, form)
    rows = assert_whole(target)
    assert sorted(row["编号"] for row in rows) == sorted(each.id for each in received_once.records)
    after = finished(target)
    # The lists at the top may be written anew, what was exported never is.
    assert all(after[path] == each for path, each in before.items() if path.parent != target)
    if form == "ocfl":
        assert_valid(FolderStore(target), YILING_ARCHIVE)
    assert len(rows) == RECORDS
    assert not (target / ".export").exists()


def test_a_line_of_the_journal_that_was_half_written_does_not_count(
    received_once: Received, tmp_path: Path
) -> None:
    hub, target = received_once.hub.city.folder, tmp_path / "out"
    hub.database().close()
    assert dies(works, hub.path, target, "own", "_append-before", 3)
    journal = target / ".export/journal.jsonl"
    with journal.open("ab") as stream:
        stream.write(b'{"number":3,"place":"x","curs' + os.urandom(70_000).replace(b"\n", b" "))
    export(hub, target, "own")
    assert len(assert_whole(target)) == RECORDS
