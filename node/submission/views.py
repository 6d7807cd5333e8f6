"""The page 业务系统送来的: what office systems have handed in, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, render_template, request

from node.filing.pages import fonds_names
from node.registry.models import Registered
from node.submission.models import Submission
from node.submission.progress import STATE_NAMES, standings
from node.submission.service import SEEING, listing
from shared.identity import current_actor, with_roles
from shared.web import Filter, Listing, current_database

blueprint = Blueprint(
    "submission", __name__, url_prefix="/submissions", template_folder="templates"
)

COLOURS = {
    "registered": "blue",
    "arranging": "yellow",
    "returned": "red",
    "filed": "green",
    "offered": "purple",
    "received": "green",
}
_WHERE = {"open": "待归档", "to_file": "已列入归档", "decided": "不归档、另存、清退"}
_STATES = {
    "open": ("registered", "in_hand", "closed"),
    "to_file": ("to_file",),
    "decided": ("not_kept", "returned_to_issuer", "kept_elsewhere"),
}


@blueprint.get("/")
@with_roles(*SEEING)
def index() -> str:
    with current_database().read() as session:
        seen = listing(current_actor())
        systems = {
            row.system_id: row.system_name
            for row in session.execute(
                seen.with_only_columns(Submission.system_id, Submission.system_name).distinct()
            )
        }
        asked = Listing.from_request(
            request.args,
            sorts={"at": Submission.at, "title": Registered.title},
            default_sort="-at",
            search=(Registered.title, Registered.doc_no, Submission.key),
            filters={
                "system": Filter("系统", Submission.system_id, systems),
                "state": Filter("办到哪步", choices=_WHERE, apply=_in_state),
            },
        )
        page = asked.apply(
            seen.join(Registered, Registered.id == Submission.document_id), session=session
        )
        told: Any = replace(page, items=list[Any](standings(page.items, session=session)))
        return render_template(
            "submission/index.html",
            page=told,
            fonds=fonds_names(session),
            STATES=STATE_NAMES,
            COLOURS=COLOURS,
        )


def _in_state(statement: Any, value: str) -> Any:
    return statement.where(Registered.state.in_(_STATES[value]))
