"""What a node may ask over HTTPS with its device key: one signed question, one signed answer.

Only for what must not wait in a queue, such as the grant of an upload. Nothing here changes a
record; whatever must arrive travels in the streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from hub.federation.assignments import hub_of
from hub.federation.places import HubFolder
from hub.federation.sync import PostOffice, open_from_node
from shared.identity import public
from shared.kernel.errors import Invalid, Unavailable
from shared.messaging.envelope import Header, close_envelope

#: What takes the network is said as a function, and done when the transaction is over.
Answer = dict[str, Any] | Callable[[], dict[str, Any]]
#: Answers a question of a node: `(session, node_id, question) -> answer`.
Request = Callable[[Session, str, dict[str, Any]], Answer]

_LIMIT = 64 * 1024


def requests_blueprint(
    folder: HubFolder, answers: Mapping[str, Request], post: Callable[[HubFolder], PostOffice]
) -> Blueprint:
    """What nodes send over HTTPS.

    `POST /api/v1/nodes/requests`: an envelope of kind `request` in, one of kind `answer` out.
    `POST /api/v1/nodes/greetings`: the `hello` of an instance that waits for its grant, and
    therefore does not listen to the node's queue; out comes what would have gone there.
    """
    blueprint = Blueprint("node_requests", __name__)

    @blueprint.post("/api/v1/nodes/greetings")
    @public
    def answer_greeting() -> Response:
        raw = _body()
        with folder.database().read() as session:
            if hub_of(session).restore_suspected is not None:
                raise Unavailable("市级平台正在恢复。", "系统会自动重试。")
        return Response(b"".join(post(folder).greet(raw)), mimetype="application/octet-stream")

    @blueprint.post("/api/v1/nodes/requests")
    @public
    def answer_request() -> Response:
        raw = _body()
        database = folder.database()
        message = open_from_node(database, folder.settings.hub_id, raw)
        question = message.document()
        answer = answers.get(str(question.get("what")))
        if message.header.kind != "request" or answer is None:
            raise Invalid("what", "不认识这种请求。", "请升级软件后再试。", code="unknown_request")
        with database.write() as session:
            found = answer(session, message.header.sender, question)
            generation = hub_of(session).generation
        body = found() if callable(found) else found
        header = Header(
            sender=folder.settings.hub_id,
            recipient=message.header.sender,
            direction="down",
            kind="answer",
            epoch=message.header.epoch,
            generation=generation,
        )
        raw_answer = close_envelope(folder.keys.hub(), header, body)
        return Response(raw_answer, mimetype="application/octet-stream")

    return blueprint


def _body() -> bytes:
    if (request.content_length or 0) > _LIMIT:
        raise Invalid("body", "请求过大。", "请升级软件后再试。", code="too_large")
    return request.get_data(cache=False)
