"""X.509 certificates of signers: SM2 with SM3 (GM/T 0015), RSA and ECDSA with SHA-256.

`cryptography` reads all of them, but knows no SM2: that key is taken out of the certificate here,
and SM2 signatures are checked by `shared.kernel.keys`. Nothing is fetched: chains and revocation
lists are what the caller hands in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.kernel.der import element, elements
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, Seal, SigningKey

SM2_WITH_SM3 = "1.2.156.10197.1.501"
RSA_WITH_SHA256 = "1.2.840.113549.1.1.11"
#: RSASSA-PSS (RFC 4055): verified where it is met, not made here.
RSA_PSS = "1.2.840.113549.1.1.10"
ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"

#: SubjectPublicKeyInfo of an SM2 key (id-ecPublicKey on sm2p256v1) up to its 64 bytes.
_SM2_KEY = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")
_SM2_SIGNATURE = bytes.fromhex("300a06082a811ccf55018375")
#: The extension BasicConstraints (RFC 5280, 4.2.1.9), critical: an authority, or none.
_IS_AUTHORITY = bytes.fromhex("a3133011300f0603551d130101ff040530030101ff")
_IS_NO_AUTHORITY = bytes.fromhex("a310300e300c0603551d130101ff04023000")
_TEXT_OF_PEM = b"-----BEGIN CERTIFICATE-----"
_LEAST_RSA_BITS = 2048
_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Certificate:
    """One certificate, by its DER bytes."""

    der: bytes

    @classmethod
    def from_der(cls, der: bytes) -> Certificate:
        """Read a certificate. Raises Invalid for what is none, or holds a key that is not known."""
        found = cls(der)
        try:
            signature = elements(elements(der)[0][1])[2][1]
            # The library lets unused bits of the signature pass, which nothing covers.
            is_plain = found.parsed.public_bytes(Encoding.DER) == der and signature[0] == 0
            is_known = is_plain and found.algorithm is not None
            # Whatever is looked at later is looked at here, where a fault can be told.
            _ = (found.name, found.is_authority, found.is_valid_at(_ANY_TIME))
            _ = found.parsed.issuer.rfc4514_string()
        except Exception:  # noqa: BLE001 - the library raises what it likes for odd bytes
            is_known = False
        if not is_known:
            raise Invalid(
                "certificate",
                "证书无法读取，或其密钥不是 SM2、RSA（2048 位以上）、ECDSA。",
                "请使用有效的数字证书。",
                code="certificate_unreadable",
            )
        return found

    @cached_property
    def parsed(self) -> x509.Certificate:
        """As `cryptography` reads it."""
        return x509.load_der_x509_certificate(self.der)

    @cached_property
    def name(self) -> str:
        """The common name of its holder, or the whole name."""
        names = self.parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self.parsed.subject.rfc4514_string()

    @cached_property
    def sm2_key(self) -> PublicKey | None:
        """Its public key, where that is an SM2 key."""
        parts = elements(elements(elements(self.der)[0][1])[0][1])
        # version [0] may be left out; then serial, algorithm, issuer, validity, subject, key
        key = parts[6 if parts[0][0] == 0xA0 else 5][2]
        if key.startswith(_SM2_KEY) and len(key) == len(_SM2_KEY) + 64:
            return PublicKey(key[len(_SM2_KEY) :])
        return None

    @cached_property
    def algorithm(self) -> str | None:
        """The OID of the signatures that its key makes; None for a key that we do not take."""
        if self.sm2_key is not None:
            return SM2_WITH_SM3
        key = self.parsed.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
            return RSA_WITH_SHA256
        return ECDSA_WITH_SHA256 if isinstance(key, ec.EllipticCurvePublicKey) else None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The OIDs of the signatures that its key can make."""
        own = str(self.algorithm)
        return (own, RSA_PSS) if own == RSA_WITH_SHA256 else (own,)

    def new_digest(self) -> Any:
        """A running digest of a message, for `verifies`."""
        return self.sm2_key.new_digest() if self.sm2_key else hashlib.sha256()

    def verifies(self, digest: bytes, signature: bytes, algorithm: str | None = None) -> bool:
        """Whether the signature is its key's over the message of a `new_digest`.

        `algorithm` is one of `algorithms`. RSA-PSS is with SHA-256 throughout, and any salt.
        """
        if self.sm2_key:
            return self.sm2_key.verifies_digest(digest, signature)
        key, sha256 = self.parsed.public_key(), Prehashed(hashes.SHA256())
        try:
            if isinstance(key, rsa.RSAPublicKey):
                pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
                how = pss if algorithm == RSA_PSS else padding.PKCS1v15()
                key.verify(signature, digest, how, sha256)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, digest, ec.ECDSA(sha256))
            else:
                return False
        except InvalidSignature:
            return False
        return True

    def has_issued(self, other: Certificate | x509.CertificateRevocationList) -> bool:
        """Whether it signed the other certificate, or a list of revoked ones."""
        if isinstance(other, Certificate):
            issued = other.parsed
            return self.is_authority and self._has_signed(issued, issued.tbs_certificate_bytes)
        return self._has_signed(other, other.tbs_certlist_bytes)

    @property
    def is_self_signed(self) -> bool:
        """Whether it is signed by its own key."""
        return self._has_signed(self.parsed, self.parsed.tbs_certificate_bytes)

    def _has_signed(
        self, issued: x509.Certificate | x509.CertificateRevocationList, signed: bytes
    ) -> bool:
        algorithm = issued.signature_algorithm_oid.dotted_string
        if algorithm not in self.algorithms or issued.issuer != self.parsed.subject:
            return False
        if algorithm == RSA_PSS:
            return self._has_signed_by_pss(issued, signed)
        digest = self.new_digest()
        digest.update(signed)
        return self.verifies(digest.digest(), issued.signature)

    def _has_signed_by_pss(
        self, issued: x509.Certificate | x509.CertificateRevocationList, signed: bytes
    ) -> bool:
        """By the digest and the salt that the certificate names."""
        key, digest = self.parsed.public_key(), issued.signature_hash_algorithm
        how = issued.signature_algorithm_parameters
        if not isinstance(digest, (hashes.SHA256, hashes.SHA384, hashes.SHA512)):
            return False
        if not (isinstance(key, rsa.RSAPublicKey) and isinstance(how, padding.PSS)):
            return False
        try:
            key.verify(issued.signature, signed, how, digest)
        except InvalidSignature:
            return False
        return True

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates."""
        try:
            found = self.parsed.extensions.get_extension_for_class(x509.BasicConstraints)
        except (x509.ExtensionNotFound, ValueError):
            return False
        return found.value.ca

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether the moment is between its dates."""
        return self.parsed.not_valid_before_utc <= moment <= self.parsed.not_valid_after_utc


def read_certificates(content: bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file (one or more) or a DER file (one). Raises Invalid."""
    if _TEXT_OF_PEM not in content:
        return (Certificate.from_der(content),)
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        return (Certificate.from_der(content),)
    return tuple(Certificate.from_der(each.public_bytes(Encoding.DER)) for each in found)


def read_revocations(content: bytes) -> x509.CertificateRevocationList:
    """A list of revoked certificates 吊销列表, PEM or DER. Raises Invalid."""
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_crl(content)
        return x509.load_der_x509_crl(content)
    except ValueError:
        raise Invalid(
            "revoked",
            "吊销列表无法读取。",
            "请从签发机构重新下载。",
            code="revocations_unreadable",
        ) from None


def self_signed(key: Seal, name: str, valid_from: datetime, valid_to: datetime) -> Certificate:
    """A certificate of a seal by itself: it says who has the key, and proves only that he has it.

    For keys that no authority has certified; whoever verifies has to know the key.
    """
    holder = _name(name)
    dates = (valid_from, valid_to)
    return _sm2_certificate(key, key.public, issuer=holder, holder=holder, dates=dates)


def sm2_authority(
    key: SigningKey, name: str, valid_from: datetime, valid_to: datetime
) -> Certificate:
    """The root certificate of an authority 签发机构 with an SM2 key."""
    holder, dates = _name(name), (valid_from, valid_to)
    return _sm2_certificate(
        key, key.public, issuer=holder, holder=holder, dates=dates, extensions=_IS_AUTHORITY
    )


def certified(
    authority: SigningKey,
    issuer: Certificate,
    key: PublicKey,
    *,
    name: str,
    dates: tuple[datetime, datetime],
) -> Certificate:
    """The certificate that an authority with an SM2 key gives to the holder of another."""
    issued_by = issuer.parsed.subject.public_bytes()
    return _sm2_certificate(
        authority,
        key,
        issuer=issued_by,
        holder=_name(name),
        dates=dates,
        extensions=_IS_NO_AUTHORITY,
    )


def _name(name: str) -> bytes:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]).public_bytes()


def _sm2_certificate(
    signer: Seal,
    key: PublicKey,
    *,
    issuer: bytes,
    holder: bytes,
    dates: tuple[datetime, datetime],
    extensions: bytes = b"",
) -> Certificate:
    body = element(
        0x30,
        element(0xA0, element(0x02, b"\x02"))
        + element(0x02, b"\x01" + bytes.fromhex(key.id[:16]))
        + _SM2_SIGNATURE
        + issuer
        + element(0x30, b"".join(map(_moment, dates)))
        + holder
        + _SM2_KEY
        + key.point
        + extensions,
    )
    signature = element(0x03, b"\x00" + signer.sign(body))
    return Certificate.from_der(element(0x30, body + _SM2_SIGNATURE + signature))


def _moment(moment: datetime) -> bytes:
    """UTCTime until 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5)."""
    text = moment.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return element(0x17, text[2:].encode()) if text < "2050" else element(0x18, text.encode())
