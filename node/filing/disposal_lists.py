"""The unit's own 销毁清册: what is over goes on a list, a leader approves, two watch; all at once.

Whoever draws the list up is the appraiser 鉴定人; the leader who approves is somebody else. The
list bears the unit's seal, which is asked for between two transactions, and stays for good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from node.filing.access import SEEING, ids_seen, require_clerk, require_leader
from node.filing.disposal import dispose, four_people, ran_out
from node.filing.handover import records_named, with_whole_volumes
from node.filing.models import DisposalList, Record
from node.office.service import fonds_kept, tell_hub, tell_hub_many
from shared import audit
from shared.kernel.actor import Actor, Role, require
from shared.kernel.canonical import canonical_json, digest_of
from shared.kernel.clock import now, today, utc_text
from shared.kernel.database import locked
from shared.kernel.errors import Conflict, Invalid, NotAllowed, NotFound
from shared.kernel.identifiers import new_id
from shared.kernel.keys import Seal, sign_document
from shared.records.record import RecordLevel
from shared.records.retention import MOST_LISTED, Opinion, ended_before
from shared.records.states import RECORD, UNIT_DISPOSAL
from shared.records.values import REASON_LENGTH, TITLE_LENGTH, required_text

#: Under which name the unit's seal stands in a list.
SEAL = "unit_signature"
#: A list goes to the hub as one entry, which a run must be able to carry.
_MOST_BYTES = 700 * 1024


def due(actor: Actor, *, session: Session) -> Select[Record]:
    """What the actor may see of the filed records whose retention is over; volumes stand whole."""
    over = [
        and_(Record.retention == code, Record.year < year)
        for code, year in ended_before(int(today()[:4]))
    ]
    listed = [each for found in _open(session) for each in found.record_ids]
    return select(Record).where(
        Record.fonds_id.in_(ids_seen(actor, session=session)),
        Record.state == "filed",
        Record.level != RecordLevel.ITEM.value,
        or_(*over),
        Record.id.not_in(listed),
    )


def _open(session: Session) -> Sequence[DisposalList]:
    return session.scalars(select(DisposalList).where(DisposalList.state == "proposed")).all()


def propose(
    actor: Actor,
    fonds_id: str,
    title: str,
    reason: str,
    record_ids: Sequence[str],
    *,
    session: Session,
) -> DisposalList:
    """Draw up a list of records to be destroyed, with the reason; volumes go whole.

    Raises NotAllowed for who is no clerk of the fonds, Invalid for none, too many, or a record that
    is not due or on another list.
    """
    require_clerk(actor, fonds_id, session=session)
    ids = list(dict.fromkeys(record_ids))
    if not ids:
        raise Invalid("ids", "没有选择档案。", "请先在表中勾选。", code="required")
    taken = {each for found in _open(session) for each in found.record_ids}
    records = records_named(with_whole_volumes(ids, session=session), session=session)
    wrong = [
        each
        for each in records
        if each.fonds_id != fonds_id
        or not RECORD.may("dispose", each.state)
        or not ran_out(each)
        or each.id in taken
    ]
    if wrong or len(records) > MOST_LISTED:
        raise Invalid(
            "ids",
            f"有 {len(wrong)} 件不能列入：不是同一全宗、期限未满、没有归档，或已在另一份清册。"
            if wrong
            else f"一份清册最多 {MOST_LISTED} 件。",
            "请重新选择。",
            code="not_due" if wrong else "too_many_lines",
        )
    found = DisposalList(
        id=new_id(),
        fonds_id=fonds_id,
        title=required_text(title, "title", max_length=TITLE_LENGTH),
        reason=required_text(reason, "reason", max_length=REASON_LENGTH),
        record_ids=[each.id for each in records],
        drawn={"id": actor.id, "name": actor.name, "at": utc_text()},
    )
    session.add(found)
    session.flush()
    audit.record(
        session, actor, "disposal.proposed", f"disposal:{found.id}",
        audit.Act(each=found.record_ids),
        fonds=fonds_id, count=len(records), reason=found.reason,
    )  # fmt: skip
    return found


def draft_decision(
    actor: Actor, list_id: str, watched_by: Sequence[str], *, session: Session
) -> dict[str, Any]:
    """The list as a leader approves it, ready for the unit's seal; changes nothing.

    Raises NotAllowed for who drew it up, WrongState for one that is decided.
    """
    found = list_of(actor, list_id, session=session)
    state = UNIT_DISPOSAL.after("approve", found.state)
    records = records_named(found.record_ids, session=session)
    require_leader(actor, records, "销毁", session=session)
    if found.drawn["id"] == actor.id:
        raise NotAllowed(
            "清册须由拟制人以外的负责人批准。", "请由另一位负责人登录后办理。", code="same_person"
        )
    _appraiser, *watching = four_people(actor, found.drawn["name"], watched_by)
    moment = utc_text()
    document = {
        "list_id": found.id,
        "fonds_id": found.fonds_id,
        "title": found.title,
        "lines": [_line(each, found.reason) for each in records],
        "drawn": {"name": found.drawn["name"], "at": found.drawn["at"]},
        "approved": {"name": actor.name, "at": moment},
        "witnesses": [{"name": each, "at": moment} for each in watching],
        "state": state,
        "at": moment,
    }
    if len(canonical_json(document)) > _MOST_BYTES:
        raise Invalid(
            "ids",
            "清册的题名和理由太长，无法报送平台。",
            "请撤销后分成几份。",
            code="too_many_lines",
        )
    return document


def _line(record: Record, reason: str) -> dict[str, Any]:
    return {
        "record_id": record.id,
        "record_version": record.version,
        "code": record.code,
        "title": record.title,
        "date": record.date,
        "year": record.year,
        "retention": record.retention,
        "level": record.level,
        "opinion": Opinion.DESTROY.value,
        "longer": None,
        "reason": reason,
        "is_destroyed": True,
        "problem": None,
    }


def seal_decision(document: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """The list with the unit's seal. Raises Unavailable."""
    return {**document, SEAL: sign_document(seal, document)}


def decide(actor: Actor, sealed: Mapping[str, Any], *, session: Session) -> DisposalList:
    """Approve a sealed list: all of its records are destroyed in this transaction.

    Raises as `dispose` does, Conflict when a record has changed since the draft.
    """
    found = locked(session, DisposalList, sealed["list_id"])
    if found is None:
        raise _none()
    found.state = UNIT_DISPOSAL.after("approve", found.state)
    records = records_named(found.record_ids, session=session)
    require_leader(actor, records, "销毁", session=session)
    if {(each["record_id"], each["record_version"]) for each in sealed["lines"]} != {
        (each.id, each.version) for each in records
    }:
        raise Conflict("清册里的档案在签章之前有了变动。", "请刷新核对后再批准。")
    inside = set(found.record_ids)
    for record in records:
        if record.parent_id not in inside:
            dispose(
                actor,
                record,
                found.reason,
                appraised_by=found.drawn["name"],
                watched_by=[each["name"] for each in sealed["witnesses"]],
                session=session,
            )
    found.document, found.ended_at = dict(sealed), now()
    session.flush()
    tell_hub(session, "disposal_list", found.id, found.document)
    audit.record(
        session, actor, "disposal.approved", f"disposal:{found.id}",
        audit.Act(each=found.record_ids),
        fonds=found.fonds_id, count=len(records), sha256=digest_of(dict(sealed)),
    )  # fmt: skip
    return found


def tell_again(session: Session) -> None:
    """Tell the hub every list of the fonds kept here once more, in a new epoch."""
    kept = [fonds.id for fonds in fonds_kept(session)]
    done = session.scalars(
        select(DisposalList)
        .where(DisposalList.fonds_id.in_(kept), DisposalList.document.is_not(None))
        .order_by(DisposalList.ended_at, DisposalList.id)
    )
    tell_hub_many(session, [("disposal_list", each.id, dict(each.document or {})) for each in done])


def call_off(actor: Actor, list_id: str, *, session: Session) -> DisposalList:
    """Take a list back that nobody has approved: by a clerk or a leader of the fonds."""
    found = locked(session, DisposalList, list_id)
    if found is None or not actor.may(*SEEING, fonds=found.fonds_id):
        raise _none()
    require(actor, Role.CLERK, Role.LEADER, fonds=found.fonds_id)
    found.state, found.ended_at = UNIT_DISPOSAL.after("call_off", found.state), now()
    session.flush()
    audit.record(session, actor, "disposal.called_off", f"disposal:{found.id}")
    return found


def lists_seen(actor: Actor, *, session: Session) -> Select[DisposalList]:
    """The lists of the fonds that the actor sees; unordered."""
    return select(DisposalList).where(DisposalList.fonds_id.in_(ids_seen(actor, session=session)))


def list_of(actor: Actor, list_id: str, *, session: Session) -> DisposalList:
    """A list that the actor may see. Raises NotFound."""
    found = session.scalar(lists_seen(actor, session=session).where(DisposalList.id == list_id))
    if found is None:
        raise _none()
    return found


def _none() -> NotFound:
    return NotFound("没有这份销毁清册。", "请回到清册列表重新查看。")
