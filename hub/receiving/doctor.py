"""The stuck states of receiving: batches that do not arrive, are not checked, are not finished."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.places import HubFolder
from hub.receiving.models import Batch, Offer, OfferState, Receipt, Upload
from hub.receiving.stamping import count_stamps, first_end, oldest_unstamped
from hub.receiving.uploads import GRANT_LASTS
from shared.inspection.decoder import decoder_at
from shared.inspection.scanner import Scanner
from shared.inspection.scheme import Occasion, load_scheme
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.errors import Unavailable
from shared.verifier.certificates import RevocationList

_MOST_NAMED = 100
#: The hub renews stamps three months before; one month before, a person must look.
_ENDING = timedelta(days=30)
#: What the hub does by itself takes minutes; what a node sends may take a working day.
_SOON, _DAY = timedelta(hours=1), timedelta(hours=24)


def examine(session: Session) -> Iterator[Ailment]:
    """Everything in receiving that does not move by itself."""
    yield from _arriving(session)
    yield from _uploads(session)
    yield from _checking(session)
    yield from _receiving(session)
    yield from _left_out(session)


def _left_out(session: Session) -> Iterator[Ailment]:
    """What a rebuild has left out of received batches, because it is damaged."""
    query = (
        select(Offer)
        .join(Batch, Batch.id == Offer.batch_id)
        .where(Batch.incomplete, Offer.state == OfferState.RECEIVED, Offer.ready.is_(False))
        .order_by(Offer.batch_id, Offer.code)
    )
    for offer in session.scalars(query.limit(_MOST_NAMED)):
        yield Ailment(
            "record_left_out",
            f"{offer.code or offer.record_id} 已接收，但重建时它的馆藏对象已损坏，没有补回。",
            "从另一份备份拷回它在馆藏里的目录，停下平台，运行 danglian hub recover --dir …",
        )


def examine_stamps(folder: HubFolder, session: Session) -> Iterator[Ailment]:
    """Receipts that get no time stamp, or whose stamp ends without a newer one."""
    since = oldest_unstamped(session) if folder.settings.stamp_url else None
    if since is not None and now() - since > _SOON:
        yield Ailment(
            "stamps_waiting",
            f"有接收凭证从 {local_text(since)} 起等待时间戳，共"
            f" {count_stamps(session).waiting} 份；接收不受影响。",
            "检查时间戳服务、网络和设置项 stamp_url、stamp_authorities，再运行"
            " danglian hub stamps --dir …；恢复后自动补盖。",
        )
    ends_at = first_end(session)
    if ends_at is not None and ends_at - now() < _ENDING:
        yield Ailment(
            "stamps_ending",
            f"有接收凭证的时间戳到 {local_text(ends_at)} 就不能再单独作证，还没有续盖。",
            "请时间戳服务换用新证书，或把设置项 stamp_url 改为另一家，再运行"
            " danglian hub stamps --dir … --renew。",
        )


def examine_seals(folder: HubFolder) -> Iterator[Ailment]:
    """Authorities for seals that cannot be read, and lists after which a newer one was due."""
    authorities = folder.seal_authorities
    if authorities is None:
        return
    for path in authorities.unreadable():
        yield Ailment(
            "seal_authorities_unreadable",
            f"印章证书目录里的 {path} 读不出证书或吊销列表，没有用到。",
            "换成 PEM 或 DER 格式的文件，或拿走，再运行 danglian hub doctor --dir …。",
        )
    lists = (each for each in authorities.current().revoked if isinstance(each, RevocationList))
    due = [end for each in lists if (end := each.dates[1]) and end < now()]
    if due:
        yield Ailment(
            "revocations_old",
            f"有 {len(due)} 份吊销列表已过期，最早的 {local_text(min(due))} 就该换新的了，"
            "查不到此后吊销的印章证书。",
            "从签发机构下载新的吊销列表，放进设置项 seal_authorities 的目录下的 revoked，"
            "再运行 danglian hub doctor --dir …。",
        )


def examine_scanner(folder: HubFolder) -> Iterator[Ailment]:
    """A virus scanner that does not answer, or whose definitions are too old. Asks it."""
    if folder.clamd is None:
        return
    try:
        yield from old_definitions(folder.clamd.scanner())
    except Unavailable as error:
        yield Ailment(
            "scanner_away",
            error.message,
            "启动 clamd，检查设置项 clamd，再运行 danglian hub doctor --dir …；恢复后自动继续。",
        )


def examine_decoder(folder: HubFolder) -> Iterator[Ailment]:
    """A decoder of sound and film that is set up, and cannot be started."""
    decoder = decoder_at(folder.settings.media_decoder)
    if decoder is not None and not decoder.version:
        yield Ailment(
            "decoder_away",
            f"音像解码程序 {decoder.path} 不能运行：{decoder.problem}。音像文件须人工播放。",
            "安装 ffmpeg，检查设置项 media_decoder，再运行 danglian hub doctor --dir …。",
        )


def old_definitions(scanner: Scanner) -> Iterator[Ailment]:
    """Definitions that are older than the scheme allows (DA/T 70-2018, 4-1), or bear no date."""
    if scanner.made_at is None:
        yield Ailment(
            "definitions_undated",
            f"杀毒软件 {scanner.name} 没有说明病毒库的日期。",
            "换用带日期的官方病毒库（freshclam），再运行 danglian hub doctor --dir …。",
        )
        return
    days = load_scheme().item("4-1", Occasion.RECEIVING).parameters["days"]
    if now() - scanner.made_at > timedelta(days=days):
        yield Ailment(
            "definitions_old",
            f"病毒库是 {local_text(scanner.made_at)} 的，超过 {days} 天没有更新。",
            "运行 freshclam 更新病毒库，检查定时任务和网络，再运行 danglian hub doctor --dir …。",
        )


def _arriving(session: Session) -> Iterator[Ailment]:
    rows = session.execute(
        select(Batch, func.count(Offer.id).filter(Offer.arrived.is_(False)))
        .join(Offer, Offer.batch_id == Batch.id)
        .where(Batch.state == "arriving", Batch.arrived_at < now() - _DAY)
        .group_by(Batch.id)
        .order_by(Batch.arrived_at)
    )
    for batch, lacking in rows:
        node = federation.node_of(batch.node_id, session)
        yield Ailment(
            "batch_arriving",
            f"“{node.name}”的移交“{batch.title or batch.batch_id}”从"
            f" {local_text(batch.arrived_at)} 起没有收齐，缺 {lacking} 个文件包。",
            "请该单位联网，并在那里运行 danglian node doctor --dir … 查看；不要的可以撤回。",
        )


def _uploads(session: Session) -> Iterator[Ailment]:
    """A node asks for its grant anew at least every hour, while it sends."""
    rows = session.execute(
        select(Upload.node_id, func.count(), func.max(Upload.expires_at))
        .join(Offer, Offer.id == Upload.id)
        .where(Offer.arrived.is_(False), Offer.state == OfferState.OPEN)
        .group_by(Upload.node_id)
        .having(func.max(Upload.expires_at) < now() - _DAY + GRANT_LASTS)
    )
    for node_id, count, expires_at in rows:
        node = federation.node_of(node_id, session)
        yield Ailment(
            "upload_stalled",
            f"“{node.name}”有 {count} 个文件包传了一半，"
            f"{local_text(expires_at - GRANT_LASTS)} 以后没有再传。",
            "请该单位联网并运行 danglian node run --dir …；会从断点接着传。",
        )


def _checking(session: Session) -> Iterator[Ailment]:
    rows = session.execute(
        select(Batch, func.max(Offer.checked_at))
        .join(Offer, Offer.batch_id == Batch.id)
        .where(Batch.state == "checking")
        .group_by(Batch.id)
        .order_by(Batch.arrived_at)
    )
    for batch, last in rows:
        since = last or batch.arrived_at
        if now() - since > _SOON:
            yield Ailment(
                "checking_long",
                f"移交“{batch.title}”在检验中（{batch.checked}/{batch.count} 件），"
                f"{local_text(since)} 以后没有进展。",
                "确认 danglian hub run --dir … 正在运行，并查看它的日志；恢复后自动接着检验。",
            )


def _receiving(session: Session) -> Iterator[Ailment]:
    rows = session.execute(
        select(Batch, Receipt.made_at)
        .join(Receipt, Receipt.batch_id == Batch.id)
        .where(Batch.state == "receiving", Receipt.made_at < now() - _SOON)
        .order_by(Receipt.made_at)
    )
    for batch, signed_at in rows:
        yield Ailment(
            "receipt_unfinished",
            f"移交“{batch.title}”已于 {local_text(signed_at)} 签字接收，入库还没有做完。",
            "检查馆藏存储，确认 danglian hub run --dir … 正在运行，查看它的日志；会自动接着做。",
        )
