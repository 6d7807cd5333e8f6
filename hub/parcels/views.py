"""The page of parcels 邮包: upload what units have brought, download what waits for them."""

from __future__ import annotations

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from hub.federation.edge import current_folder
from hub.federation.models import Node, NodeState
from hub.federation.sync import PostOffice
from hub.parcels import service
from shared.identity import current_actor, with_roles_everywhere
from shared.kernel.actor import Role
from shared.messaging.models import OutgoingStream, TakenParcel
from shared.messaging.parcel import (
    PAGE_BYTES,
)
from shared.web import Listing, accepts_upload, current_database
from shared.web.downloads import stream_out
from shared.web.parcels import take_uploaded

blueprint = Blueprint("parcels", __name__, url_prefix="/parcels", template_folder="templates")

#: Under this name `hub.app` puts what opens the post office into the extensions of the app.
POST_OFFICE = "danglian.hub_post_office"


def _post_office() -> PostOffice:
    post: PostOffice = current_app.extensions[POST_OFFICE](current_folder())
    return post


@blueprint.get("/")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def index() -> str:
    """The units with what waits for each, and what each has brought last."""
    listing = Listing.from_request(
        request.args, sorts={"name": Node.name}, default_sort="name", search=(Node.name,)
    )
    with current_database().read() as session:
        page = listing.apply(select(Node).where(Node.state == NodeState.ENROLLED), session=session)
        ids = [node.id for node in page.items]
        streams = session.scalars(select(OutgoingStream).where(OutgoingStream.peer.in_(ids)))
        parcels = session.scalars(select(TakenParcel).where(TakenParcel.peer.in_(ids)))
        return render_template(
            "parcels/index.html",
            page=page,
            most=PAGE_BYTES,
            waiting={each.peer: each.seq - each.acked for each in streams},
            taken={each.peer: each for each in parcels},
        )


@blueprint.post("/out/<node_id>")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
def write(node_id: str) -> ResponseReturnValue:
    """All that waits for a unit, as one file."""
    name, pieces = service.download_for_node(
        current_actor(), current_folder(), _post_office(), node_id
    )
    return stream_out(pieces, name)


@blueprint.post("/in")
@with_roles_everywhere(Role.SYSTEM_ADMINISTRATOR)
@accepts_upload(PAGE_BYTES)
def take() -> ResponseReturnValue:
    """Take in files that units have brought."""
    actor, folder, post = current_actor(), current_folder(), _post_office()
    take_uploaded(lambda stream, name: service.take_file(actor, folder, post, stream, name))
    return redirect(url_for(".index"))
