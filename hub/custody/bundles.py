"""The bundles of a hand-over on their way: granted up, granted down, cleared at the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.custody.models import FETCHING, Bundle, HandOver
from hub.receiving import service as receiving
from shared.kernel.canonical import sha256_hex
from shared.kernel.clock import format_utc, now
from shared.kernel.database import Database
from shared.kernel.errors import NotAllowed, NotFound, WrongState
from shared.kernel.keys import random_token
from shared.records import wire
from shared.storage import PART_SIZE, Staging, part_count

_GRANT_LASTS = timedelta(hours=1)
#: The states in which bundles may be sent: after `given` those that staging lost.
_SENDING = ("given", *FETCHING)


class _QuestionSchema(wire.WireSchema):
    what = wire.Text(40, required=True)
    bundle_id = wire.Id(required=True)


def bundles_of(hand_over_id: str, session: Session) -> list[Bundle]:
    """The bundles of a hand-over, in order."""
    return list(
        session.scalars(
            select(Bundle).where(Bundle.hand_over_id == hand_over_id).order_by(Bundle.number)
        )
    )


def grant_bundle_up(session: Session, node_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Let the giving node send one bundle in parts (question `upload_bundle`).

    Raises NotFound, NotAllowed, WrongState when it is not wanted (any more).
    """
    bundle, hand_over = _asked(session, body)
    if hand_over.from_node != node_id:
        raise _foreign()
    if hand_over.state not in _SENDING and not bundle.arrived:
        raise WrongState(
            "这次交接现在不需要上传内容。", "请同步后查看交接的状态。", code="hand_over_closed"
        )
    return receiving.grant_parts(
        session,
        node_id,
        bundle.id,
        sha256=bundle.sha256,
        size=bundle.size,
        complete=bundle.arrived,
    )


def grant_bundle_down(session: Session, node_id: str, body: dict[str, Any]) -> dict[str, Any]:
    """Let the taking node fetch one bundle in parts (question `fetch_bundle`); lasts an hour."""
    bundle, hand_over = _asked(session, body)
    if hand_over.to_node != node_id:
        raise _foreign()
    if hand_over.state not in FETCHING:
        raise WrongState(
            "这次交接现在没有内容可取。", "请同步后查看交接的状态。", code="hand_over_closed"
        )
    token = random_token()
    bundle.token_digest = sha256_hex(token.encode())
    bundle.expires_at = now() + _GRANT_LASTS
    session.flush()
    return {
        "bundle_id": bundle.id,
        "token": token,
        "part_size": PART_SIZE,
        "part_count": part_count(bundle.size),
        "expires_at": format_utc(bundle.expires_at),
    }


def clear_some(database: Database, staging: Staging) -> bool:
    """Clear staging of the bundles of one hand-over that has ended; True when there was one."""
    with database.write() as session:
        ended = session.scalar(
            select(HandOver)
            .where(HandOver.state.in_(("done", "called_off")), HandOver.cleared.is_(False))
            .limit(1)
        )
        if ended is None:
            return False
        ids = [bundle.id for bundle in bundles_of(ended.id, session)]
        for bundle_id in ids:
            receiving.forget_upload(session, bundle_id)
    # `cleared` goes last: a kill before it only means that they are cleared again.
    for bundle_id in ids:
        staging.abort(bundle_id)
    with database.write() as session:
        session.get_one(HandOver, ended.id).cleared = True
    return True


def _asked(session: Session, body: dict[str, Any]) -> tuple[Bundle, HandOver]:
    asked = wire.load(_QuestionSchema(), body)
    bundle = session.get(Bundle, asked["bundle_id"])
    if bundle is None:
        raise NotFound("平台没有这份交接内容。", "请等同步完成后再试。", code="bundle_unknown")
    return bundle, session.get_one(HandOver, bundle.hand_over_id)


def _foreign() -> NotAllowed:
    return NotAllowed("这次交接与本节点无关。", "请检查程序。", code="foreign_hand_over")
