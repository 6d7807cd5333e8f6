"""The stuck states of disposal: what two have signed to watch, and is not done yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.disposal.models import Appraisal
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now, parse_utc

_SOON = timedelta(hours=1)


def examine(session: Session) -> Iterator[Ailment]:
    """Lists whose execution began long ago: a store or the seal is away, or a fonds moves."""
    for each in session.scalars(
        select(Appraisal).where(Appraisal.state == "executing").order_by(Appraisal.begun_at)
    ):
        since = parse_utc(each.witnesses[-1]["at"])
        if since < now() - _SOON:
            yield Ailment(
                "disposal_unfinished",
                f"鉴定清册“{each.title}”自 {local_text(since)} 起没有执行完。",
                "检查馆藏和第二份存储、档案馆印章所在的签名服务是否接通，确认 "
                "danglian hub run --dir … 正在运行，查看它的日志；会自动接着做。",
            )
