"""The API of receiving: parts of granted uploads, the archive's signature, the form as PDF."""

from __future__ import annotations

import re
from typing import Any, BinaryIO, cast

from flask import Response, jsonify, request
from flask.typing import ResponseReturnValue

from hub.federation.edge import current_folder
from hub.receiving import service as receiving
from hub.receiving.schemas import BatchStateSchema, PresentSchema, PutSchema
from shared.identity import current_actor, public
from shared.kernel.errors import Invalid
from shared.storage import MOST_PARTS, PART_SIZE
from shared.web import accepts_upload, api_blueprint, current_database, download
from shared.web.api import BINARY, header_parameter

uploads_api = api_blueprint("uploads", "分片上传")
receiving_api = api_blueprint("receiving", "接收")

#: The grant's token, and the SHA-256 of the bytes that come.
TOKEN_HEADER = "Danglian-Upload-Token"  # noqa: S105 - the name of a header
DIGEST_HEADER = "Danglian-Part-Sha256"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PDF = "application/pdf"
_HEXADECIMAL = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TOKEN = header_parameter(TOKEN_HEADER, "the token of the grant", {"type": "string"})


@uploads_api.route("/<upload_id>/parts/<int:number>", methods=["PUT"])
@uploads_api.response(200, PutSchema)
@uploads_api.alt_response(403)
@uploads_api.doc(
    security=[],
    parameters=[_TOKEN, header_parameter(DIGEST_HEADER, "the SHA-256 of the body", _HEXADECIMAL)],
    requestBody={"required": True, "content": {"application/octet-stream": {"schema": BINARY}}},
)
@public
@accepts_upload(MOST_PARTS * PART_SIZE + 1)  # read up to its limit, it would count as too large
def put_part(upload_id: str, number: int) -> ResponseReturnValue:
    """Take one part, or several from this one on; the token of the grant is the bearer's right."""
    digest = request.headers.get(DIGEST_HEADER, "")
    if not _DIGEST.fullmatch(digest):
        raise Invalid(
            DIGEST_HEADER, "请求头缺少所送内容的 SHA-256 摘要。", "请填写64位小写十六进制。"
        )
    complete = receiving.put_part(
        current_database(),
        current_folder().staging,
        upload_id,
        token=request.headers.get(TOKEN_HEADER, ""),
        number=number,
        stream=cast(BinaryIO, request.stream),
        size=request.content_length,
        sha256=digest,
    )
    return jsonify(complete=complete)


@uploads_api.route("/<upload_id>/parts", methods=["GET"])
@uploads_api.response(200, PresentSchema)
@uploads_api.alt_response(403)
@uploads_api.doc(security=[], parameters=[_TOKEN])
@public
def present_parts(upload_id: str) -> ResponseReturnValue:
    """The parts that are here already."""
    token = request.headers.get(TOKEN_HEADER, "")
    with current_database().read() as session:
        present = receiving.present_parts(session, upload_id, token)
    return jsonify(present_parts=present)


@receiving_api.route("/batches/<batch_id>/sign", methods=["POST"])
@receiving_api.response(200, BatchStateSchema)
def sign(batch_id: str) -> Any:
    """Sign the form as the receiving archive, and so receive the batch."""
    return receiving.sign_and_receive(current_folder(), current_actor(), batch_id)


@receiving_api.route("/batches/<batch_id>/form.pdf", methods=["GET"])
@receiving_api.response(200, BINARY, content_type=_PDF)
@receiving_api.alt_response(409)
def form(batch_id: str) -> Response:
    """The 移交与接收登记表 with the signatures that there are."""
    with current_database().read() as session:
        content = receiving.form_seen_by(current_actor(), batch_id, session=session)
    return download(content, "移交与接收登记表.pdf", _PDF, inline=True)
