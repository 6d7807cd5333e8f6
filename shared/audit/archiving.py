"""Older events leave the database as signed files, which continue each other and what is on line.

A file is an export (`exported`), kept in the repository's store; a row says where it ends, so that
the events on line are known to follow it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import BinaryIO, Protocol

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from shared.audit.chain import Head, Problem, begin_of_chain, verify_chain
from shared.audit.exported import lines_of, verify_streams
from shared.audit.models import AuditArchive, AuditCheckpoint, AuditEvent
from shared.audit.sealing import OwnKey
from shared.audit.service import record
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.database import Database

#: The law asks for six months on line (GB/T 22239, 8.1.5.4).
LEAST_MONTHS = 6
_ACTOR = system_actor("audit_archive")
_MOST = 20_000
_PREFIX = "hub/audit-archive/"
_IN_MEMORY = 8 << 20


class Store(Protocol):
    """Where files are kept by name, never written over (`shared.storage`)."""

    def put(self, name: str, source: BinaryIO, *, sha256: str, size: int) -> object:
        """Keep a file."""

    def open(self, name: str) -> BinaryIO:
        """Read one. Raises NotFound."""


class Archiver:
    """Moves what is older than some months into files (a step for `Background`)."""

    def __init__(
        self,
        database: Database,
        store: Callable[[], Store],
        key: OwnKey,
        *,
        months: int = LEAST_MONTHS,
        most: int = _MOST,
    ) -> None:
        self._database = database
        self._store = store
        self._key = key
        self._kept = timedelta(days=31 * max(months, LEAST_MONTHS))
        self._most = most

    def step(self) -> bool:
        """Archive one file; True when there may be more."""
        with self._database.read() as session:
            begin = begin_of_chain(session)
            last = self._last(begin, session)
            if last is None:
                return False
            times = select(func.min(AuditEvent.time), func.max(AuditEvent.time))
            since, until = session.execute(
                times.where(AuditEvent.seq.between(begin.seq + 1, last.seq))
            ).one()
            with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
                digest = hashlib.sha256()
                for line in lines_of(session, self._key(), begin.seq + 1, last.seq):
                    file.write(line)
                    digest.update(line)
                size = file.tell()
                file.seek(0)
                sha256 = digest.hexdigest()
                name = f"{_PREFIX}{begin.seq + 1:010d}-{last.seq:010d}-{sha256[:16]}.jsonl"
                self._store().put(name, file, sha256=sha256, size=size)  # type: ignore[arg-type]
        row = AuditArchive(
            first=begin.seq + 1, last=last.seq, digest=last.digest, since=since, until=until,
            name=name, sha256=sha256, size=size, at=now(),
        )  # fmt: skip
        return self._forget(row, begin)

    def _forget(self, row: AuditArchive, begin: Head) -> bool:
        with self._database.write() as session:
            if begin_of_chain(session) != begin:
                return True  # another process was quicker; what this one has put stays unused
            gone = delete(AuditEvent).where(AuditEvent.seq <= row.last)
            session.execute(gone, execution_options={"synchronize_session": False})
            gone = delete(AuditCheckpoint).where(AuditCheckpoint.last <= row.last)
            session.execute(gone, execution_options={"synchronize_session": False})
            session.add(row)
            record(
                session, _ACTOR, "audit.archived", "audit",
                first=row.first, last=row.last, file=row.name, sha256=row.sha256,
            )  # fmt: skip
        return True

    def _last(self, begin: Head, session: Session) -> Head | None:
        """The last event that goes into the next file: old, and the end of a signed piece."""
        old = now() - self._kept
        # Numbers are in the order of time but for moments: the first that is young ends the file.
        young = session.scalar(
            select(AuditEvent.seq)
            .where(AuditEvent.time >= old, AuditEvent.seq.is_not(None))
            .order_by(AuditEvent.time)
            .limit(1)
        )
        until = min(young - 1 if young else begin.seq + self._most, begin.seq + self._most)
        events = select(AuditEvent.seq, AuditEvent.digest)
        first_signed = session.scalar(select(func.min(AuditCheckpoint.first)))
        if first_signed is not None and until >= first_signed:
            ended = select(func.max(AuditCheckpoint.last)).where(AuditCheckpoint.last <= until)
            until = session.scalar(ended) or first_signed - 1
        row = session.execute(
            events.where(AuditEvent.seq.between(begin.seq + 1, until))
            .order_by(AuditEvent.seq.desc())
            .limit(1)
        ).first()
        return None if row is None else Head(row.seq, row.digest)


def archives(session: Session) -> list[AuditArchive]:
    """The files of older events, oldest first."""
    return list(session.scalars(select(AuditArchive).order_by(AuditArchive.last)))


def verify_all(session: Session, store: Store, *, witness: Head | None = None) -> list[Problem]:
    """Compute archived events and those on line anew; an empty list means that all is whole.

    Raises NotFound when a file is not where it was put, Invalid for one that is none of ours.
    """
    rows = archives(session)
    problems: list[Problem] = []
    if rows:
        files: Iterator[tuple[str, BinaryIO]] = (
            (each.name, store.open(each.name)) for each in rows
        )
        found = verify_streams(files)
        problems += found.problems
        if found.head != Head(rows[-1].last, rows[-1].digest) or found.first != 1:
            seq = rows[-1].last
            problems.append(Problem(seq, "archive", f"归档到第 {seq} 条的日志文件与登记不符。"))
        if witness is not None and witness.seq <= rows[-1].last:
            witness = None
    return [*problems, *verify_chain(session, witness=witness)]
