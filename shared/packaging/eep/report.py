"""What verifying a package says: four answers about the document, and one for each signature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from shared.inspection.finding import Finding

#: Of one question: whoever gets so many asks for a new package, and does not read more.
MOST_FINDINGS = 100


class Verdict(StrEnum):
    """What a signature is worth."""

    VALID = "valid"
    ALTERED = "altered"
    UNVERIFIABLE = "unverifiable"
    ABSENT = "absent"

    @property
    def label(self) -> str:
        """The name that people see."""
        return VERDICT_NAMES[self]


VERDICT_NAMES = {
    Verdict.VALID: "有效",
    Verdict.ALTERED: "被改动",
    Verdict.UNVERIFIABLE: "无法验证",
    Verdict.ABSENT: "没有签名",
}


@dataclass(frozen=True)
class Part:
    """One answer: yes, no, or None when it could not be found out; and why."""

    passed: bool | None
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> Part:
        """Yes, unless one of the findings is an error."""
        found = tuple(islice(findings, MOST_FINDINGS))
        return cls(not any(each.is_error for each in found), found)

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return {"passed": self.passed, "findings": [each.to_wire() for each in self.findings]}


#: A question that another answer has made impossible.
NOT_RUN = Part(None)


@dataclass(frozen=True)
class SignatureReport:
    """One 电子签名 or 锁定签名 of one layer; `revision` 0 is the original package.

    Where the verdict only follows from a finding elsewhere, `because` is the place of that, and
    what would be found here by itself is `evidence`.
    """

    verdict: Verdict
    revision: int
    is_lock: bool = False
    identifier: str | None = None
    signer: str | None = None
    signed_at: str | None = None
    algorithm: str | None = None
    rule: str | None = None
    findings: tuple[Finding, ...] = ()
    because: str | None = None
    evidence: tuple[Finding, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "verdict": str(self.verdict),
            "revision": self.revision,
            "is_lock": self.is_lock,
            "identifier": self.identifier,
            "signer": self.signer,
            "signed_at": self.signed_at,
            "algorithm": self.algorithm,
            "rule": self.rule,
            "findings": [each.to_wire() for each in self.findings],
            "because": self.because,
            "evidence": [each.to_wire() for each in self.evidence],
        }


@dataclass(frozen=True)
class Report:
    """All answers about one package; `kind` and `version` are what it says of itself."""

    sha256: str
    size: int
    kind: str | None
    version: str | None
    well_formed: Part
    schema_valid: Part
    references: Part
    contents: Part
    signatures: tuple[SignatureReport, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The four answers about the document."""
        return (self.well_formed, self.schema_valid, self.references, self.contents)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, in the order of the questions."""
        of_parts = [each for part in self.parts for each in part.findings]
        return (*of_parts, *(each for said in self.signatures for each in said.findings))

    @property
    def of_signatures(self) -> tuple[Finding, ...]:
        """What is wrong with the signatures, also where that only follows from the document."""
        own = tuple(each for said in self.signatures for each in said.findings)
        if any(each.is_error for each in own):
            return own
        return (*own, *next((said.evidence for said in self.signatures if said.evidence), ()))

    @property
    def is_sound(self) -> bool:
        """Whether the document is as it should be, and no signature says that it was altered."""
        return all(part.passed for part in self.parts) and not any(
            each.verdict is Verdict.ALTERED for each in self.signatures
        )

    @property
    def is_proven(self) -> bool:
        """Whether it is sound, and each of its signatures, of which there is one, is valid."""
        return self.is_sound and all(each.verdict is Verdict.VALID for each in self.signatures)

    def to_wire(self) -> dict[str, Any]:
        """As plain values; every key is there."""
        return {
            "sha256": self.sha256,
            "size": self.size,
            "kind": self.kind,
            "version": self.version,
            "well_formed": self.well_formed.to_wire(),
            "schema_valid": self.schema_valid.to_wire(),
            "references": self.references.to_wire(),
            "contents": self.contents.to_wire(),
            "signatures": [each.to_wire() for each in self.signatures],
        }
