"""Pages of volumes: what is put into one, taken out of it, or moved to another; and undoing."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.pages import NAMES, back, blueprint, ticked
from node.filing.views import words
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.web import Filter, Listing, current_database

Record = filing.Record
_WHERE = {"loose": "未组卷", "inside": "在别的案卷中"}


@blueprint.get("/<record_id>/fill")
@with_roles(Role.CLERK)
def fill(record_id: str) -> str:
    """What may be put into a volume or project, with the volume that it is in now."""
    with current_database().read() as session:
        actor = current_actor()
        parent = filing.record_of(actor, record_id, session=session)
        page = _listing(parent, session).apply(
            filing.candidates(actor, parent, session=session), session=session
        )
        ids = {each.parent_id for each in page.items if each.parent_id}
        inside = select(func.count()).where(Record.parent_id == parent.id)
        return render_template(
            "filing/fill.html",
            parent=parent,
            page=page,
            inside=session.scalar(inside),
            parents={
                each.id: f"{each.code or ''} {each.title}".strip()
                for each in session.scalars(select(Record).where(Record.id.in_(ids)))
            },
            undo=filing.step_to_undo(actor, parent.fonds_id, session=session),
            **NAMES,
        )


def _listing(parent: Record, session: Session) -> Listing:
    seen = filing.records_seen(current_actor(), session=session)
    years = sorted(filing.distinct_values("year", seen, session=session), reverse=True)
    return Listing.from_request(
        request.args,
        sorts={"date": Record.date, "title": Record.title},
        default_sort="date",
        search=words,
        filters={
            "year": Filter("年度", Record.year, [(each, f"{each}年度") for each in years]),
            "where": Filter("现在所在", choices=_WHERE, apply=_within),
        },
        size=50,
    )


def _within(statement: Any, value: str) -> Any:
    inside = Record.parent_id.is_not(None)
    return statement.where(inside if value == "inside" else ~inside)


@blueprint.post("/<record_id>/fill")
@with_roles(Role.CLERK)
def put_into(record_id: str) -> ResponseReturnValue:
    """Put the ticked records into the volume."""
    ids = ticked()
    with current_database().write() as session:
        actor = current_actor()
        parent = filing.record_of(actor, record_id, session=session)
        count = len(filing.put_into(actor, parent, ids, session=session))
    flash(f"已放入 {count} 件；放错了可以撤销。", "success")
    return redirect(url_for(".show", record_id=record_id))


@blueprint.post("/<record_id>/take-out")
@with_roles(Role.CLERK)
def take_out(record_id: str) -> ResponseReturnValue:
    """Take the ticked items out of the volume."""
    ids = ticked()
    with current_database().write() as session:
        count = len(filing.take_out(current_actor(), ids, session=session))
    flash(f"已移出 {count} 件，各自成为单独的一件；移错了可以撤销。", "success")
    return redirect(url_for(".show", record_id=record_id))


@blueprint.post("/undo/<step_id>")
@with_roles(Role.CLERK)
def undo(step_id: str) -> ResponseReturnValue:
    """Take back the last step of arranging."""
    with current_database().write() as session:
        step = filing.undo(current_actor(), step_id, session=session)
    flash(f"已撤销：{step.what}（{len(step.records)} 件恢复到之前的情形）。", "success")
    return redirect(back(url_for(".index")))
