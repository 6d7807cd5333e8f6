"""The endpoint of OAI-PMH: by GET or POST, for everybody; what it gives is the public's feed."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Blueprint, Response, current_app, request, url_for

from hub.federation.edge import FOLDER
from hub.sharing.harvesting.answering import Harvest, Repository
from hub.sharing.harvesting.asked import ProtocolError, read_asked
from hub.sharing.harvesting.formats import DAT46_SCHEMA
from hub.sharing.policies import Audience
from shared.identity import public
from shared.kernel.errors import Unavailable
from shared.web import current_database
from shared.web.compressed import answer_with

blueprint = Blueprint("harvesting", __name__, url_prefix="/api/v1/oai")

_XML = "text/xml; charset=utf-8"
_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 16 * 1024
#: Where the hub has no name in the net yet, identifiers cannot be the world's.
_NO_DOMAIN = "danglian.invalid"
_DOMAIN = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*(?:\.[a-zA-Z][a-zA-Z0-9-]*)+")


@blueprint.route("", methods=["GET", "POST"])
@public
def harvest() -> Response:
    """Answer one request."""
    harvesting = Harvest(_repository(), current_database())
    try:
        content = harvesting.answer(read_asked(_arguments()))
    except ProtocolError as error:
        content = harvesting.refuse(error)
    except Unavailable as error:
        return Response(error.message, 503, {"Retry-After": "2"}, mimetype="text/plain")
    return answer_with(content, _XML)


@blueprint.get("/dat46.xsd")
@public
def schema() -> Response:
    """The schema of the form `dat46`."""
    return Response(DAT46_SCHEMA.read_bytes(), mimetype="application/xml")


def _arguments() -> list[tuple[str, str]]:
    if request.method == "GET":
        return list(request.args.items(multi=True))
    request.max_content_length = request.max_form_memory_size = _MOST_BYTES
    if request.mimetype != _FORM:
        raise ProtocolError("badVerb", f"A POST is of the type {_FORM}.")
    return list(request.form.items(multi=True))


def _repository() -> Repository:
    settings = current_app.extensions[FOLDER].settings
    host = urlsplit(settings.public_url).hostname or ""
    domain = host if _DOMAIN.fullmatch(host) else _NO_DOMAIN
    return Repository(
        base=url_for("harvesting.harvest", _external=True),
        name=settings.name,
        domain=domain,
        email=settings.oai_email or f"postmaster@{domain}",
        audience=Audience.PUBLIC,
    )
