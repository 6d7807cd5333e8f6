"""What the unit's own seal 印章 on a batch is worth, as a person reads it at the desk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy.orm import Session

from hub.federation import service as federation
from hub.receiving.models import Batch
from hub.receiving.seal_evidence import seal_of
from shared.kernel.keys import signer_of
from shared.seals import Revocation, Verdict
from shared.verifier.certificates import Authorities


class SealKind(StrEnum):
    """Certified by an authority that counts; known by its registration alone; or not to be told."""

    CERTIFIED = "certified"
    REGISTERED = "registered"
    UNVERIFIABLE = "unverifiable"


_REVOCATIONS = {
    Revocation.GOOD: "没有吊销",
    Revocation.UNKNOWN: "是否吊销查不到",
}


@dataclass(frozen=True)
class UnitSeal:
    """The seal of a unit: what kind, and in words why."""

    kind: SealKind
    words: str

    @property
    def colour(self) -> str:
        """Of its badge."""
        return {"certified": "green", "registered": "blue", "unverifiable": "red"}[self.kind]

    @property
    def label(self) -> str:
        """On its badge."""
        return {"certified": "证书有效", "registered": "按登记核对", "unverifiable": "不能验证"}[
            self.kind
        ]


def unit_seal(
    batch: Batch, authorities: Authorities | None, *, session: Session
) -> UnitSeal | None:
    """The seal with which the unit has signed a batch; None before it has.

    A seal without certificate is not worth less at this hub, which has registered its key at the
    enrolment; but who stands outside cannot tell whose it is, and that is what is said.
    """
    signed = batch.unit_signature
    if signed is None:
        return None
    seal = signer_of(federation.node_seals(batch.node_id, session), signed)
    if seal is None:
        return UnitSeal(
            SealKind.UNVERIFIABLE, "签字所用的印章不在本平台的登记里，请向移交单位核实。"
        )
    short = f"公钥 {seal.id[:12]}…"
    if authorities is None or authorities.certificate_of(seal.hex) is None:
        return UnitSeal(
            SealKind.REGISTERED,
            f"没有证书，与该单位联网登记的印章一致（{short}）；平台以外的人不能据此认定是谁的章。",
        )
    said = seal_of("unit", seal.hex, authorities)
    if said["verdict"] != Verdict.VALID:
        return UnitSeal(SealKind.UNVERIFIABLE, f"有证书，但不能采信：{said['why']}（{short}）。")
    revocation = _REVOCATIONS.get(Revocation(said["revocation"]), said["revocation"])
    return UnitSeal(SealKind.CERTIFIED, f"证书有效，{revocation}（{short}）。")
