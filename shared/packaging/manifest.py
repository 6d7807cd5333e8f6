"""The manifest of a package: what it is about, and every entry with its size and digests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.kernel.canonical import canonical_json, strict_json
from shared.kernel.errors import Invalid
from shared.kernel.identifiers import is_id

#: Name and version of the layout of a package; of one whose files lie in a package of DA/T 48.
FORMAT = "danglian-package/1"
FORMAT_EEP = "danglian-package/2"

MANIFEST = "manifest.json"
RECORD = "record.json"
METADATA = "metadata.xml"
SIGNATURE = "signature.json"
#: The package of DA/T 48-2009 that holds the files, where there is one.
EEP = "record.eep"
CONTENT = "content/"

#: OIDs of SM3 and of SM3withSM2 (GM/T 0006).
DIGEST_ALGORITHM = "1.2.156.10197.1.401"
SIGNATURE_ALGORITHM = "1.2.156.10197.1.501"

#: The digests that a manifest has of each entry, by their names in `hashlib`.
ENTRY_DIGESTS = ("sha256", "sm3")

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEYS = {
    "created_by",
    "entries",
    "fonds",
    "format",
    "offer_id",
    "record_digest",
    "record_id",
    "record_version",
    "unit",
}
_FONDS_KEYS = {"id", "name", "number"}
_ENTRY_KEYS = {"file_id", "path", "sha256", "size", "sm3"}
_WRAPPED_KEYS = _ENTRY_KEYS | {"at"}


@dataclass(frozen=True)
class PackageEntry:
    """One entry: where it lies in the package, and for a computer file its id in the record.

    `at` is where its Base64 begins in the EEP, for a file that lies in there; then `path` is only
    its name in the package, and size and digests are those of the file itself.
    """

    path: str
    size: int
    sha256: str
    sm3: str
    file_id: str | None = None
    at: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """As it stands in a manifest."""
        said: dict[str, Any] = {
            "path": self.path,
            "size": self.size,
            "sha256": self.sha256,
            "sm3": self.sm3,
            "file_id": self.file_id,
        }
        return said if self.at is None else {**said, "at": self.at}


@dataclass(frozen=True)
class Manifest:
    """What a package says of itself; the unit's seal is over its exact bytes."""

    offer_id: str
    record_id: str
    record_version: int
    record_digest: str
    fonds_id: str
    fonds_number: str | None
    fonds_name: str
    unit: str
    created_by: str
    entries: tuple[PackageEntry, ...]

    @property
    def eep(self) -> PackageEntry | None:
        """The entry of the EEP that holds the files; None where they lie by themselves."""
        return next((each for each in self.entries if each.path == EEP), None)

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON."""
        return canonical_json(
            {
                "format": FORMAT if self.eep is None else FORMAT_EEP,
                "offer_id": self.offer_id,
                "record_id": self.record_id,
                "record_version": self.record_version,
                "record_digest": self.record_digest,
                "fonds": {
                    "id": self.fonds_id,
                    "number": self.fonds_number,
                    "name": self.fonds_name,
                },
                "unit": self.unit,
                "created_by": self.created_by,
                "entries": [each.to_wire() for each in self.entries],
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read what `to_bytes` wrote, exactly. Raises Invalid."""
        data = read_json(content, MANIFEST)
        if data.get("format") not in (FORMAT, FORMAT_EEP):
            raise Invalid(
                MANIFEST,
                f"信息包格式不是 {FORMAT} 或 {FORMAT_EEP}。",
                "请用新版本的程序打开，或由移交单位重新生成信息包。",
                code="unknown_package_format",
            )
        fonds = data.get("fonds")
        entries = data.get("entries")
        if (
            set(data) != _KEYS
            or not isinstance(fonds, dict)
            or set(fonds) != _FONDS_KEYS
            or not isinstance(entries, list)
        ):
            raise bad_shape(MANIFEST)
        manifest = cls(
            offer_id=_id(data["offer_id"]),
            record_id=_id(data["record_id"]),
            record_version=_count(data["record_version"]),
            record_digest=_digest(data["record_digest"]),
            fonds_id=_id(fonds["id"]),
            fonds_number=None if fonds["number"] is None else _text(fonds["number"]),
            fonds_name=_text(fonds["name"]),
            unit=_text(data["unit"]),
            created_by=_text(data["created_by"]),
            entries=tuple(entry_from(each) for each in entries),
        )
        if manifest.to_bytes() != content:
            raise bad_shape(MANIFEST)
        return manifest


def read_json(content: bytes, name: str) -> dict[str, Any]:
    """A JSON object without keys that occur twice and without floats. Raises Invalid."""
    try:
        return strict_json(content)
    except (ValueError, RecursionError):
        raise bad_shape(name) from None


def bad_shape(name: str) -> Invalid:
    """An entry that Danglian did not write like this."""
    return Invalid(
        name, f"信息包中的 {name} 写法不正确。", "请由移交单位重新生成信息包。", code="bad_manifest"
    )


def entry_from(data: object) -> PackageEntry:
    """Read one entry of a manifest. Raises Invalid."""
    if not isinstance(data, Mapping) or set(data) not in (_ENTRY_KEYS, _WRAPPED_KEYS):
        raise bad_shape(MANIFEST)
    return PackageEntry(
        path=_text(data["path"]),
        size=_count(data["size"]),
        sha256=_digest(data["sha256"]),
        sm3=_digest(data["sm3"]),
        file_id=None if data["file_id"] is None else _id(data["file_id"]),
        at=_count(data["at"]) if "at" in data else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise bad_shape(MANIFEST)
    return value


def _id(value: object) -> str:
    if not is_id(value):
        raise bad_shape(MANIFEST)
    return _text(value)


def _digest(value: object) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise bad_shape(MANIFEST)
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise bad_shape(MANIFEST)
    return value
