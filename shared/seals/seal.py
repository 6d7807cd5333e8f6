"""One seal or signature of a document, and what was found out about it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.inspection.finding import Finding, Severity, shown
from shared.kernel.clock import format_utc
from shared.verifier.certificates import Certificate
from shared.verifier.receipt import Verdict

#: From the best to the worst: a flaw never makes a verdict better.
_ORDER = (Verdict.VALID, Verdict.VALID_AT_RECEIPT, Verdict.UNVERIFIABLE, Verdict.ALTERED)
VERDICT_NAMES = {
    Verdict.VALID: "有效",
    Verdict.VALID_AT_RECEIPT: "接收（或盖时间戳）时有效",
    Verdict.UNVERIFIABLE: "无法验证",
    Verdict.ALTERED: "被改动",
}
#: What a document without a seal is, beside the verdicts of those that have one.
ABSENT = "absent"


class Revocation(StrEnum):
    """What is known of whether a certificate had been revoked 吊销."""

    GOOD = "good"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Seal:
    """A seal 签章 or signature, judged.

    Attributes:
        where: its place: the part of an OFD, the object of a PDF.
        form: how its value is written, such as `GB/T 38540`; None when that was not found out.
        name: what the seal 印章 is called, where it is one.
        signer: who signed, by the certificate.
        signed_at: when, as it says itself: unproven.
        proven_at: the moment at which it counted, where that is no longer now.
        revocation: whether lists of the time were there for each certificate on the way.
        chain: the certificates on the way to the authority, where there is one; else its own.
    """

    where: str
    verdict: Verdict
    form: str | None = None
    name: str | None = None
    signer: str | None = None
    signed_at: datetime | None = None
    proven_at: datetime | None = None
    revocation: Revocation = Revocation.UNKNOWN
    chain: tuple[Certificate, ...] = ()
    findings: tuple[Finding, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """As plain values; the chain as DER in Base64."""
        return {
            "where": self.where,
            "verdict": self.verdict.value,
            "form": self.form,
            "name": self.name,
            "signer": self.signer,
            "signed_at": self.signed_at and format_utc(self.signed_at),
            "proven_at": self.proven_at and format_utc(self.proven_at),
            "revocation": self.revocation.value,
            "chain": [b64encode(each.der).decode() for each in self.chain],
            "findings": [each.to_wire() for each in self.findings],
        }


@dataclass
class Case:
    """A seal while it is looked into: each flaw is named, and bounds what the verdict can be."""

    where: str
    form: str | None = None
    name: str | None = None
    signer: str | None = None
    signed_at: datetime | None = None
    proven_at: datetime | None = None
    revocation: Revocation = Revocation.UNKNOWN
    chain: Sequence[Certificate] = ()
    findings: list[Finding] = field(default_factory=list)
    _verdict: Verdict = Verdict.VALID

    @property
    def verdict(self) -> Verdict:
        """What the verdict is so far."""
        return self._verdict

    @property
    def is_altered(self) -> bool:
        """Whether it is known already that something was changed."""
        return self._verdict is Verdict.ALTERED

    def bound(self, verdict: Verdict) -> None:
        """Let the verdict be this at best."""
        self._verdict = worst((self._verdict, verdict))

    def altered(self, finding: Finding) -> None:
        """Something is not what was signed."""
        self.bound(Verdict.ALTERED)
        self._add(finding, Severity.ERROR)

    def unproven(self, finding: Finding) -> None:
        """Nothing is known to be changed, and nothing proves the seal."""
        self.bound(Verdict.UNVERIFIABLE)
        self.note(finding)

    def note(self, finding: Finding) -> None:
        """Something that a person should look at."""
        self._add(finding, Severity.WARNING)

    def _add(self, finding: Finding, severity: Severity) -> None:
        self.findings.append(
            replace(finding, where=shown(finding.where or self.where), severity=severity)
        )

    def closed(self) -> Seal:
        """The seal, judged."""
        return Seal(
            where=shown(self.where),
            verdict=self._verdict,
            form=self.form,
            name=self.name and shown(self.name),
            signer=self.signer,
            signed_at=self.signed_at,
            proven_at=self.proven_at if self._verdict is Verdict.VALID_AT_RECEIPT else None,
            revocation=self.revocation,
            chain=tuple(self.chain),
            findings=tuple(self.findings),
        )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of these verdicts, of which there is one."""
    return max(verdicts, key=_ORDER.index)
