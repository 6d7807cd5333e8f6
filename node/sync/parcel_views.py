"""The page of parcels 邮包: download what the hub may lack, upload what it has sent by hand."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from node.registry.edge import current_folder
from node.sync import parcels
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.messaging.entry import Handler
from shared.messaging.parcel import PAGE_BYTES
from shared.web import accepts_upload, current_database
from shared.web.downloads import stream_out
from shared.web.parcels import take_uploaded

blueprint = Blueprint("parcels", __name__, url_prefix="/parcels", template_folder="templates")

#: Under this name `node.app` puts who applies which kind of entry into the extensions of the app.
HANDLERS = "danglian.node_handlers"


def _handlers() -> Mapping[str, Handler]:
    handlers: Mapping[str, Handler] = current_app.extensions[HANDLERS]
    return handlers


@blueprint.get("/")
@with_roles(Role.CLERK, Role.SYSTEM_ADMINISTRATOR)
def index() -> str:
    """What waits to be carried to the hub, and what was taken in last."""
    with current_database().read() as session:
        standing = parcels.standing(session)
        return render_template(
            "parcels/index.html",
            standing=standing,
            too_large=standing.size > PAGE_BYTES,
            most=PAGE_BYTES,
            may_write=current_actor().may(Role.CLERK),
            may_take=current_actor().may(Role.CLERK, Role.SYSTEM_ADMINISTRATOR),
        )


@blueprint.post("/out")
@with_roles(Role.CLERK)
def write() -> ResponseReturnValue:
    """All that the hub may lack, as one file."""
    name, pieces = parcels.download_for_hub(current_actor(), current_folder(), _handlers())
    return stream_out(pieces, name)


@blueprint.post("/in")
@with_roles(Role.CLERK, Role.SYSTEM_ADMINISTRATOR)
@accepts_upload(PAGE_BYTES)
def take() -> ResponseReturnValue:
    """Take in files that the hub has written."""
    actor, folder = current_actor(), current_folder()
    take_uploaded(lambda stream, name: parcels.take_file(actor, folder, _handlers(), stream, name))
    return redirect(url_for(".index"))
