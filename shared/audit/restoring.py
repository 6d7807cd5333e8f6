"""Bringing sealed events back into a database that lost them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.audit.chain import Head
from shared.audit.models import AuditCheckpoint, AuditEvent
from shared.audit.sealing import move_head
from shared.kernel.errors import Conflict

#: Rows that bring their own ids do not move the server's counter on.
_COUNT_ON = text(
    "SELECT setval(pg_get_serial_sequence('audit_event', 'id'), max(id)) FROM audit_event"
)


def bring_back(
    session: Session,
    events: Sequence[AuditEvent],
    checkpoints: Sequence[AuditCheckpoint],
    *,
    after: Head,
) -> None:
    """Append events, as they were sealed, to a chain that ends at `after`.

    Raises Conflict when it ends elsewhere.
    """
    end = events[-1]
    if (
        end.seq is None
        or end.digest is None
        or not move_head(session, after, Head(end.seq, end.digest))
    ):
        raise Conflict("操作日志接不上。", "请核对 store/hub/audit/。")
    session.add_all([*events, *checkpoints])
    session.flush()
    if session.connection().dialect.name == "postgresql":
        session.execute(_COUNT_ON)
