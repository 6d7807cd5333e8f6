"""A run: consecutive entries of a stream in one compressed message body."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shared.kernel.canonical import canonical_json
from shared.messaging.entry import RUN_BYTES, RUN_ENTRIES, Entry, entry_bytes, next_digest
from shared.messaging.envelope import BadEnvelope
from shared.records.text import text_problem

_KIND, _SUBJECT = 40, 80
#: A run of one entry that is larger than it may be is still digested up to here, so that the entry
#: can be refused by name and the stream goes on.
OVERSIZE_BYTES = 16 * RUN_BYTES
_PIECE = 64 * 1024
_TEXT = r'"(?:[^"\\]|\\.){0,480}"'
#: How an entry begins: kind, seq, subject, and then its body.
_BEGINNING = re.compile(rf"(\[{_TEXT},\d{{1,19}},{_TEXT},)\{{".encode())


@dataclass(frozen=True)
class RawEntry:
    """An entry as it stands in a log: its body still in canonical bytes."""

    seq: int
    kind: str
    subject: str
    body: bytes


@dataclass(frozen=True)
class Run:
    """An unpacked run, whose entries are consecutive and whose digests were recomputed.

    `digests[i]` is the rolling digest after `entries[i]`. Of one that is `too_large` the only entry
    has no body here: it can but be refused.
    """

    after: int
    after_digest: str
    entries: tuple[Entry, ...]
    digests: tuple[str, ...]
    too_large: bool = False

    def digest_at(self, seq: int) -> str:
        """The rolling digest at a seq from `after` to the last entry."""
        return self.after_digest if seq == self.after else self.digests[seq - self.after - 1]


def pack_run(after_digest: str, entries: Sequence[RawEntry]) -> bytes:
    """The body of a run: a line with the digest before it, then a line per entry, compressed."""
    lines = [canonical_json({"after_digest": after_digest})]
    lines += [entry_bytes(entry.seq, entry.kind, entry.subject, entry.body) for entry in entries]
    return zlib.compress(b"\n".join(lines), 6)


def fitting(entries: Sequence[RawEntry]) -> int:
    """How many of these entries, from the first, fit into one run (at least one)."""
    size = 0
    for count, entry in enumerate(entries):
        size += len(entry.body) + len(entry.subject) + len(entry.kind) + 64
        if count and (count >= RUN_ENTRIES or size > RUN_BYTES - 256):
            return count
    return len(entries)


def unpack_run(body: bytes, *, after: int, last: int) -> Run:
    """Open the body of a run. The limits hold while decompressing, not after.

    Raises BadEnvelope when it is no run, too large, or its entries are not `after+1 … last`. One
    entry alone may be too large: no program of ours writes it, and it stops nobody's stream.
    """
    plain = _decompress(body)
    if plain is None and last == after + 1:
        return _oversized(body, after)
    if plain is None:
        raise BadEnvelope("run", "size")
    lines = plain.split(b"\n")
    if len(lines) - 1 != last - after or last <= after or len(lines) - 1 > RUN_ENTRIES:
        raise BadEnvelope("run", "count")
    after_digest = digest = _start(lines[0])
    entries, digests = [], []
    for seq, line in enumerate(lines[1:], after + 1):
        digest = next_digest(digest, line)
        entries.append(_entry(seq, _json(line)))
        digests.append(digest)
    return Run(after, after_digest, tuple(entries), tuple(digests))


def _oversized(body: bytes, after: int) -> Run:
    """A run of one entry that is too large: its name, and the digest past it; never all of it."""
    pieces = _pieces(body)
    first, _, rest = next(pieces).partition(b"\n")
    after_digest = _start(first)
    beginning = _BEGINNING.match(rest)
    if beginning is None:
        raise BadEnvelope("run", "entry")
    entry = _entry(after + 1, _json(beginning[1] + b"{}]"))
    digest = hashlib.sha256(after_digest.encode())
    while rest:
        if b"\n" in rest:
            raise BadEnvelope("run", "count")
        digest.update(rest)
        rest = next(pieces, b"")
    return Run(after, after_digest, (entry,), (digest.hexdigest(),), too_large=True)


def _decompress(body: bytes) -> bytes | None:
    """The plain bytes of a run; None when they are more than a run may have."""
    opener = zlib.decompressobj()
    try:
        plain = opener.decompress(body, RUN_BYTES + 1)
    except zlib.error as error:
        raise BadEnvelope("run", "compression") from error
    if len(plain) > RUN_BYTES:
        return None
    if opener.unconsumed_tail or not opener.eof or opener.unused_data:
        raise BadEnvelope("run", "size")
    return plain


def _pieces(body: bytes) -> Iterator[bytes]:
    """The plain bytes of a run that is too large, piece by piece, up to where nobody reads on."""
    opener = zlib.decompressobj()
    size = 0
    while not opener.eof:
        try:
            piece = opener.decompress(body, _PIECE)
        except zlib.error as error:
            raise BadEnvelope("run", "compression") from error
        body = opener.unconsumed_tail
        size += len(piece)
        if size > OVERSIZE_BYTES or not (piece or opener.eof):
            raise BadEnvelope("run", "size")
        if piece:
            yield piece
    if opener.unused_data:
        raise BadEnvelope("run", "size")


def _start(line: bytes) -> str:
    """The digest of the log before a run, from its first line."""
    start = _json(line)
    if not isinstance(start, dict) or not isinstance(start.get("after_digest"), str):
        raise BadEnvelope("run", "start")
    digest: str = start["after_digest"]
    return digest


def _json(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass  # it may be JSON nevertheless, with half a surrogate pair: then its entry is refused
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadEnvelope("run", "entry") from error


def _entry(seq: int, value: Any) -> Entry:
    match value:
        case [str(kind), int(number), str(subject), dict(body)] if number == seq:
            # Both go into columns of databases that refuse what another one takes.
            if not (text_problem(kind, _KIND) or text_problem(subject, _SUBJECT)):
                return Entry(seq, kind, subject, body)
    raise BadEnvelope("run", "entry")
