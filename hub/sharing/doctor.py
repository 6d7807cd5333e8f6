"""The stuck states of sharing: a change that nobody has decided on for long."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.sharing.models import SharingDue
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now

_SOON = timedelta(hours=1)


def examine(session: Session) -> Iterator[Ailment]:
    """What was taken back may still be shared while this waits."""
    oldest = session.scalar(select(func.min(SharingDue.noted_at)))
    if oldest is not None and oldest < now() - _SOON:
        yield Ailment(
            "sharing_behind",
            f"自 {local_text(oldest)} 起有档案的变动没有判定是否共享，撤回的可能还在共享。",
            "确认 danglian hub run --dir … 正在运行，查看它的日志；会自动接着做。",
        )
