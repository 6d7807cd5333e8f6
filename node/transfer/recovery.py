"""Batches that this folder forgot: it was restored to before they were offered (protocol §4).

At the start of a new epoch the hub says which batches it holds; a batch that is not wholly there
can only be withdrawn, because the packages that were built for it are gone with the lost folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.service import keeps, office_of
from node.transfer.models import Batch, BatchRecord
from node.transfer.questions import records_of
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.clock import now
from shared.kernel.errors import DanglianError
from shared.records.values import TITLE_LENGTH, repair_text

_HUB = system_actor("市级平台")
_LOST_TITLE = "从备份恢复后由市级平台告知的批次"
_WITHDRAW_REASON = "本机由备份恢复，未传完的批次撤回后重新移交"


def adopt_batch(session: Session, body: Mapping[str, Any]) -> None:
    """Take over a batch that the hub holds (entry `batch_held`).

    Body: `{batch_id, fonds_id, title, whole, offers: [{offer_id, record_id, record_version,
    package_sha256, size}]}`; `whole` when every package and the closing entry have arrived.
    """
    whole = bool(body.get("whole"))
    batch = session.get(Batch, str(body["batch_id"]))
    forgotten = batch is None or (
        batch.state in ("preparing", "approved") and not _goes_on(batch, body, session)
    )
    if batch is None:
        batch = remember(session, body)
    elif forgotten:
        _fill_in(batch, body["offers"], session)
    if batch is None:
        audit.record(session, _HUB, "batch.not_adopted", f"batch:{body['batch_id']}")
        return
    if whole or forgotten:
        batch.held_epoch = office_of(session).epoch
    if not forgotten:
        return
    batch.offering = False
    if whole:
        batch.state = "offered"
    else:
        batch.state = "withdrawing"
        batch.withdraw_by, batch.withdraw_reason = _HUB.name, _WITHDRAW_REASON
    batch.offered_at = batch.offered_at or now()
    audit.record(session, _HUB, "batch.adopted", f"batch:{batch.id}", state=batch.state)
    session.flush()


def remember(session: Session, said: Mapping[str, Any]) -> Batch | None:
    """Write down a forgotten batch as a paper of the hub names it.

    None when its records are not frozen here at just these versions, or another batch has them:
    then it is none of ours.
    """
    offers = list(said.get("offers") or ())
    try:
        records = filing.records_named([str(each["record_id"]) for each in offers], session=session)
    except (DanglianError, KeyError, TypeError):
        return None
    fonds_ids = {record.fonds_id for record in records}
    if len(fonds_ids) != 1 or not keeps(records[0].fonds_id, session):
        return None
    for record, each in zip(records, offers, strict=True):
        if record.state not in ("offered", "received", "filed"):
            return None
        if record.state == "offered" and record.version != each.get("record_version"):
            return None
    if any(session.get(BatchRecord, str(each["offer_id"])) is not None for each in offers):
        return None
    form = said.get("form") if isinstance(said.get("form"), Mapping) else {}
    title = repair_text(said.get("title") or (form or {}).get("title") or _LOST_TITLE)
    batch = Batch(
        id=str(said["batch_id"]),
        fonds_id=records[0].fonds_id,
        title=title[:TITLE_LENGTH] or _LOST_TITLE,
        state="offered",
        count=len(offers),
        created_by=_HUB.name,
        created_by_id=_HUB.id,
        offered_by=_HUB.name,
        offered_by_id=_HUB.id,
    )
    session.add(batch)
    session.flush()
    for position, (record, each) in enumerate(zip(records, offers, strict=True)):
        session.add(
            BatchRecord(
                offer_id=str(each["offer_id"]),
                batch_id=batch.id,
                position=position,
                record_id=record.id,
                heads=record.level != "item",
                record_version=each["record_version"],
                package_sha256=each["package_sha256"],
                package_size=int(each.get("size") or 0),
                inline=False,
                told=True,
                uploaded=True,
            )
        )
    session.flush()
    return batch


def _goes_on(batch: Batch, body: Mapping[str, Any], session: Session) -> bool:
    """Whether nothing of the batch was lost here, so that its offering simply goes on."""
    if body.get("whole") or not batch.offering:
        return False
    ours = {each.offer_id: each.package_sha256 for each in records_of(batch.id, session=session)}
    return all(ours.get(str(each["offer_id"])) == each["package_sha256"] for each in body["offers"])


def _fill_in(batch: Batch, offers: Sequence[Mapping[str, Any]], session: Session) -> None:
    """The batch was prepared before the restore: take what its offers became."""
    said = {str(each["offer_id"]): each for each in offers}
    for each in records_of(batch.id, session=session):
        if each.offer_id in said:
            known = said[each.offer_id]
            each.record_version = known["record_version"]
            each.package_sha256 = known["package_sha256"]
            each.package_size = int(known.get("size") or 0)
            each.inline, each.told, each.uploaded = False, True, True
