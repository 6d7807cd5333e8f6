"""The page 运行情况: what needs a person, and how each node stands."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from hub.federation import service as federation
from hub.federation.edge import current_folder
from hub.health.doctor import alerts
from shared.identity import with_roles_everywhere
from shared.kernel.actor import Role
from shared.web import Listing, current_database

blueprint = Blueprint("health_page", __name__, url_prefix="/running", template_folder="templates")


@blueprint.get("/")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def index() -> ResponseReturnValue:
    """The alert list, and the nodes in a few numbers."""
    with current_database().read() as session:
        found = alerts(current_folder(), session)
        nodes = federation.nodes(session)
        oldest = [each.oldest_waiting for each in nodes if each.oldest_waiting]
        return render_template(
            "health/index.html",
            page=_listing().apply_to(found),
            count=len(found),
            nodes=len(nodes),
            waiting=sum(each.backlog or 0 for each in nodes),
            oldest=min(oldest, default=None),
        )


def _listing() -> Listing:
    """What the request asks of the alerts: a city whose line is down has thousands."""
    return Listing.from_request(
        request.args,
        sorts={"place": None, "problem": lambda each: each.problem, "code": lambda each: each.code},
        default_sort="place",
        search=(lambda each: each.problem, lambda each: each.remedy, lambda each: each.code),
        size=50,
    )
