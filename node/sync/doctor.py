"""Names each stuck state of a node, and the command that frees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.office.models import OfficeState
from node.office.service import office_of
from node.sync.reconciling import last
from node.sync.waiting import waiting_of
from shared.audit import verify_chain
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.jobs import Job, JobState

_LONG = timedelta(hours=24)


def examine(session: Session) -> Iterator[Ailment]:
    """Everything about this node that does not move by itself."""
    office = office_of(session)
    if office.state == OfficeState.UNENROLLED:
        yield Ailment(
            "unenrolled",
            "本机尚未登记到市级平台，归档数据只在本机。",
            "向市档案馆索取登记码，运行 danglian node enrol --dir … --hub … --code …",
        )
        return
    if office.state == OfficeState.RECOVERING and not office.adopting:
        yield Ailment(
            "waiting_for_grant",
            "本机数据与平台不连续，正等待市档案馆确认。",
            "请市档案馆运行 danglian hub node grant，或在“联网单位”页面点“确认恢复”。",
        )
    if office.state == OfficeState.SUPERSEDED:
        yield Ailment(
            "superseded",
            "另一台电脑已接替本机，本机不再发送。",
            "如应由本机继续，运行 danglian node recover --dir …",
        )
    if office.last_contact is None or now() - office.last_contact > _LONG:
        yield Ailment(
            "no_contact",
            f"上次与平台联系：{local_text(office.last_contact) or '从未'}。",
            "检查网络，并确认程序正在运行（danglian node run）。",
        )
    yield from _stuck_stream(session)
    compared = last(session)
    if compared is not None and compared.differing:
        yield Ailment(
            "reconcile_differs",
            f"上次与平台核对，有 {len(compared.differing)} 组目录不一致；"
            f"已自动补报 {compared.told_again} 件。",
            "再核对一次：运行 danglian node reconcile --dir …；仍不一致的，请联系市档案馆。",
        )
    for job in session.scalars(select(Job).where(Job.state == JobState.FAILED)):
        yield Ailment("job_failed", f"任务“{job.title}”没有完成：{job.problem}", "更正后重新执行。")
    for problem in verify_chain(session):
        yield Ailment("audit_broken", f"审计日志被改动：{problem}", "请保留现场，报告安全审计员。")


def _stuck_stream(session: Session) -> Iterator[Ailment]:
    waiting = waiting_of(session)
    if waiting.oldest is not None and now() - waiting.oldest > _LONG:
        yield Ailment(
            "backlog",
            f"有 {waiting.count} 条变动未被平台确认，最早的在 {local_text(waiting.oldest)}。",
            "数据安全地保存在本机；检查网络，联通后会自动发送。",
        )
