"""The home page 工作台: how much of what there is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from node.filing import service as filing
from node.filing.models import ClosedClass
from node.filing.pages import NAMES, SEEING, fonds_names
from node.office.models import STATE_LABELS, OfficeState
from node.office.service import office_of
from node.registry import service as registry
from shared.identity import current_actor
from shared.kernel.actor import Role
from shared.records.states import DOCUMENT
from shared.web import current_database

blueprint = Blueprint("desk", __name__, template_folder="templates")


@dataclass(frozen=True)
class Task:
    """Something that waits: how many, of what, and where to go."""

    count: int
    text: str
    url: str
    colour: str = "blue"


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """The home page; of the three administrators that is the page of accounts."""
    if not current_actor().has(*SEEING):
        return redirect(url_for("accounts.index"))
    with current_database().read() as session:
        actor = current_actor()
        seen = filing.ids_seen(actor, session=session)
        records_seen = filing.records_seen(actor, session=session)
        # What waits is asked of the fonds that are written here: nobody can do it in a mirror.
        written = list(fonds_names(session, *SEEING))
        here = filing.records_seen(actor, written=True, session=session)
        classes = filing.classes_seen(actor, ClosedClass, written=True, session=session)
        documents = registry.counts_by_state(seen, session=session)
        records = filing.counts_by_state(records_seen, session=session)
        unfinished = registry.counts_by_state(written, session=session)
        drafts = filing.counts_by_state(here, session=session)
        said = filing.open_objection_counts(here, session=session)
        closed = {
            (each.fonds_id, each.class_code, each.year)
            for each in filing.closed_classes(classes, session=session)
        }
        waiting = filing.open_classes(here, session=session)
        to_close = [each for each in waiting if each[:3] not in closed]
        late = sum(each[3] for each in waiting if each[:3] in closed)
        diverged = len(filing.open_divergences(here, session=session))
        office = office_of(session)
        names = fonds_names(session, in_part=True)
        is_clerk = bool(fonds_names(session, Role.CLERK, in_part=True))
        registers = bool(fonds_names(session, Role.CLERK))
    index = "filing.index"
    tasks = [
        Task(diverged, "件与市级平台不一致，请核对", url_for("filing.divergences"), "red"),
        Task(
            said.get("returned", 0),
            "件被档案馆退回，请按意见修改",
            url_for(index, about="returned"),
            "red",
        ),
        Task(
            said.get("refused", 0),
            "件平台没有接受，请查看原因",
            url_for(index, about="refused"),
            "red",
        ),
        Task(
            unfinished.get("registered", 0),
            "份文件已登记，等待交办",
            url_for("registry.index", state="registered"),
        ),
        Task(
            unfinished.get("in_hand", 0),
            "份文件在办，还没有办结",
            url_for("registry.index", state="in_hand"),
        ),
        Task(
            unfinished.get("closed", 0),
            "份办结文件等待决定是否归档",
            url_for("registry.index", state="closed"),
        ),
        Task(
            drafts.get("collected", 0),
            "件待整理，请设定年度和保管期限",
            url_for(index, state="collected"),
        ),
        Task(late, "件可以补充归档", url_for(index, state="arranging")),
        Task(len(to_close), "个门类年度整理好了就可以定号", url_for("filing.classes"), "green"),
    ]
    return render_template(
        "filing/desk.html",
        tasks=[task for task in tasks if task.count],
        documents=documents,
        records=records,
        document_states=DOCUMENT.states,
        office=office,
        office_state=STATE_LABELS[OfficeState(office.state)],
        fonds=names,
        is_clerk=is_clerk,
        registers=registers,
        **NAMES,
    )
