"""Pages 服务登记: what is proposed, what the province has of it, the record as a file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.sharing.registration import service
from hub.sharing.registration.models import Registration
from hub.sharing.registration.record import AUTHENTICATIONS, operations_of
from hub.sharing.registration.service import PEOPLE
from hub.sharing.resources import service as resources
from hub.sharing.resources.document import typed
from hub.sharing.resources.scheme import load_scheme
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.canonical import canonical_json
from shared.kernel.errors import NotFound
from shared.records.states import REGISTRATION
from shared.web import Filter, Form, Listing, current_database
from shared.web.downloads import download

blueprint = Blueprint(
    "registrations", __name__, url_prefix="/registrations", template_folder="templates"
)

COLOURS = {
    "proposed": "yellow",
    "draft": "secondary",
    "waiting": "blue",
    "sent": "blue",
    "online": "green",
    "offline": "secondary",
    "refused": "red",
    "given_up": "red",
    "called_off": "secondary",
}
_ROLES = {
    "change": (Role.ARCHIVIST,),
    "return": (Role.LEADER,),
    "approve": (Role.LEADER,),
    "send_again": (Role.ARCHIVIST, Role.LEADER),
    "call_off": (Role.ARCHIVIST, Role.LEADER),
}


@blueprint.get("/")
@with_roles(*PEOPLE)
def index() -> ResponseReturnValue:
    """The services of the reader's archives, and how they stand."""
    actor = current_actor()
    with current_database().read() as session:
        archives = {each.code: each.name for each in federation.archives(session)}
        listing = Listing.from_request(
            request.args,
            sorts={
                "code": Registration.code,
                "name": Registration.name,
                "changed": Registration.changed_at,
            },
            default_sort="-changed",
            search=(Registration.code, Registration.name),
            filters={"state": Filter("状态", Registration.state, REGISTRATION.states)},
        )
        page = listing.apply(service.registrations_seen_by(actor), session=session)
        return render_template(
            "registrations/index.html",
            page=page,
            archives=archives,
            may_propose=actor.has(Role.ARCHIVIST),
            has_platform=bool(current_folder().settings.province_platform),
            STATES=REGISTRATION.states,
            COLOURS=COLOURS,
        )


@blueprint.get("/<registration_id>")
@with_roles(*PEOPLE)
def show(registration_id: str) -> ResponseReturnValue:
    """One service: its record, how it stands, what may be done."""
    actor = current_actor()
    with current_database().read() as session:
        found = service.registration_seen_by(actor, registration_id, session=session)
        may = {
            verb
            for verb, roles in _ROLES.items()
            if REGISTRATION.may(verb, found.state) and actor.may(*roles, archive=found.archive_code)
        }
        if actor.id == found.proposed_by["id"]:
            may -= {"approve"}
        if found.begun or found.reference:
            may -= {"call_off"}
        return render_template(
            "registrations/show.html",
            registration=found,
            record=found.record,
            archive=federation.archive_of(found.archive_code, session).name,
            may=may,
            scheme=load_scheme(),
            has_platform=bool(current_folder().settings.province_platform),
            STATES=REGISTRATION.states,
            COLOURS=COLOURS,
        )


@blueprint.get("/<registration_id>/record.json")
@with_roles(*PEOPLE)
def record(registration_id: str) -> ResponseReturnValue:
    """The record as a file, for a platform that takes it by hand."""
    with current_database().read() as session:
        found = service.registration_seen_by(current_actor(), registration_id, session=session)
    return download(canonical_json(found.record), f"{found.code}.json", "application/json")


@blueprint.route("/new", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def new() -> ResponseReturnValue:
    """Propose to register a service."""
    form = Form(
        request.form,
        defaults={
            "resource_id": request.args.get("resource", ""),
            "authentication": "bearer",
            "per_second": 10,
            "per_day": 100_000,
        },
    )
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                made = service.propose(
                    current_actor(),
                    {**_terms(form), "resource_id": form.get("resource_id")},
                    description=_description(),
                    base=current_folder().address,
                    session=session,
                )
                registration_id = made.id
            flash("已提出登记，由本馆负责人批准后发送。", "success")
            return redirect(url_for(".show", registration_id=registration_id))
    return _form_page(form, None)


@blueprint.route("/<registration_id>/change", methods=["GET", "POST"])
@with_roles(Role.ARCHIVIST)
def change(registration_id: str) -> ResponseReturnValue:
    """Propose a service anew, as changed."""
    with current_database().read() as session:
        found = service.registration_seen_by(current_actor(), registration_id, session=session)
    form = Form(request.form, defaults=found.terms)
    if request.method == "POST":
        with form.catching():
            with current_database().write() as session:
                service.change(
                    current_actor(), registration_id, _terms(form),
                    description=_description(), base=current_folder().address, session=session,
                )  # fmt: skip
            flash("已重新提出登记，由本馆负责人批准后发送。", "success")
            return redirect(url_for(".show", registration_id=registration_id))
    return _form_page(form, found)


@blueprint.post("/<registration_id>/<verb>")
@with_roles(*PEOPLE)
def move(registration_id: str, verb: str) -> ResponseReturnValue:
    """Approve, send back, send again, call off."""
    reason = request.form.get("reason", "")
    with current_database().write() as session:
        actor = current_actor()
        match verb:
            case "approve":
                service.approve(actor, registration_id, session=session)
            case "return":
                service.send_back(actor, registration_id, reason, session=session)
            case "send_again":
                service.send_again(actor, registration_id, session=session)
            case "call_off":
                service.call_off(actor, registration_id, reason, session=session)
            case _:
                raise NotFound("没有这个操作。", "请刷新后重新办理。")
    flash(f"已{REGISTRATION.verb_label(verb)}。", "success")
    return redirect(url_for(".show", registration_id=registration_id))


def _form_page(form: Form, registration: Registration | None) -> ResponseReturnValue:
    with current_database().read() as session:
        choices = _served(session)
    return form.answer(
        "registrations/form.html",
        registration=registration,
        resources=choices,
        operations=[
            (name, f"{said}（{name}）") for name, said in operations_of(_description()).items()
        ],
        authentications=AUTHENTICATIONS,
    )


def _served(session: Session) -> list[tuple[str, str]]:
    """The published resources of the reader's archives that are shared by an interface."""
    actor = current_actor()
    return [
        (each.resource_id, f"{each.document['code']} {each.document['name']}")
        for each in session.scalars(resources.in_force())
        if "platform_service" in each.document["sharing"]["methods"]
        and actor.may(Role.ARCHIVIST, archive=each.document["archive"])
    ]


def _terms(form: Form) -> dict[str, Any]:
    texts = ("operation", "name", "authentication", "person", "phone", "remark")
    return {
        **{name: typed(form[name]) for name in texts},
        "per_second": form.number("per_second"),
        "per_day": form.number("per_day"),
    }


def _description() -> dict[str, Any]:
    """The hub's own description of its interface."""
    api = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"]
    said: dict[str, Any] = api.spec.to_dict()
    return said
