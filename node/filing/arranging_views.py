"""Pages of arranging: selections, order, draft numbers, closing a class, catalogue, divergences."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.catalogue import as_pdf, as_xlsx, catalogue
from node.filing.models import ClosedClass, Divergence
from node.filing.pages import NAMES, SEEING, back, blueprint, classes_of, fonds_names, ticked
from node.filing.record_lists import catalogue_lines
from node.office.service import may_write
from node.registry.edge import fragment
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid, NotFound
from shared.records.classes import class_name
from shared.records.values import parse_year
from shared.web import Filter, Form, Listing, current_database, download
from shared.web.downloads import PDF, XLSX

Record = filing.Record
_SELECTION = ("class_code", "subclass", "year", "retention", "organ", "organ_name")
#: Rows of a category that the page of its order shows at once.
_SHOWN = 1000


def arrange_ticked(form: Form) -> int:
    """Set class, year, retention or organ for the ticked records of the list; says how many."""
    ids = ticked()
    given = {name: form[name] for name in _SELECTION if form[name]}
    if not given:
        raise Invalid("year", "没有填写要设定的内容。", "请填写门类、年度、保管期限或机构。")
    with current_database().write() as session:
        return len(filing.arrange(current_actor(), ids, given, session=session))


@blueprint.post("/put-back")
@with_roles(Role.CLERK)
def put_back_selection() -> ResponseReturnValue:
    """Take the ticked records back to 待整理."""
    with current_database().write() as session:
        records = filing.put_back(current_actor(), ticked(), session=session)
    flash(f"已把 {len(records)} 件退回待整理。", "success")
    return redirect(back(url_for(".index")))


@blueprint.post("/<record_id>/put-back")
@with_roles(Role.CLERK)
def put_back(record_id: str) -> ResponseReturnValue:
    """Take one record back to 待整理."""
    with current_database().write() as session:
        filing.put_back(current_actor(), [record_id], session=session)
    flash("已退回待整理；重新设定保管期限之后再进入整理中。", "success")
    return redirect(url_for(".show", record_id=record_id))


@blueprint.get("/order/<category_id>")
@with_roles(*SEEING)
def order(category_id: str) -> str:
    """The order of a category, to be changed with buttons or by place."""
    with current_database().read() as session:
        category = filing.category_of(category_id, session=session)
        records = filing.in_category(category_id, session=session)
        class_code = category.class_code or (records[0].class_code if records else None)
        _require_class(category.fonds_id, class_code)
        actor = current_actor()
        start = max(0, min(request.args.get("from", 0, type=int), len(records) - 1))
        return render_template(
            "filing/order.html",
            category=category,
            fonds=fonds_names(session, in_part=True)[category.fonds_id],
            records=records[start : start + _SHOWN],
            start=start,
            shown=_SHOWN,
            total=len(records),
            year=category.year or (records[0].year if records else None),
            class_code=class_code,
            may_change=may_write(
                actor, category.fonds_id, Role.CLERK, class_code=class_code, session=session
            ),
            undo=filing.step_to_undo(actor, category.fonds_id, session=session),
            organs=filing.organs([category.fonds_id], session=session),
            **NAMES,
        )


def _require_class(fonds_id: str, class_code: str | None) -> None:
    """Raise NotFound unless the reader sees everything of this class."""
    if not current_actor().may(*SEEING, fonds=fonds_id, class_code=class_code):
        raise NotFound("没有这个类目。", "请回到归档列表重新选择。")


@blueprint.post("/order/<category_id>/move")
@with_roles(Role.CLERK)
def move(category_id: str) -> ResponseReturnValue:
    """Move one record within its category; a script gets the new numbers as JSON."""
    record_id, to = _moved()
    start = request.form.get("from", 0, type=int)
    with current_database().write() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        place = filing.move(current_actor(), record, to, session=session)
        told = f"已移到第 {place} 位。"
        if request.accept_mimetypes.best == "application/json":
            return _new_order(category_id, record.fonds_id, told, session)
    flash(told, "success")
    # Where it is now, if that is another page of the list.
    start = start if start < place <= start + _SHOWN else (place - 1) // _SHOWN * _SHOWN
    target = url_for(".order", category_id=category_id)
    return redirect(f"{target}?from={start}#row-{record_id}")


def _moved() -> tuple[str, int]:
    """Which record the form moves, and to which place: by a button, or by a typed number."""
    chosen = request.form.get("move", "")
    if chosen == "typed":
        typed = {name: text.strip() for name, text in request.form.items() if name[:3] == "to-"}
        given = [(name[3:], text) for name, text in typed.items() if text]
        if len(given) != 1:
            raise Invalid("to", "没有填写位置，或填了几行。", "请只在一行的“第几位”里填数字。")
        record_id, place = given[0]
    else:
        record_id, _, place = chosen.partition(":")
    if not place.isascii() or not place.isdigit():
        raise Invalid("to", "位置应为整数。", "请填写要移到第几位。")
    return record_id, int(place)


def _new_order(category_id: str, fonds_id: str, told: str, session: Session) -> ResponseReturnValue:
    step = filing.step_to_undo(current_actor(), fonds_id, session=session)
    records = filing.in_category(category_id, session=session)
    return {
        "told": told,
        "numbers": {each.id: each.number for each in records},
        "undo": step and {"url": url_for(".undo", step_id=step.id), "what": step.what},
    }


@blueprint.post("/order/<category_id>/sort")
@with_roles(Role.CLERK)
def sort(category_id: str) -> ResponseReturnValue:
    """Order a category by date."""
    with current_database().write() as session:
        count = filing.sort_category(current_actor(), category_id, session=session)
    flash(f"已按日期和文号排列 {count} 件。", "success")
    return redirect(url_for(".order", category_id=category_id))


@blueprint.get("/classes")
@with_roles(*SEEING)
def classes() -> str:
    """What waits to be closed, what was closed, and gaps."""
    with current_database().read() as session:
        actor = current_actor()
        seen = filing.classes_seen(actor, ClosedClass, session=session)
        records = filing.records_seen(actor, session=session)
        closed = filing.closed_classes(seen, session=session)
        done = {(each.fonds_id, each.class_code, each.year) for each in closed}
        waiting = filing.open_classes(records, session=session)
        fonds = fonds_names(session, in_part=True)
        return render_template(
            "filing/classes.html",
            waiting=[each for each in waiting if each[:3] not in done],
            late=[each for each in waiting if each[:3] in done],
            page=_closed(closed, fonds).apply(filing.closed_listing(seen), session=session),
            organs=filing.organs(records, session=session),
            gaps=[
                each
                for one in fonds
                for each in filing.check_gaps(one, session=session)
                if actor.may(*SEEING, fonds=one, class_code=each.category.class_code)
            ],
            fonds=fonds,
            may_number=_may_number(waiting, session),
            **NAMES,
        )


def _may_number(waiting: list[tuple[str, str, int, int]], session: Session) -> set[tuple[str, str]]:
    """The fonds and classes of these whose numbers the reader may give."""
    actor = current_actor()
    return {
        (fonds_id, class_code)
        for fonds_id, class_code in {each[:2] for each in waiting}
        if may_write(actor, fonds_id, Role.CLERK, class_code=class_code, session=session)
    }


def _closed(closed: list[ClosedClass], fonds: dict[str, str]) -> Listing:
    years = sorted({each.year for each in closed}, reverse=True)
    codes = sorted({each.class_code for each in closed})
    filters = {
        "year": Filter("年度", ClosedClass.year, [(year, f"{year}年度") for year in years]),
        "class": Filter(
            "门类", ClosedClass.class_code, [(each, class_name(each)) for each in codes]
        ),
    }
    if len(fonds) > 1:
        filters = {"fonds": Filter("全宗", ClosedClass.fonds_id, fonds), **filters}
    return Listing.from_request(
        request.args,
        sorts={
            "year": ClosedClass.year,
            "records": ClosedClass.records,
            "by": ClosedClass.closed_by,
            "closed": ClosedClass.closed_at,
        },
        default_sort="-year",
        filters=filters,
    )


def _which() -> tuple[str, str, int]:
    """The class of a year that the request names."""
    given = request.values
    if not given.get("fonds") or not given.get("class") or not given.get("year"):
        raise NotFound("没有指明门类和年度。", "请从“编号与定号”页面进入。")
    return given["fonds"], given["class"], parse_year(given["year"])


def _address(fonds_id: str, class_code: str, year: int) -> str:
    return "?" + fragment((("fonds", fonds_id), ("class", class_code), ("year", year)))


@blueprint.get("/numbers")
@with_roles(Role.CLERK)
def numbers() -> str:
    """What drafting or closing would give, before anything happens."""
    fonds_id, class_code, year = _which()
    with current_database().read() as session:
        preview = filing.preview_closing(
            current_actor(), fonds_id, class_code, year, session=session
        )
        closed = session.get(ClosedClass, (fonds_id, class_code, year))
        organs = filing.organs([fonds_id], session=session)
    start = max(0, request.args.get("from", 0, type=int))
    return render_template(
        "filing/numbers.html",
        preview=preview,
        rows=preview.plan.rows[start : start + _SHOWN],
        start=start,
        shown=_SHOWN,
        drafted=any(row.was[0] is not None for row in preview.plan.rows),
        changed=sum(row.moved for row in preview.plan.rows),
        closed=closed,
        organs=organs,
        address=_address(fonds_id, class_code, year),
        **NAMES,
    )


@blueprint.post("/numbers")
@with_roles(Role.CLERK)
def draft() -> ResponseReturnValue:
    """Write draft numbers."""
    which = _which()
    keep = request.form.get("renumber") != "1"
    with current_database().write() as session:
        plan = filing.draft_numbers(current_actor(), *which, keep_given=keep, session=session)
    flash(f"已为 {len(plan.rows)} 件编出草稿号；定号之前可以随时调整。", "success")
    return redirect(url_for(".numbers") + _address(*which))


@blueprint.post("/numbers/clear")
@with_roles(Role.CLERK)
def clear_numbers() -> ResponseReturnValue:
    """Take draft numbers away."""
    which = _which()
    with current_database().write() as session:
        count = filing.clear_drafts(current_actor(), *which, session=session)
    flash(f"已清除 {count} 个草稿号。", "success")
    return redirect(url_for(".numbers") + _address(*which))


@blueprint.route("/close", methods=["GET", "POST"])
@with_roles(Role.CLERK)
def close() -> ResponseReturnValue:
    """Ask once more, then close the class of the year."""
    which = _which()
    with current_database().read() as session:
        preview = filing.preview_closing(current_actor(), *which, session=session)
        organs = filing.organs([which[0]], session=session)
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            if not form.checked("sure"):
                raise Invalid("sure", "还没有确认。", "请核对后勾选确认。")
            with current_database().write() as session:
                closed = filing.close_class(
                    current_actor(), *which, gap_reason=form.get("gap_reason"), session=session
                )
                count = closed.records
            flash(f"已定号，共 {count} 件。档号从现在起不再改变。", "success")
            return redirect(url_for(".classes"))
    return form.answer(
        "filing/close.html",
        preview=preview,
        actor=current_actor(),
        organs=organs,
        address=_address(*which),
        **NAMES,
    )


@blueprint.get("/catalogue", endpoint="catalogue")
@with_roles(*SEEING)
def show_catalogue() -> ResponseReturnValue:
    """The catalogue: on the page, as PDF, as a spreadsheet."""
    given = request.args
    with current_database().read() as session:
        actor = current_actor()
        seen = filing.records_seen(actor, session=session)
        names = fonds_names(session, in_part=True)
        years = sorted(filing.distinct_values("year", seen, session=session), reverse=True)
        fonds_id = given.get("fonds") or next(iter(names), "")
        year = parse_year(given["year"]) if given.get("year") else next(iter(years), None)
        codes = classes_of(fonds_id, *SEEING)
        class_code = given.get("class") or next(iter(codes), "WS")
        found = None
        if fonds_id in names and year is not None and class_code in codes:
            found = catalogue(
                actor,
                fonds_id,
                class_code,
                year,
                retention=given.get("retention") or None,
                organ=given.get("organ") or None,
                session=session,
            )
        organs = filing.organs(seen, session=session)
    kind = given.get("as")
    if found is not None and kind == "xlsx":
        return download(as_xlsx(found), f"{found.file_name}.xlsx", XLSX)
    if found is not None and kind == "pdf":
        return download(as_pdf(found), f"{found.file_name}.pdf", PDF, inline=True)
    return render_template(
        "filing/catalogue.html",
        found=found,
        page=catalogue_lines(found.rows) if found else None,
        fonds=names,
        years=years,
        organs=organs,
        classes=codes,
        chosen={
            "fonds": fonds_id,
            "class": class_code,
            "year": year or "",
            "retention": given.get("retention", ""),
            "organ": given.get("organ", ""),
        },
        **NAMES,
    )


@blueprint.get("/divergences")
@with_roles(*SEEING)
def divergences() -> str:
    """Records of which node and hub had different versions."""
    with current_database().read() as session:
        fonds = fonds_names(session, in_part=True)
        seen = filing.records_seen(current_actor(), session=session)
        listing = Listing.from_request(
            request.args,
            sorts={"code": Record.code, "title": Record.title, "noticed": Divergence.noticed_at},
            default_sort="noticed",
            search=(Record.code, Record.title, Record.doc_no),
            filters={"fonds": Filter("全宗", Record.fonds_id, fonds)} if len(fonds) > 1 else {},
        )
        return render_template(
            "filing/divergences.html",
            page=listing.apply(filing.divergence_listing(seen), session=session),
            differences=filing.differences,
            written=fonds_names(session, Role.CLERK, in_part=True),
            **NAMES,
        )


@blueprint.post("/divergences/<divergence_id>")
@with_roles(Role.CLERK)
def settle_divergence(divergence_id: str) -> ResponseReturnValue:
    """Take one of the two versions."""
    with current_database().write() as session:
        filing.settle_divergence(
            current_actor(), divergence_id, request.form.get("choice", "held"), session=session
        )
    flash("已处理。", "success")
    return redirect(url_for(".divergences"))
