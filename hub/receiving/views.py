"""The archivist's pages: batches that wait for the archive's signature, and what was received."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.federation.edge import current_folder
from hub.receiving import service as receiving
from hub.receiving.found_seals import batch_has_seals
from hub.receiving.models import Accession, Batch, Offer
from shared.identity import current_actor, with_roles
from shared.kernel.actor import Role
from shared.records.retention import retention_name, retention_rank
from shared.records.states import HUB_BATCH
from shared.verifier.certificates import Authorities
from shared.web import Filter, Listing, current_database, download

blueprint = Blueprint("receiving", __name__, url_prefix="/receiving", template_folder="templates")

_PDF = "application/pdf"
#: The tabs of the list: name, label, states, and what an empty list says.
TABS = (
    (
        "sign",
        "待本馆签字",
        ("signed_by_unit",),
        "没有等待签字的移交。单位在登记表上签字后会出现在这里。",
    ),
    ("unit", "待单位签字", ("accepted", "corrected"), "没有等待单位签字的移交。"),
    ("running", "入库中", ("receiving",), "没有正在入库的移交。"),
    (
        "received",
        "已接收",
        ("received",),
        "还没有接收过移交。先到“审核”办理，再回到这里签字接收。",
    ),
)


@blueprint.get("/")
@with_roles(Role.ARCHIVIST)
def index() -> ResponseReturnValue:
    chosen = next((tab for tab in TABS if tab[0] == request.args.get("tab")), TABS[0])
    listing = Listing.from_request(
        request.args,
        sorts={
            "title": Batch.title,
            "fonds": Batch.fonds_name,
            "count": Batch.count,
            "signed": Batch.unit_signed_at,
            "received": Batch.received_at,
        },
        default_sort="-received" if chosen[0] == "received" else "signed",
        search=(Batch.title, Batch.fonds_name),
    )
    mine = receiving.batches_within(current_actor(), (Role.ARCHIVIST,), Batch.receiving_archive)
    with current_database().read() as session:
        page = listing.apply(mine.where(Batch.state.in_(chosen[2])), session=session)
        return render_template(
            "receiving/index.html", page=page, tabs=TABS, chosen=chosen, states=HUB_BATCH.states
        )


def _offer_listing(batch: Batch, session: Session) -> Listing:
    """What the request asks of the records in a batch.

    Only who sees the titles may search and sort by them: otherwise the answers would tell them.
    """
    mine = current_actor().may(
        Role.ARCHIVIST, archive=batch.receiving_archive, fonds=batch.fonds_id
    )
    titles = {"title": Offer.title} if mine else {}
    there = session.scalars(
        receiving.accepted_listing(batch.id).with_only_columns(Offer.retention).distinct()
    )
    retentions = [(each, retention_name(each)) for each in sorted(there, key=retention_rank)]
    return Listing.from_request(
        request.args,
        sorts={
            "code": Offer.code,
            "year": Offer.year,
            "retention": Offer.retention,
            "size": Offer.package_size,
            **titles,
        },
        default_sort="code",
        search=(Offer.code, *titles.values()),
        filters={"retention": Filter("保管期限", Offer.retention, retentions)}
        if len(retentions) > 1
        else {},
    )


@blueprint.get("/<batch_id>")
@with_roles(Role.ARCHIVIST)
def show(batch_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        batch = receiving.batch_seen_by(current_actor(), batch_id, session=session)
        page = _offer_listing(batch, session).apply(
            receiving.accepted_listing(batch.id), session=session
        )
        receipt = receiving.receipt_of(batch, session=session)
        return render_template(
            "receiving/show.html",
            batch=batch,
            page=page,
            hidden=receiving.titles_hidden(current_actor(), page.items, session=session),
            masked=receiving.MASKED_TITLE,
            totals=receiving.accepted_totals(batch.id, session=session),
            accession=receiving.accession_of(batch, session=session),
            receipt=receipt,
            stamps=receiving.stamps_of(receipt.id, session=session) if receipt else (),
            stamps_made=current_folder().time_stamper is not None,
            statuses=receiving.status_words(
                receipt, asks=current_folder().status_service is not None
            ),
            seal=receiving.unit_seal(batch, _authorities(), session=session),
            states=HUB_BATCH.states,
            retention_name=retention_name,
            may_sign=HUB_BATCH.may("receive", batch.state),
            has_seals=batch_has_seals(batch.id, session=session),
        )


def _authorities() -> Authorities | None:
    folder = current_folder().seal_authorities
    return None if folder is None else folder.current()


@blueprint.post("/<batch_id>/sign")
@with_roles(Role.ARCHIVIST)
def sign(batch_id: str) -> ResponseReturnValue:
    batch = receiving.sign_and_receive(current_folder(), current_actor(), batch_id)
    flash("已签字接收。数据包正在写入馆藏库，完成后向移交单位发出凭据。", "success")
    return redirect(url_for(".show", batch_id=batch.id))


@blueprint.get("/<batch_id>/form.pdf")
@with_roles(Role.ARCHIVIST, Role.REVIEWER)
def form(batch_id: str) -> ResponseReturnValue:
    with current_database().read() as session:
        content = receiving.form_seen_by(current_actor(), batch_id, session=session)
    return download(content, "移交与接收登记表.pdf", _PDF, inline="save" not in request.args)


@blueprint.get("/<batch_id>/receipt.zip")
@with_roles(Role.ARCHIVIST)
def receipt(batch_id: str) -> ResponseReturnValue:
    content = receiving.receipt_seen_by(current_folder(), current_actor(), batch_id)
    return download(content, "接收凭证.zip", "application/zip")


@blueprint.get("/accessions")
@with_roles(Role.ARCHIVIST)
def accessions() -> ResponseReturnValue:
    listing = Listing.from_request(
        request.args,
        sorts={
            "received": Accession.received_at,
            "fonds": Accession.fonds_name,
            "count": Accession.count,
        },
        default_sort="-received",
        search=(Accession.fonds_name,),
    )
    mine = receiving.batches_within(current_actor(), (Role.ARCHIVIST,), Batch.receiving_archive)
    rows = select(Accession).where(Accession.batch_id.in_(mine.with_only_columns(Batch.id)))
    with current_database().read() as session:
        page = listing.apply(rows, session=session)
        return render_template("receiving/accessions.html", page=page)
