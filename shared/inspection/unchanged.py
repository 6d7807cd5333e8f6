"""Reports on what was inspected before, and has not changed since: they are not made again.

A report is remembered under all that it depends on: the bytes, the scheme, what else was known, the
day, and the program's own code. It may quote the record, so it is encrypted with a key that follows
from the very bytes: who has erased these has nothing to read it with. Nothing is remembered of what
bears a mark of classification, of what could not be looked at, nor with items of third parties.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.inspection.registry import CRASHED
from shared.inspection.report import Outcome, Report
from shared.inspection.subject import Context
from shared.kernel.canonical import canonical_json, sha256_hex
from shared.kernel.clock import utc_text
from shared.kernel.errors import Invalid
from shared.kernel.files import file_sha256

_HOUSE = Path(__file__).resolve().parents[1]
#: What the outcome of an item may depend on, of the program itself.
_CODE = ("inspection", "records", "packaging", "seals", "verifier", "kernel/keys.py")
_NONCE = 12
_SCANNED = "4-2"
_UNEXAMINED = "file_not_examined"


class Unchanged:
    """What is inspected, named by all that its report depends on.

    Args:
        content: digests of the bytes: of the package, or of the record and its files.
        context: what the report is made with; without a memory nothing is remembered.
    """

    def __init__(self, content: Mapping[str, Any], context: Context) -> None:
        self._context = context
        identity = canonical_json({"content": dict(content), **_known(context)})
        self._name = "report " + sha256_hex(b"name\n" + identity)
        self._secret = AESGCM(hashlib.sha256(b"secret\n" + identity).digest())

    def report(self) -> Report | None:
        """The report of before, dated now; None when there is none that still holds."""
        memory = self._context.remembered
        kept = memory.recall(self._name) if memory is not None else None
        if kept is None:
            return None
        try:
            packed = self._secret.decrypt(kept[:_NONCE], kept[_NONCE:], None)
            said = orjson.loads(zlib.decompress(packed))
            report = Report.from_wire(said["report"])
        except (InvalidTag, ValueError, KeyError, Invalid, zlib.error):
            return None  # damaged: it is inspected once more
        if said["holder"] != self._holder(said["code"]):
            return None  # another record bears its code since, or does not any more
        return replace(report, at=utc_text())

    def keep(self, report: Report, code: object) -> None:
        """Remember a report; `code` is the archival code that the record bears."""
        memory = self._context.remembered
        if memory is None or not self._is_lasting(report):
            return
        said = {"report": report.to_wire(), "code": code, "holder": self._holder(code)}
        nonce = os.urandom(_NONCE)
        packed = zlib.compress(orjson.dumps(said), 1)
        memory.keep(self._name, nonce + self._secret.encrypt(nonce, packed, None))

    def _holder(self, code: object) -> str | None:
        ask = self._context.code_used_by
        return ask(code) if ask is not None and isinstance(code, str) else None

    def _is_lasting(self, report: Report) -> bool:
        """Whether the same would be found again: nothing crashed, was marked or not looked at."""
        if report.is_classified or report.subject is None:
            return False
        if any(each.code == _UNEXAMINED for each in report.findings):
            return False
        return not any(
            each.reason == CRASHED
            or (
                each.number == _SCANNED
                and each.outcome is Outcome.NOT_RUN
                and self._context.scan is not None
            )
            for each in report.checks
        )


def may_remember(context: Context) -> bool:
    """Whether reports made in this context are remembered at all."""
    # What the items of third parties depend on, nobody knows here.
    return context.remembered is not None and "+" not in context.scheme.version


def content_of_files(wire: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any] | None:
    """Digests of a record and its files; None when one cannot be read."""
    try:
        return {
            "record": sha256_hex(canonical_json(dict(wire))),
            "files": {file_id: file_sha256(path) for file_id, path in files.items()},
        }
    except (OSError, TypeError, ValueError, Invalid):
        return None  # the inspection itself says what is wrong with it


def _known(context: Context) -> dict[str, Any]:
    """All of a context that a report depends on, as plain values."""
    authorities = context.authorities
    ders = () if authorities is None else (
        each.der
        for part in (authorities.trusted, authorities.others, authorities.revoked)
        for each in part
    )  # fmt: skip
    schedule = context.schedule
    return {
        "code": _code(),
        "occasion": str(context.at),
        "scheme": context.scheme.version,
        "fonds": None if context.fonds is None else context.fonds.to_wire(),
        "archive": None if context.archive is None else context.archive.code,
        "today": context.today.isoformat(),
        "knows_codes": context.code_used_by is not None,
        "schedule": None if schedule is None else sha256_hex(repr(schedule).encode()),
        "seal": None if context.seal is None else context.seal.hex,
        "identity": _identity(context.identity),
        "measured": _identity(context.measured),
        "offer": None if context.offer is None else dict(context.offer),
        "record_digest": context.record_digest,
        "profile": None if context.profile is None else asdict(context.profile),
        "formats": None if context.accepted_formats is None else sorted(context.accepted_formats),
        "scanner": (context.scan is not None, context.scanner.label if context.scanner else ""),
        "decoder": None if context.decoder is None else context.decoder.version,
        "authorities": None if authorities is None else sha256_hex(b"".join(ders)),
    }


def _identity(identity: Any) -> list[Any] | None:
    return None if identity is None else [identity.sha256, identity.size]


@cache
def _code() -> str:
    """The digest of all code and data by which items are judged; read once in a process."""
    digest = hashlib.sha256()
    for name in _CODE:
        place = _HOUSE / name
        paths = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in paths:
            if path.suffix in (".py", ".json") and path.is_file():
                digest.update(f"{path.relative_to(_HOUSE)}\n".encode() + path.read_bytes())
    return digest.hexdigest()
