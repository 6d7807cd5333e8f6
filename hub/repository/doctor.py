"""What is wrong with what is kept: faulty files by name, reading or copying that cannot keep up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.federation.places import HubFolder
from hub.repository.examining import FaultKind
from hub.repository.keeping import COPY_NAMES, MARK, Copy
from hub.repository.models import FileFault, KeptObject
from hub.repository.reinspecting import LONG_AGO, Standing, inspections_of
from hub.repository.second_copy import waiting_count
from shared.kernel.ailment import Ailment
from shared.kernel.clock import local_text, now
from shared.kernel.errors import Invalid, Unavailable

_MOST = 500
_DAY = timedelta(days=1)


def examine(folder: HubFolder, session: Session) -> Iterator[Ailment]:
    """Every faulty file, and what stands still."""
    copies = [Copy.FIRST] + ([Copy.SECOND] if folder.settings.second_store else [])
    faulty = FileFault.copy.in_(copies)
    for each, record_id in session.execute(
        select(FileFault, KeptObject.record_id)
        .outerjoin(KeptObject, KeptObject.place == FileFault.place)
        .where(faulty)
        .order_by(FileFault.found_at, FileFault.id)
        .limit(_MOST)
    ):
        yield _ailment(each, record_id or each.place)
    count = session.scalar(select(func.count()).select_from(FileFault).where(faulty)) or 0
    if count > _MOST:
        yield Ailment(
            "files_faulty",
            f"馆藏里还有 {count - _MOST} 个文件有问题，没有在这里列出。",
            "在“馆藏核验”页面查看全部，或运行 danglian hub fixity --dir … --json",
        )
    yield from _not_passing(session)
    yield from _behind(folder, session)
    if Copy.SECOND in copies:
        yield from _uncopied(session)


def _not_passing(session: Session) -> Iterator[Ailment]:
    """Every record that did not pass its last inspection in keeping, by name."""
    failing = KeptObject.inspection == Standing.FAILED
    for row, code in session.execute(
        select(KeptObject, CatalogueRecord.code)
        .outerjoin(CatalogueRecord, CatalogueRecord.id == KeptObject.record_id)
        .where(failing)
        .order_by(KeptObject.inspected_at)
        .limit(_MOST)
    ):
        last = next(iter(inspections_of(row.place, session=session)), None)
        said = "；".join(last.problems[:3]) if last else ""
        yield Ailment(
            "record_not_passing",
            f"馆藏 {code or row.place} 保存环节的检测不合格：{said}",
            "文件损坏的见馆藏核验；格式打不开的，请转换后登记为新的版本，再运行 "
            f"danglian hub reinspect --dir … --now {row.record_id}",
        )
    count = session.scalar(select(func.count()).select_from(KeptObject).where(failing)) or 0
    if count > _MOST:
        yield Ailment(
            "records_not_passing",
            f"馆藏里还有 {count - _MOST} 件检测不合格，没有在这里列出。",
            "在“馆藏核验”页面查看全部，或运行 danglian hub reinspect --dir … --json",
        )


def _ailment(fault: FileFault, kept: str) -> Ailment:
    where = f"{COPY_NAMES[Copy(fault.copy)]}存储里的 {fault.name} "
    match fault.kind:
        case FaultKind.MISSING:
            return Ailment(
                "file_missing",
                f"{where}不见了。",
                "有完好的另一份时自动修复；没有的，从备份拷回，"
                f"再运行 danglian hub fixity --dir … --now {kept}",
            )
        case FaultKind.SURPLUS:
            return Ailment(
                "file_surplus",
                f"{where}不是收到的文件。",
                "查清来历；不需要的移到一旁（不删除）："
                f"danglian hub fixity --dir … --set-aside {kept}",
            )
        case FaultKind.CONTRADICTS:
            return Ailment(
                "inventory_contradicts",
                f"{where}在清单里的摘要与接收时登记的不同。",
                "保留现场，从备份拷回整个目录的清单，"
                f"再运行 danglian hub fixity --dir … --now {kept}",
            )
        case _:
            return Ailment(
                "file_damaged",
                f"{where}损坏，内容与接收时不同。",
                "有完好的另一份时自动修复；没有的，从备份拷回，"
                f"再运行 danglian hub fixity --dir … --now {kept}",
            )


def _behind(folder: HubFolder, session: Session) -> Iterator[Ailment]:
    every = timedelta(days=folder.settings.fixity_days)
    oldest = session.scalar(
        select(func.min(KeptObject.looked_at)).where(KeptObject.looked_at > LONG_AGO)
    )
    if every and oldest is not None and now() - oldest > every * 1.5 + _DAY:
        yield Ailment(
            "fixity_behind",
            f"馆藏的核验跟不上：最久的从 {local_text(oldest)} 起没有核验过。",
            "确认 danglian hub run --dir … 正在运行；"
            "读得太慢的，把设置项 fixity_mb_per_second 调大。",
        )


def _uncopied(session: Session) -> Iterator[Ailment]:
    count, since = waiting_count(session)
    if since is not None and now() - since > _DAY:
        yield Ailment(
            "second_copy_behind",
            f"馆藏有 {count} 件还没有存入第二份存储，最早的从 {local_text(since)} 起等着。",
            "确认 danglian hub run --dir … 正在运行、第二份存储可用，查看它的日志；"
            "会自动接着复制。",
        )


def examine_second(folder: HubFolder) -> Iterator[Ailment]:
    """Whether the second store answers."""
    try:
        if folder.second_store is not None:
            folder.second_store.exists(MARK)
    except (Unavailable, Invalid) as error:
        yield Ailment(
            "second_store_away",
            f"第二份存储不能用：{error.message}",
            "检查磁盘或存储桶、账号和网络，再运行 danglian hub doctor --dir …；会自动继续。",
        )
