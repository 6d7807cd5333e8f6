"""kill -9 while sheets are checked and taken: started again, nothing is lost or doubled."""

from __future__ import annotations

import io
import random
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from node.intake import files as intake_files
from node.intake import service as intake
from node.intake.work import IntakeWork
from node.office.places import NodeFolder
from shared.kernel.identifiers import new_id
from tests.killed import Bomb, dies, mined
from tests.node.intake.conftest import HEADER, Desk, csv_bytes, xlsx_bytes
from tests.node.intake.test_files import zip_bytes

ROWS = 3000


def do_work(folder: Path, when: str = "") -> None:
    """All the background work there is; dies by -9 `before` or `after` its first commit."""
    if when:
        commit = mined(Session.commit, Bomb(), after=when == "after")
        Session.commit = commit  # type: ignore[method-assign]
    work = IntakeWork(NodeFolder(folder))
    while work.step():
        pass


def killed_at_every_commit(desk: Desk) -> int:
    """Die before and after each commit of all the work there is; says how many there were."""
    for commits in range(100):
        if not dies(do_work, desk.node.folder.path, "before"):
            return commits
        dies(do_work, desk.node.folder.path, "after")
    pytest.fail("the work never came to its end")


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
            dies(do_work, desk.node.folder.path, seconds=chance.uniform(0.05, 0.7))
        assert desk.work.finish(job_id).state == "done"
    assert desk.counts(intake_id) == {"taken": ROWS - 30, "bad": 30}
    titles = desk.titles()
    assert len(titles) == len(set(titles)) == ROWS - 30
    desk.work.step()
    assert list((desk.node.folder.path / "intake").iterdir()) == []


VOLUMES, ITEMS = 40, 15


def volumes_and_items() -> bytes:
    """40 volumes of 15 items, in 2 of which one item is bad."""
    volumes = [["案卷题名", "档号", "件数"]]
    volumes += [
        [f"第{each}卷", f"A182-KU·2023-D30-{each:03d}", ITEMS] for each in range(1, VOLUMES + 1)
    ]
    items = [["件号", "题名", "日期", "案卷档号"]]
    for each in range(1, VOLUMES + 1):
        for order in range(1, ITEMS + 1):
            day = 30 if each % 20 == 3 and order == 9 else 1
            code = f"A182-KU·2023-D30-{each:03d}"
            items.append([str(order), f"第{each}卷第{order}件", f"2023-02-{day:02d}", code])
    return xlsx_bytes({"案卷": volumes, "卷内": items})


@pytest.mark.faults
def test_volumes_are_whole_wherever_the_work_is_killed(desk: Desk) -> None:
    intake_id = desk.bring(volumes_and_items(), "目录.xlsx", retention="")
    for verb, fewest in ((intake.check, 6), (intake.take, 3)):
        with desk.node.database.write() as session:
            verb(desk.clerk, intake_id, session=session)
        assert killed_at_every_commit(desk) >= fewest
        whole(desk)
    assert desk.counts(intake_id) == {"taken": 38 * (ITEMS + 1), "bad": 2 * (ITEMS + 1)}
    assert len(whole(desk)) == 38
    desk.work.step()
    assert list((desk.node.folder.path / "intake").iterdir()) == []


def whole(desk: Desk) -> Counter[str]:
    """How many items each volume in filing has; never a part of them, never one twice."""
    records = desk.records()
    volumes = [each.id for each in records if each.level == "volume"]
    items = Counter(str(each.parent_id) for each in records if each.level == "item")
    assert items == dict.fromkeys(volumes, ITEMS)
    assert len({each.title for each in records}) == len(records)
    return items


@pytest.mark.faults
def test_a_zip_is_unpacked_once_wherever_the_work_is_killed(desk: Desk) -> None:
    intake_id, spooled = desk.bring(csv_bytes([HEADER, ["甲"]])), new_id()
    packed = zip_bytes({f"扫描/{number}.pdf": f"%PDF {number}".encode() for number in range(450)})
    desk.spool.keep_file(intake_id, spooled, io.BytesIO(packed))
    with desk.node.database.write() as session:
        intake_files.unpack(desk.clerk, intake_id, spooled, "扫描.zip", 450, session=session)
    assert killed_at_every_commit(desk) == 3
    with desk.node.database.read() as session:
        rows = session.scalars(intake_files.listing(desk.clerk, intake_id, session=session)).all()
    assert sorted(each.name for each in rows) == sorted(f"扫描/{each}.pdf" for each in range(450))
    folder = desk.spool.files(intake_id)
    assert {each.id for each in rows} == {path.name for path in folder.iterdir()} - {spooled}
