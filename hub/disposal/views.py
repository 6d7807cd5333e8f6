"""Pages 鉴定处置: what is due, the lists and who must act on them next, what was destroyed."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, null, or_, select
from sqlalchemy.orm import Session

from hub.catalogue.models import CatalogueRecord
from hub.catalogue.query import COUNT_LIMIT, containing, row_for
from hub.disposal import service as disposal
from hub.disposal.holds import holds_on, lift_hold, place_hold
from hub.disposal.models import Appraisal, AppraisalLine, Hold
from hub.disposal.proposing import due
from hub.disposal.service import DRAWING, PEOPLE
from hub.federation import service as federation
from hub.repository.models import DisposalList, Tombstone
from hub.repository.tombstones import SEAL, tombstone_of
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import NotFound
from shared.kernel.reach import within_reach
from shared.packaging.disposal_pdf import list_pdf
from shared.records.retention import OPINION_NAMES, Opinion, retention_name, retention_periods
from shared.records.states import APPRAISAL
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import PDF, download

blueprint = Blueprint("disposal", __name__, url_prefix="/disposal", template_folder="templates")

#: The tabs of the list: name, label, states, and what an empty list says.
TABS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    (
        "open",
        "办理中",
        ("drawing", "submitted", "approved", "executing"),
        "没有正在办理的鉴定清册。到“期限届满”里选择档案，拟一份清册。",
    ),
    ("ended", "已办结", ("done", "called_off"), "还没有办结的鉴定清册。"),
)
COLOURS = {
    "drawing": "secondary",
    "submitted": "yellow",
    "approved": "orange",
    "executing": "blue",
    "done": "green",
    "called_off": "secondary",
}
NAMES: dict[str, Any] = {
    "STATES": APPRAISAL.states,
    "COLOURS": COLOURS,
    "OPINIONS": OPINION_NAMES,
    "OPINION_COLOURS": {"destroy": "red", "extend": "green", "raise": "green"},
}


@blueprint.app_template_global()
def tombstone_for(record: CatalogueRecord) -> Tombstone | None:
    """For the page of a record, which its reader may see: what stays when it was destroyed."""
    with current_database().read() as session:
        return tombstone_of(record.id, session=session)


@blueprint.app_template_global()
def hold_on(record: CatalogueRecord) -> Hold | None:
    """For the page of a record: the hold that it is under, for the people of its archive."""
    if record.archive is None or not current_actor().may(
        *PEOPLE, archive=record.archive, **record.scope
    ):
        return None
    with current_database().read() as session:
        return holds_on([record.id], session=session).get(record.id)


@blueprint.app_template_global()
def may_hold(record: CatalogueRecord) -> bool:
    """For the page of a record: whether the reader may keep it from being destroyed."""
    return (
        record.archive is not None
        and record.state != "disposed"
        and current_actor().may(*DRAWING, Role.LEADER, archive=record.archive, **record.scope)
    )


@blueprint.get("/")
@with_roles(*PEOPLE)
def index() -> ResponseReturnValue:
    """The appraisals of the reader's archives."""
    chosen = next((tab for tab in TABS if tab[0] == request.args.get("tab")), TABS[0])
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"title": Appraisal.title, "begun": Appraisal.begun_at},
            default_sort="-begun",
            search=(Appraisal.title,),
            filters={
                "state": Filter(
                    "状态", Appraisal.state, {each: APPRAISAL.states[each] for each in chosen[2]}
                )
            },
        )
        query = disposal.appraisals_seen_by(current_actor())
        page = listing.apply(query.where(Appraisal.state.in_(chosen[2])), session=session)
        counts = {each.id: disposal.count_lines(each.id, session=session) for each in page.items}
        return render_template(
            "disposal/index.html",
            page=page,
            tabs=TABS,
            chosen=chosen[0],
            empty=chosen[3],
            counts=counts,
            archives={each.code: each.name for each in federation.archives(session)},
            may_begin=current_actor().has(*DRAWING),
            **NAMES,
        )


@blueprint.get("/lists")
@with_roles(*PEOPLE)
def lists() -> ResponseReturnValue:
    """The sealed decision lists: these stay, whatever becomes of the appraisals."""
    with current_database().read() as session:
        listing = Listing.from_request(
            request.args,
            sorts={"title": DisposalList.title, "at": DisposalList.at},
            default_sort="-at",
            search=(DisposalList.title,),
        )
        page = listing.apply(_lists_seen(), session=session)
        return render_template("disposal/lists.html", page=page, tabs=TABS, **NAMES)


def _lists_seen() -> Select[DisposalList]:
    return select(DisposalList).where(
        within_reach(current_actor(), PEOPLE, null(), DisposalList.archive_code)
    )


@blueprint.get("/lists/<list_id>")
@with_roles(*PEOPLE)
def sealed_list(list_id: str) -> ResponseReturnValue:
    """A sealed decision list, as it stands in the repository."""
    with current_database().read() as session:
        found = _sealed(list_id, session)
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": lambda line: line["code"] or "",
                "opinion": lambda line: line["opinion"],
            },
            default_sort="code",
            search=lambda rows, text: [
                row for row in rows if text in row["title"] or text in (row["code"] or "")
            ],
        )
        page = listing.apply_to(found.document["lines"])
        return render_template("disposal/list.html", found=found, page=page, **NAMES)


@blueprint.get("/lists/<list_id>/pdf")
@with_roles(*PEOPLE)
def print_list(list_id: str) -> ResponseReturnValue:
    """The list as PDF."""
    with current_database().read() as session:
        document = _sealed(list_id, session).document
    name = f"处置清册-{list_id[-6:]}.pdf"
    content = list_pdf(document, document[SEAL], keeper=document["archive_name"])
    return download(content, name, PDF, inline="save" not in request.args)


def _sealed(list_id: str, session: Session) -> DisposalList:
    found = session.scalar(_lists_seen().where(DisposalList.id == list_id))
    if found is None:
        raise NotFound("没有这份处置清册。", "请回到清册列表重新查看。")
    return found


def _archive_choices(session: Session) -> list[tuple[str, str]]:
    """The archives that the reader appraises for."""
    mine = current_actor().archives(*DRAWING)
    return [
        (each.code, each.name)
        for each in federation.archives(session)
        if mine is None or each.code in mine
    ]


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(*DRAWING)
def new() -> ResponseReturnValue:
    """What is due, to be narrowed to what goes on one list."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                made = disposal.begin(
                    current_actor(), form["archive"], form["title"], form.all("record"),
                    session=session,
                )  # fmt: skip
                appraisal_id = made.id
            flash("已拟制清册，请逐件写明鉴定意见。", "success")
            return redirect(url_for(".show", appraisal_id=appraisal_id))
    with current_database().read() as session:
        archives = _archive_choices(session)
        archive = form["archive"] or request.args.get("archive") or next(iter(archives), ("",))[0]
        if archive not in dict(archives):
            raise NotFound("没有这个档案馆，或不由您负责。", "请从列表选择。")
        listing = _due_listing(archive, session)
        page = listing.apply(due(archive), session=session, count_limit=COUNT_LIMIT)
        rows = {each.id: row_for(current_actor(), each) for each in page.items}
        return form.answer(
            "disposal/new.html",
            page=page,
            rows=rows,
            archive=archive,
            archives=archives,
            ticked=form.all("record"),
            fonds=federation.fonds_named({each.fonds_id for each in page.items}, session),
            **NAMES,
        )


def _due_listing(archive: str, session: Session) -> Listing:
    actor = current_actor()
    ids = session.scalars(
        due(archive).with_only_columns(CatalogueRecord.fonds_id).distinct().limit(300)
    ).all()
    fonds = federation.fonds_named(ids, session)
    return Listing.from_request(
        request.args,
        sorts={"code": CatalogueRecord.code, "year": CatalogueRecord.year},
        default_sort="code",
        search=lambda statement, text: containing(actor, statement, text),
        filters={
            "fonds": Filter(
                "全宗", CatalogueRecord.fonds_id, {each.id: each.name for each in fonds.values()}
            ),
            "retention": Filter(
                "保管期限",
                CatalogueRecord.retention,
                [(each.code, each.name) for each in retention_periods() if each.years],
            ),
        },
    )


@blueprint.get("/<appraisal_id>")
@with_roles(*PEOPLE)
def show(appraisal_id: str) -> ResponseReturnValue:
    """One appraisal with its lines, and what may be done with it now."""
    return _page(appraisal_id, Form(request.form))


def _page(appraisal_id: str, form: Form) -> ResponseReturnValue:
    actor = current_actor()
    with current_database().read() as session:
        appraisal = disposal.appraisal_seen_by(actor, appraisal_id, session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"code": AppraisalLine.code, "year": AppraisalLine.year},
            default_sort="code",
            search=lambda statement, text: statement.where(
                or_(AppraisalLine.code.contains(text, autoescape=True),
                    AppraisalLine.title.contains(text, autoescape=True))
            ),
            filters={"opinion": Filter("意见", AppraisalLine.opinion, OPINION_NAMES)},
        )  # fmt: skip
        query = select(AppraisalLine).where(AppraisalLine.appraisal_id == appraisal.id)
        page = listing.apply(query, session=session)
        people = [appraisal.drawn, appraisal.approved or {}, *appraisal.witnesses]
        is_other = all(each.get("id") != actor.id for each in people)
        archive = appraisal.archive_code
        may = {
            verb
            for verb, roles in (
                ("draw", DRAWING),
                ("submit", DRAWING),
                ("return", (Role.LEADER,)),
                ("approve", (Role.LEADER,)),
                ("witness", PEOPLE),
                ("call_off", (*DRAWING, Role.LEADER)),
            )
            if APPRAISAL.may(verb, appraisal.state) and actor.may(*roles, archive=archive)
        }
        if not is_other:
            may -= {"approve", "witness"}
        return form.answer(
            "disposal/show.html",
            appraisal=appraisal,
            archive=federation.archive_of(archive, session).name,
            page=page,
            may=may,
            counts={
                OPINION_NAMES[each]: disposal.count_lines(appraisal.id, each, session=session)
                for each in Opinion
            },
            total=disposal.count_lines(appraisal.id, session=session),
            is_sealed=session.get(DisposalList, appraisal.id) is not None,
            longer=[(each.code, each.name) for each in retention_periods() if each.kind == "term"],
            retention_name=retention_name,
            **NAMES,
        )


@blueprint.post("/<appraisal_id>/judge")
@with_roles(*DRAWING)
def judge(appraisal_id: str) -> ResponseReturnValue:
    """Write the opinion on the chosen lines, or take them off."""
    form = Form(request.form)
    with form.catching():
        with current_database().write() as session:
            actor, chosen = current_actor(), form.all("line")
            if form["do"] == "remove":
                count = disposal.remove_lines(actor, appraisal_id, chosen, session=session)
                said = f"已移去 {count} 件。"
            else:
                count = disposal.judge(
                    actor, appraisal_id, chosen, form["opinion"], form["reason"],
                    longer=form.get("longer"), session=session,
                )  # fmt: skip
                said = f"已写明 {count} 件的意见。"
        flash(said, "success")
        return redirect(url_for(".show", appraisal_id=appraisal_id))
    return _page(appraisal_id, form)


@blueprint.post("/<appraisal_id>/<verb>")
@with_roles(*PEOPLE)
def move(appraisal_id: str, verb: str) -> ResponseReturnValue:
    """Submit, send back, approve, watch, call off."""
    reason = request.form.get("reason", "")
    with current_database().write() as session:
        actor = current_actor()
        match verb:
            case "submit":
                disposal.submit(actor, appraisal_id, session=session)
            case "return":
                disposal.send_back(actor, appraisal_id, reason, session=session)
            case "approve":
                disposal.approve(actor, appraisal_id, session=session)
            case "witness":
                disposal.witness(actor, appraisal_id, session=session)
            case "call_off":
                disposal.call_off(actor, appraisal_id, reason, session=session)
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(f"已{APPRAISAL.verb_label(verb)}。", "success")
    return redirect(url_for(".show", appraisal_id=appraisal_id))


@blueprint.post("/holds/<record_id>")
@with_roles(*DRAWING, Role.LEADER)
def hold(record_id: str) -> ResponseReturnValue:
    """Keep a record from being destroyed, or let that end."""
    with current_database().write() as session:
        if request.form.get("do") == "lift":
            lift_hold(current_actor(), record_id, session=session)
        else:
            reason = request.form.get("reason", "")
            place_hold(current_actor(), record_id, reason, session=session)
    return redirect(url_for("catalogue.show", record_id=record_id))
