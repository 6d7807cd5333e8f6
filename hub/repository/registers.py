"""The hub's registers in the repository: each thing's document, again at each change of it.

`hub/registers/<kind>/<id>/<generation>-<number>.json` (`hub.federation.registers`); the last by
name is in force. What has to be written is found by comparing: everything when a hub starts, and
afterwards what the audit says was touched. So nothing needs to be remembered, and a kill costs
nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import registers
from hub.federation import service as federation
from hub.repository.models import Paper
from hub.repository.papers import below, keep_document, read_document
from shared.audit import moment_of, subjects_after
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.database import Database
from shared.storage import ObjectStore

_PREFIX = "hub/registers/"
_CHUNK = 200
#: What the subject of an audit event says: this one thing was touched, or anything may have been.
_ALONE = {"fonds", "node", "archive", "schedule", "ruleset"}
_WIDE = {"hub", "agreement"}


class RegisterWriter:
    """Has papers written of what was registered (a step for `Background`)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        #: At which moment of the audit all was written; None before the first comparison.
        self._seen: tuple[int, int] | None = None

    def step(self) -> bool:
        """Compare what was touched, and keep what differs; all of it, so that there is no more."""
        with self._database.read() as session:
            moment = moment_of(session)
            if moment == self._seen:
                return False
            changed = list(_changed(_touched(self._seen, session), session))
        for start in range(0, len(changed), _CHUNK):
            with self._database.write() as session:
                for name, document in changed[start : start + _CHUNK]:
                    keep_document(session, name, document)
        self._seen = moment
        return False


def _touched(seen: tuple[int, int] | None, session: Session) -> registers.Things | None:
    """The things that events after this moment are about; None for anything."""
    if seen is None:
        return None
    things: dict[str, set[str]] = defaultdict(set)
    for subject in subjects_after(seen[0], session):
        kind, _, thing_id = subject.partition(":")
        if kind in _WIDE:
            return None
        if kind in _ALONE:
            things[kind].add(thing_id)
    return things


def _changed(
    things: registers.Things | None, session: Session
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents that differ from what is kept, each with the name of its next version."""
    generation = federation.hub_of(session).generation
    for document in registers.documents(session, things):
        folder = f"{_PREFIX}{document['kind']}/{document['id']}/"
        kept = session.execute(
            select(Paper.name, Paper.sha256, Paper.refused)
            .where(below(folder))
            .order_by(Paper.name.desc())
        ).all()
        last = next((row.sha256 for row in kept if not row.refused), None)
        if last != sha256_hex(canonical_json(document)):
            number = int(kept[0].name[:-5].rpartition("-")[2]) + 1 if kept else 1
            yield f"{folder}{generation:06d}-{number:06d}.json", document


def stored_registers(store: ObjectStore) -> Iterator[tuple[dict[str, Any] | None, list[str]]]:
    """The document in force of each thing, with the names of all its versions, oldest first.

    That is the newest that can be read; None where there is none. Kinds come in the order in which
    they can be written.
    """
    for register in registers.REGISTERS:
        names = store.names(f"{_PREFIX}{register.kind}/")
        for folder, versions in groupby(names, key=lambda name: name.rpartition("/")[0]):
            all_names = sorted(versions)
            yield _newest(store, all_names, register.kind, folder.rpartition("/")[2]), all_names


def _newest(
    store: ObjectStore, names: list[str], kind: str, thing_id: str
) -> dict[str, Any] | None:
    for name in reversed(names):
        with store.open(name) as stream:
            document = read_document(stream.read())
        if document is not None and (document.get("kind"), document.get("id")) == (kind, thing_id):
            return document
    return None
