"""The node's own inspection of a record before hand-over: the very checks the archive will run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from node.filing import service as filing
from node.office.places import NodeFolder
from node.registry.files import object_name
from shared.inspection.decoder import decoder_at
from shared.inspection.formats.remembering import Remembered
from shared.inspection.report import CheckResult
from shared.inspection.ruleset import Rules
from shared.inspection.run import inspect_record
from shared.inspection.scheme import Occasion
from shared.inspection.subject import Context
from shared.records.fonds import Fonds


@dataclass(frozen=True)
class Checked:
    """What the inspection of one version of a record has shown."""

    version: int
    findings: list[dict[str, Any]]
    errors: int
    warnings: int
    results: tuple[CheckResult, ...]
    tool: str


class Checker:
    """Inspects records with their files out of the node's folder."""

    def __init__(self, folder: NodeFolder) -> None:
        self._files = folder.path / "files"
        self._authorities = folder.seal_authorities
        self._decoder = folder.settings.media_decoder
        self._remembered = Remembered(folder.path / "inspected.sqlite")

    def codes_elsewhere(
        self, wires: Sequence[Mapping[str, Any]], session: Session
    ) -> dict[str, str]:
        """Which record of its fonds bears each of these codes."""
        found: dict[str, str] = {}
        for fonds_id in {str(wire["fonds_id"]) for wire in wires}:
            codes = [str(wire["code"]) for wire in wires if wire["code"]]
            query = filing.listing(filing.Filter(fonds_id=fonds_id), [fonds_id])
            query = query.where(filing.Record.code.in_(codes))
            holders = session.execute(query.with_only_columns(filing.Record.code, filing.Record.id))
            found |= {str(code): str(record_id) for code, record_id in holders}
        return found

    def check(
        self, wire: dict[str, Any], fonds: Fonds, codes: Mapping[str, str] | None, rules: Rules
    ) -> Checked:
        """Inspect one record as it is now (四性检测, 移交环节), by the rules of its batch's run."""
        paths = {
            file["id"]: self._files / object_name(file["sha256"])
            for document in wire["documents"]
            for file in document["files"]
        }
        context = Context(
            occasion=Occasion.TRANSFER,
            scheme=rules.scheme,
            profile=rules.profile,
            accepted_formats=rules.formats,
            schedule=rules.schedule,
            fonds=fonds,
            code_used_by=None if codes is None else codes.get,
            authorities=self._authorities.current() if self._authorities else None,
            decoder=decoder_at(self._decoder),
            remembered=self._remembered,
        )
        report = inspect_record(wire, paths, context)
        return Checked(
            version=wire["version"],
            findings=[finding.to_wire() for finding in report.findings],
            errors=len(report.errors),
            warnings=len(report.warnings),
            results=report.checks,
            tool=report.tool,
        )
