"""The API for business systems: hand a document in, ask what became of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from flask import request
from marshmallow import ValidationError
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from node.office.service import require_writable
from node.registry.edge import MOST_UPLOAD, current_folder
from node.registry.files import StoredFile
from node.submission import service as submissions
from node.submission.arriving import Arriving
from node.submission.models import Submission
from node.submission.progress import standing_of, standings
from node.submission.schemas import HandedSchema, ListSchema, QuerySchema, StandingSchema
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.web import accepts_upload, api_blueprint, current_database
from shared.web.api import BINARY, header_parameter

submission_api = api_blueprint("submissions", "业务系统归档")

KEY_HEADER = "Idempotency-Key"
MOST_DOCUMENT = 1024 * 1024
_KEY = header_parameter(
    KEY_HEADER,
    "one for each document; the same again is the same submission",
    {"type": "string", "minLength": 1, "maxLength": 100},
)
_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["document"],
                "properties": {
                    "document": HandedSchema,
                    "file": {"type": "array", "items": BINARY},
                },
            },
            "encoding": {"document": {"contentType": "application/json"}},
        }
    },
}


@submission_api.route("", methods=["POST"])
@submission_api.response(201, StandingSchema)
@submission_api.alt_response(404)
@submission_api.doc(parameters=[_KEY], requestBody=_BODY)
@with_roles(Role.INTEGRATOR)
@accepts_upload(MOST_UPLOAD)
def submit() -> Any:
    """Hand in a finished document with its files, all of it or nothing."""
    actor, database = current_actor(), current_database()
    key = submissions.read_key(request.headers.get(KEY_HEADER, ""))
    given = _read(_document())
    with database.read() as session:
        given = submissions.check(actor, given, session=session)
        known = submissions.earlier(actor, key, given, session=session)
        if known is not None:
            return standing_of(known, session=session)
        require_writable(given["fonds_id"], session)
    digests = [each["sha256"] for each in given["files"]]
    cleared = submissions.is_declassified(given)
    with Arriving(current_folder(), digests, declassified=cleared) as files:
        stored = _stored(files, given["files"])
        with database.write() as session:
            made = submissions.submit(actor, key, given, stored, session=session)
            files.done(session)
            return standing_of(made, session=session)


@submission_api.route("", methods=["GET"])
@submission_api.arguments(QuerySchema, location="query")
@submission_api.response(200, ListSchema)
@with_roles(Role.INTEGRATOR)
def index(asked: dict[str, Any]) -> Any:
    """What this system has handed in, newest first."""
    wanted = submissions.own(current_actor(), key=asked.get("key"), fonds_id=asked.get("fonds_id"))
    page, size = asked["page"], asked["size"]
    with current_database().read() as session:
        total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
        rows = session.scalars(
            wanted.order_by(Submission.at.desc(), Submission.id.desc())
            .limit(size)
            .offset((page - 1) * size)
        ).all()
        told = standings(rows, session=session)
    return {
        "submissions": told, "total": total, "page": page, "pages": max(1, -(-total // size)),
    }  # fmt: skip


@submission_api.route("/<submission_id>", methods=["GET"])
@submission_api.response(200, StandingSchema)
@with_roles(Role.INTEGRATOR)
def show(submission_id: str) -> Any:
    """What became of one: its state, its archival code, and what was found wrong."""
    with current_database().read() as session:
        row = submissions.submission_of(current_actor(), submission_id, session=session)
        return standing_of(row, session=session)


def _read(document: Any) -> dict[str, Any]:
    """The description by its schema. Raises ValidationError."""
    try:
        return dict(HandedSchema().load(document))
    except ValidationError as error:
        # By the place in the request: a field `files` is none itself.
        raise ValidationError({"form": error.messages}) from error


def _document() -> Any:
    """The description, which some programs send as a field and some as a file. Raises Invalid."""
    sent: FileStorage | None = request.files.get("document")
    text: bytes | str | None = request.form.get("document")
    if sent is not None:
        text = sent.stream.read(MOST_DOCUMENT + 1)
    if text is None:
        raise Invalid(
            "document", "缺少文件的著录（document）。",
            "请以 multipart/form-data 提交：一个 document 是 JSON，电子文件各是一个 file。",
            code="required",
        )  # fmt: skip
    if len(text) > MOST_DOCUMENT:
        raise Invalid("document", "著录超过 1 MB。", "请核对内容。", code="too_large")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(
            "document", "著录不是 JSON。", "请用 UTF-8 编码的 JSON。", code="not_json"
        ) from None


def _stored(files: Arriving, listed: list[Mapping[str, Any]]) -> dict[str, StoredFile]:
    """The files that came, by digest: exactly those that are listed. Raises Invalid."""
    wanted = {each["sha256"]: each for each in listed}
    came: dict[str, StoredFile] = {}
    for part in request.files.getlist("file"):
        kept = files.keep(_stream(part), part.filename or "未命名")
        if kept.sha256 not in wanted:
            raise Invalid(
                "file", f"收到的文件“{kept.name[:80]}”不在清单中，或内容与清单的摘要不符。",
                "请核对 files 里的摘要后，用同一个幂等键重新提交。", code="file_not_listed",
            )  # fmt: skip
        came[kept.sha256] = kept
    for number, each in enumerate(listed):
        kept_one = came.get(each["sha256"])
        if kept_one is None:
            raise Invalid(
                f"files.{number}.sha256", f"没有收到文件“{each['name'][:80]}”的内容。",
                "请把清单中的每个文件作为一个 file 提交。", code="file_missing",
            )  # fmt: skip
        if kept_one.size != each["size"]:
            raise Invalid(
                f"files.{number}.size", f"文件实际为 {kept_one.size} 字节。", "请改正大小。"
            )
    return came


def _stream(part: FileStorage) -> IO[bytes]:
    return part.stream
