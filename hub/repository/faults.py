"""What readings have found, as rows, until the copy is intact again; and what is wished of it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.repository.examining import FaultKind, Looked
from hub.repository.keeping import Copy, subject_of
from hub.repository.models import FileFault, KeptObject
from shared import audit
from shared.kernel.actor import Actor
from shared.kernel.clock import now
from shared.kernel.database import locked_all
from shared.kernel.identifiers import new_id

_MOST_TOLD = 50
_LONGEST_SHOWN = 1000

#: What may be wished of a fault (`FileFault.wish`): look again now; put a surplus file aside.
AGAIN, ASIDE = "again", "aside"


def note_looked(actor: Actor, looked: Sequence[Looked], *, session: Session) -> None:
    """Write down what readings of one copy said; an audit event for what has changed."""
    rows = {
        row.place: row for row in locked_all(session, KeptObject, [e.kept.place for e in looked])
    }
    for each in looked:
        row = rows.get(each.kept.place)
        if row is None:
            continue  # moved meanwhile: it is read in its new place
        if each.copy is Copy.FIRST:
            row.looked_at, row.intact = now(), not each.faults
        else:
            row.second_looked_at, row.second_intact = now(), not each.faults
        _note_faults(actor, each, session)


def _note_faults(actor: Actor, looked: Looked, session: Session) -> None:
    known = list(
        session.scalars(
            select(FileFault).where(
                FileFault.place == looked.kept.place, FileFault.copy == looked.copy
            )
        )
    )
    wanted = {(shown(each.name), each.kind): each for each in looked.faults}
    new = set(wanted) - {(each.name, each.kind) for each in known}
    for row in known:
        if (fault := wanted.get((row.name, FaultKind(row.kind)))) is None:
            session.delete(row)
        else:
            row.expected, row.actual = fault.expected, fault.actual
            if row.wish == AGAIN or looked.settled:
                row.wish = None
    session.add_all(
        FileFault(
            id=new_id(),
            place=looked.kept.place,
            archive_code=looked.kept.archive_code,
            copy=looked.copy,
            name=name,
            kind=kind,
            expected=wanted[name, kind].expected,
            actual=wanted[name, kind].actual,
        )
        for name, kind in sorted(new)
    )
    session.flush()
    if looked.mended:
        _audit(session, actor, "object.mended", looked, [shown(each) for each in looked.mended])
    if looked.aside:
        _audit(session, actor, "object.put_aside", looked, [shown(each) for each in looked.aside])
    if new:
        told = [f"{kind} {name}" for name, kind in sorted(new)]
        _audit(session, actor, "object.damaged", looked, told)
    elif known and not looked.faults:
        _audit(session, actor, "object.intact_again", looked, [])


def _audit(
    session: Session, actor: Actor, action: str, looked: Looked, problems: list[str]
) -> None:
    kept = looked.kept
    audit.record(
        session,
        actor,
        action,
        subject_of(kept.archive_code, kept.record_id),
        archive=kept.archive_code,
        place=kept.place,
        copy=looked.copy.value,
        count=len(problems),
        problems=problems[:_MOST_TOLD],
    )


def shown(name: str) -> str:
    """The name of a file, whatever it is made of, as a database takes it and a page shows it."""
    plain = name.encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in plain)[
        :_LONGEST_SHOWN
    ]


def wish_again(looked: Looked, session: Session) -> None:
    """Have the hub's loop look at these faults again at once, for whom nothing else is wished."""
    session.execute(
        update(FileFault)
        .where(FileFault.place == looked.kept.place, FileFault.copy == looked.copy)
        .where(FileFault.wish.is_(None))
        .values(wish=AGAIN)
    )


def wished_aside(looked: Looked, session: Session) -> frozenset[str]:
    """The surplus files of a copy that somebody wants put aside."""
    wished = set(
        session.scalars(
            select(FileFault.name)
            .where(FileFault.place == looked.kept.place, FileFault.copy == looked.copy)
            .where(FileFault.kind == FaultKind.SURPLUS, FileFault.wish == ASIDE)
        )
    )
    return frozenset(each.name for each in looked.faults if shown(each.name) in wished)
