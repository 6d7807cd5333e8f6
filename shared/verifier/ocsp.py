"""Answers of OCSP responders 证书状态应答 (RFC 6960), read and judged in Python alone.

An answer says of single certificates whether they were good at a time, and bears the signature of
their issuer or of whom it has appointed. It takes the place of a list of revoked certificates for
these: kept at receipt, it shows years later what was true then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from shared.kernel.der import element, elements
from shared.verifier.certificates import Certificate, check_signed, moment
from shared.verifier.signatures import NotChecked, oid

#: The largest answer that is read; real ones have a few KB.
MOST_BYTES = 64 * 1024
#: How long an answer counts that does not say when the next one comes.
UNSAID = timedelta(days=1)
#: How far the responder's clock may be ahead of ours.
AHEAD = timedelta(minutes=5)

_BASIC = "1.3.6.1.5.5.7.48.1.1"
_NONCE = "1.3.6.1.5.5.7.48.1.2"
_FOR_OCSP = "1.3.6.1.5.5.7.3.9"
_SHA1 = bytes.fromhex("300906052b0e03021a0500")
_NONCE_OID = bytes.fromhex("06092b0601050507300102")
_DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "1.2.156.10197.1.401": "sm3",
}


class Refused(ValueError):
    """The responder gave no answer of use; says which status it named."""


@dataclass(frozen=True)
class _Single:
    """What is said of one certificate: by whom it is issued, its number, since when it is bad."""

    digest: str
    issuer_name: bytes
    issuer_key: bytes
    serial: bytes
    status: int
    revoked_at: datetime | None
    begins: datetime
    ends: datetime | None


@dataclass(frozen=True)
class StatusAnswer:
    """One answer, by its DER bytes (`OCSPResponse`); reading a bad one raises ValueError."""

    der: bytes

    @cached_property
    def _basic(self) -> list[tuple[int, bytes, bytes]]:
        """What is signed, the algorithm, the signature, and certificates."""
        if len(self.der) > MOST_BYTES:
            raise ValueError("too long")
        ((_tag, content, _whole),) = elements(self.der)
        status, *more = elements(content)
        if status[0] != 0x0A or status[1] != b"\x00" or not more:
            raise Refused(f"status {status[1].hex()}")
        kind, value = elements(elements(more[0][1])[0][1])
        if oid(kind[1]) != _BASIC:
            raise ValueError("no basic answer")
        return elements(elements(value[1])[0][1])

    @cached_property
    def _said(self) -> list[tuple[int, bytes, bytes]]:
        """Responder, time, single answers, extensions; without the version."""
        parts = elements(self._basic[0][1])
        return parts[1:] if parts[0][0] == 0xA0 else parts

    @property
    def at(self) -> datetime:
        """When the answer was signed."""
        return moment(self._said[1])

    @cached_property
    def singles(self) -> list[_Single]:
        """What it says of each certificate."""
        return [_single(each[1]) for each in elements(self._said[2][1])]

    @property
    def nonce(self) -> bytes | None:
        """The number that makes it the answer to one question; None where it has none."""
        found = next((part for part in self._said[3:] if part[0] == 0xA1), None)
        for _tag, content, _whole in elements(elements(found[1])[0][1]) if found else []:
            parts = elements(content)
            if oid(parts[0][1]) == _NONCE:
                return elements(parts[-1][1])[0][1]
        return None

    def covers(self, certificate: Certificate, issuer: Certificate, when: datetime) -> bool:
        """Whether it says something of this certificate that counts at a moment."""
        return any(
            each.status in (0, 1)
            and each.begins - AHEAD <= when <= (each.ends or each.begins + UNSAID)
            for each in self._about(certificate, issuer)
        )

    def revoked_since(self, certificate: Certificate, issuer: Certificate) -> datetime | None:
        """Since when a certificate counts no more; None when the answer says nothing of that.

        Raises NotChecked for an answer about it that neither its issuer has signed nor whom that
        has appointed.
        """
        try:
            about = list(self._about(certificate, issuer))
            if about:
                self.check_signed_for(issuer)
        except (ValueError, IndexError) as error:
            raise NotChecked("证书状态应答不是签发机构的，或已损坏") from error
        return min((each.revoked_at for each in about if each.revoked_at), default=None)

    def check_signed_for(self, issuer: Certificate) -> Certificate:
        """Check the signature, of the issuer or of whom it has appointed; returns whose it is.

        Raises ValueError when it is neither's, NotChecked for algorithms that are not known here.
        """
        came = next((part for part in self._basic[3:] if part[0] == 0xA0), None)
        given = elements(elements(came[1])[0][1]) if came else []
        others = [Certificate(each[2]) for each in given]
        for signer in (issuer, *others):
            if signer != issuer and not self._is_appointed(signer, issuer):
                continue
            try:
                check_signed(self._basic, signer.key)
            except ValueError:
                continue
            return signer
        raise ValueError("not signed for this issuer")

    def _is_appointed(self, signer: Certificate, issuer: Certificate) -> bool:
        """Whether the issuer lets this key answer (RFC 6960, 4.2.2.2), at the answer's time."""
        begins, ends = signer.dates
        if signer.issuer != issuer.subject or _FOR_OCSP not in signer.extended_usage[1]:
            return False
        try:
            signer.check_issued_by(issuer)
        except ValueError:
            return False
        return begins <= self.at <= ends

    def _about(self, certificate: Certificate, issuer: Certificate) -> Iterator[_Single]:
        if certificate.issuer != issuer.subject:
            return
        for each in self.singles:
            name, key = _hashes(issuer, each.digest)
            if (each.issuer_name, each.issuer_key) == (name, key) and (
                each.serial == certificate.serial
            ):
                yield each


def _single(content: bytes) -> _Single:
    named, status, begins, *more = elements(content)
    algorithm, name, key, serial = elements(named[1])
    said = oid(elements(algorithm[1])[0][1])
    if said not in _DIGESTS:
        raise ValueError("unknown digest")
    following = next((part for part in more if part[0] == 0xA0), None)
    kind = status[0] & 0x1F
    return _Single(
        _DIGESTS[said],
        name[1],
        key[1],
        serial[1],
        kind,
        moment(elements(status[1])[0]) if kind == 1 else None,
        moment(begins),
        moment(elements(following[1])[0]) if following else None,
    )


def _hashes(issuer: Certificate, digest: str) -> tuple[bytes, bytes]:
    """The digests of an issuer's name and key by which questions and answers name it."""
    return (
        _hash(digest, issuer.subject),
        _hash(digest, elements(elements(issuer.key.der)[0][1])[1][1][1:]),
    )


def _hash(name: str, content: bytes) -> bytes:
    options: dict[str, Any] = {"usedforsecurity": False} if name == "sha1" else {}
    return hashlib.new(name, content, **options).digest()


def question(certificate: Certificate, issuer: Certificate, nonce: bytes) -> bytes:
    """`OCSPRequest` about one certificate (RFC 6960, 4.1.1).

    It is named by SHA-1, which every responder takes; nothing rests on it, for the answer is held
    against certificate and issuer again.
    """
    name, key = _hashes(issuer, "sha1")
    named = element(
        0x30,
        _SHA1 + element(0x04, name) + element(0x04, key) + element(0x02, certificate.serial),
    )
    extension = element(0x30, _NONCE_OID + element(0x04, element(0x04, nonce)))
    return element(
        0x30,
        element(
            0x30,
            element(0x30, element(0x30, named)) + element(0xA2, element(0x30, extension)),
        ),
    )


def is_answer(content: bytes) -> bool:
    """Whether these bytes begin as an answer does: its status first."""
    try:
        return elements(elements(content)[0][1])[0][0] == 0x0A
    except (ValueError, IndexError):
        return False
