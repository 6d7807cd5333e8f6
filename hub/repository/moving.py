"""What version 0.1 kept in plain folders becomes objects (a step for `Background`).

Record by record: the object is written and counts, then the tables name it, then the old folder
goes. Killed at any moment it is done again from the start, which is nothing where it was done.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.repository import objects
from hub.repository import service as repository
from hub.repository.keeping import note_moved
from hub.repository.models import KeptDescription, KeptPackage
from shared.kernel.database import Database
from shared.kernel.errors import DanglianError, Unavailable
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

_CHUNK = 50


class Moving:
    """Moves the old folders, once in the life of a process: nobody writes any more of them."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store
        self._done = False

    def step(self) -> bool:
        """Move some records; True when there may be more."""
        if self._done:
            return False
        with self._database.read() as session:
            codes = [archive.code for archive in federation.archives(session)]
        moved = 0
        for code in codes:
            for folder, names in repository.old_folders(self._store, code):
                moved += self._try(code, folder, names)
                if moved == _CHUNK:
                    return True
        self._done = True
        return False

    def _try(self, code: str, folder: str, names: Sequence[str]) -> bool:
        try:
            return self._move(code, str(repository.record_of_folder(self._store, folder)), names)
        except Unavailable:
            raise
        except DanglianError:
            # It is damaged and stays where it is, which fixity names; the others go on.
            log.exception("%s cannot be moved", folder)
            return False

    def _move(self, code: str, record_id: str, names: Sequence[str]) -> bool:
        with self._database.read() as session:
            kept = self._kept(code, record_id, session)
        if kept is None:
            return False  # not received: receiving completes it, or `recover` names it
        if kept.name in names:
            with objects.WRITING:  # no correction comes in between its versions
                described = self._write(kept, names)
            with self._database.write() as session:
                row = session.get(KeptPackage, kept.name)
                if row is not None:
                    row.name = repository.package_name(code, record_id, kept.sha256)
                for old, new in described.items():
                    description = session.get(KeptDescription, old)
                    if description is not None:
                        description.name = new
                note_moved(session, kept.name.rpartition("/")[0], code, record_id)
        for name in names:
            self._store.delete(name)
        return True

    def _kept(self, code: str, record_id: str, session: Session) -> KeptPackage | None:
        return session.scalar(
            select(KeptPackage).where(
                KeptPackage.archive_code == code, KeptPackage.record_id == record_id
            )
        )

    def _write(self, kept: KeptPackage, names: Sequence[str]) -> dict[str, str]:
        """Write the object with all its versions; returns the new name of each description."""
        code, record_id = kept.archive_code, kept.record_id
        with self._store.open(kept.receipt_name) as beside:
            receipt = beside.read()
        with self._store.open(kept.name) as stream:
            repository.store_package(
                self._store,
                code,
                record_id,
                kept.sha256,
                stream=stream,
                size=kept.size,
                receipt=receipt,
            )
        new = {}
        for version, name in sorted(repository.description_versions(names)):
            with self._store.open(name) as stream:
                content = stream.read()
            stored = repository.store_description(self._store, code, record_id, version, content)
            new[name] = stored.name
        return new
