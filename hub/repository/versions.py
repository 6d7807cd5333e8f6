"""Later versions 后续版本: what an archive does with a record is the next version of its object.

An event (a format migration 格式迁移) brings files and a paper about itself, under the archive's
seal. Its row is the journal: the files wait in the data folder, and
the loop (`Adding`) writes them as a version, also after a kill; when they are no longer there as
they were, what is written already is removed instead. A correction is an event with a journal of
its own (`hub.correcting`).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository.keeping import note_kept
from hub.repository.models import KeptEvent
from shared import audit
from shared.inspection.marks import refuse_marked
from shared.kernel.actor import Actor, Role, require, system_actor
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import now, parse_utc, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import DanglianError, Invalid, NotFound, Unavailable, WrongState
from shared.kernel.files import file_sha256, sync_folder
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, sign_document
from shared.records.text import REASON_LENGTH
from shared.records.values import required_text
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

_ACTOR = system_actor("repository")
#: Under which name the archive's seal stands in the paper of an event.
SEAL = "archive_signature"
_ENDING = re.compile(r"\.[a-z0-9]{1,10}")
_MOST_FILES, _AT_ONCE = 100, 50
_LONGEST_NAME = 255
#: Files that wait for an event which never began are cleared after this time.
_FORGOTTEN = timedelta(days=1)


class EventKind(StrEnum):
    """What is done with a received record, but for a correction of its description."""

    MIGRATION = "migration"


#: What people call them.
EVENT_NAMES = {EventKind.MIGRATION: "格式迁移"}
#: What the paper of each must say, with what people call it.
FACTS: Mapping[EventKind, Mapping[str, str]] = {
    EventKind.MIGRATION: {"source": "原文件", "tool": "转换工具", "reason": "迁移原因"},
}


# ---- the verb


def add_version(
    folder: HubFolder,
    actor: Actor,
    record_id: str,
    kind: EventKind,
    files: Mapping[str, Path],
    *,
    facts: Mapping[str, str],
) -> KeptEvent:
    """Have files and what they came of written as the next version of a received record's object.

    `files` are taken over by name and stay where they are; `facts` are those of `FACTS`. The hub's
    loop writes them. Nothing that is kept is altered or removed (that is `tombstones`). Raises
    NotAllowed outside the archive that has the record, WrongState before its receipt and while
    another version is written, Invalid for a wrong file or a missing fact, Classified for a mark.
    """
    database = folder.database()
    with database.read() as session:
        document = draft_event(actor, record_id, kind, files, facts=facts, session=session)
    taken = _take_files(folder, document, files)
    try:
        sealed = seal_event(document, folder.keys.seal(document["archive"]))
        with database.write() as session:
            return begin_event(actor, sealed, session=session)
    except BaseException:
        shutil.rmtree(taken, ignore_errors=True)
        raise


def draft_event(
    actor: Actor,
    record_id: str,
    kind: EventKind,
    files: Mapping[str, Path],
    *,
    facts: Mapping[str, str],
    session: Session,
) -> dict[str, Any]:
    """The paper of an event, ready for the archive's seal; raises as `add_version` does."""
    record = catalogue.record_of(record_id, session)
    archive = record.archive
    if archive is None or not record.received:
        raise WrongState(
            "这件档案还没有接收入库。", "请在接收完成后再办理。", code="not_in_custody"
        )
    _require_not_destroyed(record)
    require(
        actor,
        Role.ARCHIVIST,
        archive=archive,
        **record.scope,
        missing=catalogue.no_record(),
    )
    if not 1 <= len(files) <= _MOST_FILES:
        raise Invalid("files", f"文件应为 1 到 {_MOST_FILES} 个。", "请选择要存入的文件。")
    event_id = new_id()
    return {
        "event_id": event_id,
        "kind": kind.value,
        "archive": archive,
        "record_id": record_id,
        "files": [_line(event_id, at, *each) for at, each in enumerate(files.items(), 1)],
        "facts": {
            name: required_text(facts.get(name), name, max_length=REASON_LENGTH)
            for name in FACTS[kind]
        },
        "by": actor.name,
        "at": utc_text(),
    }


def _require_not_destroyed(record: CatalogueRecord) -> None:
    if record.state == "disposed":
        raise WrongState("这件档案已经销毁，只保留目录。", "请查看它的销毁清册。", code="destroyed")


def _line(event_id: str, at: int, name: str, path: Path) -> dict[str, Any]:
    """What the paper says of a file: how it is kept, what it was called, its size and digest."""
    required_text(name, "files", max_length=_LONGEST_NAME)
    if not path.is_file():
        raise Invalid("files", f"没有文件 {name}。", "请核对路径。")
    with path.open("rb") as stream:
        refuse_marked(stream)
    ending = path.suffix.lower() if _ENDING.fullmatch(path.suffix.lower()) else ""
    return {
        "file": f"event-{event_id}-{at}{ending}",
        "name": name,
        "size": path.stat().st_size,
        "sha256": file_sha256(path),
    }


def seal_event(document: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """The paper of an event with the archive's seal."""
    return {**document, SEAL: sign_document(seal, document)}


def _waiting_folder(folder: HubFolder) -> Path:
    return folder.path / "versions"


def _take_files(folder: HubFolder, document: Mapping[str, Any], files: Mapping[str, Path]) -> Path:
    """Copy the files of an event to where they wait. Raises Invalid when one changes meanwhile."""
    taken = _waiting_folder(folder) / document["event_id"]
    taken.mkdir(parents=True)
    for line, source in zip(document["files"], files.values(), strict=True):
        copy = taken / line["file"]
        shutil.copyfile(source, copy)
        with copy.open("rb+") as stream:
            stream.flush()
            os.fsync(stream.fileno())
        if file_sha256(copy) != line["sha256"]:
            shutil.rmtree(taken)
            raise Invalid("files", f"文件 {line['name']} 正在被改动。", "请关闭它以后再试。")
    sync_folder(taken)
    return taken


def begin_event(actor: Actor, sealed: Mapping[str, Any], *, session: Session) -> KeptEvent:
    """Let the sealed paper of an event count; its version is written by the loop.

    Raises WrongState while another version of the record's object is being written.
    """
    record = catalogue.record_of(sealed["record_id"], session)
    require(
        actor,
        Role.ARCHIVIST,
        archive=sealed["archive"],
        **record.scope,
        missing=catalogue.no_record(),
    )
    locked(session, type(record), record.row)
    session.refresh(record)
    _require_not_destroyed(record)
    if writing_among([record.id], session):
        raise WrongState("这件档案的另一个版本正在写入馆藏。", "请过一分钟再试。", code="later")
    row = row_of(sealed)
    session.add(row)
    session.flush()
    audit.record(
        session, actor, "event.signed", f"record:{row.record_id}",
        event=row.id, kind=row.kind, files=[each["name"] for each in sealed["files"]],
    )  # fmt: skip
    return row


def row_of(sealed: Mapping[str, Any]) -> KeptEvent:
    """The row that says what the sealed paper of an event does."""
    return KeptEvent(
        id=sealed["event_id"],
        archive_code=sealed["archive"],
        record_id=sealed["record_id"],
        kind=sealed["kind"],
        document=dict(sealed),
        at=parse_utc(sealed["at"]),
    )


# ---- the loop


class Adding:
    """Writes the versions that were begun, or takes back what is broken (a `Background` step)."""

    def __init__(self, folder: HubFolder) -> None:
        self._database = folder.database()
        self._store = folder.store
        self._waiting = _waiting_folder(folder)

    def step(self) -> bool:
        """Write some versions; True when there may be more."""
        with self._database.read() as session:
            waiting = session.scalars(
                select(KeptEvent)
                .where(KeptEvent.version.is_(None))
                .order_by(KeptEvent.at, KeptEvent.id)
                .limit(_AT_ONCE)
            ).all()
        if not waiting:
            self._clear_forgotten()
        return sum(self._try(each) for each in waiting) > 0

    def _try(self, event: KeptEvent) -> bool:
        try:
            self._settle(event)
        except Unavailable:
            raise
        except DanglianError:
            # A person must look at it; the other versions go on.
            log.exception("the version of event %s cannot be written", event.id)
            return False
        return True

    def _settle(self, event: KeptEvent) -> None:
        taken = self._waiting / event.id
        with objects.WRITING:
            version = _version_with(self._store, event) or self._write(event, taken)
            with self._database.write() as session:
                if version is None:
                    give_up_event(event.id, session=session)
                else:
                    finish_event(event.id, version, session=session)
        shutil.rmtree(taken, ignore_errors=True)

    def _write(self, event: KeptEvent, taken: Path) -> int | None:
        """Write the version of an event; None, and nothing of it left, without its files."""
        for line in event.document["files"]:
            copy = taken / line["file"]
            if not copy.is_file() or file_sha256(copy) != line["sha256"]:
                log.error("the files of event %s are gone or altered", event.id)
                _remove(self._store, event)
                return None
        return _write_version(self._store, event, taken)

    def _clear_forgotten(self) -> None:
        """Remove what a killed `add_version` left that never began."""
        if not self._waiting.is_dir():
            return
        for each in self._waiting.iterdir():
            with self._database.read() as session:
                if session.get(KeptEvent, each.name) is not None:
                    continue
            if now().timestamp() - each.stat().st_mtime > _FORGOTTEN.total_seconds():
                shutil.rmtree(each, ignore_errors=True)


def paper_file(event_id: str) -> str:
    """How the paper of an event is called within its object."""
    return f"event-{event_id}.json"


def _version_with(store: ObjectStore, event: KeptEvent) -> int | None:
    """The version of the object that has an event already; None while none that counts has."""
    inventory = objects.inventory_of(store, event.archive_code, event.record_id)
    found = objects.files_of(inventory).get(paper_file(event.id)) if inventory else None
    return None if found is None else int(found.split("/")[0][1:])


def _write_version(store: ObjectStore, event: KeptEvent, taken: Path) -> int:
    """Write files and paper as the next version; the paper is the last of its contents."""
    code, record_id = event.archive_code, event.record_id
    inventory = objects.inventory_of(store, code, record_id)
    if inventory is None:
        raise NotFound("馆藏中没有这件档案。", "旧版存放的请等待搬移完成。")
    number = objects.head_number(inventory) + 1
    known = {}
    for line in event.document["files"]:
        with (taken / line["file"]).open("rb") as stream:
            name = objects.content_name(code, record_id, number, line["file"])
            store.put(name, stream, sha256=line["sha256"], size=line["size"])
        known[line["file"]] = line["sha256"]
    paper = canonical_json(event.document)
    file = paper_file(event.id)
    objects.put_bytes(store, objects.content_name(code, record_id, number, file), paper)
    objects.settle_version(
        store, code, record_id, inventory,
        known={**known, file: sha256_hex(paper)},
        message=EVENT_NAMES[EventKind(event.kind)],
        at=event.document["at"],
    )  # fmt: skip
    return number


def _remove(store: ObjectStore, event: KeptEvent) -> None:
    """Remove what lies of an event in a version that does not count yet."""
    inventory = objects.inventory_of(store, event.archive_code, event.record_id)
    number = objects.head_number(inventory) + 1
    start = objects.content_name(event.archive_code, event.record_id, number, f"event-{event.id}")
    folder = start.rpartition("/")[0]
    for name in [name for name in store.names(f"{folder}/") if name.startswith(start)]:
        store.delete(name)


def finish_event(event_id: str, version: int, *, session: Session) -> bool:
    """Write down that an object has the version of an event. False when that was done before."""
    event = locked(session, KeptEvent, event_id)
    if event is None or event.version is not None:
        return False
    event.version = version
    session.flush()
    place = objects.folder_of(event.archive_code, event.record_id)
    note_kept(session, [(place, event.archive_code, event.record_id)])
    audit.record(
        session, _ACTOR, "event.made", f"record:{event.record_id}",
        event=event.id, kind=event.kind, version=version,
    )  # fmt: skip
    return True


def give_up_event(event_id: str, *, session: Session) -> None:
    """Write down that the version of an event could not be written: its files are gone."""
    event = locked(session, KeptEvent, event_id)
    if event is None or event.version is not None:
        return
    session.delete(event)
    audit.record(
        session, _ACTOR, "event.given_up", f"record:{event.record_id}",
        event=event.id, kind=event.kind,
    )  # fmt: skip


# ---- questions


def writing_among(record_ids: Iterable[str], session: Session) -> set[str]:
    """The records of which a version was begun and is not there yet."""
    query = select(KeptEvent.record_id).where(
        KeptEvent.record_id.in_(list(record_ids)), KeptEvent.version.is_(None)
    )
    return set(session.scalars(query))


def events_of(record_id: str, *, session: Session) -> Sequence[KeptEvent]:
    """What has been done with a record at its archive, newest first."""
    query = select(KeptEvent).where(KeptEvent.record_id == record_id)
    return session.scalars(query.order_by(KeptEvent.at.desc(), KeptEvent.id)).all()
