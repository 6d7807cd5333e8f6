"""A hub and one node as real processes, with the hands of a test on what lies between and below.

Their folders may lie on different disks, the node may live in another time, a bad line may stand
between them. What people do, a test does on the same folders beside the running processes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hub.federation import service as federation
from hub.federation.fonds import NewFonds, register_fonds
from hub.federation.founding import found_hub
from hub.federation.places import HubFolder
from node.office.places import NodeFolder, NodeSettings
from node.office.service import office_of, open_office
from node.sync.enrolment import enrol
from node.transfer.work import TransferWork
from shared.demo.services import Service, free_port
from shared.kernel.settings import save_settings
from shared.messaging.models import OutgoingStream
from tests.city import QUICK, wait_for
from tests.federation import ADMIN, CITY_DEPARTMENT, Desk, Unit

NAME = "宜昌市文化和旅游局"


class Pair(Desk):
    """The hub is started at once, the node by `start_node`; `stop` ends both.

    `hub` and `node` are where their folders are to lie; `settings` are the hub's, such as those of
    a broker.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hub: Path | None = None,
        node: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        made = HubFolder.create(hub or folder / "hub", name="宜昌市档案平台", city="420500000000")
        with made.database().write() as session:
            found_hub(ADMIN, made, session=session)
        made.database().close()
        made.establish()
        save_settings(replace(made.settings, shards=1, **(settings or {})), made.path)
        self.hub = HubFolder(made.path)
        self._logs = folder
        self.hub_process = Service(
            "hub", ["hub", "run", "--dir", str(self.hub.path)], _port(), folder / "hub.log", QUICK
        )
        self.hub_process.start()
        self.hub_process.wait_ready()
        self.node_process: Service | None = None
        self.unit = self._enrol(node or folder / "node")

    def _enrol(self, path: Path) -> Unit:
        with self.hub.database().write() as session:
            fonds = register_fonds(
                ADMIN, NewFonds(name=NAME, division_code=CITY_DEPARTMENT, number="A101"),
                session=session,
            )  # fmt: skip
            invitation = federation.create_node_with_code(
                ADMIN, NAME, CITY_DEPARTMENT, [fonds.id], key=self.hub.keys.hub(), session=session
            )
        path.mkdir(parents=True, exist_ok=True)
        save_settings(NodeSettings(name=NAME), path)
        unit = Unit(self, NodeFolder(path))
        with unit.folder.database().write() as session:
            open_office(NAME, session=session)
        enrol(unit.folder, self.hub_process.url, invitation.code, version=version("danglian"))
        unit.fonds_id = fonds.id
        unit.work = TransferWork(unit.folder)
        return unit

    def start_node(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        kind: type[Service] = Service,
    ) -> None:
        """Start the node's process, after an earlier one has ended."""
        if self.node_process is not None:
            self.node_process.stop()
        self.node_process = kind(
            "node", ["node", "run", "--dir", str(self.unit.folder.path)], _port(),
            self._logs / "node.log", {**QUICK, **(environment or {})},
        )  # fmt: skip
        self.node_process.start()
        self.node_process.wait_ready()

    def stop(self) -> None:
        """End both processes, and close what the test has open."""
        for process in (self.node_process, self.hub_process):
            if process is not None:
                process.stop()
        for database in (self.hub.database(), self.unit.folder.database()):
            database.close()

    def both_live(self) -> bool:
        """Whether neither process has died."""
        node = self.node_process
        return self.hub_process.running and node is not None and node.running

    def settled(self) -> bool:
        """Whether both logs are acknowledged."""
        for database in (self.hub.database(), self.unit.folder.database()):
            with database.read() as session:
                if any(row.acked != row.seq for row in session.query(OutgoingStream)):
                    return False
        return True

    def settle(self) -> None:
        """Wait until both logs are acknowledged."""
        wait_for(self.settled, "both sides to have all of the other", 240)

    @property
    def acknowledged(self) -> int:
        """How much of the node's log the hub has acknowledged."""
        with self.unit.folder.database().read() as session:
            return session.query(OutgoingStream).one().acked

    def clock_offset(self) -> int | None:
        """What the node must add to its time to have the hub's, in ms, as it knows it."""
        with self.unit.folder.database().read() as session:
            return office_of(session).clock_offset_ms


def _port() -> int:
    return free_port(random.randrange(41_000, 60_000))
