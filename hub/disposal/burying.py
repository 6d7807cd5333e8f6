"""What a sealed list destroys gets its tombstones, some records at a time.

The list is the journal: whatever it says is destroyed and has no tombstone yet is next. So a kill
loses and repeats nothing, and a hub that was rebuilt with the list goes on where the first stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.catalogue import service as catalogue
from hub.catalogue.models import CatalogueRecord
from hub.correcting import service as correcting
from hub.disposal.deciding import ACTOR, package_told
from hub.disposal.models import AppraisalLine
from hub.disposal.proposing import obstacles, require_at_rest
from hub.federation import service as federation
from hub.repository import tombstones
from hub.repository.models import DisposalList
from shared import audit
from shared.kernel.canonical import digest_of
from shared.kernel.database import locked
from shared.kernel.errors import Conflict
from shared.kernel.identifiers import new_id
from shared.records.corrections import corrected
from shared.records.retention import OPINION_NAMES, Opinion, retention_name

#: So many records one transaction destroys, at some 5 to 10 ms each.
CHUNK = 10
#: So many are looked at in one go to find these.
_LOOKED_AT = 50


def unburied(*, session: Session) -> Sequence[str]:
    """The lists that say more is destroyed than has a tombstone, oldest first."""
    return session.scalars(
        select(DisposalList.id)
        .where(DisposalList.unburied > 0)
        .order_by(DisposalList.at, DisposalList.id)
    ).all()


def draft(list_id: str, *, session: Session) -> list[dict[str, Any]]:
    """The tombstones of the next records of a list, ready for the seal; changes nothing.

    What cannot be destroyed at this moment (a correction is being made, the record is still being
    restored) is left for later.
    """
    document = session.get_one(DisposalList, list_id).document
    lines = {each["record_id"]: each for each in document["lines"] if each["is_destroyed"]}
    left = sorted(lines.keys() - tombstones.buried(list_id, session=session))
    chosen: list[str] = []
    for start in range(0, len(left), _LOOKED_AT):
        some = left[start : start + _LOOKED_AT]
        barred = obstacles(some, document["archive"], session)
        chosen = [each for each in some if each not in barred][:CHUNK]
        if chosen:
            break
    records = catalogue.records_of(chosen, session)
    return [_stone(document, lines[each], records[each], session) for each in chosen]


def _stone(
    document: Mapping[str, Any], line: Mapping[str, Any], record: CatalogueRecord, session: Session
) -> dict[str, Any]:
    """What stays of a record: its last description, with the event 销毁 at its end."""
    events = [
        *correcting.receipt_event(record, document["archive"], session),
        event("销毁", document, line),
    ]
    made = corrected(record.wire, {}, events, state="disposed")
    return {
        "record": made,
        "record_digest": digest_of(made),
        "list_id": document["list_id"],
        "list_digest": digest_of(document),
        "archive": document["archive"],
        "receipt_id": record.receipt_id,
        **package_told(record, session),
        "reason": line["reason"],
        **{each: document[each] for each in ("drawn", "approved", "witnesses", "at")},
    }


def event(action: str, document: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    """What a record's history says of the decision of a list about it."""
    approver = document["approved"]["name"]
    watching = "、".join(each["name"] for each in document["witnesses"])
    said = f"{approver}批准，{watching}监销"
    if line["longer"] is not None:
        said = (
            f"{OPINION_NAMES[Opinion(line['opinion'])]}：保管期限由"
            f"{retention_name(line['retention'])}改为{retention_name(line['longer'])}，"
            f"{approver}批准"
        )
    return {
        "id": new_id(),
        "action": action,
        "time": document["at"],
        "agent": document["drawn"]["name"],
        "agent_unit": document["archive_name"],
        "basis": line["reason"],
        "description": f"鉴定清册“{document['title'][:100]}”，{said}",
    }


def settle(list_id: str, stones: Sequence[Mapping[str, Any]], *, session: Session) -> None:
    """Let sealed tombstones count: for the catalogue, for what is kept, for the nodes.

    Raises Conflict, and nothing has happened, when one of the records has changed since the draft.
    """
    found = locked(session, DisposalList, list_id)
    if found is None:
        return
    done = tombstones.buried(list_id, session=session)
    stones = [each for each in stones if each["record"]["id"] not in done]
    ids = [each["record"]["id"] for each in stones]
    fonds_ids = sorted({each["record"]["fonds_id"] for each in stones})
    federation.locked_fonds(fonds_ids, session)
    require_at_rest(fonds_ids, session)
    barred = obstacles(ids, found.archive_code, session)
    records = catalogue.records_of(ids, session)
    for stone in stones:
        record = records[stone["record"]["id"]]
        if record.id in barred or record.version + 1 != stone["record"]["version"]:
            raise Conflict(
                f"{record.code}在签章之前有了变动。", "平台会重新核对。", code="changed_meanwhile"
            )
        catalogue.write_version(session, record, stone["record"], state="disposed")
        tombstones.note_tombstone(session, stone)
    session.execute(
        update(AppraisalLine)
        .where(AppraisalLine.appraisal_id == list_id, AppraisalLine.record_id.in_(ids))
        .values(is_done=True)
    )
    audit.record(
        session, ACTOR, "disposal.carried_out", f"appraisal:{list_id}", audit.Act(each=ids),
        archive=found.archive_code, count=len(stones),
    )  # fmt: skip
    for stone in stones:
        keeper = federation.fonds_of(stone["record"]["fonds_id"], session).keeping_node
        if keeper is not None:
            federation.tell_node(session, keeper, "disposed", stone["record"]["id"], dict(stone))
