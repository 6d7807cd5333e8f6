"""An archive that keeps records whose retention is over, and the four people who may destroy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.disposal import service as disposal
from hub.disposal.models import Appraisal
from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository import service as repository
from hub.repository.models import Tombstone
from shared.kernel.actor import Actor, Grant, Role
from shared.kernel.identifiers import new_id
from shared.kernel.keys import document_is_signed_by
from shared.records.record import Record
from shared.storage import ObjectStore
from tests.hub.receiving.conftest import archivist, hub, other_unit, reviewer, unit
from tests.hub.receiving.handover import YILING_ARCHIVE, Hub, Unit
from tests.hub.repository.keeping import with_second_store
from tests.hub.repository.validating import assert_valid

__all__ = ["archivist", "hub", "other_unit", "reviewer", "unit"]

SEAL = "archive_signature"


@dataclass
class Room:
    """What is over, and short words for what is done about it."""

    hub: Hub
    unit: Unit
    appraiser: Actor
    reviewer: Actor
    leader: Actor
    witnesses: tuple[Actor, Actor]
    records: list[Record]

    @property
    def folder(self) -> HubFolder:
        return self.hub.city.folder

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.records]

    def drawn(self, ids: Sequence[str] | None = None) -> str:
        with self.hub.city.database.write() as session:
            made = disposal.begin(
                self.appraiser, YILING_ARCHIVE, "2026年到期档案鉴定", ids or self.ids,
                session=session,
            )  # fmt: skip
            return made.id

    def judged(self, appraisal_id: str, ids: Sequence[str], opinion: str, **more: str) -> None:
        with self.hub.city.database.write() as session:
            disposal.judge(
                self.appraiser, appraisal_id, ids, opinion, "期限已满，没有查考价值",
                session=session, **more,
            )  # fmt: skip

    def submit(self, appraisal_id: str) -> None:
        with self.hub.city.database.write() as session:
            disposal.submit(self.appraiser, appraisal_id, session=session)

    def approve(self, appraisal_id: str, who: Actor | None = None) -> None:
        with self.hub.city.database.write() as session:
            disposal.approve(who or self.leader, appraisal_id, session=session)

    def watch(self, appraisal_id: str, *who: Actor) -> None:
        for each in who or self.witnesses:
            with self.hub.city.database.write() as session:
                disposal.witness(each, appraisal_id, session=session)

    def decided(self, ids: Sequence[str] | None = None) -> str:
        """A list to destroy these, up to the second signature of those who watch."""
        appraisal_id = self.drawn(ids)
        self.judged(appraisal_id, ids or self.ids, "destroy")
        self.submit(appraisal_id)
        self.approve(appraisal_id)
        self.watch(appraisal_id)
        return appraisal_id

    def work(self, times: int = 2) -> None:
        """Let the loops work: what one of them decides another one erases."""
        for _ in range(times):
            self.hub.work()

    def appraisal(self, appraisal_id: str) -> Appraisal:
        with self.hub.city.database.read() as session:
            return session.get_one(Appraisal, appraisal_id)

    def record(self, record_id: str) -> CatalogueRecord:
        with self.hub.city.database.read() as session:
            return catalogue.record_of(record_id, session)

    def files(self, store: ObjectStore, record_id: str) -> list[str]:
        folder = objects.folder_of(YILING_ARCHIVE, record_id)
        aside = f"archives/{YILING_ARCHIVE}/aside/{record_id}/"
        return [*store.names(f"{folder}/"), *store.names(aside)]

    def is_gone(self, record_id: str, appraisal_id: str) -> None:
        """Nothing is left of a record but its tombstone, which everybody can check."""
        folder = self.folder
        stores = [each for each in (folder.store, folder.second_store) if each is not None]
        public = folder.keys.seal(YILING_ARCHIVE).public
        for store in stores:
            assert self.files(store, record_id) == []
            for kind, paper_id in (("tombstones", record_id), ("disposals", appraisal_id)):
                paper = repository.paper_of(store, YILING_ARCHIVE, kind, paper_id)
                assert paper is not None
                assert document_is_signed_by(public, paper, paper.pop(SEAL))
        with self.hub.city.database.read() as session:
            stone = session.get_one(Tombstone, record_id)
            assert stone.erased_at is not None
        assert (stone.list_id, self.record(record_id).state) == (appraisal_id, "disposed")

    def all_is_well(self) -> None:
        store = self.folder.store
        assert repository.verify(self.hub.city.database, store, YILING_ARCHIVE) == []
        assert_valid(store, YILING_ARCHIVE)


def people(*roles: Role) -> list[Actor]:
    """Made-up people of the archive, one for each role."""
    return [Actor(new_id(), f"{role}甲", (Grant(role, YILING_ARCHIVE),)) for role in roles]


def furnished(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Room:
    """Three records of 2010 to be kept for ten years, received, with a second copy of each."""
    over = {"year": 2010, "retention": "D10"}
    records = [
        unit.records(1, code=f"J001-WS·2010-D10-BGS-{number:04d}", **over)[0]
        for number in range(1, 4)
    ]
    batch = unit.batch(records)
    unit.send("offer", *(each.body for each in batch.offers))
    unit.send("batch", batch.closing)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    for _ in range(2):
        hub.work()
    leader, first, other = people(Role.LEADER, Role.REVIEWER, Role.ARCHIVIST)
    kept = [each.record for each in batch.offers]
    return Room(hub, unit, archivist, reviewer, leader, (first, other), kept)


@pytest.fixture
def room(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor, tmp_path: Path) -> Room:
    second = tmp_path / "second"
    second.mkdir()
    city = hub.city
    city.database.close()
    city.folder = with_second_store(city.folder, str(second))
    city.database = city.folder.database()
    return furnished(hub, unit, reviewer, archivist)
