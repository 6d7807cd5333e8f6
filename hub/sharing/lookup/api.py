"""The API for other platforms: verify a paper by its code, ask whether a record exists."""

from __future__ import annotations

from typing import Any

from hub.federation.edge import current_folder
from hub.sharing.consumers.edge import consumer_or_none, for_consumers_and_people
from hub.sharing.consumers.terms import Service
from hub.sharing.lookup.braking import braked
from hub.sharing.lookup.schemas import (
    AnswerSchema,
    GenuineSchema,
    LookupSchema,
    VerificationSchema,
)
from hub.sharing.lookup.service import Asker, look_up, read_question
from hub.sharing.lookup.verification import verify
from hub.sharing.policies import Audience
from shared.identity import current_actor, public
from shared.web import api_blueprint, current_database

lookup_api = api_blueprint("lookup", "核验和查证", prefix="/shared")


@lookup_api.route("/verifications", methods=["POST"])
@public
@lookup_api.arguments(VerificationSchema)
@lookup_api.response(200, GenuineSchema)
def verify_paper(asked: dict[str, Any]) -> Any:
    """Whether a paper is genuine, by its code."""
    database, store = current_database(), current_folder().store
    return braked(
        lambda: verify(asked["code"], asked.get("sha256"), database=database, store=store)
    )


@lookup_api.route("/lookups", methods=["POST"])
@lookup_api.arguments(LookupSchema)
@lookup_api.response(200, AnswerSchema)
@lookup_api.doc(security=[{"oauth2": ["lookup"]}, {"bearer": []}])
@for_consumers_and_people(Service.LOOKUP)
def look_up_record(asked: dict[str, Any]) -> Any:
    """Whether an archive keeps the record with this number and title, for a purpose."""
    question = read_question(**asked)
    most = current_folder().settings.lookups_per_hour
    with current_database().write() as session:
        return look_up(_asker(), question, most=most, session=session)


def _asker() -> Asker:
    """A consumer on its terms, or the person who is signed in."""
    asking = consumer_or_none()
    if asking is None:
        return Asker(current_actor())
    return Asker(asking.actor, Audience(asking.terms.audience), asking.terms.covers)
