"""Parcels 邮包: what hub and node would send over a link, in files that somebody carries.

A file is messages, one behind the other, and nothing else: no names, no folders, nothing compressed
but runs. So a stick has no more to attack than a link has. The first message is the cover, the last
one the end; packages that would go up over HTTPS stand between as parts, signed like all the rest.

Each file stands for itself and may come twice, late, alone or torn: the streams count what was
applied, staging counts the parts. A file appears under its name when it is whole; what a copy
tore off is missing at the end, and all before it is good.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from shared.kernel.canonical import canonical_json
from shared.kernel.clock import SHANGHAI, format_utc, now, parse_utc
from shared.kernel.errors import Invalid, NotFound, Unavailable
from shared.kernel.identifiers import is_id, new_id
from shared.messaging.envelope import (
    BadEnvelope,
    Header,
    Message,
    next_message,
    read_envelope,
)
from shared.messaging.link import Delivery
from shared.storage.temporary import sweep_leftovers, telling_of_trouble, temporary_file

#: Kinds of messages that only parcels have: the first, the last, a part of a package, and which
#: packages the hub has (a hint, for a node that cannot ask).
COVER, END, PART, ARRIVED = "parcel", "parcel_end", "part", "arrived"
SUFFIX = ".parcel"
#: A file has about as many bytes at most: FAT32, as sticks have it, takes no file of 4 GiB.
FILE_BYTES = 1024 * 1024 * 1024
#: What a page gives or takes at most; what is larger goes by the commands.
PAGE_BYTES = 256 * 1024 * 1024

log = logging.getLogger(__name__)

_WRITING = ".danglian-writing"
#: Letters are held before anything is proven: each has one statement and two signatures.
_MOST_LETTERS, _LETTER_BYTES = 200, 16 * 1024
_MOST_FILES = 1_000_000

#: Makes a signed message of a kind and a body (`Exchange.message`).
Seal = Callable[[str, dict[str, Any]], bytes]


class ByHand:
    """Stands where a link would, when everything goes by hand: nothing comes, nothing can go."""

    def send(self, queue: str, messages: Sequence[bytes]) -> None:
        """Refuse: what has to go is written into a parcel."""
        raise Unavailable("此处没有消息通道。", "请导出邮包。")

    def flush(self) -> None:
        """Nothing waits."""

    def receive(self, queue: str, *, wait_seconds: float, most: int = 1) -> list[Delivery]:
        """Nothing comes."""
        return []

    def size(self, queue: str) -> int:
        """Nothing waits."""
        return 0

    def purge(self, queue: str) -> int:
        """Nothing to throw away."""
        return 0

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True)
class Part:
    """One part of the package of an offer, as it is carried (protocol §6).

    Attributes:
        sha256: digest of the whole package, `size` its bytes.
        number: which part of it, from 1; all but the last have `PART_SIZE` bytes.
    """

    offer_id: str
    sha256: str
    size: int
    number: int
    content: bytes

    def to_body(self) -> bytes:
        """A line of JSON that says what it is, and its bytes."""
        head = {
            "offer_id": self.offer_id,
            "sha256": self.sha256,
            "size": self.size,
            "number": self.number,
        }
        return canonical_json(head) + b"\n" + self.content

    @classmethod
    def of(cls, message: Message) -> Part:
        """Read the body. Raises BadEnvelope."""
        line, _, content = message.body.partition(b"\n")
        head = Message(message.header, line).document()
        kinds = {"offer_id": str, "sha256": str, "size": int, "number": int}
        if {name: type(value) for name, value in head.items()} != kinds:
            raise BadEnvelope("part", claimed_sender=message.header.sender)
        return cls(**head, content=content)


@dataclass(frozen=True)
class Cover:
    """What the cover of a file says: of which parcel it is which file, and when it was made."""

    parcel_id: str
    number: int
    made_at: datetime

    @classmethod
    def of(cls, message: Message) -> Cover:
        """Read the body. Raises BadEnvelope."""
        body = message.document()
        number = body.get("number")
        try:
            made_at = parse_utc(str(body.get("made_at")))
        except ValueError as error:
            raise BadEnvelope("cover", claimed_sender=message.header.sender) from error
        parcel_id = body.get("parcel_id")
        if not is_id(parcel_id) or type(number) is not int or not 1 <= number <= _MOST_FILES:
            raise BadEnvelope("cover", claimed_sender=message.header.sender)
        return cls(str(parcel_id), number, made_at)


@dataclass(frozen=True)
class End:
    """What the end of a file says: how many messages there were, and whether a file follows."""

    parcel_id: str
    number: int
    messages: int
    last: bool

    @classmethod
    def of(cls, message: Message) -> End:
        """Read the body. Raises BadEnvelope."""
        body = message.document()
        kinds = {"parcel_id": str, "number": int, "messages": int, "last": bool}
        if {name: type(value) for name, value in body.items()} != kinds:
            raise BadEnvelope("end", claimed_sender=message.header.sender)
        return cls(**body)

    def closes(self, cover: Cover, messages: int) -> bool:
        """Whether this is the end of the file of this cover, with so many messages between."""
        return (self.parcel_id, self.number, self.messages) == (
            cover.parcel_id,
            cover.number,
            messages,
        )


# ---- writing


@dataclass(frozen=True)
class Written:
    """A parcel that was written: its id, its files in order, and all their bytes."""

    parcel_id: str
    files: tuple[Path, ...]
    size: int


def write_parcel(
    folder: Path,
    label: str,
    messages: Iterable[bytes],
    seal: Seal,
    *,
    file_bytes: int = FILE_BYTES,
    tell: Callable[[str], None] = lambda _text: None,
) -> Written:
    """Write messages into files of a folder, in order, one message in memory at a time.

    `label` begins the files' names. Raises Unavailable when the folder cannot be written (the
    stick is full or gone); files that were whole before remain, and are good.
    """
    parcel_id, made_at = new_id(), now()
    writing = folder / _WRITING
    files: list[Path] = []
    size = 0
    waiting = iter(messages)
    with telling_of_trouble(), _cleared(writing):
        sweep_leftovers(writing)
        raw = next(waiting, None)
        while not files or raw is not None:
            about = {"parcel_id": parcel_id, "number": len(files) + 1}
            with temporary_file(writing) as temporary:
                count = 0
                length = temporary.stream.write(
                    seal(COVER, {**about, "made_at": format_utc(made_at)})
                )
                while raw is not None and (not count or length + len(raw) <= file_bytes):
                    length += temporary.stream.write(raw)
                    count += 1
                    raw = next(waiting, None)
                length += temporary.stream.write(
                    seal(END, {**about, "messages": count, "last": raw is None})
                )
                path = folder / _file_name(label, parcel_id, made_at, len(files) + 1)
                temporary.replace(path)
            files.append(path)
            size += length
            tell(f"已写好 {path.name}")
    return Written(parcel_id, tuple(files), size)


def one_file(label: str, messages: Iterable[bytes], seal: Seal) -> tuple[str, Iterator[bytes]]:
    """A parcel of a single file, for a download: its name, and its bytes piece by piece."""
    parcel_id, made_at = new_id(), now()
    about = {"parcel_id": parcel_id, "number": 1}

    def pieces() -> Iterator[bytes]:
        yield seal(COVER, {**about, "made_at": format_utc(made_at)})
        count = 0
        for raw in messages:
            yield raw
            count += 1
        yield seal(END, {**about, "messages": count, "last": True})

    return _file_name(label, parcel_id, made_at, 1), pieces()


def _file_name(label: str, parcel_id: str, made_at: datetime, number: int) -> str:
    day = made_at.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M%S")
    return f"{label}-{day}-{parcel_id[-6:]}-{number:03d}{SUFFIX}"


@contextmanager
def _cleared(folder: Path) -> Iterator[None]:
    """Remove a folder at the end, if nobody else writes in it."""
    try:
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()


# ---- reading


class ParcelFile:
    """One file of a parcel, read from front to back; nothing in it is believed by itself.

    `cover`, with its `header`, and `letters` (how the hub's key was rolled over, before all else)
    are read at once, `messages` then gives the rest. After that, `end` is the last message, or
    None when the file ends before it: torn, or damaged. All of them are as they came.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self._stream = stream
        self.letters: list[bytes] = []
        self.end: bytes | None = None
        try:
            self.cover = next_message(stream)
            self.header = read_envelope(self.cover).header
        except BadEnvelope as error:
            raise _no_parcel(name, error) from error
        if self.header.kind != COVER:
            raise _no_parcel(name, None)
        self._ahead = self._next()
        while self._ahead is not None and self._ahead[0].kind == "hub_key":
            if len(self.letters) < _MOST_LETTERS and len(self._ahead[1]) <= _LETTER_BYTES:
                self.letters.append(self._ahead[1])
            self._ahead = self._next()

    def messages(self) -> Iterator[tuple[Header, bytes]]:
        """What stands between cover and end: what each message says that it is, and the message."""
        while self._ahead is not None:
            header, raw = self._ahead
            if header.kind == END:
                self.end = raw
                return
            yield header, raw
            self._ahead = self._next()

    def _next(self) -> tuple[Header, bytes] | None:
        try:
            raw = next_message(self._stream)
            return (read_envelope(raw).header, raw) if raw else None
        except BadEnvelope:
            return None


@dataclass(frozen=True)
class Taken:
    """What became of one file: how many of its messages were taken in, and whether it was whole."""

    cover: Cover
    messages: int
    whole: bool
    last: bool


def take_in(
    file: ParcelFile, opened: Callable[[bytes], Message], take: Callable[[Header, bytes], object]
) -> Taken:
    """Take in the messages of one file, in order, through the door of its receiver.

    `opened` checks a message's signature and address, `take` deals with one. A message that is not
    good ends it: what came before was taken in, each message in its own transaction. Raises
    BadEnvelope when the cover is not good; then nothing was taken in.
    """
    cover = Cover.of(opened(file.cover))
    count = 0
    end = None
    try:
        for header, raw in file.messages():
            if header.sender != file.header.sender:
                raise BadEnvelope("sender", claimed_sender=header.sender)
            take(header, raw)
            count += 1
        end = End.of(opened(file.end)) if file.end is not None else None
    except BadEnvelope as error:
        log.warning("%s is not good after %d messages: %s", file.name, count, error.reason)
    whole = end is not None and end.closes(cover, len(file.letters) + count)
    return Taken(cover, count, whole, last=whole and end is not None and end.last)


def _no_parcel(name: str, error: BadEnvelope | None) -> Invalid:
    if error is not None and error.reason == "newer_version":
        return Invalid(
            "file", f"“{name}”是更新版本的程序导出的，本机读不了。", "请先升级本机的程序，再导入。",
            code="parcel_newer",
        )  # fmt: skip
    return Invalid(
        "file", f"“{name}”不是档联的邮包，或开头已损坏。",
        f"请选导出时生成的、以 {SUFFIX} 结尾的文件；已损坏的，请重新复制或重新导出。",
        code="no_parcel",
    )  # fmt: skip


def parcel_files(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and those in the folders that are named. Raises NotFound."""
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob(f"danglian-*{SUFFIX}")) if path.is_dir() else [path]
    files = list(dict.fromkeys(found))
    if not files:
        raise NotFound(
            "这里没有邮包文件。", f"请指明 U 盘上以 {SUFFIX} 结尾的文件，或它们所在的目录。",
            code="no_parcel_here", field="file",
        )  # fmt: skip
    return files
