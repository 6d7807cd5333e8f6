"""Each change of a filed record: the next version, an event, and one entry for the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import event, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapper, Session

from node.filing.models import Event, Record, RecordVersion
from node.filing.wire import Wire, wires
from node.office.service import office_of, tell_hub_many
from shared.kernel.actor import Actor
from shared.kernel.clock import now, parse_utc
from shared.kernel.identifiers import new_id
from shared.records.record import ACTIONS
from shared.records.record_wire import content_digest
from shared.records.states import NUMBERED_STATES


@event.listens_for(Event, "before_update")
@event.listens_for(Event, "before_delete")
def _only_added(_mapper: Mapper[Event], _connection: Any, target: Event) -> None:
    raise RuntimeError(f"event {target.id}: the history of a record only grows")


def note_events(
    record_ids: Iterable[str],
    action: str,
    actor: Actor,
    *,
    session: Session,
    unit: str | None = None,
    basis: str | None = None,
    description: str | None = None,
    time: datetime | None = None,
) -> None:
    """Add one event to each record's history; `action` is one of `ACTIONS`."""
    if action not in ACTIONS:
        raise ValueError(f"no 业务行为: {action}")
    moment = time or now()
    where = unit or office_of(session).name
    rows = [
        {
            "id": new_id(),
            "record_id": record_id,
            "action": action,
            "time": moment,
            "agent": actor.name,
            "agent_unit": where,
            "basis": basis,
            "description": description,
        }
        for record_id in record_ids
    ]
    if rows:
        session.flush()
        session.execute(insert(Event), rows)


def note_happened(record_id: str, events: Sequence[Mapping[str, Any]], *, session: Session) -> None:
    """Add what an office's system did with a document before it came here, in its own words."""
    rows = [
        {**each, "time": parse_utc(each["time"]), "id": new_id(), "record_id": record_id}
        for each in events
    ]
    if rows:
        session.flush()
        session.execute(insert(Event), rows)


def remember_versions(told: Sequence[Wire], *, session: Session) -> None:
    """Keep the digest of each version, so that a held one is recognised later."""
    rows = [
        {
            "record_id": each["id"],
            "version": each["version"],
            "digest": content_digest(each),
            "state": each["state"],
        }
        for each in told
    ]
    if rows:
        session.execute(sqlite_insert(RecordVersion).on_conflict_do_nothing(), rows)


def tell(record_ids: Sequence[str], *, session: Session) -> list[Wire]:
    """Tell the hub the present state of records, in order; keeps their digests."""
    told = wires(record_ids, session=session)
    remember_versions(told, session=session)
    tell_hub_many(session, [("record", each["id"], each) for each in told])
    return told


def changed(
    records: Sequence[Record],
    action: str,
    actor: Actor,
    *,
    session: Session,
    unit: str | None = None,
    basis: str | None = None,
    description: str | None = None,
) -> None:
    """A change to records that are filed or beyond: next version, event, told to the hub.

    For records that are not filed yet only the time of change moves.
    """
    moment = now()
    numbered = []
    for record in records:
        record.changed_at = moment
        if record.state in NUMBERED_STATES or record.state == "void":
            record.version += 1
            numbered.append(record.id)
    session.flush()
    note_events(
        numbered, action, actor,
        session=session, unit=unit, basis=basis, description=description, time=moment,
    )  # fmt: skip
    tell(numbered, session=session)
