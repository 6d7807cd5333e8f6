"""Records and packages with a flaw, and the reports on them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.inspection.finding import Finding
from shared.inspection.report import Outcome, Report
from shared.inspection.run import inspect_package
from shared.inspection.scanner import Scanner
from shared.inspection.subject import Context
from shared.kernel.canonical import canonical_json, sha256_hex, sm3_hex
from shared.kernel.clock import now
from shared.kernel.identifiers import new_id
from shared.records.record import (
    Record,
    content_digest,
)
from tests.shared.packaging.samples import Unit, rewrite

Change = Callable[[dict[str, Any]], object]


def context(unit: Unit, **more: Any) -> Context:
    options = {
        "fonds": unit.fonds,
        "seal": unit.seal.public,
        "code_used_by": lambda _code: None,
        "scan": lambda _stream: None,
        "scanner": Scanner("ClamAV", "27500", now()),
        **more,
    }
    return Context(**options)


def packed(unit: Unit, record: Record, folder: Path, **more: Any) -> Report:
    """The report on a package as it arrives at the hub, with its offer."""
    target, offer_id = folder / "p.zip", new_id()
    identity = unit.package(record, target, offer_id=offer_id)
    options = {
        "identity": identity,
        "offer": unit.offer(record, offer_id, identity),
        "record_digest": content_digest(record),
        **more,
    }
    return inspect_package(target, context(unit, **options))


def outcome(report: Report, number: str) -> Outcome:
    return next(each.outcome for each in report.checks if each.number == number)


def found(report: Report, number: str) -> list[Finding]:
    return [each for each in report.findings if each.number == number]


def changed(field: str, value: object) -> Change:
    def change(wire: dict[str, Any]) -> None:
        target: Any = wire
        *path, last = field.split(".")
        for key in path:
            target = target[int(key) if key.isdigit() else key]
        target[last] = value

    return change


def repacked(
    unit: Unit, record: Record, folder: Path, change: Callable[[str, bytes], bytes | None]
) -> Report:
    """A package whose entries were changed, and which the unit has sealed like that."""
    unit.package(record, folder / "p.zip")
    entries: dict[str, bytes] = {}

    def collect(name: str, content: bytes) -> bytes | None:
        changed = change(name, content)
        if changed is not None:
            entries[name] = changed
        return changed

    rewrite(folder / "p.zip", folder / "q.zip", collect)
    manifest = json.loads(entries["manifest.json"])
    for entry in manifest["entries"]:
        content = entries.get(entry["path"], b"")
        entry |= {
            "size": len(content), "sha256": sha256_hex(content), "sm3": sm3_hex(content)
        }  # fmt: skip
    manifest["record_digest"] = sha256_hex(entries["record.json"])
    sealed = canonical_json(manifest)
    signature = json.loads(entries["signature.json"])
    signature["signature"] = unit.seal.sign(sealed).hex()
    entries |= {"manifest.json": sealed, "signature.json": canonical_json(signature)}
    rewrite(folder / "p.zip", folder / "r.zip", lambda name, _content: entries.get(name))
    return inspect_package(folder / "r.zip", context(unit))


OPEN = "<密级>公开</密级>"


def in_metadata(old: str, new: str) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if name != "metadata.xml":
            return content
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def ofd(text: str) -> bytes:
    buffer = io.BytesIO()
    space = 'xmlns:ofd="http://www.ofdspec.org/2016"'
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "OFD.xml",
            f"<ofd:OFD {space}><ofd:DocBody><ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
            "</ofd:DocBody></ofd:OFD>",
        )
        archive.writestr(
            "Doc_0/Document.xml",
            f"<ofd:Document {space}><ofd:Pages>"
            '<ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages></ofd:Document>',
        )
        codes = "".join(f"<ofd:TextCode>{each}</ofd:TextCode>" for each in text)
        archive.writestr("Doc_0/Pages/Page_0/Content.xml", f"<ofd:Page {space}>{codes}</ofd:Page>")
    return buffer.getvalue()
