"""The audit outside of its database: files from which the chain is computed anew, anywhere.

An export is a text file of JSON lines: what it is and the digest before its first event, the
events as they are sealed, among them the signed checkpoints, and a signed line that says where it
ends. The repository of a hub keeps pieces `{first, last, events, checkpoints}` instead; both are
read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.audit.chain import (
    Head,
    Problem,
    Walk,
    begin_of_chain,
    chain_head,
    checkpoint_holds,
    end_problems,
)
from shared.audit.models import NO_DIGEST, AuditCheckpoint, AuditEvent
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import format_utc, now
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, Seal, document_is_signed_by, sign_document

FORMAT = "danglian/audit/2"
_FORMATS = ("danglian/audit/1", FORMAT)
_BATCH = 1000
#: The longest event has a few thousand characters in each of its details.
_LONGEST_LINE = 4 * 1024 * 1024
_LONGEST_PIECE = 64 * 1024 * 1024
_NOT_OURS = "不是档联导出的操作日志。"


@dataclass(frozen=True)
class Verified:
    """What was found in exported files."""

    #: The number of the first event, and where the last file says that it ends.
    first: int
    head: Head
    count: int
    problems: Sequence[Problem]
    #: Short names of the keys whose signatures stand under the files and hold.
    signed_by: Sequence[str]

    def to_wire(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "sound": not self.problems,
            "first": self.first,
            "last": self.head.seq,
            "digest": self.head.digest,
            "count": self.count,
            "signed_by": list(self.signed_by),
            "problems": [each.to_wire() for each in self.problems],
        }


def export_lines(
    session: Session, key: Seal, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[bytes]:
    """The events from the first since a time to the last before another, as lines of an export.

    Args:
        session: a reading session, open until the last line is out.
        key: the installation's own, in this process.
        since: the first event at or after it begins the export; without it the chain's first.
        until: the last event before it ends the export; without it the chain's last.
    """
    head, begin = chain_head(session), begin_of_chain(session)
    first, last = begin.seq + 1, head.seq
    if since is not None:
        later = select(func.min(AuditEvent.seq)).where(AuditEvent.time >= since)
        first = session.scalar(later) or head.seq + 1
    if until is not None:
        earlier = select(func.max(AuditEvent.seq)).where(AuditEvent.time < until)
        last = session.scalar(earlier) or 0
    yield from lines_of(session, key, first, last)


def lines_of(session: Session, key: Seal, first: int, last: int) -> Iterator[bytes]:
    """Events by their numbers, as lines of an export."""
    previous = _digest_at(first - 1, session)
    yield _line({"format": FORMAT, "first": first, "previous": previous})
    end, count = Head(first - 1, previous), 0
    within = AuditCheckpoint.last.between(first, last)
    checkpoints = iter(
        session.scalars(
            select(AuditCheckpoint)
            .where(within)
            .order_by(AuditCheckpoint.last)
            .execution_options(yield_per=_BATCH)
        )
    )
    checkpoint = next(checkpoints, None)
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.seq.between(first, last))
        .order_by(AuditEvent.seq)
        .execution_options(yield_per=_BATCH)
    )
    for event in events:
        wire = event.to_wire()
        yield _line(wire)
        end, count = Head(wire["seq"], wire["digest"]), count + 1
        session.expunge(event)
        while checkpoint is not None and checkpoint.last <= end.seq:
            yield _line(checkpoint.to_wire())
            checkpoint = next(checkpoints, None)
    closing = {
        "format": FORMAT,
        "last": end.seq,
        "digest": end.digest,
        "count": count,
        "at": format_utc(now()),
    }
    yield _line({**closing, "signature": sign_document(key, closing)})


def _digest_at(seq: int, session: Session) -> str:
    begin = begin_of_chain(session)
    if seq <= begin.seq:
        return begin.digest
    digest = session.scalar(select(AuditEvent.digest).where(AuditEvent.seq == seq))
    return digest or NO_DIGEST


def verify_files(
    files: Sequence[Path], *, witness: Head | None = None, key: PublicKey | None = None
) -> Verified:
    """Compute the chain anew from files that follow each other; nothing else is needed.

    Args:
        files: exports, or pieces of a repository, in the order of the chain.
        witness: a head that was kept elsewhere; the files must contain it.
        key: the key that must have signed the exports; without it, any.

    Raises Invalid for a file that is none of ours.
    """
    streams = ((path.name, path.open("rb")) for path in files)
    return verify_streams(streams, witness=witness, key=key)


def verify_streams(
    files: Iterable[tuple[str, BinaryIO]],
    *,
    witness: Head | None = None,
    key: PublicKey | None = None,
) -> Verified:
    """As `verify_files`, of files that are open, each with its name; they are closed."""
    walk: Walk | None = None
    first = count = 0
    problems: list[Problem] = []
    signed: dict[str, None] = {}
    for name, stream in files:
        with stream:
            piece = _Piece(name, stream)
            if walk is None:
                first = piece.first
                walk = Walk(after=Head(first - 1, piece.previous), witness=witness)
            for wire in piece.lines():
                if "checkpoint" in wire:
                    problems += piece.checkpoint_problems(wire, walk.last, key)
                    continue
                walk.take(wire)
                count += 1
                if walk.is_hopeless:
                    break
        problems += piece.problems(walk.last, key)
        if piece.signer:
            signed[piece.signer] = None
    if walk is None:
        raise Invalid("files", "没有要核对的文件。", "请给出导出的日志文件。")
    walk.end(walk.last)
    found = sorted([*walk.problems, *problems], key=lambda each: each.seq)
    return Verified(first, walk.last, count, found, list(signed))


def event_in(files: Sequence[Path], seq: int) -> Mapping[str, Any] | None:
    """The event of a number, as files that were verified have it; None where none has it."""
    for path in files:
        with path.open("rb") as stream:
            for wire in _Piece(path.name, stream).lines():
                if "checkpoint" not in wire and wire["seq"] == seq:
                    return wire
    return None


class _Piece:
    """One file: its first line, its events, and what it says of its end."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name = name
        self._end: Mapping[str, Any] | None = None
        self._count = 0
        self.signer = ""
        lines = self._lines(stream)
        begin = next(lines, {})
        self._events: Iterable[Mapping[str, Any]] = lines
        self._is_export = begin.get("format") in _FORMATS
        try:
            if self._is_export:
                self.first, self.previous = int(begin["first"]), str(begin["previous"])
            else:
                self._events = in_place(begin["events"], begin.get("checkpoints", ()))
                self.first = int(begin["first"])
                self.previous = str(begin["events"][0]["previous"])
        except (LookupError, TypeError, ValueError) as error:
            raise self._not_ours() from error

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """Events and checkpoints of the file, as they stand there."""
        for wire in self._events:
            if self._is_export and "format" in wire:
                self._end = wire
                return
            try:
                if "checkpoint" not in wire:
                    AuditEvent.from_wire(wire)
                    self._count += 1
            except (LookupError, TypeError, ValueError) as error:
                raise self._not_ours() from error
            yield wire

    def checkpoint_problems(
        self, wire: Mapping[str, Any], last: Head, key: PublicKey | None
    ) -> list[Problem]:
        """What is wrong with a checkpoint that stands after this event."""
        try:
            row = AuditCheckpoint.from_wire(wire)
        except (LookupError, TypeError, ValueError) as error:
            raise self._not_ours() from error
        # A key that was rolled over signed the older ones: who is asked for signed the whole file.
        signer = None if self._is_export else key
        if Head(row.last, row.digest) == last and checkpoint_holds(row, signer):
            return []
        return [Problem(row.last, "checkpoint", f"第 {row.last} 条处的检查点与日志不符。")]

    def problems(self, last: Head, key: PublicKey | None) -> list[Problem]:
        """What is wrong with its end."""
        if not self._is_export:
            return []
        if self._end is None:
            return [Problem(last.seq + 1, "truncated", f"文件“{self._name}”的末尾被截去。")]
        closing = {name: value for name, value in self._end.items() if name != "signature"}
        seq, digest, count = (closing.get(name) for name in ("last", "digest", "count"))
        if type(seq) is not int or type(digest) is not str:
            raise self._not_ours()
        if found := end_problems(Head(seq, digest), last):
            return found
        if count != self._count:
            return [Problem(last.seq, "counter", f"文件“{self._name}”末尾所记的条数不符。")]
        signature = self._end.get("signature")
        try:
            signed = signature if isinstance(signature, dict) else {}
            signer = PublicKey.from_hex(str(signed.get("public_key", "")))
        except Invalid:
            return [self._wrongly_signed(last)]
        if not document_is_signed_by(signer, closing, signed) or key not in (None, signer):
            return [self._wrongly_signed(last)]
        self.signer = signer.id
        return []

    def _wrongly_signed(self, last: Head) -> Problem:
        return Problem(last.seq, "signature", f"文件“{self._name}”的签名不对，或不是所给的密钥。")

    def _lines(self, stream: BinaryIO) -> Iterator[Mapping[str, Any]]:
        longest = _LONGEST_PIECE  # a piece of a repository is one line
        while line := stream.readline(longest + 1):
            if len(line) > longest:
                raise self._not_ours()
            try:
                read = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise self._not_ours() from error
            if not isinstance(read, dict):
                raise self._not_ours()
            yield read
            longest = _LONGEST_LINE

    def _not_ours(self) -> Invalid:
        return Invalid(
            "files", f"文件“{self._name}”{_NOT_OURS}", "请选择从“操作日志”页导出的文件。",
            code="audit_file_unreadable",
        )  # fmt: skip


def in_place(
    events: Iterable[Mapping[str, Any]], checkpoints: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Events, each followed by the checkpoints over it. Raises KeyError, TypeError."""
    over: dict[int, list[Mapping[str, Any]]] = {}
    for each in checkpoints:
        over.setdefault(each["last"], []).append(each)
    lines: list[Mapping[str, Any]] = []
    for event in events:
        lines += [event, *over.pop(event["seq"], ())]
    return [*lines, *(each for rest in over.values() for each in rest)]


def _line(value: Mapping[str, Any]) -> bytes:
    return canonical_json(value) + b"\n"
