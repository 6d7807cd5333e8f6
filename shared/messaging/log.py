"""The sending end of a stream: an append-only log, written with the change that it tells.

Loses nothing because the entry commits with the change; repeats nothing because each entry has
its own number, and the receiver counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from shared.kernel.canonical import canonical_json
from shared.kernel.clock import now
from shared.kernel.database import locked, locked_all
from shared.kernel.errors import Invalid, NotFound
from shared.messaging.entry import ENTRY_BYTES, entry_bytes, first_digest, next_digest
from shared.messaging.models import OutgoingEntry, OutgoingStream


def lock_streams(session: Session, peers: Iterable[str]) -> None:
    """Hold our streams to these peers until the end of the transaction.

    Whoever changes what belongs to a node does this first, before it locks anything else of it:
    so all that happens to one node happens one after the other, and nobody waits in a circle.
    """
    session.flush()
    locked_all(session, OutgoingStream, list(peers))


def open_outgoing(
    session: Session, peer: str, *, sender: str, epoch: int, generation: int = 0
) -> OutgoingStream:
    """Begin the log for a peer at an epoch. Entries of older epochs stay, for the record."""
    stream = locked(session, OutgoingStream, peer)
    if stream is None:
        stream = OutgoingStream(peer=peer, sender=sender, epoch=epoch, digest="")
        session.add(stream)
    stream.sender = sender
    stream.epoch = epoch
    stream.generation = generation
    stream.seq = stream.base_seq = stream.acked = stream.durable = 0
    stream.digest = stream.base_digest = first_digest(sender, peer, epoch)
    stream.acked_at = None
    stream.unsure = False
    stream.lost_after = None
    session.flush()
    return stream


def append(session: Session, peer: str, kind: str, subject: str, body: dict[str, Any]) -> int:
    """Append one fact to the log for a peer; returns its seq. See `append_many`."""
    return append_many(session, peer, [(kind, subject, body)])


def append_many(
    session: Session, peer: str, facts: Sequence[tuple[str, str, dict[str, Any]]]
) -> int:
    """Append facts `(kind, subject, body)` in order; returns the seq of the last.

    Raises NotFound when no log is open for the peer, Invalid when an entry is larger than a run
    can carry.
    """
    stream = locked(session, OutgoingStream, peer)
    if stream is None:
        raise NotFound("尚未与对方建立联系。", "请先完成联网登记。", code="no_stream")
    moment = now()
    rows = []
    for kind, subject, body in facts:
        raw = canonical_json(body)
        if len(raw) > ENTRY_BYTES:
            raise Invalid(
                "documents",
                "这条记录的说明信息过大，无法发送。",
                "请减少文件数量，或拆分为多件后再试。",
                code="entry_too_large",
            )
        stream.seq += 1
        stream.digest = next_digest(stream.digest, entry_bytes(stream.seq, kind, subject, raw))
        rows.append(
            {
                "peer": peer,
                "epoch": stream.epoch,
                "seq": stream.seq,
                "kind": kind,
                "subject": subject,
                "body": raw,
                "digest": stream.digest,
                "generation": stream.generation,
                "created_at": moment,
            }
        )
    if rows:
        session.flush()
        session.execute(insert(OutgoingEntry), rows)
    return stream.seq


def digest_at(session: Session, stream: OutgoingStream, seq: int) -> str | None:
    """The rolling digest of a log at a seq; None when the log does not reach it."""
    if seq == stream.base_seq:
        return stream.base_digest
    return session.scalar(
        select(OutgoingEntry.digest)
        .where(OutgoingEntry.peer == stream.peer)
        .where(OutgoingEntry.epoch == stream.epoch)
        .where(OutgoingEntry.seq == seq)
    )


def rebase(session: Session, stream: OutgoingStream, *, onto_seq: int, onto_digest: str) -> None:
    """Move the entries of this generation behind what the peer had already seen.

    After a restore this log is shorter than what it once sent (protocol §4). What was written
    since the restore was never sent; it is numbered anew, to continue the peer's digest.
    """
    generation = stream.generation
    ours = select(OutgoingEntry).where(
        OutgoingEntry.peer == stream.peer, OutgoingEntry.epoch == stream.epoch
    )
    moved = list(
        session.scalars(
            ours.where(OutgoingEntry.generation == generation).order_by(OutgoingEntry.seq)
        )
    )
    facts = [(entry.kind, entry.subject, entry.body) for entry in moved]
    for entry in moved:
        session.delete(entry)
    session.flush()
    stream.seq = stream.base_seq = stream.acked = stream.durable = onto_seq
    stream.digest = stream.base_digest = onto_digest
    for kind, subject, raw in facts:
        stream.seq += 1
        stream.digest = next_digest(stream.digest, entry_bytes(stream.seq, kind, subject, raw))
        session.add(
            OutgoingEntry(
                peer=stream.peer,
                epoch=stream.epoch,
                seq=stream.seq,
                kind=kind,
                subject=subject,
                body=raw,
                digest=stream.digest,
                generation=generation,
            )
        )
    session.flush()
