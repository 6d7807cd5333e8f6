"""The API of queues: where a consumer's own is, and telling again what it misses."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from hub.federation.edge import current_folder
from hub.sharing.consumers.edge import current_consumer, for_consumers
from hub.sharing.consumers.terms import Service, Terms
from hub.sharing.pushing import service as pushing
from hub.sharing.pushing.models import Push
from hub.sharing.pushing.schemas import QueueSchema, TellAgainSchema
from hub.sharing.pushing.subscribers import queue_name
from shared.web import api_blueprint, current_database

queue_api = api_blueprint("queue", "共享目录的消息队列", prefix="/shared")


@queue_api.route("/queue", methods=["GET"])
@queue_api.response(200, QueueSchema)
@queue_api.doc(security=[{"oauth2": ["records"]}])
@for_consumers(Service.RECORDS)
def show_queue() -> Any:
    """Where my queue is, and how far it was told."""
    asking = current_consumer()
    with current_database().read() as session:
        return _told(pushing.queue_of(asking.id, session), asking.terms, session)


@queue_api.route("/queue", methods=["POST"])
@queue_api.arguments(TellAgainSchema)
@queue_api.response(200, QueueSchema)
@queue_api.alt_response(410, description="the cursor is of a time before a restore")
@queue_api.doc(security=[{"oauth2": ["records"]}])
@for_consumers(Service.RECORDS)
def tell_again(asked: dict[str, Any]) -> Any:
    """Put into my queue again what came after a cursor; I miss something."""
    asking = current_consumer()
    with current_database().write() as session:
        row = pushing.tell_again(
            asking.actor, asking.id, asking.terms, asked["cursor"], session=session
        )
        return _told(row, asking.terms, session)


def _told(row: Push, terms: Terms, session: Session) -> dict[str, Any]:
    standing = pushing.standing_of(row, terms, session)
    return {
        "link": current_folder().link_for_nodes,
        "queue": queue_name(row.consumer_id),
        "cursor": standing.at.text if standing.at else None,
        "end": standing.end.text,
    }
