"""The page 联网: how this node stands with the hub, and whether both hold the same."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import SEEING, fonds_seen
from node.office.models import STATE_LABELS, OfficeState
from node.office.rules import versions_in_force
from node.office.service import office_of
from node.registry.edge import current_folder
from node.sync import reconciling
from node.sync.doctor import examine, examine_line
from node.sync.models import Reconciliation
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.messaging.models import OutgoingStream
from shared.web import Filter, Listing, current_database

blueprint = Blueprint("sync", __name__, url_prefix="/sync", template_folder="templates")

_RESULTS = {"waiting": "等待答复", "same": "一致", "differing": "不一致"}


@blueprint.get("/")
@with_roles(*SEEING, Role.SYSTEM_ADMINISTRATOR)
def index() -> str:
    """The state of the line, what waits, the last comparisons, and what is stuck.

    What is stuck names batches and jobs of every fonds: it is for who may see them all.
    """
    actor = current_actor()
    with current_database().read() as session:
        sees_all = actor.fonds(*SEEING, Role.SYSTEM_ADMINISTRATOR) is None
        office = office_of(session)
        newest = reconciling.last(session)
        page = Listing.from_request(
            request.args,
            sorts={"asked": Reconciliation.asked_at},
            default_sort="-asked",
            filters={"result": Filter("结果", choices=_RESULTS, apply=_with_result)},
        ).apply(select(Reconciliation), session=session)
        hours = current_folder().settings.reconcile_hours
        return render_template(
            "sync/index.html",
            office=office,
            state=STATE_LABELS[OfficeState(office.state)],
            stream=session.get(OutgoingStream, office.hub_id) if office.hub_id else None,
            rules=versions_in_force(session),
            page=page,
            names={(each.epoch, each.seq): _names(each, session) for each in page.items},
            newest=newest,
            hours=hours,
            next_at=reconciling.due_at(newest, hours) if newest and hours > 0 else None,
            findings=list((examine if sees_all else examine_line)(session)),
            administers=actor.has(Role.SYSTEM_ADMINISTRATOR),
            may_carry=office.hub_id and actor.has(Role.CLERK, Role.SYSTEM_ADMINISTRATOR),
            may_ask=office.has_grant and actor.has(Role.CLERK, Role.SYSTEM_ADMINISTRATOR),
        )


def _with_result(statement: Any, value: str) -> Any:
    if value == "waiting":
        return statement.where(Reconciliation.answered_at.is_(None))
    differs = Reconciliation.differing != []
    answered = statement.where(Reconciliation.answered_at.is_not(None))
    return answered.where(differs if value == "differing" else ~differs)


def _names(comparison: Reconciliation, session: Session) -> list[str]:
    """What differed, in words; of fonds that the reader does not see just that there is one."""
    names = {each.id: each.name for each in fonds_seen(current_actor(), session=session)}
    pairs = [str(each).partition("/") for each in comparison.differing]
    return [f"{names.get(fonds, '其他全宗')} {year}年度" for fonds, _, year in pairs]


@blueprint.post("/reconcile")
@with_roles(Role.CLERK, Role.SYSTEM_ADMINISTRATOR)
def reconcile() -> ResponseReturnValue:
    """Ask the hub to compare now."""
    with current_database().write() as session:
        reconciling.ask(current_actor(), session=session)
    flash("已发出核对。联网时几分钟内就有结果，请稍后刷新本页。", "success")
    return redirect(url_for(".index"))
