"""What an archive destroys 销毁: a decision list, a tombstone for each record, then no more bytes.

`archives/<code>/disposals/…/<list>.json` is the decision list 处置清册 of one appraisal, and
`archives/<code>/tombstones/…/<record>.json` says what a record was: its whole last description,
when and by whom it was destroyed, on which list, the digest of its package. Both bear the archive's
seal. The row of a tombstone is the journal: `Erasing` writes both papers into each store, then
removes the object there, and does it again after a kill. A store that has a tombstone never gives
its record back: a rebuild goes on erasing instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository import objects
from hub.repository.examining import Stores
from hub.repository.keeping import is_object
from hub.repository.models import (
    DisposalList,
    FileFault,
    KeptDescription,
    KeptEvent,
    KeptObject,
    KeptPackage,
    Tombstone,
)
from hub.repository.papers import keep_paper, paper_ids, paper_of, write_paper
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.ailment import Ailment
from shared.kernel.canonical import digest_of
from shared.kernel.clock import now, parse_utc
from shared.kernel.database import Database, locked
from shared.kernel.errors import Conflict, WrongState
from shared.kernel.keys import PublicKey, document_is_signed_by, signer_of
from shared.storage import ObjectStore

log = logging.getLogger(__name__)

LISTS, STONES = "disposals", "tombstones"
#: Under which name the archive's seal stands in both papers.
SEAL = "archive_signature"
_ACTOR = system_actor("disposal")
_AT_ONCE = 20


# ---- the tables


def note_list(session: Session, document: Mapping[str, Any]) -> bool:
    """Write down a sealed decision list; False when it was there."""
    if session.get(DisposalList, document["list_id"]) is not None:
        return False
    destroyed = sum(line["is_destroyed"] for line in document["lines"])
    session.add(
        DisposalList(
            id=document["list_id"],
            archive_code=document["archive"],
            title=document["title"],
            destroyed=destroyed,
            unburied=destroyed - len(buried(document["list_id"], session=session)),
            document=dict(document),
            at=parse_utc(document["at"]),
        )
    )
    keep_paper(session, document["archive"], LISTS, document["list_id"], document)
    session.flush()
    return True


def note_tombstone(session: Session, stone: Mapping[str, Any]) -> None:
    """Write down a sealed tombstone, and forget the files of its record; the same is nothing.

    Raises WrongState for one that still lies as version 0.1 put it.
    """
    record_id, archive = stone["record"]["id"], stone["archive"]
    places = session.scalars(select(KeptObject.place).where(KeptObject.record_id == record_id))
    for place in places.all():
        if not is_object(place):
            raise WrongState("这件档案还按旧版存放。", "请等待搬移完成后再销毁。", code="later")
        session.execute(delete(FileFault).where(FileFault.place == place))
    for table in (KeptObject, KeptPackage, KeptDescription, KeptEvent):
        session.execute(delete(table).where(table.record_id == record_id))
    if session.get(Tombstone, record_id) is None:
        session.add(
            Tombstone(
                record_id=record_id,
                archive_code=archive,
                list_id=stone["list_id"],
                document=dict(stone),
                at=parse_utc(stone["at"]),
            )
        )
        keep_paper(session, archive, STONES, record_id, stone)
        session.execute(
            update(DisposalList)
            .where(DisposalList.id == stone["list_id"])
            .values(unburied=DisposalList.unburied - 1)
        )
    session.flush()


def buried(list_id: str, *, session: Session) -> set[str]:
    """The records of a list that have their tombstones."""
    return set(session.scalars(select(Tombstone.record_id).where(Tombstone.list_id == list_id)))


def tombstone_of(record_id: str, *, session: Session) -> Tombstone | None:
    """What stays of a record that was destroyed; None for one that was not."""
    return session.get(Tombstone, record_id)


def count_unerased(list_id: str, *, session: Session) -> int:
    """How many records of a list may still have bytes in a store."""
    query = select(func.count()).where(Tombstone.list_id == list_id, Tombstone.erased_at.is_(None))
    return session.scalar(query) or 0


# ---- the loop


class Erasing:
    """Removes the objects of tombstones from each store (a `Background` step)."""

    def __init__(self, database: Database, stores: Stores) -> None:
        self._database = database
        self._stores = stores

    def step(self) -> bool:
        """Erase some records; True when there may be more.

        Raises Unavailable when a store is away: none is left out.
        """
        with self._database.read() as session:
            waiting = session.scalars(
                select(Tombstone)
                .where(Tombstone.erased_at.is_(None))
                .order_by(Tombstone.at, Tombstone.record_id)
                .limit(_AT_ONCE)
            ).all()
        return sum(self._try(each) for each in waiting) > 0

    def _try(self, stone: Tombstone) -> bool:
        try:
            return self._erase(stone)
        except Conflict:
            # Another paper lies under the name of the list or the stone: a person must look at
            # it, and until then nothing is removed; the other records go on.
            log.exception("the record %s cannot be erased", stone.record_id)
            return False

    def _erase(self, stone: Tombstone) -> bool:
        with self._database.read() as session:
            decided = session.get_one(DisposalList, stone.list_id).document
        files = 0
        with objects.WRITING:
            if objects.is_copied_into(objects.folder_of(stone.archive_code, stone.record_id)):
                return False  # asked again when the copying is over
            for store in _both(self._stores):
                write_paper(store, stone.archive_code, LISTS, stone.list_id, decided)
                write_paper(store, stone.archive_code, STONES, stone.record_id, stone.document)
            for store in _both(self._stores):
                files += objects.erase_object(store, stone.archive_code, stone.record_id)
        with self._database.write() as session:
            return finish_erasing(stone.record_id, files, session=session)


def finish_erasing(record_id: str, files: int, *, session: Session) -> bool:
    """Write down that no store has anything of a record any more. False when that was done."""
    stone = locked(session, Tombstone, record_id)
    if stone is None or stone.erased_at is not None:
        return False
    stone.erased_at = now()
    session.flush()
    audit.record(
        session, _ACTOR, "record.erased", f"record:{record_id}",
        archive=stone.archive_code, files=files,
    )  # fmt: skip
    return True


def _both(stores: Stores) -> list[ObjectStore]:
    """The stores, the second one first: nothing is brought back from it then."""
    return [stores.of(copy) for copy in reversed(stores.copies)]


# ---- from the stores alone


def stored_papers(
    store: ObjectStore, archive_code: str, kind: str, seals: Sequence[PublicKey]
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """The lists or the tombstones that a store has of an archive, by id; None without its seal."""
    for paper_id in paper_ids(store, archive_code, kind):
        document = paper_of(store, archive_code, kind, paper_id)
        yield paper_id, document if _counts(document, archive_code, kind, paper_id, seals) else None


def _counts(
    document: Mapping[str, Any] | None,
    archive_code: str,
    kind: str,
    paper_id: str,
    seals: Sequence[PublicKey],
) -> bool:
    signature = (document or {}).get(SEAL)
    if document is None or not isinstance(signature, Mapping):
        return False
    seal = signer_of(seals, signature)
    body = {name: value for name, value in document.items() if name != SEAL}
    if seal is None or not document_is_signed_by(seal, body, signature):
        return False
    own_id = document["list_id"] if kind == LISTS else document["record"]["id"]
    return (document["archive"], own_id) == (archive_code, paper_id) and (
        kind == LISTS or document["record_digest"] == digest_of(document["record"])
    )


def stored_tombstones(
    store: ObjectStore, archive_code: str, seals: Sequence[PublicKey]
) -> dict[str, dict[str, Any]]:
    """The tombstones that count, by record."""
    found = stored_papers(store, archive_code, STONES, seals)
    return {record_id: stone for record_id, stone in found if stone is not None}


def restore_lists(folder: HubFolder, tell: Callable[[str], None]) -> tuple[int, list[Ailment]]:
    """Before anything is received again: erase what has a tombstone, take the lists back.

    Returns how many lists there were, and which papers do not count. May be repeated.
    """
    database, stores = folder.database(), Stores(folder.store, folder.second_store)
    count, findings = 0, []
    with database.read() as session:
        archives = [(each.code, each.name) for each in federation.archives(session)]
    for code, name in archives:
        with database.read() as session:
            seals = federation.seals_of(code, session)
        erased = go_on_erasing(stores, code, seals)
        found = 0
        for kind in (LISTS, STONES):
            for paper_id, document in stored_papers(stores.first, code, kind, seals):
                if document is None:
                    findings.append(_unsealed(name, kind, paper_id))
                elif kind == LISTS:
                    with database.write() as session:
                        found += note_list(session, document)
        if found or erased:
            tell(f"{name}：找回处置清册 {found} 份，补销毁 {erased} 件")
        count += found
    return count, findings


def _unsealed(archive_name: str, kind: str, paper_id: str) -> Ailment:
    what = "处置清册" if kind == LISTS else "销毁存根"
    return Ailment(
        "disposal_unsealed",
        f"{archive_name}的{what} {paper_id} 没有本馆的有效签章，不作数。",
        "留着它，请该馆的档案接收员核对来历。",
    )


def go_on_erasing(stores: Stores, archive_code: str, seals: Sequence[PublicKey]) -> int:
    """Remove what stores still have of records with a tombstone; returns of how many.

    For a rebuild, which would receive them again. Raises Unavailable.
    """
    count = 0
    for record_id in stored_tombstones(stores.first, archive_code, seals):
        with objects.WRITING:
            left = [objects.erase_object(store, archive_code, record_id) for store in _both(stores)]
        count += any(left)
    return count
