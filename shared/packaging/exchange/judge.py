"""What a package or form is worth: all that is wrong with it, and of each record who proves it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.inspection.finding import Finding
from shared.kernel.errors import DanglianError
from shared.packaging.eep import Trust
from shared.packaging.eep.report import Verdict
from shared.packaging.exchange.sources import opened_tree


@dataclass(frozen=True)
class Proof:
    """What the unit's seal over one record is worth."""

    code: str
    verdict: Verdict


@dataclass(frozen=True)
class FormReport:
    """The answer about Danglian's own package, an item package of DA/T 93, or a medium.

    `form` is None for what cannot be opened at all.
    """

    form: str | None
    files: int
    size: int
    findings: tuple[Finding, ...]
    proofs: tuple[Proof, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any(each.is_error for each in self.findings)

    @property
    def is_proven(self) -> bool:
        """Whether nothing is wrong, and there are records, each with a seal that counts."""
        return (
            self.is_sound
            and bool(self.proofs)
            and all(each.verdict is Verdict.VALID for each in self.proofs)
        )

    def to_wire(self) -> dict[str, Any]:
        """As plain values; every key is there."""
        return {
            "form": self.form,
            "records": len(self.proofs),
            "files": self.files,
            "size": self.size,
            "findings": [each.to_wire() for each in self.findings],
            "signatures": [
                {"record": each.code, "verdict": str(each.verdict)} for each in self.proofs
            ],
        }


def judge(path: Path, *, trust: Trust | None = None) -> FormReport:
    """Whether a package or form (folder or ZIP, but not EEP) is what it says.

    Every file is read once. Nothing in the package raises.
    """
    trust = trust or Trust()
    findings: list[Finding] = []
    proofs: list[Proof] = []
    form, sizes = None, []
    try:
        with opened_tree(path) as opened:
            form, sizes = opened.form, list(opened.tree.sizes.values())
            findings += opened.reader.findings
            for found in opened.reader.records(trust):
                findings += found.findings
                proofs.append(Proof(found.code, found.verdict))
    except DanglianError as error:
        findings.append(Finding.of_error(error, where=path.name))
    return FormReport(form, len(sizes), sum(sizes), tuple(findings), tuple(proofs))
