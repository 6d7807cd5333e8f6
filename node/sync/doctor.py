"""Names each stuck state of a node, and the command that frees it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import requests
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from node.custody import service as custody
from node.filing import service as filing
from node.office.models import Office, OfficeState
from node.office.places import NodeFolder
from node.office.service import fonds_here, office_of
from node.sync.questions import hub_url
from node.sync.reconciling import last
from node.sync.waiting import waiting_of
from node.transfer import service as transfer
from shared.audit import oldest_unsealed, require_witness, verify_chain, witnesses
from shared.inspection.decoder import decoder_at
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.errors import DanglianError, Unavailable
from shared.kernel.jobs import Job, JobState

_LONG = timedelta(hours=24)
_CLOCK_OFF_MS = 5 * 60 * 1000
#: An office PC with less than this is about to stop.
_LEAST_FREE_BYTES = 1024**3
_HTTP_SECONDS = 5
#: The commands that go on with a job which failed.
GO_ON = {
    "intake": "import --dir …",
    "transfer": "transfer list --dir …",
    "custody": "hand-over again --dir …",
}
GO_ON_OTHERWISE = "status --dir …"


def examine(session: Session) -> Iterator[Ailment]:
    """Everything in the database of this node that does not move by itself."""
    yield from examine_line(session)
    yield from _of_the_work(session)


def examine_line(session: Session) -> Iterator[Ailment]:
    """How this node stands with the hub; names nothing of what any fonds holds."""
    office = office_of(session)
    yield from _of_the_witnesses(session)
    yield from _of_the_seal(session)
    if office.state == OfficeState.UNENROLLED:
        yield Ailment(
            "unenrolled",
            "本机尚未登记到市级平台，归档数据只在本机。",
            "向市档案馆索取登记码，运行 danglian node enrol --dir … --hub … --code …",
        )
    else:
        yield from _of_the_line(office, session)


def _of_the_line(office: Office, session: Session) -> Iterator[Ailment]:
    if office.waits_for_grant:
        yield Ailment(
            "waiting_for_grant",
            "本机数据与平台不连续，正等待市档案馆确认。",
            "请市档案馆运行 danglian hub node grant --dir … …，或在“联网单位”页面点“确认恢复”。",
        )
    if office.adopting:
        yield Ailment(
            "adopting",
            "正在从市级平台接收本单位的目录，接收完才能定号和移交。",
            "让 danglian node run --dir … 一直运行到接收完；不必另外处理。",
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
            "检查网络，并让 danglian node run --dir … 运行；通道换了的，运行 "
            "danglian node link --dir …；没有网络的，用 U 盘往来："
            "danglian node export-bundle --dir … …",
        )
    if office.clock_offset_ms is not None and abs(office.clock_offset_ms) > _CLOCK_OFF_MS:
        slow = "慢" if office.clock_offset_ms > 0 else "快"
        yield Ailment(
            "clock_off",
            f"本机时钟比平台{slow} {abs(office.clock_offset_ms) // 60_000} 分钟。",
            "校准电脑的日期和时间（不影响收发），再运行 danglian node doctor --dir …",
        )
    waiting = waiting_of(session)
    if waiting.oldest is not None and now() - waiting.oldest > _LONG:
        yield Ailment(
            "backlog",
            f"有 {waiting.count} 条变动未被平台确认，最早的在 {local_text(waiting.oldest)}。",
            "数据安全地保存在本机；检查网络，让 danglian node run --dir … 运行，联通后自动发送。",
        )
    compared = last(session)
    if compared is not None and compared.differing:
        yield Ailment(
            "reconcile_differs",
            f"上次与平台核对，有 {len(compared.differing)} 组目录不一致；"
            f"已自动补报 {compared.told_again} 件。",
            "再核对一次：运行 danglian node reconcile --dir …；仍不一致的，请联系市档案馆。",
        )


def _of_the_work(session: Session) -> Iterator[Ailment]:
    if refused := session.scalar(select(filing.refusals_open())):
        yield Ailment(
            "entries_refused",
            f"有 {refused} 条变动市级平台没有接受。",
            "原因见“到哪了”页面，或运行 danglian node where --dir … 档号；改正后自动重新上报。",
        )
    here = [each.id for each in fonds_here(session)]
    if diverged := len(filing.open_divergences(here, session=session)):
        yield Ailment(
            "diverged",
            f"有 {diverged} 件恢复之后与平台不一致，等待选择一方。",
            "运行 danglian node file divergences --dir … 查看，"
            "再用 danglian node file settle --dir … 选择。",
        )
    since = now() - _LONG
    for batch in transfer.not_uploaded_since(since, session=session):
        yield Ailment(
            "upload_stalled",
            f"移交“{batch.title}”于 {local_text(batch.offered_at)} 提交，文件包还没有传完。",
            "检查网络，让 danglian node run --dir … 运行，会从断点接着传；"
            f"进度见 danglian node transfer show --dir … {batch.id}",
        )
    for hand_over in custody.refused_and_open(session=session):
        yield Ailment(
            "hand_over_refused",
            f"全宗“{hand_over.fonds_name}”的交接：平台没有接受（{hand_over.refused}）。",
            f"改正后再签一次：danglian node hand-over sign --dir … {hand_over.id}",
        )
    for job in session.scalars(select(Job).where(Job.state == JobState.FAILED)):
        again = GO_ON.get(job.kind.partition(".")[0], GO_ON_OTHERWISE)
        yield Ailment(
            "job_failed",
            f"任务“{job.title}”没有完成：{job.problem}",
            f"更正后接着做：danglian node {again}",
        )


def _of_the_witnesses(session: Session) -> Iterator[Ailment]:
    """Where an audit log is not what the other side has seen of it."""
    for seen in witnesses(session):
        if seen.missing_seq is not None:
            yield Ailment(
                "audit_missing",
                f"市级平台见证过本机操作日志的第 {seen.missing_seq} 条，现在没有这一条，或已不同。",
                "刚恢复过备份的属于正常，操作日志已记明缺了哪些；"
                "否则日志被截短或改写过，报告安全审计员。"
                "运行 danglian node audit export --dir … 导出备查，查明后在“操作日志”页销去。",
            )


def _of_the_seal(session: Session) -> Iterator[Ailment]:
    """Whether what was done here is sealed into the log, and the hub has kept its end."""
    oldest = oldest_unsealed(session)
    if oldest is not None and now() - oldest > _LONG:
        yield Ailment(
            "audit_unsealed",
            f"操作日志自 {local_text(oldest)} 起没有封存。",
            "检查 keys/device.key 和磁盘，让 danglian node run --dir … 运行着；仍不行的，运行 "
            "danglian node audit seal --dir … 查看原因。",
        )
    try:
        require_witness(session)
    except Unavailable:
        yield Ailment(
            "audit_not_witnessed",
            "本机的操作日志联网已久仍未得到市级平台见证，移交和导出暂停。",
            "让 danglian node run --dir … 保持联网；一天后仍不行的，把情况告诉市档案馆。",
        )


def examine_log(session: Session) -> Iterator[Ailment]:
    """Whether the audit log is whole; reads all of it."""
    for problem in verify_chain(session):
        yield Ailment(
            "audit_broken",
            f"审计日志被改动：{problem.message}",
            "请保留现场，报告安全审计员；查清后恢复备份，运行 danglian node recover --dir …",
        )


def examine_folder(folder: NodeFolder) -> Iterator[Ailment]:
    """Everything about this node: database and its copies, disk, hub, and what `examine` finds.

    Raises NotFound when this is no node's folder.
    """
    yield from _of_the_decoder(folder.settings.media_decoder)
    yield from _of_the_disk(folder.path)
    damaged = list(_damaged(folder.path))
    yield from damaged
    if any(each.code == "database_damaged" for each in damaged):
        return
    try:
        database = folder.database()
    except (DanglianError, SQLAlchemyError) as error:
        said = error.message if isinstance(error, DanglianError) else type(error).__name__
        yield Ailment(
            "database_unfit",
            f"数据库不能用：{said}",
            "安装新版程序（比程序新时），或检查磁盘；之后运行 danglian node doctor --dir …",
        )
        return
    with database.read() as session:
        yield from examine(session)
        yield from examine_log(session)
        office = office_of(session)
    if office.node_id is not None:
        yield from _of_the_hub(hub_url(folder, office))


def _of_the_decoder(path: str) -> Iterator[Ailment]:
    decoder = decoder_at(path)
    if decoder is not None and not decoder.version:
        yield Ailment(
            "decoder_away",
            f"音像解码程序 {path} 不能运行：{decoder.problem}。音像文件须人工播放。",
            "安装 ffmpeg，检查设置项 media_decoder，再运行 danglian node doctor --dir …",
        )


def _of_the_disk(path: Path) -> Iterator[Ailment]:
    free = shutil.disk_usage(path).free
    if free < _LEAST_FREE_BYTES:
        yield Ailment(
            "disk_nearly_full",
            f"数据目录所在的磁盘只剩 {free // 1024**2} MB。",
            "删去不用的文件或换更大的磁盘，再运行 danglian node doctor --dir …",
        )


def _damaged(path: Path) -> Iterator[Ailment]:
    """SQLite's own quick check of the database, and of the copies from before an upgrade."""
    for file in sorted(path.glob("node*.sqlite")):
        said = _quick_check(file)
        if said == "ok":
            continue
        if file.name == "node.sqlite":
            yield Ailment(
                "database_damaged",
                f"数据库已损坏：{said}",
                "停下程序，恢复备份，再运行 danglian node recover --dir …；平台有的会自动补回。",
            )
        else:
            yield Ailment(
                "copy_damaged",
                f"升级前的副本 {file.name} 已损坏：{said}",
                "副本不能再用来退回旧版，可以删去；现在的数据库见 danglian node status --dir …",
            )


def _quick_check(file: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=10)) as plain:
            return str(plain.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)


def _of_the_hub(url: str) -> Iterator[Ailment]:
    try:
        answer = requests.get(f"{url}/health", timeout=_HTTP_SECONDS)
        answer.raise_for_status()
    except requests.RequestException as error:
        yield Ailment(
            "hub_unreachable",
            f"市级平台的网页地址 {url} 连不上（{type(error).__name__}）。",
            "检查网络；地址变了的，改设置项 hub_url，再运行 danglian node link --dir …",
        )
