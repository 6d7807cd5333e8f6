"""Sticks between the hub and the nodes of a `Federation`: nothing else connects them here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hub.federation.sync import PostOffice
from hub.parcels import service as at_hub
from hub.wiring import handlers, holdings
from node.sync import parcels as at_node
from node.wiring import HANDLERS
from shared.messaging.parcel import FILE_BYTES, ByHand
from tests.federation import ADMIN, CLERK, Federation, Unit


@dataclass
class Sticks:
    """Writes parcels on both sides and takes them in, each time as a process of its own would."""

    city: Federation
    folder: Path
    count: int = field(default=0)

    def post(self) -> PostOffice:
        hub = self.city.hub
        return PostOffice(hub, ByHand(), handlers(hub), holdings)

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
