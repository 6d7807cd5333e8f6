"""The two ports of storage. Every implementation passes the same contract tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from shared.kernel.errors import Conflict, Invalid, NotFound

#: Every part of an upload has this many bytes; the last one has the rest.
PART_SIZE = 1024 * 1024
#: So many parts that follow each other may come at once, over a line that is quick.
MOST_PARTS = 16

# An object of OCFL lies ten levels deep: root, three tuples, digest, version, `content`, file.
_MOST_LEVELS = 12
_LONGEST_NAME = 900
# `=` is there for the NAMASTE files of OCFL (`0=ocfl_1.1`). No segment starts or ends with a dot,
# so `.` and `..` are out, hidden files stay the store's own, and Windows keeps the name as it is.
_SEGMENT = re.compile(r"(?!\.)[A-Za-z0-9._=-]{1,200}(?<!\.)")
# What lies in a store may have been put there by anybody: a file manager, a virus scanner, a hand.
_LONGEST_FOUND, _LONGEST_SEGMENT, _LONGEST_FITTING = 4000, 255, 190
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredObject:
    """One object as it lies in the store: its name, its length, and its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """What lies right below a folder: an object, or a folder (its name ends with a slash)."""

    name: str
    modified: datetime | None


class ObjectStore(Protocol):
    """Keeps objects under names. An object is there whole, or it is not there.

    A name is one to twelve segments of `A-Z a-z 0-9 . _ = -`, joined by `/`; no segment starts or
    ends with a dot. Two names must not differ by case alone, and no object's name may be the
    folder of another's: some implementations keep objects as files.

    Under other names nothing is put. What somebody else has put there is listed all the same, and
    can be read and removed.
    """

    def put(self, name: str, stream: BinaryIO, *, sha256: str, size: int) -> StoredObject:
        """Keep the bytes of the stream under a name; durable when this returns.

        The same bytes under the same name again are fine. Raises Invalid when the stream differs
        from `size` or `sha256`, Conflict when the name holds other bytes, Unavailable when the
        store cannot write (disk full); none of them leaves anything behind.
        """
        ...

    def replace(self, name: str, content: bytes) -> StoredObject:
        """Keep small bytes under a name, in place of what it may hold; durable when this returns.

        A reader gets the old bytes or the new ones, never a mixture. Only for what points to the
        newest of something (an OCFL inventory). Raises Unavailable when the store cannot write.
        """
        ...

    def open(self, name: str) -> BinaryIO:
        """The bytes of an object, to seek in and to be closed by the caller. Raises NotFound."""
        ...

    def exists(self, name: str) -> bool:
        """Whether an object of this name is there; reads none of its bytes."""
        ...

    def stat(self, name: str) -> StoredObject:
        """An object with the digest of its bytes as they are now (reads all). Raises NotFound."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """The names that start with this text, in the order of their code points."""
        ...

    def level(self, folder: str) -> Iterator[Listed]:
        """What lies right below a folder (`""`, or a name and a slash), and no deeper."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object; an absent one is fine."""
        ...


class Staging(Protocol):
    """Collects uploads that come in parts of `PART_SIZE`, numbered from 1, in any order.

    Quotas are the caller's: it knows whose upload this is. Nothing in here is trusted after
    `open_whole`: the caller digests what it copies.
    """

    def begin(self, upload_id: str, *, size: int, sha256: str) -> None:
        """Announce an upload; the same announcement again is fine, another is a Conflict."""
        ...

    def put_part(
        self, upload_id: str, number: int, stream: BinaryIO, *, size: int, sha256: str
    ) -> None:
        """Keep one part, or up to `MOST_PARTS` entire ones from this number on, as one piece.

        They are verified by their digest on the way, and none of them is held in memory. The same
        ones again replace the first. Raises NotFound for an unknown upload, Invalid when the number
        or the bytes are not right, Unavailable when the disk is full.
        """
        ...

    def parts(self, upload_id: str) -> list[int]:
        """The numbers of the parts that are there, rising. Raises NotFound."""
        ...

    def open_part(self, upload_id: str, number: int) -> BinaryIO:
        """The bytes of one part, in memory. Raises NotFound."""
        ...

    def open_whole(self, upload_id: str) -> BinaryIO:
        """All parts as one stream, to seek in and to be closed by the caller.

        Raises Invalid naming the missing parts; who reads in order gets an Invalid instead of the
        last bytes when the whole does not have the announced digest. Raises NotFound.
        """
        ...

    def abort(self, upload_id: str) -> None:
        """Forget an upload and its parts; an unknown one is fine."""
        ...

    def sweep(self, before: datetime) -> list[str]:
        """Abort the uploads that nobody has touched since; returns their ids."""
        ...


def part_count(size: int) -> int:
    """How many parts an upload of this many bytes has."""
    return -(-size // PART_SIZE)


def part_length(size: int, number: int) -> int:
    """How many bytes part `number` (from 1) of an upload of `size` bytes has."""
    return min(PART_SIZE, size - (number - 1) * PART_SIZE)


def is_name(name: str) -> bool:
    """Whether a store takes this name."""
    segments = name.split("/")
    return (
        len(name) <= _LONGEST_NAME
        and len(segments) <= _MOST_LEVELS
        and all(_SEGMENT.fullmatch(segment) for segment in segments)
    )


def fitting_name(segment: str) -> str:
    """What somebody else has called a file, as one segment that a store takes: `=E5` for a byte."""
    plain = segment.encode("utf-8", "surrogateescape")
    fits = "".join(
        chr(each) if chr(each).isascii() and (chr(each).isalnum() or each in b"._-")
        else f"={each:02X}" for each in plain
    )  # fmt: skip
    if fits[:1] == ".":
        fits = f"=2E{fits[1:]}"
    fits = fits[:_LONGEST_FITTING]
    return f"{fits[:-1]}=2E" if fits[-1:] == "." else fits


def check_found(name: str) -> str:
    """The name, if something that lies in a store may have it, whoever put it there.

    Raises Invalid for one that leads elsewhere.
    """
    segments = name.split("/")
    if (
        len(name) > _LONGEST_FOUND
        or "\\" in name
        or "\x00" in name
        or any(len(each) > _LONGEST_SEGMENT or each in {"", ".", ".."} for each in segments)
    ):
        raise Invalid("name", "存储名称不合规。", "请检查给出名称的程序。")
    return name


def check_name(name: str) -> str:
    """The name, if it is one that a store takes. Raises Invalid."""
    if not is_name(name):
        raise Invalid(
            "name",
            "存储名称不合规：只能用字母、数字和 . _ = -，不超过 12 级，各级不得以点开头或结尾。",
            "请检查生成名称的程序。",
        )
    return name


def check_upload_id(upload_id: str) -> str:
    """The id, if it is one that staging takes. Raises Invalid."""
    if not _SEGMENT.fullmatch(upload_id):
        raise Invalid("upload_id", "上传编号不合规。", "请重新申请上传。")
    return upload_id


def check_claim(size: int, sha256: str) -> None:
    """Refuse a size or digest that no bytes can have. Raises Invalid."""
    if size < 0:
        raise Invalid("size", "字节数不能为负。", "请重新计算字节数。")
    if not _DIGEST.fullmatch(sha256):
        raise Invalid("sha256", "SHA-256 摘要应为 64 位小写十六进制。", "请重新计算摘要。")


def absent(name: str) -> NotFound:
    """What to raise for an object that is not there."""
    return NotFound(f"存储中没有“{name}”。", "请稍后再试；如持续出现，请联系管理员核对存储。")


def taken(name: str) -> Conflict:
    """What to raise when a name holds other bytes already."""
    return Conflict(f"存储名称“{name}”已有其他内容，不能覆盖。", "请检查是否重复使用了同一编号。")
