"""A hub that keeps records in two stores, and hands that do harm to what is kept."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace

from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository import service as repository
from hub.repository.examining import FaultKind, Stores
from hub.repository.fixity import Fixity
from hub.repository.keeping import Copy
from hub.repository.mending import mend
from hub.repository.second_copy import Copying
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.identifiers import new_id
from shared.kernel.settings import save_settings
from shared.storage import ObjectStore
from tests.hub.receiving.handover import YILING_ARCHIVE

RECEIPT = b'{"at":"2026-03-02T01:30:00Z","receipt":1}'


def with_second_store(folder: HubFolder, address: str, **more: str) -> HubFolder:
    """The hub with a setting for a second store, as a process reads it that starts now."""
    save_settings(replace(folder.settings, second_store=address, **more), folder.path)
    return HubFolder(folder.path)


@dataclass
class Keeper:
    """What an archive keeps, in one store or two."""

    database: Database
    stores: Stores
    hub_id: str = "hub"
    records: list[str] = field(default_factory=list)

    def keep(self, package: bytes | None = None, *, corrections: int = 1) -> str:
        """A record that was received, and corrected so often since; returns its place."""
        record_id = new_id()
        package = package or f"package of {record_id}".encode()
        placed = repository.store_package(
            self.stores.first, YILING_ARCHIVE, record_id, sha256_hex(package),
            stream=io.BytesIO(package), size=len(package), receipt=RECEIPT,
            besides={"metadata": b'{"title":"x"}'},
        )  # fmt: skip
        with self.database.write() as session:
            repository.note_placed(session, [placed])
        self.records.append(record_id)
        for version in range(2, corrections + 2):
            self.correct(record_id, version)
        return objects.folder_of(YILING_ARCHIVE, record_id)

    def correct(self, record_id: str, version: int) -> None:
        content = json.dumps({"at": f"2026-03-0{version}T01:30:00Z"}).encode()
        stored = repository.store_description(
            self.stores.first, YILING_ARCHIVE, record_id, version, content
        )
        with self.database.write() as session:
            repository.note_description(session, YILING_ARCHIVE, record_id, version, stored)

    def fixity(self, copy: Copy = Copy.FIRST, *, mends: bool = False) -> Fixity:
        return Fixity(self.database, self.stores, copy, mend=mend if mends else None, pause=0.0)

    def faults(self, copy: Copy = Copy.FIRST, *, mends: bool = False) -> set[tuple[FaultKind, str]]:
        """Read one copy of everything; what is faulty after that, named within its place."""
        return {
            (each.kind, each.name.removeprefix(f"{looked.kept.place}/"))
            for looked in self.fixity(copy, mends=mends).run(now())
            for each in looked.faults
        }

    def copy(self) -> None:
        """Have everything copied into the second store."""
        copying = Copying(self.database, self.stores, self.hub_id)
        while copying.step():
            pass


def contents(store: ObjectStore, start: str) -> dict[str, bytes]:
    """Every file below a name, with its bytes."""
    found = {}
    for name in store.names(start):
        with store.open(name) as stream:
            found[name] = stream.read()
    return found


def damage(store: ObjectStore, name: str, content: bytes) -> None:
    """Put other bytes under a name, as no program of ours would."""
    store.replace(name, content)
