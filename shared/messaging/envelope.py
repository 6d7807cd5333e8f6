"""The envelope: what travels, and what exactly is signed.

A message is `DL1`, then header, body and signature, each with its length before it. The
signature covers, under a prefix that no other use of the key shares, the exact transmitted header
and body bytes; it is checked before anything in the body is decompressed or parsed. Only the
header is looked at before, and only its sender, to find the key.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, BinaryIO

from shared.kernel.canonical import canonical_json
from shared.kernel.errors import DanglianError
from shared.kernel.keys import PublicKey, SigningKey

if TYPE_CHECKING:
    from shared.messaging.run import Run

PREFIX = b"danglian/envelope/1"
MAGIC = b"DL1"
#: The newest form of messages that this program reads and writes.
VERSION = 1
#: Recipient of the one kind of message that is for every node: how the hub's key was rolled over.
EVERYONE = "*"
_HEADER_LIMIT = 4096
_BODY_LIMIT = 2 * 1024 * 1024
_SIGNATURE_LIMIT = 256
_LENGTHS = struct.Struct(">HIH")
_START = len(MAGIC) + _LENGTHS.size


class BadEnvelope(DanglianError):
    """A message whose envelope is not valid; `reason` is a stable name for it."""

    code = "bad_envelope"
    status = 400

    def __init__(self, reason: str, detail: str = "", *, claimed_sender: str = "") -> None:
        super().__init__(f"消息信封无效：{reason}", detail)
        self.reason = reason
        self.detail = detail
        self.claimed_sender = claimed_sender[:80]


@dataclass(frozen=True)
class Header:
    """Who tells whom what, and where in which stream it belongs.

    Attributes:
        sender: id of the node or hub that signs.
        recipient: id of the one it is for.
        direction: `up` (node to hub) or `down`.
        kind: `run`, `ack`, `resend`, `recover`, `superseded`, `hello`, `welcome`, `request`,
            `hub_key`; in parcels also `parcel`, `arrived`, `part`, `parcel_end` …
        version: form of the message.
        epoch: the node's epoch as the sender knows it.
        generation: the hub's generation as the sender knows it.
        after: seq before the first entry of a run; the seq spoken of, in other kinds.
        last: seq of the last entry of a run.
    """

    sender: str
    recipient: str
    direction: str
    kind: str
    version: int = VERSION
    epoch: int = 0
    generation: int = 0
    after: int = 0
    last: int = 0


@dataclass(frozen=True)
class Message:
    """An opened envelope whose signature was right; `ahead` is its run, if it was read before."""

    header: Header
    body: bytes
    ahead: Run | None = None

    def document(self) -> dict[str, Any]:
        """The body as a JSON object (for kinds other than `run`). Raises BadEnvelope."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise BadEnvelope("body", str(error), claimed_sender=self.header.sender) from error
        if not isinstance(value, dict):
            raise BadEnvelope("body", "not an object", claimed_sender=self.header.sender)
        return value


def close_envelope(key: SigningKey, header: Header, body: bytes | dict[str, Any]) -> bytes:
    """Write and sign a message; a mapping as body becomes canonical JSON."""
    head = canonical_json(asdict(header))
    content = body if isinstance(body, bytes) else canonical_json(body)
    signature = key.sign(_signed(head, content))
    return b"".join(
        (
            MAGIC,
            _LENGTHS.pack(len(head), len(content), len(signature)),
            head,
            content,
            signature,
        )
    )


@dataclass(frozen=True)
class SealedMessage:
    """A message that is in one piece, but whose signature was not looked at yet."""

    header: Header
    head: bytes
    body: bytes
    signature: bytes

    def open(self, public: PublicKey) -> Message:
        """Check the signature; only then the body may be read. Raises BadEnvelope."""
        if not public.verifies(_signed(self.head, self.body), self.signature):
            raise BadEnvelope("signature", claimed_sender=self.header.sender)
        return Message(self.header, self.body)


def next_message(stream: BinaryIO) -> bytes:
    """The next of messages that stand one behind the other; nothing at the end.

    The limits hold before anything is read into memory. Raises BadEnvelope where no message
    begins, or the last one is not whole.
    """
    start = _read(stream, _START)
    return start and start + _read(stream, sum(_sizes(start)), whole=True)


def _read(stream: BinaryIO, size: int, *, whole: bool = False) -> bytes:
    pieces: list[bytes] = []
    left = size
    while left and (piece := stream.read(left)):
        pieces.append(piece)
        left -= len(piece)
    if left and (whole or pieces):
        raise BadEnvelope("truncated")
    return b"".join(pieces)


def _sizes(raw: bytes) -> tuple[int, int, int]:
    """How long header, body and signature are."""
    if not raw.startswith(MAGIC):
        raise BadEnvelope("magic")
    if len(raw) < _START:
        raise BadEnvelope("truncated")
    head, body, signature = _LENGTHS.unpack(raw[len(MAGIC) : _START])
    if head > _HEADER_LIMIT or body > _BODY_LIMIT or signature > _SIGNATURE_LIMIT:
        raise BadEnvelope("size")
    return head, body, signature


def read_envelope(raw: bytes) -> SealedMessage:
    """Take a message apart without trusting it. Raises BadEnvelope, naming what is wrong."""
    head_size, body_size, signature_size = _sizes(raw)
    start = _START
    if len(raw) != start + head_size + body_size + signature_size:
        raise BadEnvelope("truncated")
    head = raw[start : start + head_size]
    body = raw[start + head_size : start + head_size + body_size]
    header = _read_header(head)
    return SealedMessage(header, head, body, raw[start + head_size + body_size :])


def _read_header(head: bytes) -> Header:
    try:
        value = json.loads(head)
    except (ValueError, RecursionError) as error:
        raise BadEnvelope("header", str(error)[:200]) from error
    if not isinstance(value, dict):
        raise BadEnvelope("header", "not an object")
    claimed = str(value.get("sender", ""))
    version = value.get("version")
    if type(version) is int and version > VERSION:
        raise BadEnvelope("newer_version", f"version {version}", claimed_sender=claimed)
    wanted = {field.name: str if field.type == "str" else int for field in fields(Header)}
    if set(value) != set(wanted):
        raise BadEnvelope("header", "fields", claimed_sender=claimed)
    for name, kind in wanted.items():
        if type(value[name]) is not kind or (kind is int and value[name] < 0):
            raise BadEnvelope("header", name, claimed_sender=claimed)
    return Header(**value)


def _signed(head: bytes, body: bytes) -> bytes:
    return PREFIX + struct.pack(">II", len(head), len(body)) + head + body
