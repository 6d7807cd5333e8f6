"""Fail closed: who cannot be held to account, may not act.

A process that serves a hub is told for how long events may await their seal. When the oldest has
waited longer, no use case writes any more until the sealer works again. A node goes on working,
whatever comes of its line and its sealer; there only handing over and exporting ask.
"""

from __future__ import annotations

import time
from datetime import timedelta
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from shared.audit.models import AuditEvent, AuditWitness
from shared.kernel.clock import now
from shared.kernel.database import Database
from shared.kernel.errors import Unavailable

#: How often is asked, and for how long the same event must be seen waiting: a sealer that has just
#: begun, or a clock that was set, is not at fault.
_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0


class _Guard:
    """What one process knows of the oldest event that awaits its seal."""

    def __init__(self, limit: timedelta, patience: float) -> None:
        self._limit = limit
        self._patience = patience
        self._asked_at = 0.0
        self._oldest: int | None = None
        self._seen_at = 0.0
        self._is_shut = False

    def is_shut(self, session: Session) -> bool:
        moment = time.monotonic()
        if moment - self._asked_at >= min(_EVERY_SECONDS, self._patience):
            self._asked_at = moment
            self._is_shut = self._look(session, moment)
        return self._is_shut

    def _look(self, session: Session, moment: float) -> bool:
        oldest = session.execute(
            select(AuditEvent.id, AuditEvent.time)
            .where(AuditEvent.seq.is_(None))
            .order_by(AuditEvent.id)
            .limit(1)
        ).first()
        if oldest is None or now() - oldest.time <= self._limit:
            self._oldest = None
            return False
        if oldest.id != self._oldest:
            self._oldest, self._seen_at = oldest.id, moment
        return moment - self._seen_at >= self._patience


#: By the address of the database: sessions that read have an engine of their own.
_GUARDS: dict[str, _Guard] = {}
_WITNESSED: dict[str, tuple[str, timedelta]] = {}
#: Putting an address together costs as much as telling an event: each engine's is kept.
_ADDRESSES: WeakKeyDictionary[Engine, str] = WeakKeyDictionary()


def shut_when_unsealed(
    database: Database, limit: timedelta, *, patience: float = _PATIENCE_SECONDS
) -> None:
    """Let no use case of this process write when an event has awaited its seal for so long."""
    _GUARDS[_address(database.engine)] = _Guard(limit, patience)


def _address(engine: Engine) -> str:
    found = _ADDRESSES.get(engine)
    if found is None:
        found = _ADDRESSES[engine] = str(engine.url)
    return found


def require_sealing(session: Session) -> None:
    """Raise Unavailable when the log of this database has not been sealed for too long."""
    guard = _GUARDS.get(_address(session.get_bind().engine))
    if guard is not None and guard.is_shut(session):
        raise Unavailable(
            "操作日志未能及时封存，为保证可追溯，暂停办理一切业务，本次没有保存。",
            "请系统管理员检查密钥文件和磁盘，再运行 danglian hub doctor --dir …；"
            "封存恢复后自动恢复办理。",
            code="audit_unsealed",
        )


def depend_on_witness(database: Database, party: str, limit: timedelta) -> None:
    """Let what asks `require_witness` do so of this party."""
    _WITNESSED[_address(database.engine)] = party, limit


def require_witness(session: Session) -> None:
    """Raise Unavailable when the other side has not kept our log's end for too long.

    Only time on line counts: who is cut off for a month may hand over as before.
    """
    party, limit = _WITNESSED.get(_address(session.get_bind().engine), ("", timedelta.max))
    row = session.get(AuditWitness, party)
    if row is not None and row.unheld_seconds > limit.total_seconds():
        raise Unavailable(
            "本机的操作日志已久未得到市级平台见证，移交和导出暂停，本次没有保存。",
            "请重新启动程序并保持联网；仍不行的，运行 danglian node doctor --dir …，"
            "把情况告诉市档案馆。登记、整理、归档照常。",
            code="audit_not_witnessed",
        )
