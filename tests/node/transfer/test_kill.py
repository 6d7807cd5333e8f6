"""kill -9 while a batch is offered: every record is offered once, with one package, in order."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.transfer import service as transfer
from tests.node.conftest import Node
from tests.node.transfer.conftest import Archive, Office

WORK = """
import sys
from pathlib import Path
from node.office.places import NodeFolder
from node.transfer.work import TransferWork

work = TransferWork(NodeFolder(Path(sys.argv[1])))
print("ready", flush=True)
while work.step():
    pass
"""
RECORDS = 120


@pytest.mark.faults
@pytest.mark.parametrize("seed", [1, 2])
def test_a_batch_whose_offering_is_killed_again_and_again_is_offered_once(
    node: Node, office: Office, archive: Archive, seed: int
) -> None:
    chance = random.Random(seed)
    batch_id = office.prepared(office.filed(RECORDS))
    office.inspect(batch_id)
    office.approve(batch_id)
    with node.database.write() as session:
        job_id = transfer.offer(office.clerk, batch_id, session=session).id
    for _ in range(4):
        killed_work(node, chance.uniform(0.05, 1.0))
    job = office.work.finish(job_id)
    assert job.state == "done", job.problem

    offers = archive.told("offer")
    lines = office.lines(batch_id)
    assert [offer["offer_id"] for offer in offers] == [each.offer_id for each in lines]
    assert len({offer["record_id"] for offer in offers}) == RECORDS
    [closing] = archive.told("batch")
    assert closing["offers"] == [each.offer_id for each in lines]
    assert archive.kinds()[-1] == "batch"
    last_told = {record["id"]: record for record in node.told()}
    for offer in offers:
        assert last_told[offer["record_id"]]["version"] == offer["record_version"]
        name = transfer.package_name(offer["package"]["sha256"])
        assert node.folder.packages.stat(name).sha256 == offer["package"]["sha256"]
    assert len(list(node.folder.packages.names())) == RECORDS


def killed_work(node: Node, seconds: float) -> None:
    """Run the background work in a process of its own, killed after a moment."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(node.folder.path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    time.sleep(seconds)
    process.kill()
    process.wait()
    process.stdout.close()
