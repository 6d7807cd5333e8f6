"""A unit whose records its archive has received, and the people of two archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting import service as correcting
from hub.correcting.models import Correction
from shared.kernel.actor import Actor
from shared.kernel.clock import utc_text
from shared.kernel.identifiers import new_id
from shared.records.corrections import described
from shared.records.record import Record
from tests.hub.receiving.conftest import (
    archivist,
    hub,
    other_unit,
    reviewer,
    unit,
)
from tests.hub.receiving.handover import Hub, Unit

__all__ = ["archivist", "hub", "other_unit", "reviewer", "unit"]


@dataclass
class Kept:
    """Records in an archive's custody, and short words for what is done to them."""

    hub: Hub
    unit: Unit
    records: list[Record]

    @property
    def id(self) -> str:
        return self.records[0].id

    def held(self) -> CatalogueRecord:
        with self.hub.city.database.read() as session:
            return catalogue.record_of(self.id, session)

    def request(self, reason: str = "题名漏字", **values: Any) -> dict[str, Any]:
        """The body of a request, as the unit's node writes it."""
        held = self.held()
        before = described(held.wire)
        return {
            "correction_id": new_id(),
            "record_id": held.id,
            "record_version": held.version,
            "changes": [
                {"field": name, "was": before[name], "value": value}
                for name, value in values.items()
            ],
            "reason": reason,
            "by": "张三",
            "at": utc_text(),
        }

    def ask(self, **values: Any) -> str:
        body = self.request(**values)
        self.unit.send("correction", body)
        return str(body["correction_id"])

    def make(self, who: Actor, correction_id: str | None = None, **values: Any) -> Correction:
        return correcting.make(
            self.hub.city.folder, who, self.id, values, "核对原件", correction_id=correction_id
        )

    def correction(self, correction_id: str) -> Correction:
        with self.hub.city.database.read() as session:
            return session.get_one(Correction, correction_id)


@pytest.fixture
def kept(hub: Hub, unit: Unit, reviewer: Actor, archivist: Actor) -> Kept:
    batch = unit.hand_over(2)
    hub.work("receiving.check")
    hub.conclude(reviewer, batch.id, "accepted")
    unit.sign(batch.id)
    hub.receive(archivist, batch.id)
    hub.work()
    return Kept(hub, unit, [each.record for each in batch.offers])
