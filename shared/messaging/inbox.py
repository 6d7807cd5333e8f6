"""The receiving end of a stream: applies what continues its own digest, exactly once.

The cursor row is locked first, then the entries are applied and the cursor moves in the same
transaction; the acknowledgement goes out after the commit. So a message that comes twice, late,
torn or out of order changes nothing, and a kill between any two steps only means that the sender
sends again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from shared.kernel.clock import now
from shared.kernel.database import locked
from shared.kernel.engines import translated
from shared.kernel.errors import DanglianError, Invalid, Unavailable
from shared.messaging.entry import Entry, Handler, first_digest
from shared.messaging.envelope import BadEnvelope, Header
from shared.messaging.models import IncomingStream
from shared.messaging.run import Run, unpack_run

log = logging.getLogger(__name__)


class Answer(StrEnum):
    """What became of a run."""

    ACK = "ack"
    RESEND = "resend"
    RECOVER = "recover"
    SUPERSEDED = "superseded"


@dataclass(frozen=True)
class Refusal:
    """An entry that was not applied, and why; the cursor went past it."""

    entry: Entry
    error: DanglianError

    def to_wire(self) -> dict[str, object]:
        """The body of the `refused` entry in the other stream."""
        return {"seq": self.entry.seq, "subject": self.entry.subject, **self.error.to_wire()}


def open_incoming(session: Session, peer: str, *, recipient: str, epoch: int) -> IncomingStream:
    """Begin to receive from a peer at an epoch, from nothing."""
    stream = locked(session, IncomingStream, peer)
    if stream is None:
        stream = IncomingStream(peer=peer, recipient=recipient, epoch=epoch, digest="")
        session.add(stream)
    stream.recipient = recipient
    stream.epoch = epoch
    stream.seq = 0
    stream.digest = first_digest(peer, recipient, epoch)
    stream.applied_at = None
    session.flush()
    return stream


def apply_run(
    session: Session,
    header: Header,
    body: bytes,
    handlers: Mapping[str, Handler],
    *,
    ahead: Run | None = None,
) -> tuple[Answer, list[Refusal]]:
    """Apply a run as far as it is new; the caller's transaction holds the cursor's lock.

    `ahead` is the run of this body, when it was read ahead of its turn.
    Returns what to answer, and the entries that were refused (the caller tells them to the
    sender in the other stream, in the same transaction). Raises BadEnvelope for a body that is no
    run, and Unavailable when the database is away; then nothing was applied.
    """
    stream = locked(session, IncomingStream, header.sender)
    if stream is None or header.epoch > stream.epoch:
        return Answer.RECOVER, []
    if header.epoch < stream.epoch:
        return Answer.SUPERSEDED, []
    if header.after > stream.seq:
        return Answer.RESEND, []
    if header.last <= stream.seq:
        # The acknowledgement names our digest: a sender whose log differs will see it.
        return Answer.ACK, []
    run = ahead or unpack_run(body, after=header.after, last=header.last)
    if run.digest_at(stream.seq) != stream.digest:
        return Answer.RECOVER, []
    refusals = _apply(session, run, stream.seq, header.sender, handlers)
    stream.seq = header.last
    stream.digest = run.digest_at(header.last)
    stream.applied_at = now()
    return Answer.ACK, refusals


def _apply(
    session: Session, run: Run, cursor: int, peer: str, handlers: Mapping[str, Handler]
) -> list[Refusal]:
    refusals: list[Refusal] = []
    fresh = run.entries[cursor - run.after :]
    if run.too_large:
        return [Refusal(entry, _too_large()) for entry in fresh]
    for kind, same in groupby(fresh, key=lambda entry: entry.kind):
        entries = list(same)
        if _refused(session, handlers, kind, peer, entries) is None:
            continue
        for entry in entries:
            error = _refused(session, handlers, kind, peer, [entry])
            if error is not None:
                refusals.append(Refusal(entry, error))
    return refusals


def _too_large() -> Invalid:
    return Invalid(
        "documents",
        "这条信息超过了一次能收的大小，没有接收。",
        "请减少文件数量，或拆分为多件后再试；仍不行请检查程序是否被改动。",
        code="entry_too_large",
    )


def _refused(
    session: Session,
    handlers: Mapping[str, Handler],
    kind: str,
    peer: str,
    entries: Sequence[Entry],
) -> DanglianError | None:
    """Apply entries of one kind in a savepoint; the error when they were not applied."""
    handler = handlers.get(kind)
    if handler is None:
        return DanglianError(
            f"对方不认识“{kind}”类消息。", "请联系管理员升级系统。", code="unknown_kind"
        )
    try:
        with session.begin_nested():
            handler(session, peer, entries)
    except (Unavailable, BadEnvelope):
        raise
    except DanglianError as error:
        return error
    except Exception as error:
        meaning = translated(error) if isinstance(error, DBAPIError) else None
        if isinstance(meaning, Unavailable):
            raise meaning from error
        # A fault of ours in one entry must not stop the stream of a whole office: it is logged
        # with its traceback, and the clerk sees that this one was not taken.
        log.exception("entries %s from %s failed", [entry.seq for entry in entries], peer)
        return DanglianError(
            "市级平台处理这条信息时出错。",
            "请把本条的题名和时间告诉市档案馆管理员。",
            code="internal",
        )
    return None
