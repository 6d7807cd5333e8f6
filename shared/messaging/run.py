"""A run: consecutive entries of a stream in one compressed message body."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.kernel.canonical import canonical_json
from shared.messaging.entry import RUN_BYTES, RUN_ENTRIES, Entry, entry_bytes, next_digest
from shared.messaging.envelope import BadEnvelope
from shared.records.text import text_problem

_KIND, _SUBJECT = 40, 80


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

    `digests[i]` is the rolling digest after `entries[i]`.
    """

    after: int
    after_digest: str
    entries: tuple[Entry, ...]
    digests: tuple[str, ...]

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

    Raises BadEnvelope when it is no run, too large, or its entries are not `after+1 … last`.
    """
    lines = _decompress(body).split(b"\n")
    if len(lines) - 1 != last - after or last <= after or len(lines) - 1 > RUN_ENTRIES:
        raise BadEnvelope("run", "count")
    start = _json(lines[0])
    if not isinstance(start, dict) or not isinstance(start.get("after_digest"), str):
        raise BadEnvelope("run", "start")
    digest: str = start["after_digest"]
    entries, digests = [], []
    for seq, line in enumerate(lines[1:], after + 1):
        digest = next_digest(digest, line)
        entries.append(_entry(seq, _json(line)))
        digests.append(digest)
    return Run(after, start["after_digest"], tuple(entries), tuple(digests))


def _decompress(body: bytes) -> bytes:
    opener = zlib.decompressobj()
    try:
        plain = opener.decompress(body, RUN_BYTES + 1)
    except zlib.error as error:
        raise BadEnvelope("run", "compression") from error
    if len(plain) > RUN_BYTES or opener.unconsumed_tail or not opener.eof or opener.unused_data:
        raise BadEnvelope("run", "size")
    return plain


def _json(line: bytes) -> Any:
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
