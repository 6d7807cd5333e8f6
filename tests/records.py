"""What happens to a record in tests: another version of it, one more event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.records.record import Event, Record, check_record


def next_version(record: Record, **changes: Any) -> Record:
    """The record with changes and the next version number, checked as a whole."""
    return check_record(replace(record, version=record.version + 1, **changes))


def with_event(record: Record, action: str, agent: str, *, agent_unit: str, **more: Any) -> Record:
    """The record with one more event at the end of its history; the version stays."""
    values = {"time": now(), **more}
    event = Event(id=new_id(), action=action, agent=agent, agent_unit=agent_unit, **values)
    return replace(record, events=(*record.events, event))
