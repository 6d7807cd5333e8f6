"""kill -9 while a sheet is checked and taken: started again, nothing is lost or doubled."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.intake import service as intake
from tests.node.intake.conftest import HEADER, Desk, csv_bytes

WORK = """
import sys
from pathlib import Path
from node.intake.work import IntakeWork
from node.office.places import NodeFolder

work = IntakeWork(NodeFolder(Path(sys.argv[1])))
print("ready", flush=True)
while work.step():
    pass
"""
ROWS = 3000


def killed_work(desk: Desk, seconds: float) -> None:
    """Run the background work in a process of its own, killed after a moment."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(desk.node.folder.path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
def test_an_import_that_is_killed_again_and_again_ends_whole(desk: Desk, seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        [f"关于第{number}号事项的通知", "", "樟村坪镇", f"2023-02-{30 if number % 100 == 7 else 1}"]
        for number in range(ROWS)
    ]
    intake_id = desk.bring(csv_bytes([HEADER[:4], *rows]))
    for verb in (intake.check, intake.take):
        with desk.node.database.write() as session:
            job_id = verb(desk.clerk, intake_id, session=session).id
        for _ in range(3):
            killed_work(desk, chance.uniform(0.05, 0.7))
        assert desk.work.finish(job_id).state == "done"
    assert desk.counts(intake_id) == {"taken": ROWS - 30, "bad": 30}
    titles = desk.titles()
    assert len(titles) == len(set(titles)) == ROWS - 30
    desk.work.step()
    assert list((desk.node.folder.path / "intake").iterdir()) == []
