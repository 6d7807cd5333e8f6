"""The page of one record on the desk, with its findings beside fields and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.federation.edge import current_folder
from hub.receiving import service as receiving
from hub.receiving.packages import file_of, is_marked
from hub.receiving.service import OFFER_STATES, Offer
from hub.review import service as review
from hub.review.models import Decision
from hub.review.rows import record_rows
from hub.review.service import PRESET_REASONS, Decided
from hub.review.views import ROLES, blueprint, may_decide
from shared.identity import current_actor, with_roles
from shared.inspection.finding import file_link
from shared.kernel.actor import Role
from shared.kernel.errors import Invalid
from shared.records.record import FIELD_NAMES
from shared.records.states import HUB_BATCH
from shared.web import current_database, download

_VIEWABLE = (".pdf", ".png", ".jpg", ".jpeg", ".gif", ".webp")


@dataclass(frozen=True)
class _Neighbours:
    """Where a record stands in its batch, and what lies beside it."""

    place: int
    count: int
    previous: str | None
    following: str | None
    next_undecided: str | None


def _neighbours(offer: Offer, session: Session) -> _Neighbours:
    ids = [each.id for each in receiving.offers_of(offer.batch_id, session=session)]
    drafts = review.decisions_of(offer.batch_id, session=session)
    place = ids.index(offer.id)
    later = [id_ for id_ in [*ids[place + 1 :], *ids[:place]] if id_ not in drafts]
    return _Neighbours(
        place + 1,
        len(ids),
        ids[place - 1] if place else None,
        ids[place + 1] if place + 1 < len(ids) else None,
        later[0] if later else None,
    )


@blueprint.get("/<batch_id>/records/<offer_id>")
@with_roles(*ROLES)
def record(batch_id: str, offer_id: str) -> ResponseReturnValue:
    """The record as it is described, what was found in it, and its files."""
    with current_database().read() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        offer = receiving.offer_in(found, offer_id, session=session)
        receiving.require_sight(current_actor(), offer, session=session)
        marked = is_marked(offer)
        held = None
        if not marked:
            held = catalogue.records_of([offer.record_id], session).get(offer.record_id)
        same = held is not None and held.digest == offer.record_digest
        # What looks like another record of the fonds is told at both.
        twins = receiving.set_findings(found, offer.code) if offer.code and not marked else []
        findings = [*review.findings_of(offer), *twins]
        rows, others = record_rows(held.wire if held else {}, findings)
        documents = sorted(held.wire["documents"] if held else [], key=lambda each: each["order"])
        urls = {
            file["name"]: url_for(".file", batch_id=found.id, offer_id=offer.id, file_id=file["id"])
            for document in documents
            for file in document["files"]
        }
        return render_template(
            "review/record.html",
            link_to=partial(file_link, urls=urls),
            batch=found,
            offer=offer,
            rows=rows,
            others=others,
            documents=documents,
            viewable=_first_viewable(documents),
            changed_since=not same and not marked,
            marked=marked,
            reasons=review.reasons_in(offer),
            presets=PRESET_REASONS,
            field_names=FIELD_NAMES,
            draft=session.get(Decision, offer.id),
            beside=_neighbours(offer, session),
            states=HUB_BATCH.states,
            offer_states=OFFER_STATES,
            may_decide=may_decide(found),
        )


def _first_viewable(documents: list[dict[str, Any]]) -> str | None:
    """The first file that a browser can show by itself."""
    files = [file for document in documents for file in document["files"]]
    return next((file["id"] for file in files if file["name"].lower().endswith(_VIEWABLE)), None)


@blueprint.post("/<batch_id>/records/<offer_id>/decide")
@with_roles(Role.REVIEWER)
def decide(batch_id: str, offer_id: str) -> ResponseReturnValue:
    """Note the decision on one record, and go on to the next that has none."""
    with current_database().write() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        offer = receiving.offer_in(found, offer_id, session=session)
        decided = _read_decision(offer)
        review.decide(current_actor(), found.id, [decided], session=session)
        onward = _neighbours(offer, session).next_undecided
    if decided.outcome is None or onward is None:
        onward = offer_id
    if "to_batch" in request.form:
        return redirect(url_for(".batch", batch_id=batch_id))
    return redirect(url_for(".record", batch_id=batch_id, offer_id=onward))


def _read_decision(offer: Offer) -> Decided:
    """What the form says: chosen findings and presets by their places, and a text of one's own."""
    # A button with a common reason says by itself that the record is returned.
    outcome = "returned" if "preset" in request.form else request.form.get("outcome")
    if outcome == "accepted":
        return Decided(offer.id, "accepted")
    if outcome != "returned":
        return Decided(offer.id, None)
    found = review.reasons_in(offer)
    presets = [
        {"field": field, "problem": problem, "remedy": remedy, "code": "reviewer"}
        for field, problem, remedy in PRESET_REASONS
    ]
    chosen: list[dict[str, Any]] = []
    for name, offered in (("finding", found), ("preset", presets)):
        for place in request.form.getlist(name):
            if not place.isdecimal() or int(place) >= len(offered):
                raise Invalid(name, "所选的原因已变化。", "请刷新页面后重新选择。")
            chosen.append(offered[int(place)])
    own = request.form.get("own", "").strip()
    if own:
        field = request.form.get("own_field") or None
        chosen.append({"field": field, "problem": own, "remedy": "", "code": "reviewer"})
    return Decided(offer.id, "returned", chosen)


@blueprint.app_template_global()
def file_urls(record: CatalogueRecord) -> Callable[[str], str] | None:
    """For the page of a record: the address of each of its files; None for who may not see them."""
    with current_database().read() as session:
        offer = receiving.offer_to_look_at(current_actor(), record, session=session)
    if offer is None:
        return None
    return partial(_file_url, offer.batch_id, offer.id)


def _file_url(batch_id: str, offer_id: str, file_id: str) -> str:
    return url_for("review.file", batch_id=batch_id, offer_id=offer_id, file_id=file_id)


@blueprint.get("/<batch_id>/records/<offer_id>/files/<file_id>")
@with_roles(*ROLES)
def file(batch_id: str, offer_id: str, file_id: str) -> ResponseReturnValue:
    """One computer file of the record; `save` asks for it as a download."""
    with current_database().read() as session:
        found = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        offer = receiving.offer_in(found, offer_id, session=session)
        receiving.require_sight(current_actor(), offer, session=session)
        inline = offer.inline
    stream, name, media_type, size = file_of(current_folder(), offer, file_id, inline=inline)
    return download(stream, name, media_type, inline="save" not in request.args, size=size)
