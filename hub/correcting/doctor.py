"""The stuck states of corrections: what was decided and is not made yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.correcting.models import Correction
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now

_SOON = timedelta(hours=1)


def examine(session: Session) -> Iterator[Ailment]:
    """Corrections that were sealed long ago, and have not reached catalogue and repository."""
    for each in session.scalars(
        select(Correction)
        .where(Correction.state == "making", Correction.decided_at < now() - _SOON)
        .order_by(Correction.decided_at)
    ):
        yield Ailment(
            "correction_unfinished",
            f"{each.code or each.record_id} 的更正已于 {local_text(each.decided_at)} 决定，"
            "还没有写入。",
            "检查馆藏存储，确认 danglian hub run --dir … 正在运行，查看它的日志；会自动接着做。",
        )
