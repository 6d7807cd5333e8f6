"""Files held against a receipt, one by one: confirmed, altered, not in it, missing."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_CHUNK = 1024 * 1024
#: Where an unknown file says which record it is about; more of it is not read.
_MOST_SMALL = 32 * 1024 * 1024
_RECORD, _MANIFEST = "record.json", "manifest.json"


class State(StrEnum):
    """How a file stands to the receipt."""

    CONFIRMED = "confirmed"
    ALTERED = "altered"
    MISSING = "missing"
    NOT_IN_RECEIPT = "not_in_receipt"
    UNREADABLE = "unreadable"

    @property
    def label(self) -> str:
        """The state for people."""
        return _LABELS[self]


_LABELS = {
    State.CONFIRMED: "一致",
    State.ALTERED: "已改动",
    State.MISSING: "缺少",
    State.NOT_IN_RECEIPT: "回执中没有",
    State.UNREADABLE: "读不出",
}


@dataclass(frozen=True)
class Held:
    """One file, by its path (or by its name, when it is missing), with the record that it is of."""

    name: str
    state: State
    record_id: str | None = None
    code: str | None = None
    note: str = ""


@dataclass(frozen=True)
class _Wanted:
    """What the receipt says of one file: a package, a description, or a computer file."""

    name: str
    record_id: str
    sha256: str
    size: int | None
    is_package: bool = False


class Receipted:
    """What a receipt lists, to hold files against; it remembers which have come.

    The receipt of one record lists its package, and the receipt of the whole batch.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        items = document.get("form", {}).get("items", [])
        self._codes = {each["record_id"]: each["code"] for each in items}
        records = document.get("contents", {}).get("records", [])
        is_one = "offers" not in document
        self._packages = [
            _Wanted(
                "信息包", each["record_id"], each["package_sha256"], each["size"], is_package=True
            )
            for each in ([document] if is_one else document["offers"])
        ]
        self._files = [
            _Wanted(file["name"], each["record_id"], file["sha256"], file["size"])
            for each in records
            for file in each["files"]
        ]
        self._files_of: dict[str, list[_Wanted]] = {}
        for file in self._files:
            self._files_of.setdefault(file.record_id, []).append(file)
        described = [
            _Wanted(_RECORD, each["record_id"], each["record_digest"], None) for each in records
        ]
        if is_one:
            whole = ("整批的回执", document["record_id"], document["receipt_digest"], None)
            described.append(_Wanted(*whole))
        self._by_digest: dict[str, list[_Wanted]] = {}
        for wanted in (*self._packages, *described, *self._files):
            self._by_digest.setdefault(wanted.sha256, []).append(wanted)
        self._seen: set[_Wanted] = set()

    def hold(self, paths: Iterable[Path]) -> list[Held]:
        """Each file at or below these paths, in order; links are named and not followed.

        Digests come first, so that an unknown file is only taken for one that is still open.
        """
        found: list[Held | tuple[Path, int]] = []
        for path in _below(paths):
            try:
                digest, size = _digest_of(path)
            except (OSError, ValueError) as error:
                found.append(Held(str(path), State.UNREADABLE, note=str(error)))
                continue
            known = self._by_digest.get(digest)
            if known is None:
                found.append((path, size))
                continue
            for wanted in known:
                self._come(wanted)
            found.append(self._held(str(path), State.CONFIRMED, known[0]))
        return [each if isinstance(each, Held) else self._unknown(*each) for each in found]

    def missing(self) -> list[Held]:
        """What is listed and has not come: files, or packages where no files are listed."""
        without_files = (each for each in self._packages if each.record_id not in self._files_of)
        wanted = [*self._files, *without_files]
        return [
            self._held(each.name, State.MISSING, each) for each in wanted if each not in self._seen
        ]

    def _come(self, wanted: _Wanted) -> None:
        """A package brings its files with it: the archive has signed its bytes."""
        self._seen.add(wanted)
        if wanted.is_package:
            self._seen.update(self._files_of.get(wanted.record_id, ()))

    def _unknown(self, path: Path, size: int) -> Held:
        said = _record_said(path)
        wanted = next((each for each in self._packages if said and each.record_id == said), None)
        if wanted is not None:
            if path.name != _RECORD:
                self._come(wanted)
            return self._held(str(path), State.ALTERED, wanted)
        alike = [each for each in self._files if _folded(each.name) == _folded(path.name)]
        alike.sort(key=lambda each: (each in self._seen, each.size != size))
        alike = alike or [
            each for each in self._packages if each.size == size and each not in self._seen
        ]
        if not alike:
            return Held(str(path), State.NOT_IN_RECEIPT)
        self._come(alike[0])
        others = len({each.record_id for each in alike}) - 1
        note = f"另有 {others} 件档案也有同名或同样大小的文件" if others else ""
        return self._held(str(path), State.ALTERED, alike[0], note)

    def _held(self, name: str, state: State, wanted: _Wanted, note: str = "") -> Held:
        return Held(name, state, wanted.record_id, self._codes.get(wanted.record_id), note)


def _below(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir() or path.is_symlink():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            links = [name for name in folders if Path(folder, name).is_symlink()]
            yield from (Path(folder, name) for name in sorted([*names, *links]))


def _digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and size. Raises OSError, and ValueError for what is no plain file."""
    if path.is_symlink():
        raise ValueError("是链接，没有跟进去")
    if path.exists() and not path.is_file():
        raise ValueError("不是普通文件")
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size


def _record_said(path: Path) -> str | None:
    """The record that an unknown package or description says it is of; unproven."""
    try:
        if path.name == _RECORD:
            with path.open("rb") as stream:
                return _text(json.loads(stream.read(_MOST_SMALL)), "id")
        with zipfile.ZipFile(path) as package:
            if package.getinfo(_MANIFEST).file_size > _MOST_SMALL:
                return None
            with package.open(_MANIFEST) as entry:
                return _text(json.loads(entry.read(_MOST_SMALL)), "record_id")
    # Whatever cannot be opened (an unknown compression, a password) says nothing of a record; that
    # it is not confirmed is told by its digest, not here.
    except (OSError, ValueError, KeyError, RecursionError, NotImplementedError, RuntimeError):
        return None
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError):
        return None


def _text(data: object, name: str) -> str | None:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
