"""The page 到哪了, the way of a record on its own page, and the light in every header."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from node.filing import service as filing
from node.filing.access import SEEING
from node.filing.pages import fonds_names
from node.filing.views import words
from node.office.service import office_of
from node.sync.waiting import waiting_of
from node.whereabouts.journey import journey_of
from node.whereabouts.light import light_of
from node.whereabouts.places import PLACES, counts, listing, place_column
from shared.identity import current_actor, public, with_roles
from shared.identity.current import current_actor_or_none
from shared.web import Filter, Listing, current_database, polled

blueprint = Blueprint(
    "whereabouts", __name__, url_prefix="/whereabouts", template_folder="templates"
)

COLOURS = {
    "draft": "secondary",
    "held_up": "orange",
    "queued": "yellow",
    "refused": "red",
    "returned": "red",
    "received": "green",
}
#: htmx asks no more after an answer with this status.
_STOP_POLLING = 286


@blueprint.get("/")
@with_roles(*SEEING)
def index() -> str:
    """Where the records are, counted by place, and each one."""
    with current_database().read() as session:
        seen = filing.records_seen(current_actor(), session=session)
        counted = counts(seen, session)
        page = _listing(counted, session).apply(listing(seen, session), session=session)
        return render_template(
            "whereabouts/index.html",
            page=page,
            counted=counted,
            light=light_of(session),
            office=office_of(session),
            waiting=waiting_of(session),
            places=PLACES,
            colours=COLOURS,
        )


def _listing(counted: dict[str, int], session: Session) -> Listing:
    fonds = fonds_names(session, in_part=True)
    choices = {place: f"{PLACES[place]}（{n}）" for place, n in counted.items()}
    where = place_column(session)
    filters = {
        "place": Filter(
            "到哪了", choices=choices, apply=lambda query, value: query.where(where == value)
        )
    }
    if len(fonds) > 1:
        filters["fonds"] = Filter("全宗", filing.Record.fonds_id, fonds)
    return Listing.from_request(
        request.args,
        sorts={
            "changed": filing.Record.changed_at,
            "code": filing.Record.code,
            "title": filing.Record.title,
        },
        default_sort="-changed",
        search=words,
        filters=filters,
    )


@blueprint.get("/light")
@polled
@public
def light() -> ResponseReturnValue:
    """The light anew, for a page that is open; nothing when nobody is signed in any more."""
    if current_actor_or_none() is None:
        return "", _STOP_POLLING
    with current_database().read() as session:
        now = light_of(session)
    components: Any = current_app.jinja_env.globals["ui"]
    return str(components.light(now, url_for(".index"), url_for(".light")))


@blueprint.app_context_processor
def _for_the_record() -> dict[str, Any]:
    """Gives the page of a record its way."""

    def journey(record: filing.Record) -> Any:
        with current_database().read() as session:
            return journey_of(record, session=session)

    return {"journey_of": journey}
