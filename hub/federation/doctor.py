"""Names each stuck state of the hub, and the command that frees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import hub_of
from hub.federation.models import Node, NodeState
from shared.audit import verify_chain
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.jobs import Job, JobState
from shared.messaging.models import DeadLetter, OutgoingStream

_SILENT = timedelta(days=7)


def examine(session: Session) -> Iterator[Ailment]:
    """Everything at the hub that does not move by itself."""
    suspected = hub_of(session).restore_suspected
    if suspected is not None:
        yield Ailment(
            "restore_suspected",
            f"数据库比各单位收到的回执更旧，已停止收发（{suspected}）。",
            "停止平台，运行 danglian hub recover --dir …，再启动。",
        )
    for node in epochs.asking(session):
        yield Ailment(
            "grant_asked",
            f"“{node.name}”的电脑申请恢复：{node.asked_reason or '数据不连续'}",
            f"核实后运行 danglian hub node grant --dir … {node.id}",
        )
    for stream, name in session.execute(
        select(OutgoingStream, Node.name)
        .join(Node, Node.id == OutgoingStream.peer)
        .where(OutgoingStream.unsure.is_(True))
    ):
        yield Ailment(
            "waiting_for_greeting",
            f"“{name}”在平台恢复后还没有联系过，有 {stream.seq - stream.acked} 条消息等待下发。",
            "请该单位联网；联系后自动继续。",
        )
    for node in session.scalars(
        select(Node).where(Node.state == NodeState.ENROLLED).order_by(Node.name)
    ):
        if node.last_contact is None or now() - node.last_contact > _SILENT:
            yield Ailment(
                "silent",
                f"“{node.name}”上次联系：{local_text(node.last_contact) or '从未'}。",
                "请联系该单位检查网络和程序。",
            )
    for node in session.scalars(
        select(Node).where(Node.compared_differing > 0).order_by(Node.name)
    ):
        yield Ailment(
            "reconcile_differs",
            f"“{node.name}”最近一次核对（{local_text(node.compared_at)}）"
            f"有 {node.compared_differing} 组目录不一致。",
            "该单位会自动补报；请它再核对一次（“联网”页面的“现在核对”）。",
        )
    letters = session.scalar(select(func.count()).select_from(DeadLetter)) or 0
    if letters:
        yield Ailment(
            "dead_letters",
            f"有 {letters} 条信封无效的消息。",
            "在“联网单位”的“无效消息”页面查看来源和原因。",
        )
    for job in session.scalars(select(Job).where(Job.state == JobState.FAILED)):
        yield Ailment("job_failed", f"任务“{job.title}”没有完成：{job.problem}", "更正后重新执行。")
    for problem in verify_chain(session):
        yield Ailment("audit_broken", f"审计日志被改动：{problem}", "请保留现场，报告安全审计员。")
