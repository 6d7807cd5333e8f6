"""The API of custody: parts of a bundle, for the node that takes a fonds over."""

from __future__ import annotations

from flask import Response, request

from hub.custody.parts import open_part
from hub.federation.edge import current_folder
from shared.identity import public
from shared.web import api_blueprint
from shared.web.api import BINARY, header_parameter

bundles_api = api_blueprint("bundles", "全宗交接的内容")

#: The grant's token, as for uploads.
TOKEN_HEADER = "Danglian-Upload-Token"  # noqa: S105 - the name of a header


@bundles_api.route("/<bundle_id>/parts/<int:number>", methods=["GET"])
@bundles_api.response(200, BINARY, content_type="application/octet-stream")
@bundles_api.alt_response(403)
@bundles_api.doc(
    security=[],
    parameters=[header_parameter(TOKEN_HEADER, "the token of the grant", {"type": "string"})],
)
@public
def bundle_part(bundle_id: str, number: int) -> Response:
    """One part of a granted bundle; the token of the grant is the bearer's right."""
    with open_part(
        current_folder(),
        bundle_id,
        token=request.headers.get(TOKEN_HEADER, ""),
        number=number,
    ) as stream:
        return Response(stream.read(), mimetype="application/octet-stream")
