"""The sealer: numbers, chains and signs what use cases have committed.

A use case writes its events complete but unchained, holds no lock for it, and waits for nobody.
The sealer takes what is committed and has no number yet, whatever the order in which it was
committed; computes the chain and one signature over its new end outside of any transaction; and
writes both in one, which moves the head on from where it stood when the rows were read. A second
sealer that was quicker has moved the head: then nothing is written, and the look is repeated. So a
chain has one end, however many processes try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from shared.audit.chain import Head, chain_head
from shared.audit.models import (
    NO_DIGEST,
    AuditCheckpoint,
    AuditEvent,
    AuditHead,
    checkpoint_document,
    digest_of_event,
)
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable
from shared.kernel.keys import Seal, sign_document

#: So many events are sealed in one transaction at most.
_MOST = 2000
_EVENTS = AuditEvent.__table__
_NUMBERED = (
    update(_EVENTS)  # type: ignore[arg-type]
    .where(_EVENTS.c.id == bindparam("of"), _EVENTS.c.seq.is_(None))
    .values(
        seq=bindparam("number"), previous=bindparam("from_digest"), digest=bindparam("to_digest")
    )
)
#: The same for all at once, where a statement for each is a way to the server and back.
_ALL_NUMBERED = text(
    "UPDATE audit_event SET seq = link.number, previous = link.from_digest, "
    "digest = link.to_digest FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS integer[]), "
    "CAST(:previous AS text[]), CAST(:digests AS text[])) "
    "AS link (id, number, from_digest, to_digest) "
    "WHERE audit_event.id = link.id AND audit_event.seq IS NULL"
)
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

#: The installation's own key, asked for at each sealing: it may be rolled over meanwhile.
OwnKey = Callable[[], Seal]


class Sealer:
    """Seals the log of one database (a step for `Background`)."""

    def __init__(self, database: Database, key: OwnKey, *, most: int = _MOST) -> None:
        self._database = database
        self._key = key
        self._most = most

    def step(self) -> bool:
        """Seal what is committed, up to a bound; True when there may be more.

        Raises what reading the key raises; then nothing is sealed.
        """
        with self._database.read() as session:
            head = chain_head(session)
            waiting = session.scalars(
                select(AuditEvent)
                .where(AuditEvent.seq.is_(None))
                .order_by(AuditEvent.id)
                .limit(self._most)
            ).all()
        if not waiting:
            return False
        links, end = _chained(waiting, head)
        at = now()
        signed = sign_document(
            self._key(), checkpoint_document(head.seq + 1, end.seq, end.digest, at)
        )
        checkpoint = AuditCheckpoint(
            last=end.seq, first=head.seq + 1, digest=end.digest, at=at,
            public_key=signed["public_key"], signature=signed["signature"],
        )  # fmt: skip
        with self._database.write() as session:
            if not move_head(session, head, end):
                return True
            if _number(session.connection(), links) != len(links):
                raise Unavailable("待封的日志刚才有变动。", "会自动再试。", code="audit_moved")
            session.add(checkpoint)
        return len(links) == self._most

    def finish(self) -> None:
        """Seal all that is committed now: before an export, or when a command ends."""
        while self.step():
            pass


def move_head(session: Session, old: Head, new: Head) -> bool:
    """Move the end of the chain on; False when it is not where it was, and nothing is done."""
    if old.seq == 0:
        insert = _INSERTS[session.connection().dialect.name](AuditHead)
        session.execute(insert.values(id=1, seq=0, digest=NO_DIGEST).on_conflict_do_nothing())
    moved = session.connection().execute(
        update(AuditHead)
        .where(AuditHead.id == 1, AuditHead.seq == old.seq, AuditHead.digest == old.digest)
        .values(seq=new.seq, digest=new.digest)
    )
    return moved.rowcount == 1


def _number(connection: Connection, links: Sequence[Mapping[str, Any]]) -> int:
    """Give events their places in the chain; says how many had none."""
    if connection.dialect.name == "sqlite":
        return connection.execute(_NUMBERED, links).rowcount
    columns = {
        "ids": "of", "numbers": "number", "previous": "from_digest", "digests": "to_digest",
    }  # fmt: skip
    given = {name: [link[key] for link in links] for name, key in columns.items()}
    return connection.execute(_ALL_NUMBERED, given).rowcount


def _chained(waiting: Sequence[AuditEvent], head: Head) -> tuple[list[Mapping[str, Any]], Head]:
    """Where each of these events stands in the chain, and its new end."""
    links: list[Mapping[str, Any]] = []
    seq, digest = head.seq, head.digest
    for event in waiting:
        seq += 1
        wire = event.to_wire()
        wire |= {"seq": seq, "previous": digest}
        before, digest = digest, digest_of_event(wire)
        links.append({"of": event.id, "number": seq, "from_digest": before, "to_digest": digest})
    return links, Head(seq, digest)
