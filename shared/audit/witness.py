"""Witnesses: hub and nodes keep the ends of each other's chains, with every greeting.

Who rewrites a log or cuts it would have to do so on both sides. A greeting and its answer tell the
own end (`audit`), the end of the other that is held (`audit_held`), and one that the other has told
before an earlier one (`audit_lost`: it was restored, cut or rewritten), each as `{seq, digest}`;
older releases tell none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.audit.chain import Head, begin_of_chain, chain_head, waiting_for_seal
from shared.audit.models import AuditEvent, AuditWitness
from shared.audit.segments import last_named, open_segment, restored_to
from shared.audit.service import record
from shared.kernel.actor import Actor, system_actor
from shared.kernel.clock import now

_ACTOR = system_actor("audit_witness")
_DIGEST = re.compile("[0-9a-f]{64}")
_MOST = 2**31 - 1
#: Who says nothing for longer was not on line meanwhile.
_ON_LINE = timedelta(minutes=5)


def told_to(party: str, session: Session) -> dict[str, Any]:
    """The fields of a greeting, or of its answer, to this party."""
    held = session.get(AuditWitness, party)
    fields = {"audit": _to_wire(chain_head(session))}
    if held is not None and held.seq:
        fields["audit_held"] = _to_wire(Head(held.seq, held.digest))
    if held is not None and held.lost_seq is not None and held.lost_digest is not None:
        fields["audit_lost"] = _to_wire(Head(held.lost_seq, held.lost_digest))
    return fields


def take_from(party: str, told: Mapping[str, Any], session: Session) -> None:
    """Keep what this party tells of its chain, and look whether ours has what it holds.

    What does not fit is written into our own chain, once: it names the event that was witnessed.
    """
    theirs, held = _head(told.get("audit")), _head(told.get("audit_held"))
    if theirs is None:
        return
    row = session.get(AuditWitness, party)
    if row is None:
        row = AuditWitness(party=party)
        session.add(row)
        session.flush()
    _count_time(row, held, session)
    _look_for(row, _head(told.get("audit_lost")) or held, session)
    _take_end(row, theirs, session)


def witnesses(session: Session) -> list[AuditWitness]:
    """What is held of all others."""
    return list(session.scalars(select(AuditWitness).order_by(AuditWitness.party)))


def settle(actor: Actor, parties: Collection[str], reason: str, session: Session) -> int:
    """Somebody has found out why logs do not fit, such as a restore; returns how many there were.

    What was witnessed stays in the log, where the contradiction was noticed.
    """
    rows = [row for row in witnesses(session) if row.is_contradicted and row.party in parties]
    for row in rows:
        record(
            session, actor, "audit.contradiction_settled", f"audit:{row.party}",
            reason=reason, told=row.contradicted_seq, missing=row.missing_seq,
        )  # fmt: skip
        row.contradicted_seq = row.missing_seq = row.lost_seq = row.lost_digest = None
    return len(rows)


def _take_end(row: AuditWitness, theirs: Head, session: Session) -> None:
    if theirs.seq < row.seq or (theirs.seq == row.seq and theirs.digest != row.digest):
        record(
            session, _ACTOR, "audit.other_contradicted", f"audit:{row.party}",
            witnessed=row.seq, digest=row.digest, told=theirs.seq,
        )  # fmt: skip
        row.contradicted_seq = theirs.seq
        if row.lost_seq is None or row.lost_seq < row.seq:
            row.lost_seq, row.lost_digest = row.seq, row.digest
    row.seq, row.digest, row.seen_at = theirs.seq, theirs.digest, now()


def _count_time(row: AuditWitness, held: Head | None, session: Session) -> None:
    """For how long on line the other side has not held a newer end although we have one."""
    lately = row.seen_at is not None and now() - row.seen_at <= _ON_LINE
    ended = chain_head(session)
    is_kept = held == ended and not waiting_for_seal(session)
    if is_kept or (held is not None and held.seq > row.held_seq):
        row.unheld_seconds = 0
    elif lately and row.seen_at is not None:
        row.unheld_seconds += max(0, int((now() - row.seen_at).total_seconds()))
    if held is not None:
        row.held_seq, row.held_digest = held.seq, held.digest


def _look_for(row: AuditWitness, held: Head | None, session: Session) -> None:
    if held is None or row.missing_seq is not None or _has(held, session):
        return
    if held.seq <= last_named(session):
        return  # it is known, and in the log
    here = chain_head(session)
    row.missing_seq = held.seq
    record(
        session, _ACTOR, "audit.own_contradicted", f"audit:{row.party}",
        witnessed=held.seq, digest=held.digest, here=here.seq,
    )  # fmt: skip
    restored = restored_to(row.seen_at, session)
    open_segment(session, _ACTOR, "witness", witnessed=held, by=row.party, here=restored)


def _has(held: Head, session: Session) -> bool:
    """Whether our chain has this event; of those in archived files the last is enough."""
    begin = begin_of_chain(session)
    if held.seq < begin.seq:
        return True
    if held.seq == begin.seq:
        return held == begin
    digest = session.scalar(select(AuditEvent.digest).where(AuditEvent.seq == held.seq))
    return digest == held.digest


def _to_wire(head: Head) -> dict[str, Any]:
    return {"seq": head.seq, "digest": head.digest}


def _head(told: object) -> Head | None:
    """What was told, if it is an end of a chain; a hint, so nothing else is said of it."""
    if not isinstance(told, dict):
        return None
    seq, digest = told.get("seq"), told.get("digest")
    if type(seq) is not int or not 0 < seq <= _MOST or not isinstance(digest, str):
        return None
    return Head(seq, digest) if _DIGEST.fullmatch(digest) else None
