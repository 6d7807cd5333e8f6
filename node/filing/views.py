"""Pages of filing: the list, one record, and what a clerk changes there."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import or_
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.arranging_views import arrange_ticked
from node.filing.models import Objection
from node.filing.pages import (
    CLASSES,
    NAMES,
    RETENTIONS,
    SEEING,
    back,
    blueprint,
    classes_of,
    fonds_names,
    record_for_form,
)
from node.filing.record_lists import files_in, history_of, items_in
from node.office.service import fonds_of, may_write
from node.registry import service as registry
from node.registry.edge import (
    MOST_UPLOAD,
    chosen_files,
    current_folder,
    refuse_early,
)
from node.registry.files import Keeping
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import WrongState
from shared.records.record import LEVEL_NAMES
from shared.records.security import says_declassified
from shared.records.states import DRAFT_STATES, OPEN_STATES, RECORD
from shared.web import Filter, Form, Listing, accepts_upload, current_database

Record = filing.Record
_ABOUT = {"returned": "档案馆退回的", "refused": "平台没有接受的"}
_SEARCHED = (Record.title, Record.code, Record.doc_no, Record.author)


def words(statement: Any, text: str) -> Any:
    """The records in which every word of a search occurs."""
    for word in text.split():
        statement = statement.where(
            or_(*(column.icontains(word, autoescape=True) for column in _SEARCHED))
        )
    return statement


def record_listing(session: Session) -> Listing:
    """What the request asks of the list of records."""
    seen = filing.records_seen(current_actor(), session=session)
    fonds = fonds_names(session, in_part=True)
    years = [(year, f"{year}年度") for year in _years(seen, session)]
    organs = filing.organs(seen, session=session)
    filters = {
        "state": Filter("状态", Record.state, RECORD.states),
        "year": Filter("年度", Record.year, years),
        "class": Filter("门类", Record.class_code, _used(CLASSES, "class_code", seen, session)),
        "retention": Filter(
            "保管期限", Record.retention, _used(RETENTIONS, "retention", seen, session)
        ),
        "level": Filter("层次", Record.level, {str(each): n for each, n in LEVEL_NAMES.items()}),
        "about": Filter("意见", apply=_about, choices=_ABOUT),
    }
    if organs:
        filters["organ"] = Filter("机构", Record.organ, organs)
    if len(fonds) > 1:
        filters = {"fonds": Filter("全宗", Record.fonds_id, fonds), **filters}
    return Listing.from_request(
        request.args,
        sorts={
            "code": Record.code,
            "title": Record.title,
            "date": Record.date,
            "changed": Record.changed_at,
            "position": Record.position,
        },
        default_sort="-changed",
        search=words,
        filters=filters,
    )


def _about(statement: Any, source: str) -> Any:
    return statement.where(
        Record.id.in_(filing.objected_by(source, Objection.settled_at.is_(None)))
    )


def _years(seen: filing.Within, session: Session) -> list[int]:
    found = filing.distinct_values("year", seen, session=session)
    return sorted((int(year) for year in found), reverse=True)


def _used(
    names: dict[str, str], column: str, seen: filing.Within, session: Session
) -> list[tuple[str, str]]:
    used = filing.distinct_values(column, seen, session=session)
    return [(code, names.get(code, code)) for code in used]


@blueprint.route("/", methods=["GET", "POST"])
@with_roles(*SEEING)
def index() -> ResponseReturnValue:
    """The list; what is sent from it arranges the ticked records."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            flash(f"已设定 {arrange_ticked(form)} 件。", "success")
            return redirect(back(url_for(".index")))
    with current_database().read() as session:
        actor = current_actor()
        page = record_listing(session).apply(
            filing.listing(filing.Filter(), filing.records_seen(actor, session=session)),
            session=session,
        )
        objected = filing.objected([item.id for item in page.items], session=session)
        return form.answer(
            "filing/index.html",
            page=page,
            fonds=fonds_names(session, in_part=True),
            written=fonds_names(session, Role.CLERK, in_part=True),
            objected=objected,
            undo=_last_step(session),
            **NAMES,
        )


def _last_step(session: Session) -> filing.Step | None:
    """What can be undone on the list, where it is the list of one fonds."""
    fonds = fonds_names(session, Role.CLERK, in_part=True)
    chosen = request.args.get("fonds") or (next(iter(fonds)) if len(fonds) == 1 else "")
    if chosen not in fonds:
        return None
    return filing.step_to_undo(current_actor(), chosen, session=session)


_PLACE = ("class_code", "subclass", "year", "retention", "organ", "organ_name")
_DESCRIBE = (
    *("title", "doc_no", "author", "date", "security", "pages", "holding", "box", "location"),
    "remark",
)
_OPINION = (
    *("opening_opinion", "opening_reason", "publicity_attribute", "publicity_basis"),
    "security_change",
)


def _values(form: Form, names: tuple[str, ...]) -> dict[str, str]:
    return {name: form[name] for name in names}


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.CLERK)
@accepts_upload(MOST_UPLOAD)
def new() -> ResponseReturnValue:
    with current_database().read() as session:
        fonds = fonds_names(session, Role.CLERK, in_part=True)
        parent = _parent(request.args.get("parent") or request.form.get("parent_id"), session)
    defaults = {
        "fonds_id": parent.fonds_id if parent else next(iter(fonds), ""),
        "level": {"volume": "item", "project": "volume"}.get(
            parent.level if parent else "", "record"
        ),
        "parent_id": parent.id if parent else "",
        "class_code": parent.class_code
        if parent
        else next(iter(classes_of(next(iter(fonds), ""), Role.CLERK)), "WS"),
        "security": "none",
        "holding": "electronic",
        "role": "正本",
        "kind": "born_digital",
    }
    form = Form(request.form, defaults=defaults)
    if request.method == "POST":
        names = ("level", "parent_id", "project_number", "catalogue_number", *_PLACE, *_DESCRIBE)
        with form.catching():
            filing.check_values(_values(form, names))
            cleared = says_declassified(form.get("security_change"))
            with Keeping(current_folder().files, declassified=cleared) as files:
                stored = [files.keep(each.stream, each.filename or "") for each in chosen_files()]
                with current_database().write() as session:
                    actor = current_actor()
                    record = filing.collect(
                        actor, form["fonds_id"], _values(form, names), session=session
                    )
                    for each in stored:
                        filing.attach(
                            actor, record, form["role"], each, form["kind"], session=session
                        )
            flash("已归入待整理。" if record.state == "collected" else "已归入整理中。", "success")
            return redirect(url_for(".show", record_id=record.id))
    return form.answer("filing/new.html", fonds=fonds, parent=parent, **NAMES)


def _parent(record_id: str | None, session: Session) -> filing.Record | None:
    if not record_id:
        return None
    return filing.record_of(current_actor(), record_id, session=session)


def _holder(record: filing.Record, session: Session) -> filing.Record | None:
    """What a record is in, where the reader may see that as well."""
    parent = session.get(Record, record.parent_id) if record.parent_id else None
    return parent if parent is not None and filing.sees(current_actor(), parent) else None


def _may_write(record: filing.Record, role: Role, session: Session) -> bool:
    return may_write(
        current_actor(),
        record.fonds_id,
        role,
        class_code=record.class_code,
        opening=record.opening_opinion,
        session=session,
    )


@blueprint.get("/<record_id>")
@with_roles(*SEEING)
def show(record_id: str) -> str:
    with current_database().read() as session:
        actor = current_actor()
        record = filing.record_of(actor, record_id, session=session)
        objections = filing.open_objections(record.id, session=session)
        known = {each.field for each in objections if each.field in NAMES["FIELDS"]}
        wire = filing.wire(record, session=session)
        return render_template(
            "filing/show.html",
            record=record,
            wire=wire,
            parent=_holder(record, session),
            items=items_in(record, session=session)
            if record.level in ("volume", "project")
            else None,
            files=files_in(wire["documents"]),
            history=history_of(record, session=session),
            fonds=fonds_names(session, in_part=True).get(record.fonds_id, ""),
            schedule=fonds_of(record.fonds_id, session).retention_schedule,
            objections=objections,
            by_field={name: [o for o in objections if o.field == name] for name in known},
            divergences=filing.open_divergences(
                [record.fonds_id], record_id=record.id, session=session
            ),
            late=record.year is not None
            and record.state == "arranging"
            and filing.is_closed(record.fonds_id, record.class_code, record.year, session=session),
            may_change=_may_write(record, Role.CLERK, session),
            may_decide=record.state == "filed" and _may_write(record, Role.LEADER, session),
            ran_out=record.state == "filed" and filing.ran_out(record),
            open=record.state in OPEN_STATES,
            undo=filing.step_to_undo(actor, record.fonds_id, session=session),
            draft=record.state in DRAFT_STATES,
            **NAMES,
        )


@blueprint.route("/<record_id>/edit", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def edit(record_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        record = record_for_form(record_id, session)
        wire = filing.wire(record, session=session)
        objections = filing.open_objections(record.id, session=session)
    draft = record.state in DRAFT_STATES
    place = _PLACE if draft and record.level != "item" else ()
    names = (*_DESCRIBE, *_OPINION)
    defaults = {name: getattr(record, name, None) for name in (*names, *_PLACE)}
    form = Form(
        request.form, defaults={**defaults, "box": wire["box"], "location": wire["location"]}
    )
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                actor = current_actor()
                found = filing.record_of(actor, record_id, session=session)
                filing.edit_returned(actor, found, _values(form, names), session=session)
                if place:
                    filing.arrange(actor, [record_id], _values(form, place), session=session)
            flash("已保存。", "success")
            return redirect(url_for(".show", record_id=record_id))
    return form.answer(
        "filing/edit.html", record=record, place=bool(place), objections=objections, **NAMES
    )


@blueprint.post("/<record_id>/discard")
@with_roles(Role.CLERK)
def discard(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        filing.discard(current_actor(), record, request.form.get("reason", ""), session=session)
    flash("已删除；如由收发文登记而来，该文件已改回办结。", "success")
    return redirect(url_for(".index"))


@blueprint.post("/<record_id>/void")
@with_roles(Role.CLERK)
def void(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        filing.remove_filed(
            current_actor(),
            record,
            request.form.get("reason", ""),
            erase=request.form.get("erase") == "1",
            session=session,
        )
    flash("已作废，原号作为空号保留。", "success")
    return redirect(url_for(".show", record_id=record_id))


@blueprint.post("/<record_id>/late")
@with_roles(Role.CLERK)
def late(record_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        filing.file_late(current_actor(), record, session=session)
        code = record.code
    flash(f"已补充归档，档号 {code}。", "success")
    return redirect(url_for(".show", record_id=record_id))


@blueprint.route("/<record_id>/move", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def move_class(record_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        refuse_early(record.fonds_id, session)
    form = Form(request.form, defaults={name: getattr(record, name) for name in _PLACE})
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                actor = current_actor()
                found = filing.record_of(actor, record_id, session=session)
                moved = filing.move_filed(
                    actor, found, _values(form, _PLACE), form["void_reason"], session=session
                )
                new_id, code = moved.id, moved.code
            flash(f"已改归他类{f'，新档号 {code}' if code else ''}；原号作为空号保留。", "success")
            return redirect(url_for(".show", record_id=new_id))
    return form.answer("filing/move.html", record=record, **NAMES)


@blueprint.post("/objections/<objection_id>/settle")
@with_roles(Role.CLERK)
def settle(objection_id: str) -> ResponseReturnValue:
    with current_database().write() as session:
        objection = filing.settle_objection(current_actor(), objection_id, session=session)
        record_id = objection.record_id
    flash("已标为处理完毕。", "success")
    return redirect(url_for(".show", record_id=record_id) if record_id else url_for(".index"))


@blueprint.route("/from-registry/<document_id>", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def from_registry(document_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        document = registry.document_of(current_actor(), document_id, session=session)
        refuse_early(document.fonds_id, session)
        seen = filing.ids_seen(current_actor(), session=session)
        organs = filing.organs(seen, session=session)
    if document.state != "closed":
        raise WrongState("只有办结的文件可以列入归档。", "请先在登记簿中办结。")
    form = Form(
        request.form,
        defaults={
            "class_code": "WS",
            "year": (document.date or document.registered_on)[:4],
        },
    )
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                actor = current_actor()
                found = registry.document_of(actor, document_id, session=session)
                record = filing.send_to_filing(actor, found, _values(form, _PLACE), session=session)
            flash("已列入归档。", "success")
            return redirect(url_for(".show", record_id=record.id))
    return form.answer("filing/from_registry.html", document=document, organs=organs, **NAMES)
