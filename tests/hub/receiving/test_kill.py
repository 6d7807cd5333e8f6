"""kill -9 at every enumerated point of checking and receiving: nothing is lost, nothing doubled."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from hub.receiving.models import Accession
from hub.repository import service as repository
from shared.kernel.actor import Actor
from shared.kernel.errors import NotFound
from tests.hub.receiving.handover import YILING_ARCHIVE, HandedOver, Hub, Unit
from tests.hub.receiving.killed import hub_works
from tests.hub.repository.validating import assert_valid
from tests.killed import dies

pytestmark = pytest.mark.faults

RECORDS = 2


def die(hub: Hub, what: str, at: int) -> bool:
    """Let the hub work in another process until it is killed there; False if it never was."""
    hub.city.database.close()
    return dies(hub_works, hub.city.folder.path, what, at)


def signed(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> HandedOver:
    batch = unit.hand_over(RECORDS)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    return batch


def all_is_well(hub: Hub, unit: Unit, batch: HandedOver) -> None:
    assert hub.batch(batch.id).state == "received"
    assert len(unit.heard("receipt")) == 1
    store = hub.city.folder.store
    for each in batch.offers:
        assert hub.custody(each.record) == f"archive:{YILING_ARCHIVE}"
        with hub.city.database.read() as session:
            kept = repository.kept_package(YILING_ARCHIVE, each.record.id, session=session)
        with repository.open_package(store, kept) as stream:
            assert stream.read() == each.package
    with hub.city.database.read() as session:
        assert repository.count_kept(YILING_ARCHIVE, session=session)[0] == RECORDS
        assert session.scalar(select(func.count()).select_from(Accession)) == 1
    packages = [name for name in store.names("archives/") if name.endswith(".zip")]
    assert len(packages) == RECORDS
    assert repository.verify(hub.city.database, store, YILING_ARCHIVE) == []
    assert_valid(store, YILING_ARCHIVE)


# The receipt is put first; then for each record what declares its object, package, metadata, report
# and slip, and after the first three files of the storage root (they are put again each time, which
# is nothing); at last the papers: verdict, receipt, accession. Four replaced files make a record's
# version count: inventory and sidecar of the version, sidecar and inventory of the root.
POINTS = [
    *(("put-before", at) for at in (*range(1, 12), 18, 19)),
    *(("put-after", at) for at in (1, 6)),
    *(("replace-before", at) for at in range(1, RECORDS * 4 + 1)),
    ("replace-after", RECORDS * 4),
    *(("commit", at) for at in range(1, 4)),
]


@pytest.mark.parametrize(("what", "at"), POINTS)
def test_killed_while_receiving(
    hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor, *, what: str, at: int
) -> None:
    batch = signed(hub, unit, reviewer, archivist)
    assert die(hub, what, at)
    assert hub.batch(batch.id).state in ("receiving", "received")
    hub.work()
    all_is_well(hub, unit, batch)


@pytest.mark.parametrize(("what", "at"), [("part-before", 1), ("part-after", 2), ("commit", 1)])
def test_killed_while_checking(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor,
                               *, what: str, at: int) -> None:  # fmt: skip
    batch = unit.hand_over(RECORDS)
    assert die(hub, what, at)
    hub.work()
    assert hub.batch(batch.id).state == "under_review"
    assert hub.batch(batch.id).errors == 0
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    all_is_well(hub, unit, batch)


def test_killed_before_a_classified_package_was_erased(hub: Hub, unit: Unit) -> None:
    batch = unit.hand_over_marked()
    assert die(hub, "abort-before", 1)
    hub.work()
    assert hub.codes(batch.id) == {"classified"}
    with pytest.raises(NotFound):
        hub.city.folder.staging.parts(batch.offers[0].offer_id)


def test_killed_again_and_again(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> None:
    batch = signed(hub, unit, reviewer, archivist)
    for _ in range(4):
        die(hub, "commit", 2)
    hub.work()
    all_is_well(hub, unit, batch)
