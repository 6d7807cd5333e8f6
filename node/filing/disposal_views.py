"""Pages of what a leader decides at the end of a retention period: 延长保管期限, 销毁."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from node.filing import service as filing
from node.filing.pages import NAMES, RETENTIONS, blueprint
from node.registry.edge import refuse_early
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.records.retention import outlasts
from shared.web import Form, current_database


@blueprint.route("/<record_id>/extend", methods=["GET", "POST"])
@with_roles(Role.LEADER)
def extend(record_id: str) -> ResponseReturnValue:
    """Keep a record for a longer period."""
    with current_database().read() as session:
        record = filing.record_of(current_actor(), record_id, session=session)
        refuse_early(record.fonds_id, session)
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                actor = current_actor()
                found = filing.record_of(actor, record_id, session=session)
                kept = filing.extend(
                    actor, found, form["retention"], form["reason"], session=session
                )
                new_id, code = kept.id, kept.code
            flash(f"已延长保管期限，档号 {code}。", "success")
            return redirect(url_for(".show", record_id=new_id))
    longer = [
        (code, name) for code, name in RETENTIONS.items() if outlasts(code, str(record.retention))
    ]
    return form.answer("filing/extend.html", record=record, longer=longer, **NAMES)


@blueprint.post("/<record_id>/dispose")
@with_roles(Role.LEADER)
def dispose(record_id: str) -> ResponseReturnValue:
    """Destroy a record whose retention ran out."""
    with current_database().write() as session:
        actor = current_actor()
        record = filing.record_of(actor, record_id, session=session)
        form = request.form
        gone = filing.dispose(
            actor, record, form.get("reason", ""),
            appraised_by=form.get("appraised_by", ""),
            watched_by=[form.get("watched_by", ""), form.get("watched_by_too", "")],
            session=session,
        )  # fmt: skip
    flash(f"已登记销毁 {len(gone)} 件，档号和经过保留在目录中。", "success")
    return redirect(url_for(".show", record_id=record_id))
