"""Requests for a correction 更正申请, as the units' nodes send them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting.models import Correction
from hub.correcting.schemas import RequestSchema
from hub.federation import service as federation
from hub.receiving import service as receiving
from shared import audit
from shared.kernel.actor import system_actor
from shared.kernel.errors import Conflict, Invalid, NotAllowed, WrongState
from shared.messaging.entry import Entry
from shared.records import wire
from shared.records.corrections import read_reason, read_values

_ACTOR = system_actor("correcting")


def apply_requests(session: Session, node_id: str, entries: Sequence[Entry]) -> None:
    """Write down what a unit asks for (entries `correction`); the archive decides.

    The same request again is nothing. Raises NotAllowed for a record of a fonds that this node
    does not keep, WrongState for one that no archive has received, Invalid or Classified for what
    breaks the value domain: of a refused request nothing stays here.
    """
    for entry in entries:
        asked = wire.load(RequestSchema(), entry.body)
        read_reason(asked["reason"])
        _check_changes(entry.body["changes"])
        known = session.get(Correction, asked["correction_id"])
        if known is not None:
            _require_same(known, entry.body)
            continue
        record = catalogue.record_of(asked["record_id"], session)
        require_kept(node_id, record, session)
        correction = Correction(
            id=asked["correction_id"],
            archive_code=archive_of(record, session),
            fonds_id=record.fonds_id,
            record_id=record.id,
            code=record.code,
            request=dict(entry.body),
            began_at=asked["at"],
        )
        session.add(correction)
        session.flush()
        audit.record(
            session,
            _ACTOR,
            "correction.asked",
            f"correction:{correction.id}",
            node=node_id,
            record=record.id,
            fields=[each["field"] for each in correction.changes],
        )


def _check_changes(said: Sequence[Mapping[str, Any]]) -> None:
    """Every value is one of the value domain, written as the wire has it, of a field of its own."""
    values = {each["field"]: each["value"] for each in said}
    if len(values) < len(said):
        raise Invalid("changes", "同一项写了两次。", "请每项只写一次。", code="duplicate")
    before = {each["field"]: each["was"] for each in said if each["was"] is not None}
    for given in (values, before):
        for name, found in read_values(given).items():
            if found != given[name]:
                raise Invalid(
                    f"changes.{name}",
                    "值的写法与规定不同。",
                    "请升级软件后重新提出。",
                    code="bad_shape",
                )


def _require_same(known: Correction, body: Mapping[str, Any]) -> None:
    if known.request != body:
        raise Conflict(
            "平台已有这个编号的另一份更正。", "请重新提出更正申请。", code="other_correction"
        )


def require_kept(node_id: str, record: CatalogueRecord, session: Session) -> None:
    """Raise NotAllowed unless the node keeps the fonds of the record."""
    if not federation.keeps(node_id, record.fonds_id, session):
        raise NotAllowed(
            "这个全宗不由本单位保管。",
            "请联系市档案馆核对全宗的分配。",
            code="foreign_fonds",
            field="fonds_id",
        )


def archive_of(record: CatalogueRecord, session: Session) -> str:
    """The archive that may correct a record: it has received it, or has signed that it does.

    Raises WrongState before that.
    """
    archive = record.archive or receiving.receiving_now(record.id, session=session)
    if archive is None:
        raise WrongState(
            "这件档案还没有被档案馆接收，仍由本单位修改。",
            "移交中的请先撤回批次，再直接修改。",
            code="not_in_custody",
        )
    return archive
