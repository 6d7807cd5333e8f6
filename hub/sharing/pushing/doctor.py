"""The stuck states of pushing: what a person has to look at."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from hub.sharing.pushing.service import suspended_pushes, unread_queues
from hub.sharing.pushing.webhooks import PATIENCE
from shared.kernel.ailment import Ailment


def examine(session: Session) -> Iterator[Ailment]:
    """The receivers that could not be reached for days, and the queues that stand still."""
    for push, name in suspended_pushes(session):
        yield Ailment(
            "push_suspended",
            f"向共享应用“{name}”的推送试了 {push.tries} 次，没有送达，已停止。",
            "在“共享应用”里打开它的“推送”查看原因，与对方联系；好了以后点“立即重试”，或运行 "
            "danglian hub consumer push-again --dir … 写上客户端编号。",
        )
    for push, name in unread_queues(session, since=PATIENCE):
        yield Ailment(
            "push_unread",
            f"共享应用“{name}”的消息队列停了好几天：{push.problem}",
            "在“共享应用”里打开它的“推送”查看，与对方联系；对方来取就会接着放，要马上再试的，运行 "
            "danglian hub consumer push-again --dir … 写上客户端编号。不再用的，取消推送。",
        )
