"""The 移交与接收登记表 of a batch: prepared with the verdict, printed with its signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from hub.catalogue import service as catalogue
from hub.federation import service as federation
from hub.receiving.models import Batch, Offer, Receipt
from shared.inspection.report import Report
from shared.kernel.actor import Actor
from shared.kernel.canonical import digest_of
from shared.kernel.clock import SHANGHAI, parse_utc, today
from shared.kernel.errors import WrongState
from shared.packaging import (
    ROOTED_FORMAT,
    FormCheck,
    FormItem,
    FormPeople,
    HandoverForm,
    checks_of_reports,
    corrected,
    form_pdf,
    make_form,
    rooted,
)
from shared.records.classes import class_name

_NAMED_CLASSES = 6
_CARRIER = "载体外观"


def form_of(
    actor: Actor, batch: Batch, accepted: Sequence[Offer], *, session: Session
) -> dict[str, Any]:
    """The form for the accepted offers of a batch; a corrected one when these are not all."""
    offers = {
        offer.id: offer
        for offer in session.scalars(
            select(Offer).options(undefer(Offer.report)).where(Offer.batch_id == batch.id)
            .execution_options(populate_existing=True)
        )
    }  # fmt: skip
    whole = _whole(actor, batch, offers, session)
    kept = {offer.id for offer in accepted}
    if len(kept) == len(offers):
        return _rooted(whole, batch, session).to_wire()
    form = corrected(whole, kept, f"本批共 {len(offers)} 件，退回 {len(offers) - len(kept)} 件。")
    checks = _checks(batch, [offers[each] for each in kept])
    form = replace(form, checks=checks, content=_content(list(accepted)))
    return _rooted(form, batch, session).to_wire()


def _rooted(form: HandoverForm, batch: Batch, session: Session) -> HandoverForm:
    """The form with its Merkle root, for a unit whose node has said that it reads that form.

    Without it where the catalogue has other versions than were offered (after a restore).
    """
    if (batch.listed or {}).get("reads_form") != ROOTED_FORMAT:
        return form
    records = described([item.offer_id for item in form.items], session)
    return form if records is None else rooted(form, records)


def described(offer_ids: Sequence[str], session: Session) -> dict[str, dict[str, Any]] | None:
    """The records of offers as they were offered; None when the catalogue has others by now.

    So it is only after a restore of the hub; then the receipt names the packages alone.
    """
    offers = session.scalars(select(Offer).where(Offer.id.in_(offer_ids))).all()
    found = catalogue.records_of([offer.record_id for offer in offers], session)
    is_whole = all(
        offer.record_id in found and digest_of(found[offer.record_id].wire) == offer.record_digest
        for offer in offers
    )
    return {each: row.wire for each, row in found.items()} if is_whole else None


def _whole(
    actor: Actor, batch: Batch, offers: Mapping[str, Offer], session: Session
) -> HandoverForm:
    fonds = federation.fonds_of(batch.fonds_id, session)
    archive = federation.archive_of(batch.receiving_archive, session)
    records = catalogue.records_of([offer.record_id for offer in offers.values()], session)
    listed = batch.listed or {}
    return make_form(
        [_item(offer, records[offer.record_id].wire) for offer in offers.values()],
        batch_id=batch.batch_id,
        title=batch.title,
        content=_content(list(offers.values())),
        unit=fonds.forming_unit,
        fonds_id=fonds.id,
        fonds_number=fonds.shape.number_in(batch.receiving_archive),
        fonds_name=fonds.name,
        archive_code=archive.code,
        archive=archive.name,
        checks=_checks(batch, list(offers.values())),
        unit_people=FormPeople(
            filled_by=_text(listed.get("offered_by")),
            filled_on=_day(listed.get("offered_at")),
            reviewed_by=_text(listed.get("approved_by")),
            reviewed_on=_day(listed.get("approved_at")),
        ),
        archive_people=FormPeople(
            filled_by=actor.name, filled_on=today(), reviewed_by=actor.name, reviewed_on=today()
        ),
    )


def _item(offer: Offer, described: Mapping[str, Any]) -> FormItem:
    files = [file for document in described["documents"] for file in document["files"]]
    return FormItem(
        offer_id=offer.id,
        record_id=offer.record_id,
        record_version=offer.record_version,
        package_sha256=offer.package_sha256,
        package_size=offer.package_size,
        code=described["code"],
        title=described["title"],
        date=described["date"],
        retention=described["retention"],
        level=described["level"],
        files=len(files),
        bytes=sum(file["size"] for file in files),
    )


def _content(offers: Sequence[Offer]) -> str:
    years = sorted({offer.year for offer in offers})
    span = f"{years[0]}" if len(years) == 1 else f"{years[0]}—{years[-1]}"
    classes = sorted({class_name(offer.class_code) for offer in offers})
    more = "等" if len(classes) > _NAMED_CLASSES else ""
    return f"{span}年度{'、'.join(classes[:_NAMED_CLASSES])}{more}档案，共 {len(offers)} 件（卷）"


def _checks(batch: Batch, offers: Sequence[Offer]) -> dict[str, FormCheck]:
    """What both sides have found: the archive by its reports, the unit as it says of itself."""
    reports = [Report.from_wire(offer.report) for offer in offers if offer.report is not None]
    own = (batch.listed or {}).get("self_check")
    errors = own.get("with_errors") if isinstance(own, dict) else None
    unit = "未报自检" if errors is None else "自检合格" if errors == 0 else "自检有不合格"
    return {
        name: FormCheck(line.unit if name == _CARRIER else unit, line.archive)
        for name, line in checks_of_reports([], reports).items()
    }


def form_pdf_of(batch: Batch, *, session: Session) -> bytes:
    """The form as PDF, with the signatures that there are. Raises WrongState before the verdict."""
    if batch.form is None:
        raise WrongState("这批移交还没有登记表。", "登记表在审核通过后生成。")
    receipt = session.scalar(select(Receipt).where(Receipt.batch_id == batch.id))
    signed = receipt.document.get("form_signature") if receipt is not None else None
    code = receipt.id if receipt is not None else None
    return form_pdf(HandoverForm.from_wire(batch.form), batch.unit_signature, signed, code)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _day(value: object) -> str:
    """The day of a time that a node told; empty when it told none that can be read."""
    try:
        return parse_utc(str(value)).astimezone(SHANGHAI).strftime("%Y-%m-%d")
    except ValueError:
        return ""
