"""Pages 馆藏核验: how what an archive keeps stands, and every faulty file of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import COUNT_LIMIT, row_for
from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.federation.visibility import Sight, sight
from hub.repository.examining import KIND_NAMES, FaultKind
from hub.repository.keeping import COPY_NAMES, OF_HUB, outside_of
from hub.repository.models import FileFault, KeptEvent, KeptObject
from hub.repository.oversight import (
    KEEPERS,
    ask_for_aside,
    ask_for_inspection,
    ask_for_look,
    faults_in,
    is_faulty,
    is_not_passing,
    object_seen_by,
    objects_seen_by,
    resume_inspection,
    second_copy_state,
    standing,
    stop_inspection,
)
from hub.repository.reinspecting import STANDING_NAMES, inspections_of, period
from hub.repository.versions import EVENT_NAMES, EventKind, events_of
from shared.identity import current_actor, with_roles
from shared.kernel.clock import now
from shared.web import Filter, Listing, current_database

blueprint = Blueprint("fixity", __name__, url_prefix="/fixity", template_folder="templates")

#: The tabs of the list: name, label, and what an empty list says.
TABS = (
    ("faulty", "有问题的", "没有发现问题：读过的文件都与接收时一致。"),
    ("failing", "检测不合格的", "没有不合格的：检测过的都合格，或还没有轮到。"),
    ("all", "全部", "馆藏里还没有档案。接收以后会出现在这里，并定期核验。"),
)
COLOURS = {
    FaultKind.DAMAGED: "red",
    FaultKind.MISSING: "red",
    FaultKind.SURPLUS: "yellow",
    FaultKind.CONTRADICTS: "orange",
}
#: What people call the papers that lie beside records, by the folder of their archive.
PAPER_NAMES = {
    "accessions": "进馆登记",
    "copies": "复制件证明",
    "copy-withdrawals": "复制件证明的撤回",
    "corrections": "更正答复",
    "disposals": "处置清册",
    "evidence": "印章证据",
    "hand-overs": "全宗交接单",
    "receipts": "接收凭证",
    "revocations": "吊销列表、证书状态应答",
    "statuses": "接收时的证书状态",
    "tombstones": "销毁存根",
    "verdicts": "审核结论",
}
#: And what the hub keeps of itself.
OWN_PAPER_NAMES = {
    "audit": "操作日志",
    "generations": "平台恢复登记",
    "keys": "密钥更换文书",
    "registers": "平台登记",
}
OF_HUB_NAME = "平台"
_MOST_HISTORY = 50
NAMES: dict[str, Any] = {"KINDS": KIND_NAMES, "COPIES": COPY_NAMES, "COLOURS": COLOURS}


@blueprint.app_template_global()
def kept_name(kept: KeptObject, code: str | None) -> str:
    """What people call something kept: its archival code, or which paper it is."""
    if kept.record_id is not None:
        return code or "（未编号）"
    if kept.place == outside_of(kept.archive_code):
        return "各件之外的文件"
    if kept.archive_code == OF_HUB:
        return OWN_PAPER_NAMES.get(kept.place.split("/")[1], "平台文书")
    return PAPER_NAMES.get(kept.place.split("/")[2], "文书")


@blueprint.app_template_global()
def second_copy_of(record: CatalogueRecord) -> str | None:
    """For the page of a record: its second copy, in words; None where the hub has no second store.

    Also None before the record is received.
    """
    if not record.received or not current_folder().settings.second_store:
        return None
    query = select(KeptObject).where(
        KeptObject.record_id == record.id, KeptObject.archive_code == record.archive
    )
    with current_database().read() as session:
        return second_copy_state(session.scalar(query))


@blueprint.app_template_global()
def kept_events_of(record: CatalogueRecord) -> Sequence[tuple[str, KeptEvent]]:
    """For the page of a record: what its archive has done with it since, each with its name."""
    if not record.received or sight(current_actor(), record) is not Sight.FULL:
        return ()
    with current_database().read() as session:
        events = events_of(record.id, session=session)
    return [(EVENT_NAMES[EventKind(each.kind)], each) for each in events]


@blueprint.get("/")
@with_roles(*KEEPERS)
def index() -> ResponseReturnValue:
    """What is faulty within the reader's reach, or everything with its last readings."""
    actor = current_actor()
    chosen = next((tab for tab in TABS if tab[0] == request.args.get("tab")), TABS[0])
    with current_database().read() as session:
        archives = {each.code: each.name for each in federation.archives(session)}
        reach = actor.archives(*KEEPERS)
        if reach is None:
            archives[OF_HUB] = OF_HUB_NAME
        mine = {code: name for code, name in archives.items() if reach is None or code in reach}
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": CatalogueRecord.code,
                "looked": KeptObject.looked_at,
                "second": KeptObject.second_looked_at,
                "inspected": KeptObject.inspected_at,
            },
            default_sort="looked",
            search=(CatalogueRecord.code, KeptObject.place),
            filters={"archive": Filter("档案馆", KeptObject.archive_code, mine)}
            if len(mine) > 1
            else {},
        )
        query = objects_seen_by(actor)
        if chosen[0] == "faulty":
            query = query.where(is_faulty())
        if chosen[0] == "failing":
            query = query.where(is_not_passing())
        page = listing.apply(query, session=session, count_limit=COUNT_LIMIT)
        faults = faults_in({kept.place for kept, _record in page.items}, session=session)
        return render_template(
            "fixity/index.html",
            page=page,
            tabs=TABS,
            chosen=chosen,
            archives=archives,
            faulty=Counter(each.place for each in faults),
            standing=standing(
                actor, since=now() - _period() if _period() else None, session=session
            ),
            days=current_folder().settings.fixity_days,
            inspection_days=current_folder().settings.inspection_days if _period() else 0,
            inspection_percent=current_folder().settings.inspection_percent,
            inspections=STANDING_NAMES,
            inspecting={code: name for code, name in mine.items() if code != OF_HUB},
            has_second=bool(current_folder().settings.second_store),
        )


@blueprint.get("/objects/<path:place>")
@with_roles(*KEEPERS)
def show(place: str) -> ResponseReturnValue:
    """One thing that is kept: when each copy was read, and every faulty file."""
    actor = current_actor()
    with current_database().read() as session:
        kept, record = object_seen_by(actor, place, session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"name": FileFault.name, "found": FileFault.found_at},
            default_sort="name",
            search=(FileFault.name,),
            filters={"kind": Filter("情况", FileFault.kind, KIND_NAMES)},
        )
        page = listing.apply(select(FileFault).where(FileFault.place == place), session=session)
        faults = faults_in([place], session=session)
        return render_template(
            "fixity/show.html",
            kept=kept,
            row=row_for(actor, record) if record is not None else None,
            may_look=record is not None and sight(actor, record) is not Sight.COUNTS,
            archive=OF_HUB_NAME
            if kept.archive_code == OF_HUB
            else federation.archive_of(kept.archive_code, session).name,
            page=page,
            surplus=any(each.kind == FaultKind.SURPLUS for each in faults),
            asked=any(each.wish for each in faults),
            has_second=bool(current_folder().settings.second_store),
            history=inspections_of(place, session=session)[:_MOST_HISTORY],
            inspections=STANDING_NAMES,
            inspects=bool(_period()),
            **NAMES,
        )


def _period() -> timedelta:
    """After which time a record is inspected again; zero for never."""
    settings = current_folder().settings
    return period(settings.inspection_days, settings.inspection_percent)


@blueprint.post("/again/<path:place>")
@with_roles(*KEEPERS)
def look_again(place: str) -> ResponseReturnValue:
    """Have it read again at once."""
    with current_database().write() as session:
        ask_for_look(current_actor(), place, session=session)
    flash("正在再核验一次，稍后刷新。", "success")
    return redirect(url_for(".show", place=place))


@blueprint.post("/inspect/<path:place>")
@with_roles(*KEEPERS)
def inspect(place: str) -> ResponseReturnValue:
    """Have one record inspected at the next turn."""
    with current_database().write() as session:
        ask_for_inspection(current_actor(), place, session=session)
    flash("轮到时先检测这一件，稍后刷新。", "success")
    return redirect(url_for(".show", place=place))


@blueprint.post("/inspection/<archive>/<wish>")
@with_roles(*KEEPERS)
def inspection(archive: str, wish: str) -> ResponseReturnValue:
    """Stop the inspection of what an archive keeps, or go on with it."""
    with current_database().write() as session:
        if wish == "stop":
            stop_inspection(current_actor(), archive, session=session)
        else:
            resume_inspection(current_actor(), archive, session=session)
    flash("已停止本馆馆藏的检测。" if wish == "stop" else "继续检测本馆的馆藏。", "success")
    return redirect(url_for(".index"))


@blueprint.post("/aside/<path:place>")
@with_roles(*KEEPERS)
def put_aside(place: str) -> ResponseReturnValue:
    """Have its surplus files put aside."""
    with current_database().write() as session:
        ask_for_aside(current_actor(), place, session=session)
    flash("正在移开多余的文件，稍后刷新。", "success")
    return redirect(url_for(".show", place=place))
