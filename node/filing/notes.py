"""The note sheet 备考表 of a box or volume: what is to be known of it, and who says so."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from node.filing.access import records_to_change, require_clerk
from node.filing.models import Box, Note, Record
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.records.security import refuse_classified
from shared.records.values import NAME_LENGTH, REMARK_LENGTH, clean_text, parse_date

_PEOPLE = ("arranged_by", "checked_by")
_DAYS = ("arranged_on", "checked_on")
FIELDS = ("situation", *_PEOPLE, *_DAYS)


def write_note(
    actor: Actor, about: Box | Record, values: dict[str, str], *, session: Session
) -> Note:
    """Write the note of a box or volume (DA/T 22: 情况说明, who arranged and checked it, when).

    It is the room's own paper: nothing of it travels to the hub, and it may be changed as long as
    the box stands here. Raises Invalid, Classified.
    """
    if isinstance(about, Record):
        records_to_change(actor, [about.id], session=session)
    else:
        require_clerk(actor, about.fonds_id, session=session)
    situation = clean_text(
        values.get("situation"), "situation", max_length=REMARK_LENGTH, multiline=True
    )
    refuse_classified(situation)
    note = session.get(Note, about.id) or Note(subject_id=about.id, fonds_id=about.fonds_id)
    note.situation = situation
    for name in _PEOPLE:
        setattr(note, name, clean_text(values.get(name), name, max_length=NAME_LENGTH))
    for name in _DAYS:
        text = values.get(name)
        setattr(note, name, parse_date(text, name).isoformat() if text else None)
    note.changed_at = now()
    session.add(note)
    session.flush()
    kind = "box" if isinstance(about, Box) else "record"
    audit.record(session, actor, "note.written", f"{kind}:{about.id}")
    return note


def notes_of(subject_ids: Collection[str], *, session: Session) -> dict[str, Note]:
    """The notes of boxes and volumes, by the id of what they are about."""
    found = session.scalars(select(Note).where(Note.subject_id.in_(subject_ids)))
    return {each.subject_id: each for each in found}


def note_values(note: Note | None) -> dict[str, Any]:
    """A note as the fields of a form."""
    return {name: getattr(note, name) if note else None for name in FIELDS}
