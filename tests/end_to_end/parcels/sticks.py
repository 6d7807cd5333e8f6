"""Sticks between the hub and the nodes of a `Federation`: nothing else connects them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.federation.sync import PostOffice
from hub.parcels import service as at_hub
from hub.receiving import service as receiving
from hub.wiring import post_by_hand
from node.sync import parcels as at_node
from node.wiring import HANDLERS
from shared.messaging.parcel import FILE_BYTES
from tests.federation import ADMIN, CLERK, NOTHING_WRONG, Federation, Unit, everywhere_the_same
from tests.node.transfer.conftest import pdf

#: Two parts of a package and a bit.
LARGE = 2 * 1024 * 1024 + 12_345


@dataclass
class Sticks:
    """Writes parcels on both sides and takes them in, each time as a process of its own would."""

    city: Federation
    folder: Path
    count: int = field(default=0)

    def post(self) -> PostOffice:
        return post_by_hand(self.city.hub)

    def _fresh(self) -> Path:
        self.count += 1
        path = self.folder / f"stick-{self.count}"
        path.mkdir(parents=True)
        return path

    def write_up(self, unit: Unit, *, file_bytes: int = FILE_BYTES) -> list[Path]:
        """A stick for the hub."""
        _standing, written = at_node.write_for_hub(
            CLERK, unit.folder, HANDLERS, self._fresh(), file_bytes=file_bytes
        )
        return list(written.files)

    def take_up(self, files: Sequence[Path]) -> list[at_hub.TakenIn]:
        """The hub takes a stick in, and works until nothing waits there."""
        taken = []
        for path in files:
            with path.open("rb") as stream:
                taken.append(at_hub.take_file(ADMIN, self.city.hub, self.post(), stream, path.name))
        self.work()
        return taken

    def write_down(self, unit: Unit, *, file_bytes: int = FILE_BYTES) -> list[Path]:
        """A stick for a node."""
        _waiting, written = at_hub.write_for_node(
            ADMIN, self.city.hub, self.post(), unit.node_id, self._fresh(), file_bytes=file_bytes
        )
        return list(written.files)

    def take_down(self, unit: Unit, files: Sequence[Path]) -> list[at_node.TakenIn]:
        """The node takes a stick in, and works until nothing waits there."""
        taken = []
        for path in files:
            with path.open("rb") as stream:
                taken.append(at_node.take_file(CLERK, unit.folder, HANDLERS, stream, path.name))
        while unit.work.step():
            pass
        return taken

    def up(self, unit: Unit) -> list[at_hub.TakenIn]:
        """One carry: from the node to the hub."""
        return self.take_up(self.write_up(unit))

    def down(self, unit: Unit) -> list[at_node.TakenIn]:
        """One carry: from the hub to the node."""
        return self.take_down(unit, self.write_down(unit))

    def work(self) -> None:
        """The hub's background work, until none is left."""
        while any(step() for step in self.city.steps.values()):
            pass


def batch_with_large_packages(unit: Unit, *, size: int = LARGE) -> str:
    """A batch of three records, two of which have a file of this size."""
    return unit.offer(unit.file(3, files=[pdf(f"第{number}件", size) for number in (1, 2)]))


def packages_there(city: Federation) -> list[bool]:
    with city.hub.database().read() as session:
        return [each.arrived for each in session.query(receiving.Offer)]


def hand_over(city: Federation, unit: Unit, sticks: Sticks, batch_id: str) -> None:
    """The rest of a batch's way by sticks, from under review to received."""
    assert city.batch_states()[batch_id] == "under_review"
    city.conclude(batch_id, "accepted")
    sticks.down(unit)
    unit.sign(batch_id)
    sticks.up(unit)
    city.sign(batch_id)
    sticks.work()
    sticks.down(unit)
    assert unit.batch_state(batch_id) == "received"
    assert city.batch_states()[batch_id] == "received"
    assert everywhere_the_same(city, unit) == NOTHING_WRONG
