"""The audit in the repository: pieces of its chain, and the whole chain from them.

`hub/audit/<generation>/<first>-<last>.json`: `{first, last, events, checkpoints}`, each event as it
is sealed and each checkpoint as it is signed (`shared.audit`), so that all can be computed anew
from the files alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.repository.models import Paper
from hub.repository.papers import below, keep_document, read_document
from shared.audit import AuditEvent, Head, chain_head, open_segment
from shared.audit.models import NO_DIGEST, AuditCheckpoint
from shared.audit.restoring import bring_back
from shared.kernel.actor import system_actor
from shared.kernel.ailment import Ailment
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Conflict
from shared.storage import ObjectStore

_PREFIX = "hub/audit/"
#: A segment has so many events, or what has waited this long.
_MOST = 1000
_WAIT = timedelta(minutes=10)


class AuditWriter:
    """Has segments of the audit written (a step for `Background`)."""

    def __init__(self, database: Database, *, wait: timedelta = _WAIT) -> None:
        self._database = database
        self._wait = wait

    def step(self) -> bool:
        """Keep one segment; True when there may be more."""
        with self._database.read() as session:
            after = _last_kept(session)
            waiting = chain_head(session).seq - after
            if not waiting or (
                waiting < _MOST and now() - _time_of(after + 1, session) < self._wait
            ):
                return False
            generation = federation.hub_of(session).generation
            events = [
                event.to_wire()
                for event in session.scalars(
                    select(AuditEvent)
                    .where(AuditEvent.seq > after)
                    .order_by(AuditEvent.seq)
                    .limit(_MOST)
                )
            ]
            first, last = events[0]["seq"], events[-1]["seq"]
            checkpoints = [
                each.to_wire()
                for each in session.scalars(
                    select(AuditCheckpoint)
                    .where(AuditCheckpoint.last.between(first, last))
                    .order_by(AuditCheckpoint.last)
                )
            ]
        piece = {"first": first, "last": last, "events": events, "checkpoints": checkpoints}
        name = f"{_PREFIX}{generation:06d}/{first:010d}-{last:010d}.json"
        with self._database.write() as session:
            keep_document(session, name, piece)
        return waiting > _MOST


def _last_kept(session: Session) -> int:
    """The last event that a segment has."""
    name = session.scalar(
        select(Paper.name)
        .where(below(_PREFIX), Paper.refused.is_(False))
        .order_by(Paper.name.desc())
        .limit(1)
    )
    return 0 if name is None else _range_of(name)[1]


def _time_of(seq: int, session: Session) -> datetime:
    time = session.scalar(select(AuditEvent.time).where(AuditEvent.seq == seq))
    # One that is missing was taken away: what is there is kept at once.
    return time if time is not None else datetime.min.replace(tzinfo=now().tzinfo)


def _range_of(name: str) -> tuple[int, int]:
    first, _, last = name.rpartition("/")[2].removesuffix(".json").partition("-")
    return int(first), int(last)


def restore_audit(database: Database, store: ObjectStore) -> tuple[Head, list[Ailment]]:
    """Bring the chain into a database that has none yet, or not all of it; may be repeated.

    Each event is computed anew, and must follow the one before; returns where the chain ends, and
    what stood in its way. Where a restore began the audit anew from an earlier place, the newer
    generation counts; the other events stay in the store.
    """
    with database.read() as session:
        head = chain_head(session)
    try:
        for document, until in _pieces(store):
            events, end = [], head
            for wire in document["events"]:
                if end.seq < wire["seq"] <= until:
                    events.append(_event(wire, end))
                    end = Head(wire["seq"], wire["digest"])
            signed = [
                AuditCheckpoint.from_wire(each)
                for each in document.get("checkpoints", ())
                if head.seq < each["last"] <= end.seq
            ]
            if events:
                with database.write() as session:
                    bring_back(session, events, signed, after=head)
            head = end
    except (Conflict, KeyError, TypeError, ValueError):
        with database.read() as session:
            head = chain_head(session)
        return head, [
            Ailment(
                "audit_incomplete",
                f"store/hub/audit/ 里的操作日志在第 {head.seq} 条以后接不上，没有全部重建。",
                "从另一份备份拷回缺损的文件，在新的目录里重建一次；原文件留着，可以直接阅读。",
            )
        ]
    return head, []


def name_what_is_missing(folder: HubFolder) -> None:
    """Begin a new segment of a restored log: it names the end that the repository has of it."""
    kept = _furthest(folder.store)
    with folder.database().write() as session:
        open_segment(session, system_actor("recover"), "restore", witnessed=kept, by="repository")


def _furthest(store: ObjectStore) -> Head | None:
    """The end of the chain as far as the repository has it; None while it has none of it."""
    for name in sorted(store.names(_PREFIX), reverse=True):
        with store.open(name) as stream:
            document = read_document(stream.read())
        if document is not None:
            last = document["events"][-1]
            return Head(last["seq"], last["digest"])
    return None


def _pieces(store: ObjectStore) -> Iterator[tuple[dict[str, Any], int]]:
    """The pieces in the order of the chain, each with the last number that counts in it."""
    names = sorted(store.names(_PREFIX))
    begins: dict[str, int] = {}
    for name in names:
        begins.setdefault(name.split("/")[2], _range_of(name)[0])
    for name in names:
        generation = name.split("/")[2]
        later = [first for other, first in begins.items() if other > generation]
        with store.open(name) as stream:
            document = read_document(stream.read())
        if document is None:
            raise ValueError(name)
        yield document, min(later, default=document["last"] + 1) - 1


def _event(wire: dict[str, Any], head: Head) -> AuditEvent:
    event = AuditEvent.from_wire(wire)
    follows = (event.seq, event.previous) == (head.seq + 1, head.digest if head.seq else NO_DIGEST)
    if not follows or event.computed_digest() != event.digest:
        raise Conflict("操作日志接不上。", "请核对 store/hub/audit/。")
    return event
