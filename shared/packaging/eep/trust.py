"""Whose signatures count: authorities that were configured, and seals known by their key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509

from shared.inspection.finding import Finding
from shared.kernel.certificates import Certificate
from shared.kernel.clock import format_utc, now
from shared.kernel.keys import PublicKey

_LONGEST_CHAIN = 8


@dataclass(frozen=True)
class Trust:
    """What a certificate is held against.

    Attributes:
        authorities: certificates of authorities that are trusted; issuers between them and the
            signer may come with the package.
        seals: SM2 keys that are registered: they may certify themselves.
        revocations: lists of revoked certificates, of those authorities or of issuers in between.
        at: the moment that certificates must be valid at, such as that of receipt; now for None.
    """

    authorities: Sequence[Certificate] = ()
    seals: Sequence[PublicKey] = ()
    revocations: Sequence[x509.CertificateRevocationList] = ()
    at: datetime | None = None

    def trouble(self, certificates: Sequence[Certificate], where: str) -> Finding | None:
        """Why the first of these certificates (the others are issuers) does not count; or None."""
        own = certificates[0]
        is_registered = own.sm2_key is not None and own.sm2_key in self.seals
        chain = [own] if is_registered and own.is_self_signed else self._chain(certificates)
        if chain is None and is_registered:
            return Finding(
                "eep_certificate_unproven",
                f"“{own.name}”的印章已登记，但证书既不是它自签的，也不是信任的机构签发的。",
                "请把签发机构的证书加入信任；自签的证书如被改动，请由签名单位重新签名。",
                where=where,
            )
        if chain is None:
            return Finding(
                "eep_certificate_unknown",
                f"“{own.name}”的证书不是由信任的机构签发的，也不是已登记的印章。",
                "请先核实签名人，把签发机构的证书或印章公钥加入信任后再验证。",
                actual=own.parsed.issuer.rfc4514_string(),
                where=where,
            )
        moment = self.at or now()
        for each in chain:
            if not each.is_valid_at(moment):
                return Finding(
                    "eep_certificate_expired",
                    f"“{each.name}”的证书不在有效期内。",
                    "请由签名单位换用有效的证书重新签名；接收时有效的，请按接收的时间验证。",
                    expected=f"{format_utc(each.parsed.not_valid_before_utc)} 至 "
                    f"{format_utc(each.parsed.not_valid_after_utc)}",
                    actual=format_utc(moment),
                    where=where,
                )
        for each, issuer in pairwise(chain):
            if self._is_revoked(each, issuer, moment):
                return Finding(
                    "eep_certificate_revoked",
                    f"“{each.name}”的证书已被吊销。",
                    "请由签名单位换用有效的证书重新签名。",
                    where=where,
                )
        return None

    def _chain(self, certificates: Sequence[Certificate]) -> list[Certificate] | None:
        """From the signer to an authority; None when there is no such way."""
        chain = [certificates[0]]
        trusted = {each.der for each in self.authorities}
        while chain[-1].der not in trusted:
            if len(chain) > _LONGEST_CHAIN:
                return None
            issuer = next(
                (
                    each
                    for each in (*self.authorities, *certificates[1:])
                    if each not in chain and each.has_issued(chain[-1])
                ),
                None,
            )
            if issuer is None:
                return None
            chain.append(issuer)
        return chain

    def _is_revoked(self, certificate: Certificate, issuer: Certificate, moment: datetime) -> bool:
        serial = certificate.parsed.serial_number
        for each in self.revocations:
            found = each.get_revoked_certificate_by_serial_number(serial)
            if found and found.revocation_date_utc <= moment and issuer.has_issued(each):
                return True
        return False
