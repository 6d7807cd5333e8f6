"""Names each stuck state of the hub, and the command that frees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import hub_of
from hub.federation.models import HubKeyRange, Node, NodeState
from hub.federation.own_keys import hub_keys
from shared.audit import verify_chain
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.errors import Unavailable
from shared.kernel.jobs import Job, JobState
from shared.messaging.models import DeadLetter, OutgoingStream
from shared.storage import ObjectStore

_SILENT = timedelta(days=7)


def _behind_the_key(session: Session) -> list[tuple[str, datetime]]:
    """The nodes that have not acknowledged the newest key of the hub, and since when it counts."""
    newest = hub_keys(session)[-1:]
    if not newest or newest[0].statement is None:
        return []
    rows = session.execute(
        select(Node.name)
        .join(HubKeyRange, HubKeyRange.node_id == Node.id)
        .join(OutgoingStream, OutgoingStream.peer == Node.id)
        .where(HubKeyRange.serial == newest[0].serial, HubKeyRange.epoch == OutgoingStream.epoch)
        .where(OutgoingStream.acked < HubKeyRange.from_seq)
        .order_by(Node.name)
    )
    return [(name, newest[0].registered_at) for (name,) in rows]


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
    away = [name for name, since in _behind_the_key(session) if now() - since > _SILENT]
    if away:
        yield Ailment(
            "key_not_followed",
            f"{len(away)} 个单位还没有收到平台的新密钥（如“{away[0]}”）。",
            "不用另外处理：这些单位联网后自动认可新密钥。",
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


def examine_store(store: ObjectStore) -> Iterator[Ailment]:
    """Whether the object store answers."""
    try:
        store.exists("generation.json")
    except Unavailable as error:
        yield Ailment(
            "store_away",
            f"馆藏存储不能用：{error.message}",
            "检查存储服务、存储桶、账号和网络；恢复后自动继续接收。",
        )
