"""Pages on which the 档案主管部门 says when a fonds transfers, and consents to earlier or later."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from hub.federation import service as federation
from hub.federation.models import TRANSFER_TIMINGS
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.web import Form, current_database

blueprint = Blueprint("transfers", __name__, url_prefix="/fonds", template_folder="templates")


@blueprint.route("/<fonds_id>/transfer-consent", methods=["GET", "POST"])
@with_roles(Role.AUTHORITY)
def consent(fonds_id: str) -> ResponseReturnValue:
    """Consent to an early or late transfer of some years."""
    form = Form(request.form)
    if request.method == "POST":
        with form.catching():
            years = _year(form, "first_year"), _year(form, "last_year")
            with current_database().write() as session:
                federation.fonds_shown_to(current_actor(), fonds_id, session)
                federation.consent_to_transfer(
                    current_actor(),
                    fonds_id,
                    form["timing"],
                    years,
                    form["reason"],
                    session=session,
                )
            flash("已记录同意。", "success")
            return redirect(url_for("fonds.show", fonds_id=fonds_id))
    return _page(form, fonds_id, "transfer_consent", timings=TRANSFER_TIMINGS)


@blueprint.route("/<fonds_id>/transfer-rule", methods=["GET", "POST"])
@with_roles(Role.AUTHORITY)
def rule(fonds_id: str) -> ResponseReturnValue:
    """Say after how many years the fonds transfers."""
    with current_database().read() as session:
        federation.fonds_shown_to(current_actor(), fonds_id, session)
        held = federation.transfer_rule(fonds_id, session)
    form = Form(
        request.form,
        defaults={"earliest": held and held.earliest, "latest": held and held.latest},
    )
    if request.method == "POST":
        with form.catching():
            earliest, latest = _age(form, "earliest"), _age(form, "latest")
            with current_database().write() as session:
                federation.set_transfer_rule(
                    current_actor(), fonds_id, earliest, latest, session=session
                )
            flash("已规定移交年限。" if earliest else "已取消移交年限。", "success")
            return redirect(url_for("fonds.show", fonds_id=fonds_id))
    return _page(form, fonds_id, "transfer_rule")


def _page(form: Form, fonds_id: str, name: str, **choices: Any) -> ResponseReturnValue:
    with current_database().read() as session:
        fonds = federation.fonds_shown_to(current_actor(), fonds_id, session)
        return form.answer(f"fonds/{name}.html", fonds=fonds, **choices)


def _year(form: Form, name: str) -> int:
    text = form[name]
    if not (text.isascii() and text.isdigit() and len(text) == 4):
        raise Invalid(name, "年度不正确。", "请填写四位数字的年度，如 2016。")
    return int(text)


def _age(form: Form, name: str) -> int | None:
    text = form[name]
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 2):
        raise Invalid(name, "年数不正确。", "请填写整数，如 10。")
    return int(text)
