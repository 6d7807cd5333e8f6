"""What every request leaves in the log beside what its verb records: from where, refusals, files.

A refused verb has rolled back, so its refusal is written in a transaction of its own, after it.
"""

from __future__ import annotations

import logging

from flask import Flask, Response, current_app, g, request

from shared import audit
from shared.identity import current_actor_or_none
from shared.kernel.actor import Actor
from shared.kernel.errors import DanglianError, NotFound, Unavailable
from shared.kernel.place import act_from
from shared.web.current import current_database
from shared.web.throttle import TRIES

log = logging.getLogger(__name__)

#: Methods that change nothing.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_AGENT_LENGTH = 120


def register(app: Flask) -> None:
    """Let an app's requests say from where they come."""
    app.before_request(_come)


def _come() -> None:
    agent = request.user_agent.string[:_AGENT_LENGTH]
    act_from(f"{request.remote_addr or ''} {agent}".strip())


def note_refusal(error: DanglianError) -> None:
    """Write down that somebody tried what is not theirs to do, or is not there."""
    actor = _actor()
    if actor is not None:
        audit.note_refusal(
            error, actor, _page(), current_database(),
            counter=current_app.extensions[TRIES].one_more,
            path=request.path, method=request.method,
        )  # fmt: skip


def note_wrong_method() -> None:
    """Write down that somebody tried a method that an address does not have."""
    error = NotFound("这个地址没有这种办法。", code="method_not_allowed")
    note_refusal(error)
    if _actor() is None:
        log.warning("%s is not a method of %s", request.method, request.path)


def note_failure(number: str) -> None:
    """Write down that an act broke off by a fault of ours, under the number that is shown."""
    actor = _actor() if request.method not in SAFE else None
    if actor is None:
        return
    try:
        with current_database().write() as session:
            audit.record(
                session, actor, "act.failed", _page(),
                path=request.path, method=request.method, number=number,
            )  # fmt: skip
    except Unavailable as error:
        # Nothing was done, so nothing is lost but the note; the answer tells of the fault anyhow.
        log.warning("act.failed at %s is not in the log: %s", current_app.name, error.message)


def disclosed(response: Response) -> DanglianError | None:
    """Write down that a file goes out; the error when it could not be, and then it must not."""
    if response.status_code != 200 or request.endpoint == "static":
        return None
    if "filename" not in response.headers.get("Content-Disposition", ""):
        return None
    actor = _actor()
    if actor is None or request.method == "HEAD":
        return None
    try:
        with current_database().write() as session:
            audit.record(session, actor, "file.disclosed", _page(), path=request.path)
    except DanglianError as error:
        return error
    return None


def _actor() -> Actor | None:
    """Who acts, if the request came so far that this is known."""
    return current_actor_or_none() if "danglian_actor" in g else None


def _page() -> str:
    return f"page:{request.endpoint or 'unknown'}"
