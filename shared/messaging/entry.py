"""An entry: one fact of a stream, its exact bytes, and the rolling digest over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.kernel.canonical import canonical_json, sha256_hex

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

#: A run has at most this many entries, and this many bytes unpacked (protocol §1).
RUN_ENTRIES = 1000
RUN_BYTES = 1024 * 1024
#: One entry must leave room for the frame of its run.
ENTRY_BYTES = RUN_BYTES - 4096


@dataclass(frozen=True)
class Entry:
    """One fact: the full new state of one thing, never a delta.

    `read` is what a `Reader` made of the body ahead of its turn; `body` is empty then.
    """

    seq: int
    kind: str
    subject: str
    body: dict[str, Any]
    read: Sequence[Any] | None = None


#: Applies entries of one kind, in order, in the given transaction; refuses with a DanglianError.
Handler = Callable[["Session", str, Sequence[Entry]], None]
#: Reads the body of an entry where there is no database (`ahead`): texts, numbers and None. When
#: it raises a DanglianError the handler gets the body, to refuse it with the same error.
Reader = Callable[[dict[str, Any]], list[Any]]


def entry_bytes(seq: int, kind: str, subject: str, body: bytes) -> bytes:
    """The exact bytes of an entry, over which the rolling digest goes.

    `body` is canonical JSON already; the whole is again canonical JSON of a list.
    """
    head = canonical_json([kind, seq, subject])
    return head[:-1] + b"," + body + b"]"


def first_digest(sender: str, recipient: str, epoch: int) -> str:
    """The digest of an empty log: it names whose log it is, so that no two begin alike."""
    return sha256_hex(f"danglian/stream/1\n{sender}\n{recipient}\n{epoch}\n".encode())


def next_digest(digest: str, entry: bytes) -> str:
    """The rolling digest after one more entry."""
    return sha256_hex(digest.encode(), entry)
