"""The stuck states of nodes, keys, letters, link, store and disk, and what frees each."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from hub.federation import epochs
from hub.federation.assignments import hub_of
from hub.federation.broker import Broker
from hub.federation.contact import clock_difference
from hub.federation.key_roll import check_keys, unfinished_rolls
from hub.federation.letters import FAILED, letters_lost
from hub.federation.management import BrokerRefused
from hub.federation.models import HubKeyRange, Node, NodeState
from hub.federation.own_keys import hub_keys
from hub.federation.places import HubFolder
from shared.audit import AuditWitness, oldest_unsealed, verify_chain
from shared.audit.models import AuditEvent
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.errors import DanglianError, Unavailable
from shared.messaging.links import names_broker
from shared.messaging.models import DeadLetter, OutgoingStream
from shared.storage import ObjectStore

_SILENT = timedelta(days=7)
#: A change that waits for longer, or was refused since, is told; so is a clock that is off by more.
_OLD, _LATELY = timedelta(hours=24), timedelta(days=7)
_CLOCK_OFF_MS = 5 * 60 * 1000
_LEAST_FREE_SHARE, _LEAST_FREE_BYTES = 0.05, 2 * 1024**3


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
    """What does not move by itself between the hub and its nodes; quick enough for a page."""
    suspected = hub_of(session).restore_suspected
    if suspected is not None:
        yield Ailment(
            "restore_suspected",
            f"数据库比各单位收到的回执更旧，已停止收发（{suspected}）。",
            "停止平台，运行 danglian hub recover --dir …，再启动。",
        )
    yield from _of_the_witnesses(session)
    for node in epochs.asking(session):
        yield Ailment(
            "grant_asked",
            f"“{node.name}”的电脑申请恢复：{node.asked_reason or '数据不连续'}",
            f"核实后运行 danglian hub node grant --dir … {node.id}",
        )
    for stream, name in session.execute(
        select(OutgoingStream, Node.name)
        .join(Node, Node.id == OutgoingStream.peer)
        .where(OutgoingStream.unsure.is_(True), OutgoingStream.lost_after.is_not(None))
    ):
        yield Ailment(
            "waiting_for_greeting",
            f"“{name}”在平台恢复后还没有联系过，有 {stream.seq - stream.acked} 条消息等待下发。",
            "请该单位联网（运行 danglian node run --dir …）；联系后自动继续。",
        )
    yield from _of_nodes(session)
    away = [name for name, since in _behind_the_key(session) if now() - since > _SILENT]
    if away:
        yield Ailment(
            "key_not_followed",
            f"{len(away)} 个单位还没有收到平台的新密钥（如“{away[0]}”）。",
            "不用另外处理：这些单位联网（danglian node run --dir …）后自动认可新密钥。",
        )
    yield from _refused_lately(session)
    yield from _letters(session)


def _of_nodes(session: Session) -> Iterator[Ailment]:
    for node in session.scalars(
        select(Node).where(Node.state == NodeState.ENROLLED).order_by(Node.name)
    ):
        silent = node.last_contact is None or now() - node.last_contact > _SILENT
        if silent:
            yield Ailment(
                "silent",
                f"“{node.name}”上次联系：{local_text(node.last_contact) or '从未'}。",
                "请联系该单位检查网络和程序，在那里运行 danglian node doctor --dir …",
            )
        elif node.oldest_waiting is not None and now() - node.oldest_waiting > _OLD:
            yield Ailment(
                "backlog_old",
                f"“{node.name}”有 {node.backlog} 条变动没有送到，"
                f"最早的在 {local_text(node.oldest_waiting)}。",
                "请该单位运行 danglian node doctor --dir … 查看卡在哪里；数据在该单位，不会丢失。",
            )
        if node.clock_offset_ms is not None and abs(node.clock_offset_ms) > _CLOCK_OFF_MS:
            yield Ailment(
                "clock_off",
                f"“{node.name}”的电脑时钟{clock_difference(node)}。",
                "请该单位校准时间（不影响收发）；之后运行 danglian hub node list --dir … 查看。",
            )
        if node.compared_differing:
            yield Ailment(
                "reconcile_differs",
                f"“{node.name}”最近一次核对（{local_text(node.compared_at)}）"
                f"有 {node.compared_differing} 组目录不一致。",
                "该单位会自动补报；请它再核对一次：danglian node reconcile --dir …",
            )


def _refused_lately(session: Session) -> Iterator[Ailment]:
    rows = session.execute(
        select(Node.name, func.count())
        .join(AuditEvent, AuditEvent.subject == "node:" + Node.id)
        .where(AuditEvent.action == "entry.refused", AuditEvent.time > now() - _LATELY)
        .group_by(Node.name)
        .order_by(Node.name)
    )
    for name, count in rows:
        yield Ailment(
            "entries_refused",
            f"最近 7 天没有接受“{name}”的 {count} 条变动，原因见操作日志。",
            "该单位已看到原因：请它改正后重新保存，用 danglian node where --dir … 档号 查看。",
        )


def _letters(session: Session) -> Iterator[Ailment]:
    for name, count in session.execute(
        select(Node.name, func.count())
        .join(DeadLetter, DeadLetter.claimed_sender == Node.id)
        .where(DeadLetter.reason == FAILED)
        .group_by(Node.name)
        .order_by(Node.name)
    ):
        yield Ailment(
            "node_parked",
            f"处理“{name}”的消息时程序出错 {count} 次，已暂缓处理它的消息，过一会儿自动再试。",
            "把运行日志交给维护人员；升级后用 danglian hub letters drop --dir … 编号 销去。",
        )
    letters = session.scalar(
        select(func.count()).select_from(DeadLetter).where(DeadLetter.reason != FAILED)
    )
    if letters:
        lost = letters_lost(session)
        dropped = f"，更早的 {lost} 条因太多已自动丢弃" if lost else ""
        yield Ailment(
            "dead_letters",
            f"有 {letters} 条信封无效的消息{dropped}。",
            "运行 danglian hub letters list --dir … 查看来源和原因，再用 replay 或 drop 处理。",
        )


def _of_the_witnesses(session: Session) -> Iterator[Ailment]:
    """Where an audit log is not what the other side has seen of it."""
    rows = session.execute(
        select(AuditWitness, Node.name)
        .join(Node, Node.id == AuditWitness.party)
        .where(
            or_(AuditWitness.missing_seq.is_not(None), AuditWitness.contradicted_seq.is_not(None))
        )
        .order_by(Node.name)
    )
    for seen, name in rows:
        if seen.missing_seq is not None:
            yield Ailment(
                "audit_missing",
                f"“{name}”见证过平台操作日志的第 {seen.missing_seq} 条，现在没有这一条，或已不同。",
                "刚恢复过备份的属于正常，操作日志已记明缺了哪些；"
                "否则日志被截短或改写过，报告安全审计员。"
                "运行 danglian hub audit export --dir … 导出备查，查明后在“操作日志”页销去。",
            )
        if seen.contradicted_seq is not None:
            yield Ailment(
                "audit_shorter",
                f"“{name}”的操作日志已见证到第 {seen.seq} 条，"
                f"现在却只到第 {seen.contradicted_seq} 条，或已不同。",
                "该单位刚恢复过备份的属于正常；否则报告安全审计员，请他在该单位运行 "
                "danglian node audit export --dir …，查明后在“操作日志”页销去。",
            )


def examine_sealing(folder: HubFolder, session: Session) -> Iterator[Ailment]:
    """Whether what use cases have written is sealed into the log."""
    limit = timedelta(minutes=folder.settings.audit_unsealed_minutes)
    oldest = oldest_unsealed(session)
    if oldest is not None and now() - oldest > limit:
        yield Ailment(
            "audit_unsealed",
            f"操作日志自 {local_text(oldest)} 起没有封存，平台已暂停办理业务。",
            "检查 keys/hub.key 和磁盘，让 danglian hub run --dir … 运行着；仍不行的，运行 "
            "danglian hub audit seal --dir … 查看原因。封存恢复后自动恢复办理。",
        )


def examine_log(session: Session) -> Iterator[Ailment]:
    """Whether the audit log is whole; reads all of it."""
    for problem in verify_chain(session):
        yield Ailment(
            "audit_broken",
            f"审计日志被改动：{problem.message}",
            "停止平台，保留现场，报告安全审计员；查清后恢复备份，运行 danglian hub recover --dir …",
        )


def examine_keys(folder: HubFolder) -> Iterator[Ailment]:
    """Whether `keys/` fits database and store, and every roll-over came to its end."""
    try:
        check_keys(folder)
    except Unavailable:
        return  # the store is away, which is told by itself
    except DanglianError as error:
        yield Ailment(
            "keys_wrong",
            f"keys/ 与平台对不上：{error.message}",
            f"{error.remedy}之后运行 danglian hub keys show --dir … 核对。",
        )
        return
    for name in unfinished_rolls(folder):
        yield Ailment(
            "key_roll_unfinished",
            f"密钥 keys/{name}.key 的更换没有做完。",
            "停下平台，再运行一次 danglian hub keys roll --dir …，或直接启动平台，会接着做完。",
        )


def examine_store(store: ObjectStore) -> Iterator[Ailment]:
    """Whether the object store answers."""
    try:
        store.exists("generation.json")
    except Unavailable as error:
        yield Ailment(
            "store_away",
            f"馆藏存储不能用：{error.message}",
            "检查存储服务、存储桶、账号和网络，再运行 danglian hub doctor --dir …；会自动继续。",
        )


def examine_disk(folder: HubFolder) -> Iterator[Ailment]:
    """Whether the disk of the data folder has room."""
    usage = shutil.disk_usage(folder.path)
    if usage.free < max(_LEAST_FREE_BYTES, usage.total * _LEAST_FREE_SHARE):
        yield Ailment(
            "disk_nearly_full",
            f"数据目录所在的磁盘只剩 {usage.free // 1024**2} MB。",
            "腾出空间或换更大的磁盘，再运行 danglian hub doctor --dir …；写满时只停收，不丢数据。",
        )


def examine_broker(folder: HubFolder) -> Iterator[Ailment]:
    """Whether the broker answers, takes our account, has all that it needs, and is listened to."""
    if not names_broker(folder.settings.link):
        return
    try:
        broker = Broker(folder)
        with folder.database().read() as session:
            accounts = broker.accounts(session)
        missing = broker.missing(accounts)
        unheard = broker.shards_unheard() if not missing else []
        silent = sorted(broker.silent(accounts))
    except Unavailable as error:
        yield Ailment(
            "broker_away",
            f"消息服务器联系不上：{error.message}",
            "启动消息服务器，检查地址、证书和网络，再运行 danglian hub broker declare --dir …",
        )
        return
    except BrokerRefused as error:
        yield Ailment(
            "broker_refuses",
            f"消息服务器不接受平台的账号或要求：{error.message}",
            "改正设置项 broker_user 和 broker_password，再运行 danglian hub broker declare --dir …",
        )
        return
    if missing:
        yield Ailment(
            "broker_incomplete",
            f"消息服务器上缺 {len(missing)} 样东西（如 {missing[0]}）。",
            "运行 danglian hub broker declare --dir …，缺的会建好；缺掉的消息会自动重发。",
        )
    for queue in silent:
        yield Ailment(
            "queue_silent",
            f"消息服务器上的队列 {queue} 没有应答，经它的消息送不到。",
            "让 danglian hub run --dir … 运行着：一两分钟内会自动重建，消息会自动重发。",
        )
    for shard in unheard:
        yield Ailment(
            "shard_unheard",
            f"分片 {shard} 没有进程在收，分在它的单位送不到。",
            "运行 danglian hub run --dir …，或另开 danglian hub work --dir … --shard …",
        )


def open_database(folder: HubFolder) -> Ailment | None:
    """Try the database; what keeps it from being worked with, or None."""
    try:
        with folder.database().read() as session:
            hub_of(session)
    except (Unavailable, SQLAlchemyError) as error:
        said = error.message if isinstance(error, Unavailable) else type(error).__name__
        return Ailment(
            "database_away",
            f"数据库不能用：{said}",
            "启动数据库服务，检查设置项 database、网络和磁盘，再运行 danglian hub doctor --dir …",
        )
    except DanglianError as error:
        return Ailment(
            "database_unfit",
            f"数据库不合用：{error.message}",
            "比程序旧的，备份后运行 danglian hub migrate --dir …；比程序新的，装新版程序。",
        )
    return None
