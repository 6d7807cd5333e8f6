"""kill -9 while a batch is offered: every record is offered once, with one package, in order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from node.office.places import NodeFolder
from node.transfer import service as transfer
from node.transfer.work import TransferWork
from tests.killed import dies
from tests.node.conftest import Node
from tests.node.transfer.conftest import Archive, Office

RECORDS = 120


def do_work(folder: Path) -> None:
    """All the background work there is."""
    work = TransferWork(NodeFolder(folder))
    while work.step():
        pass


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
        dies(do_work, node.folder.path, seconds=chance.uniform(0.05, 1.0))
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
