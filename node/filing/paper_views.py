"""Pages of boxes and of what is printed for paper: labels, note sheets, covers, lists."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, literal
from sqlalchemy.orm import Session

from node.filing import box_papers, printing
from node.filing import service as filing
from node.filing.models import Box, Place, Record
from node.filing.pages import NAMES, SEEING, blueprint, fonds_names
from node.filing.record_lists import in_box
from node.office.service import may_write
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role, require
from shared.kernel.errors import Invalid, WrongState
from shared.web import Filter, Form, Listing, current_database, download
from shared.web.downloads import PDF

_MOST_PRINTED = 200
#: Box numbers are texts, mostly of digits: 2 comes before 10.
_BY_NUMBER = func.substr(literal("0" * 20).op("||")(Box.number), -20)
_LABELS = {
    "situation": "情况说明",
    "arranged_by": "整理人",
    "arranged_on": "整理日期",
    "checked_by": "检查人",
    "checked_on": "检查日期",
}


@blueprint.get("/boxes")
@with_roles(*SEEING)
def boxes() -> str:
    """The boxes, where they stand, and what to print for them."""
    with current_database().read() as session:
        names = fonds_names(session)
        filters = {"fonds": Filter("全宗", Box.fonds_id, names)} if len(names) > 1 else {}
        listing = Listing.from_request(
            request.args,
            sorts={"number": _BY_NUMBER, "place": Place.name},
            default_sort="number",
            search=(Box.number, Place.name),
            filters=filters,
        )
        page = listing.apply(filing.boxes(list(names)), session=session)
        return render_template(
            "filing/boxes.html",
            page=page,
            counts=filing.box_counts([each.Box.id for each in page.items], session=session),
            fonds=names,
            spines=printing.SPINES,
            may_change=bool(fonds_names(session, Role.CLERK)),
            **NAMES,
        )


@blueprint.get("/boxes/print")
@with_roles(*SEEING)
def print_boxes() -> ResponseReturnValue:
    """Labels or note sheets of the ticked boxes, as PDF."""
    ids = request.args.getlist("ids")
    if not ids:
        raise Invalid("ids", "没有选择盒。", "请关闭本页，先在表中勾选要打印的盒。")
    if len(ids) > _MOST_PRINTED:
        raise Invalid("ids", f"一次最多打印 {_MOST_PRINTED} 盒。", "请分几次打印。")
    with current_database().read() as session:
        seen = filing.ids_seen(current_actor(), session=session)
        chosen = [filing.box_of(each, seen, session=session) for each in ids]
        papers = [box_papers.box_paper(each, session=session) for each in chosen]
        notes = filing.notes_of(ids, session=session)
    if request.args.get("what") == "notes":
        sheets = [box_papers.note_paper(notes.get(each)) for each in ids]
        content = printing.box_notes_pdf(list(zip(papers, sheets, strict=True)))
        return download(content, "备考表.pdf", PDF, inline=True)
    width = request.args.get("width", type=int)
    content = printing.spines_pdf(papers, width if width in printing.SPINES else 30)
    return download(content, "盒脊.pdf", PDF, inline=True)


@blueprint.route("/boxes/<box_id>", methods=["GET", "POST"])
@with_roles(*SEEING)
def box(box_id: str) -> ResponseReturnValue:
    """One box: what is in it, its place, its note sheet."""
    with current_database().read() as session:
        seen = filing.ids_seen(current_actor(), session=session)
        found = filing.box_of(box_id, seen, session=session)
        place = session.get(Place, found.place_id) if found.place_id else None
        note = filing.notes_of([box_id], session=session).get(box_id)
        records = in_box(box_id, session=session)
        fonds = fonds_names(session)[found.fonds_id]
        may_change = found.fonds_id in fonds_names(session, Role.CLERK)
    form = _note_form(note)
    if request.method == "POST":
        with form.catching():
            _write_note(found, form)
            return redirect(url_for(".box", box_id=box_id))
    return form.answer(
        "filing/box.html",
        box=found,
        place=place.name if place else "",
        page=records,
        fonds=fonds,
        spines=printing.SPINES,
        may_change=may_change,
        labels=_LABELS,
        **NAMES,
    )


@blueprint.post("/boxes/<box_id>/place")
@with_roles(Role.CLERK)
def move_box(box_id: str) -> ResponseReturnValue:
    """Put a box at another place."""
    with current_database().write() as session:
        filing.move_box(current_actor(), box_id, request.form.get("place"), session=session)
    flash("已保存存放位置。", "success")
    return redirect(url_for(".box", box_id=box_id))


@blueprint.route("/<record_id>/papers", methods=["GET", "POST"])
@with_roles(*SEEING)
def papers(record_id: str) -> ResponseReturnValue:
    """What is printed of a volume, and its note sheet."""
    with current_database().read() as session:
        volume = _volume(record_id, session)
        note = filing.notes_of([record_id], session=session).get(record_id)
        paper = box_papers.volume_paper(volume, session=session)
        may_change = may_write(
            current_actor(),
            volume.fonds_id,
            Role.CLERK,
            class_code=volume.class_code,
            session=session,
        )
    form = _note_form(note)
    if request.method == "POST":
        with form.catching():
            _write_note(volume, form)
            return redirect(url_for(".papers", record_id=record_id))
    return form.answer(
        "filing/papers.html",
        volume=volume,
        paper=paper,
        may_change=may_change,
        labels=_LABELS | {"arranged_by": "立卷人", "arranged_on": "立卷日期"},
        **NAMES,
    )


@blueprint.get("/<record_id>/papers/<what>.pdf")
@with_roles(*SEEING)
def print_volume(record_id: str, what: str) -> ResponseReturnValue:
    """The cover, the list or the note sheet of a volume, as PDF."""
    with current_database().read() as session:
        volume = _volume(record_id, session)
        paper = box_papers.volume_paper(volume, session=session)
        rows = box_papers.contents(volume, session=session)
        note = filing.notes_of([record_id], session=session).get(record_id)
    if what == "cover":
        return download(printing.cover_pdf(paper), "案卷封面.pdf", PDF, inline=True)
    if what == "contents":
        return download(printing.contents_pdf(paper, rows), "卷内文件目录.pdf", PDF, inline=True)
    sheet = box_papers.note_paper(note)
    return download(printing.volume_note_pdf(paper, sheet), "卷内备考表.pdf", PDF, inline=True)


def _volume(record_id: str, session: Session) -> Record:
    volume = filing.record_of(current_actor(), record_id, session=session)
    # What is printed names everything inside.
    require(current_actor(), *SEEING, fonds=volume.fonds_id, class_code=volume.class_code)
    if volume.level != "volume":
        raise WrongState("只有案卷有封面、卷内文件目录和卷内备考表。", "请打开案卷的页面。")
    return volume


def _note_form(note: Any) -> Form:
    return Form(request.form, defaults=filing.note_values(note))


def _write_note(about: Box | Record, form: Form) -> None:
    values = {name: form[name].replace("\r\n", "\n") for name in _LABELS}
    with current_database().write() as session:
        filing.write_note(current_actor(), about, values, session=session)
    flash("已保存备考表。", "success")
