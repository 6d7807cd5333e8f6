"""Publication bundles 发布包: what a hub publishes, carried one way to a portal on the internet.

A bundle is one file: a line of JSON (a document that the hub's key has signed, and how that key was
rolled over), then the entries of the public feed, one a line, packed with gzip. The document has
the bundle's number in its series, the digest of the document before, and size and SHA-256 of what
follows: a bundle that is missing, doubled or altered is noticed and named.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

from shared.kernel.canonical import canonical_json, digest_of, strict_json
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid
from shared.kernel.files import file_sha256
from shared.kernel.keys import PublicKey, SigningKey, document_is_signed_by, sign_document
from shared.kernel.succession import Succession, hub_holder, read_chain
from shared.storage.temporary import temporary_file

WHAT = "publication/1"
SUFFIX = ".dlp"
MOST_ENTRIES = 10_000
#: How long the line of a bundle's document, and that of an entry, may be, in bytes.
_HEAD_BYTES = 1 << 20
_ENTRY_BYTES = 1 << 16
_DIGEST_LENGTH = 64


def name_of(series: int, number: int) -> str:
    """How the file of a bundle is called."""
    return f"danglian-publication-{series:08d}-{number:06d}{SUFFIX}"


@dataclass(frozen=True)
class About:
    """What the signed document of a bundle says.

    `previous` is the digest of the document before in the same series, empty for the first.
    `position` is how far in the feed it goes. The last of those made at one time `is_last`: after
    it a portal holds so many `records`, with this sum of digests (`hub.sharing.feed.proof`).
    `archives` are the names of the archives by code.
    """

    hub_id: str
    series: int
    number: int
    previous: str
    position: int
    entries: int
    is_last: bool
    records: int
    digest: str
    archives: dict[str, str]
    size: int
    sha256: str
    made_at: str

    @property
    def document(self) -> dict[str, Any]:
        """What is signed."""
        return {"what": WHAT, **asdict(self)}

    @property
    def id(self) -> str:
        """The digest of the document, which the next one names."""
        return digest_of(self.document)

    @property
    def file_name(self) -> str:
        """How the file of the bundle is called."""
        return name_of(self.series, self.number)


@dataclass(frozen=True)
class Contents:
    """What is to be said of a bundle before it is written; see `About`."""

    hub_id: str
    series: int
    number: int
    previous: str
    position: int
    is_last: bool
    records: int
    digest: str
    archives: dict[str, str]


def write_bundle(
    folder: Path,
    lines: Sequence[str],
    contents: Contents,
    *,
    key: SigningKey,
    successions: Sequence[Mapping[str, Any]],
) -> About:
    """Write a bundle into a folder, in place of one that was never handed out."""
    with temporary_file(folder) as body, temporary_file(folder) as whole:
        with gzip.GzipFile("", "wb", fileobj=body.stream, compresslevel=6, mtime=0) as packed:
            for line in lines:
                packed.write(line.encode() + b"\n")
        body.stream.flush()
        about = About(
            **asdict(contents),
            entries=len(lines),
            size=body.path.stat().st_size,
            sha256=file_sha256(body.path),
            made_at=utc_text(),
        )
        head = {
            "document": about.document,
            "signed": sign_document(key, about.document),
            "successions": [dict(each) for each in successions],
        }
        whole.stream.write(canonical_json(head) + b"\n")
        body.stream.seek(0)
        shutil.copyfileobj(body.stream, whole.stream)
        whole.replace(folder / about.file_name)
    return about


class Bundle:
    """A bundle as it is read. Nothing in it is believed before `signer` has named its key."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self._stream = stream
        line = stream.readline(_HEAD_BYTES + 1)
        try:
            head = strict_json(line)
            if canonical_json(head) + b"\n" != line:
                raise ValueError("not as it was written")
            self._signed, self._successions = dict(head["signed"]), head["successions"]
            self.about = _about(head["document"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged(name) from error

    def signer(self, known: PublicKey) -> PublicKey:
        """The hub's key that has signed this: the known one, or one that followed it.

        Raises Invalid (`publication_not_signed`).
        """
        keys = [known]
        for step in self._rolled_over():
            if step.old == keys[-1]:
                keys.append(step.new)
        for key in keys:
            named = (self._signed.get("key"), self._signed.get("public_key")) == (key.id, key.hex)
            if named and document_is_signed_by(key, self.about.document, self._signed):
                return key
        raise Invalid(
            "file",
            f"发布包“{self.name}”没有平台的有效签名，没有导入。",
            "请核对它是不是本市平台导出的；平台的公钥换过的，请核对 --hub-key。",
            code="publication_not_signed",
        )

    def _rolled_over(self) -> list[Succession]:
        try:
            return read_chain(self._successions, hub_holder(self.about.hub_id))
        except Invalid as error:
            raise damaged(self.name) from error

    def entries(self) -> Iterator[dict[str, Any]]:
        """The entries. Raises Invalid (`publication_damaged`) at the latest after the last one."""
        body = _Measured(self._stream, self.about.size)
        count = 0
        try:
            with gzip.GzipFile(fileobj=io.BufferedReader(body), mode="rb") as unpacked:
                while line := unpacked.readline(_ENTRY_BYTES + 1):
                    count += 1
                    if count > self.about.entries or len(line) > _ENTRY_BYTES:
                        raise damaged(self.name)
                    yield strict_json(line)
        except (OSError, EOFError, ValueError, RecursionError, zlib.error) as error:
            raise damaged(self.name) from error
        if (count, body.hexdigest()) != (self.about.entries, self.about.sha256):
            raise damaged(self.name)


def _about(document: Any) -> About:
    if document.pop("what") != WHAT or document.keys() != {each.name for each in fields(About)}:
        raise ValueError("no document of a publication")
    about = About(**document)
    numbers = (about.series, about.number, about.position, about.entries, about.size, about.records)
    texts = (about.hub_id, about.previous, about.digest, about.sha256, about.made_at)
    if not all(type(each) is int and each >= 0 for each in numbers):
        raise ValueError("no number")
    if not all(type(each) is str and len(each) <= _DIGEST_LENGTH for each in texts):
        raise ValueError("no text")
    if about.entries > MOST_ENTRIES or type(about.is_last) is not bool:
        raise ValueError("too many")
    archives = about.archives
    if type(archives) is not dict or not all(type(each) is str for each in archives.values()):
        raise ValueError("no names")
    return about


class _Measured(io.RawIOBase):
    """So many bytes of a stream, digested as they are read."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(min(len(buffer), self._left))
        self._left -= len(piece)
        self._digest.update(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def hexdigest(self) -> str:
        """The digest of all of them; of anything else when not all were read, or more follow."""
        while self._left and (piece := self._stream.read(min(1 << 16, self._left))):
            self._left -= len(piece)
            self._digest.update(piece)
        if self._left or self._stream.read(1):
            self._digest.update(b"torn")
        return self._digest.hexdigest()


def damaged(name: str) -> Invalid:
    """What to raise for a file that is no bundle, or not whole."""
    return Invalid(
        "file",
        f"发布包“{name}”已损坏或不完整，没有导入。",
        "请重新复制这个文件；仍不行的，在平台上重新导出。",
        code="publication_damaged",
    )


def bundle_files(folder: Path) -> list[Path]:
    """The bundles in a folder, in the order of their numbers."""
    return sorted(folder.glob(f"danglian-publication-*{SUFFIX}"))
