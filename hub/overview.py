"""The overview 总览: how the platform stands, and what waits for whoever looks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import func, null, select
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.query import Filters
from hub.correcting import service as correcting
from hub.correcting.service import Correction
from hub.disposal import service as disposal
from hub.disposal.models import Appraisal
from hub.federation import epochs
from hub.federation import service as federation
from hub.receiving import service as receiving
from hub.receiving.service import Batch
from hub.sharing.registration import service as registration
from hub.sharing.registration.models import Registration
from hub.sharing.resources import service as resources
from hub.sharing.resources.models import Resource
from shared.identity import current_actor
from shared.kernel.actor import Actor, Role
from shared.kernel.reach import within_reach
from shared.records.states import RECORD
from shared.web import current_database

blueprint = Blueprint("overview", __name__, template_folder="templates")

_RECENT_YEARS = 10


def overview_of(actor: Actor, session: Session) -> dict[str, Any]:
    """Figures of the whole platform, as the actor may know them."""
    by_state = catalogue.counted(actor, Filters(), session=session, by=("state",))
    records = {row["state"]: row["records"] for row in by_state}
    by_node: dict[str, int] = {}
    for node in federation.nodes(session):
        by_node[node.state] = by_node.get(node.state, 0) + 1
    hub = federation.hub_of(session)
    return {
        "generation": hub.generation,
        "restore_suspected": hub.restore_suspected,
        "archives": len(federation.archives(session)),
        "fonds": federation.fonds_count(session),
        "nodes": sum(by_node.values()),
        "nodes_by_state": by_node,
        "asking": len(epochs.asking(session)),
        "records": sum(records.values()),
        "records_by_state": records,
        "received": records.get("received", 0),
        "durable": "no_backup",
    }


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The first page after signing in."""
    actor = current_actor()
    with current_database().read() as session:
        years = catalogue.counted(actor, Filters(), session=session, by=("year",))
        return render_template(
            "overview/index.html",
            found=overview_of(actor, session),
            years=sorted(years, key=lambda row: -row["year"])[:_RECENT_YEARS],
            tasks=_tasks(actor, session),
            states=RECORD.states,
            administers=actor.has(Role.SYSTEM_ADMINISTRATOR),
            sees_nodes=actor.has(Role.REVIEWER, Role.ARCHIVIST, Role.SYSTEM_ADMINISTRATOR),
        )


def _tasks(actor: Actor, session: Session) -> list[tuple[str, str, int]]:
    """What waits for this person: endpoint, words, how many."""
    tasks = []
    if actor.has(Role.REVIEWER):
        waiting = receiving.batches_seen_by(actor).where(Batch.state == "under_review")
        tasks.append(("review.index", "批移交等待审核", _count(waiting, session)))
    if actor.has(Role.ARCHIVIST):
        waiting = receiving.batches_within(actor, (Role.ARCHIVIST,), Batch.receiving_archive)
        signed = waiting.where(Batch.state == "signed_by_unit")
        tasks.append(("receiving.index", "批移交等待本馆签字接收", _count(signed, session)))
        asked = correcting.corrections_seen_by(actor).where(Correction.state == "asked")
        tasks.append(("correcting.index", "份更正申请等待答复", _count(asked, session)))
    if actor.has(Role.LEADER):
        lists = disposal.appraisals_seen_by(actor).where(Appraisal.state == "submitted")
        tasks.append(("disposal.index", "份鉴定清册等待批准", _count(lists, session)))
        approvals = resources.resources_seen_by(actor).where(Resource.state == "under_review")
        own = approvals.where(within_reach(actor, (Role.LEADER,), null(), Resource.archive_code))
        tasks.append(("resources.index", "条信息资源等待批准", _count(own, session)))
        services = registration.registrations_seen_by(actor)
        services = services.where(Registration.state == "proposed")
        tasks.append(("registrations.index", "项服务登记等待批准", _count(services, session)))
    if actor.may(Role.SYSTEM_ADMINISTRATOR):
        tasks.append(("nodes.index", "个单位申请恢复联网", len(epochs.asking(session))))
    return [task for task in tasks if task[2]]


def _count(statement: Any, session: Session) -> int:
    return session.scalar(select(func.count()).select_from(statement.subquery())) or 0
