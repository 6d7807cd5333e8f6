"""The audit outside of its database: files from which the chain is computed anew, anywhere.

An export is a text file of JSON lines: what it is and the digest before its first event, the
events as they are sealed, and a signed line that says where it ends. The repository of a hub keeps
pieces `{first, last, events}` instead; both are read.
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

from shared.audit.chain import Head, Problem, Walk, chain_head, end_problems
from shared.audit.models import NO_DIGEST, AuditEvent
from shared.kernel.canonical import canonical_json
from shared.kernel.clock import format_utc, now
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, Seal, document_is_signed_by, sign_document

FORMAT = "danglian/audit/1"
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
            "problems": [
                {"seq": each.seq, "code": each.code, "message": each.message}
                for each in self.problems
            ],
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
    head = chain_head(session)
    first, last = 1, head.seq
    if since is not None:
        later = select(func.min(AuditEvent.seq)).where(AuditEvent.time >= since)
        first = session.scalar(later) or head.seq + 1
    if until is not None:
        earlier = select(func.max(AuditEvent.seq)).where(AuditEvent.time < until)
        last = session.scalar(earlier) or 0
    before = session.get(AuditEvent, first - 1)
    previous = NO_DIGEST if before is None else before.digest
    yield _line({"format": FORMAT, "first": first, "previous": previous})
    end, count = Head(first - 1, previous), 0
    events = session.scalars(
        select(AuditEvent)
        .where(AuditEvent.seq.between(first, last))
        .order_by(AuditEvent.seq)
        .execution_options(yield_per=_BATCH)
    )
    for event in events:
        yield _line(event.to_wire())
        end, count = Head(event.seq, event.digest), count + 1
        session.expunge(event)
    closing = {
        "format": FORMAT,
        "last": end.seq,
        "digest": end.digest,
        "count": count,
        "at": format_utc(now()),
    }
    yield _line({**closing, "signature": sign_document(key, closing)})


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
    walk: Walk | None = None
    first = count = 0
    problems: list[Problem] = []
    signed: dict[str, None] = {}
    for path in files:
        with path.open("rb") as stream:
            piece = _Piece(path.name, stream)
            if walk is None:
                first = piece.first
                walk = Walk(after=Head(first - 1, piece.previous), witness=witness)
            for event in piece.events():
                walk.take(event)
                count += 1
                if walk.is_hopeless:
                    break
        problems += piece.problems(walk.last, key)
        if piece.signer:
            signed[piece.signer] = None
    if walk is None:
        raise Invalid("files", "没有要核对的文件。", "请给出导出的日志文件。")
    walk.end(walk.last)
    return Verified(first, walk.last, count, [*walk.problems, *problems], list(signed))


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
        self._is_export = begin.get("format") == FORMAT
        try:
            if self._is_export:
                self.first, self.previous = int(begin["first"]), str(begin["previous"])
            else:
                self._events = list(begin["events"])
                self.first = int(begin["first"])
                self.previous = str(self._events[0]["previous"])
        except (LookupError, TypeError, ValueError) as error:
            raise self._not_ours() from error

    def events(self) -> Iterator[AuditEvent]:
        """The events of the file, as they stand there."""
        for wire in self._events:
            if self._is_export and "format" in wire:
                self._end = wire
                return
            try:
                event = AuditEvent.from_wire(wire)
            except (LookupError, TypeError, ValueError) as error:
                raise self._not_ours() from error
            self._count += 1
            yield event

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


def _line(value: Mapping[str, Any]) -> bytes:
    return canonical_json(value) + b"\n"
