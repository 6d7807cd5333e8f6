"""What goes to one peer: the runs of our log, within a window, and again after a time-out."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.kernel.database import Database
from shared.kernel.keys import SigningKey
from shared.messaging.entry import RUN_BYTES, RUN_ENTRIES
from shared.messaging.envelope import Header, close_envelope
from shared.messaging.log import digest_at
from shared.messaging.models import OutgoingEntry, OutgoingStream
from shared.messaging.run import RawEntry, fitting, pack_run

#: At most this much is unacknowledged per peer (protocol §1).
WINDOW_RUNS = 8
WINDOW_BYTES = 4 * RUN_BYTES


@dataclass(frozen=True)
class Timing:
    """How patient an exchange is, in seconds."""

    retransmit_first: float = 30.0
    retransmit_longest: float = 3600.0
    resend_pause: float = 5.0


@dataclass(frozen=True)
class Party:
    """One side of an exchange: who we are, who the peer is, which way our stream runs."""

    me: str
    peer: str
    direction: str
    key: SigningKey

    @property
    def opposite(self) -> str:
        """The direction of the peer's stream."""
        return "down" if self.direction == "up" else "up"

    def header(
        self, kind: str, stream: OutgoingStream | None, *, after: int = 0, last: int = 0
    ) -> Header:
        """The header of a message to the peer, with where our stream stands."""
        return Header(
            sender=self.me,
            recipient=self.peer,
            direction=self.direction,
            kind=kind,
            epoch=stream.epoch if stream else 0,
            generation=stream.generation if stream else 0,
            after=after,
            last=last,
        )


@dataclass
class _Sent:
    """What was sent in this process and not acknowledged; lost at a restart, harmlessly."""

    epoch: int = -1
    seq: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)
    deadline: float = 0.0
    wait: float = 0.0

    def has_room(self) -> bool:
        """Whether another run fits into the window."""
        return len(self.runs) < WINDOW_RUNS and sum(size for _, size in self.runs) < WINDOW_BYTES


class Sending:
    """Our log on its way to one peer."""

    def __init__(
        self, database: Database, party: Party, timing: Timing, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._party = party
        self._timing = timing
        self._clock = clock
        self._sent = _Sent()

    def due(self, *, most: int = WINDOW_RUNS) -> list[bytes]:
        """The runs to send now: new entries within the window, or all again after a time-out.

        With `most`, so many of them; the others are due at once. So the peer begins with the first
        while the next are still packed.
        """
        with self._database.read() as session:
            stream = session.get(OutgoingStream, self._party.peer)
            if stream is None or stream.unsure:
                return []
            sent = self._sent
            moment = self._clock()
            if sent.epoch != stream.epoch or sent.seq < stream.acked:
                self._sent = sent = _Sent(stream.epoch, stream.acked)
            sent.runs = [run for run in sent.runs if run[0] > stream.acked]
            if not sent.runs:
                sent.wait = 0.0
            elif moment >= sent.deadline:
                sent.seq, sent.runs = stream.acked, []
                longest = self._timing.retransmit_longest
                sent.wait = min(longest, max(self._timing.retransmit_first, sent.wait * 2))
            runs = self._runs(session, stream, sent, moment, most)
        # Signed when the transaction is over: a key may lie in a slow device.
        return [close_envelope(self._party.key, header, body) for header, body in runs]

    def unsent(self) -> None:
        """What was due last may not have left: it is due again, from the acknowledged on."""
        self._sent = _Sent()

    def again_after(self, seq: int, stream: OutgoingStream) -> None:
        """The peer lacks what follows this seq: it is due again, without waiting for its time."""
        if stream.acked <= seq < self._sent.seq:
            self._sent.seq = seq
            self._sent.runs = [run for run in self._sent.runs if run[0] <= seq]

    def begin_at(self, epoch: int, seq: int) -> None:
        """Both sides have told each other where they stand: go on from here."""
        self._sent = _Sent(epoch, seq)

    def unacknowledged(self) -> Iterator[bytes]:
        """Every run that the peer has not acknowledged, without a window, for a parcel.

        What goes by hand gets no answer on the way, so all of it goes, whatever was sent before;
        and nothing counts as sent by it. Ends where the log ended at the start; ends early when
        the streams begin anew meanwhile.
        """
        began: tuple[int, int] | None = None
        after = end = 0
        while began is None or after < end:
            with self._database.read() as session:
                stream = session.get(OutgoingStream, self._party.peer)
                if stream is None or stream.waits_after_restore:
                    return
                if began is None:
                    began = (stream.epoch, stream.generation)
                    after, end = stream.acked, stream.seq
                if began != (stream.epoch, stream.generation):
                    return
                run = _run(session, self._party, stream, after)
            if run is None:
                return
            header, body = run
            yield close_envelope(self._party.key, header, body)
            after = header.last

    def _runs(
        self, session: Session, stream: OutgoingStream, sent: _Sent, moment: float, most: int
    ) -> list[tuple[Header, bytes]]:
        runs: list[tuple[Header, bytes]] = []
        while len(runs) < most and sent.seq < stream.seq and sent.has_room():
            run = _run(session, self._party, stream, sent.seq)
            if run is None:
                break
            header, body = run
            runs.append(run)
            sent.runs.append((header.last, len(body)))
            sent.seq = header.last
        if runs:
            sent.wait = sent.wait or self._timing.retransmit_first
            sent.deadline = moment + sent.wait * random.uniform(1.0, 1.3)
        return runs


def _run(
    session: Session, party: Party, stream: OutgoingStream, after: int
) -> tuple[Header, bytes] | None:
    """The run that follows a seq: its header and its body."""
    before = digest_at(session, stream, after)
    entries = _entries_after(session, stream, after)
    if before is None or not entries:
        return None
    entries = entries[: fitting(entries)]
    header = party.header("run", stream, after=after, last=entries[-1].seq)
    return header, pack_run(before, entries)


def _entries_after(session: Session, stream: OutgoingStream, seq: int) -> list[RawEntry]:
    rows = session.execute(
        select(OutgoingEntry.seq, OutgoingEntry.kind, OutgoingEntry.subject, OutgoingEntry.body)
        .where(OutgoingEntry.peer == stream.peer)
        .where(OutgoingEntry.epoch == stream.epoch)
        .where(OutgoingEntry.seq > seq)
        .where(OutgoingEntry.seq <= seq + RUN_ENTRIES)
        .order_by(OutgoingEntry.seq)
    ).yield_per(50)
    entries: list[RawEntry] = []
    size = 0
    for row in rows:
        entries.append(RawEntry(row.seq, row.kind, row.subject, row.body))
        size += len(row.body)
        if size > RUN_BYTES:
            break
    rows.close()
    return entries
