"""Who signs a package: a seal, a key with its certificates, or whatever has the same parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from shared.kernel.certificates import Certificate
from shared.kernel.errors import Invalid
from shared.kernel.key_files import PrivateKey
from shared.kernel.keys import Seal, SigningKey
from shared.kernel.pkcs12 import read_sm2_pkcs12
from shared.kernel.signing_service import ServiceSeal, SigningService


class Signer(Protocol):
    """What a package is signed with: a key here, in a service (`signer_at`), or one more class.

    `certificates` has the signer's own first, then its issuers. What is signed is the digest of a
    `certificates[0].new_digest()`; the signature is DER for SM2 and ECDSA, PKCS #1 v1.5 for RSA.
    """

    @property
    def certificates(self) -> Sequence[Certificate]:
        """The signer's own certificate, then those of its issuers."""

    def sign_digest(self, digest: bytes) -> bytes:
        """The signature over a message with this digest."""


@dataclass(frozen=True)
class SealSigner:
    """A unit's or an archive's seal 印章 (SM2), here or in a service, with its certificate."""

    key: Seal
    certificates: Sequence[Certificate]

    def __post_init__(self) -> None:
        """Raise Invalid when the certificate is that of another key."""
        if self.certificates[0].sm2_key != self.key.public:
            raise _another_key()

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign with SM2."""
        return self.key.sign_digest(digest)


@dataclass(frozen=True)
class KeySigner:
    """An RSA or ECDSA key held in memory, with its certificates; it signs with SHA-256."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(repr=False)
    certificates: Sequence[Certificate]

    def __post_init__(self) -> None:
        """Raise Invalid when the certificate is that of another key."""
        certified: Any = self.certificates[0].sm2_key or self.certificates[0].parsed.public_key()
        if certified != self.key.public_key():
            raise _another_key()

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign with RSA (PKCS #1 v1.5) or ECDSA."""
        sha256 = Prehashed(hashes.SHA256())
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, padding.PKCS1v15(), sha256)
        return self.key.sign(digest, ec.ECDSA(sha256))


@dataclass(frozen=True)
class ServiceSigner:
    """An RSA or ECDSA key that a device or a service keeps, with its certificates."""

    service: SigningService
    certificates: Sequence[Certificate]

    def sign_digest(self, digest: bytes) -> bytes:
        """Have it signed. Raises Unavailable, also for a signature that is not this key's."""
        own = self.certificates[0]
        signature = self.service.sign(digest, algorithm=str(own.algorithm))
        if not own.verifies(digest, signature):
            raise self.service.refused("给的签名不是这个证书的")
        return signature


def signer_at(service: SigningService, certificates: Sequence[Certificate]) -> Signer:
    """Who signs there with the key of this certificate."""
    if sm2_key := certificates[0].sm2_key:
        return SealSigner(ServiceSeal(sm2_key, service), certificates)
    return ServiceSigner(service, certificates)


def signer_with(key: PrivateKey, certificates: Sequence[Certificate]) -> SealSigner | KeySigner:
    """Who signs with this key. Raises Invalid when the certificate is that of another."""
    if isinstance(key, SigningKey):
        return SealSigner(key, certificates)
    return KeySigner(key, certificates)


def read_pkcs12(content: bytes, password: str) -> SealSigner | KeySigner:
    """The SM2, RSA or ECDSA key of a PKCS #12 file (.p12) with its certificates. Raises Invalid."""
    with suppress(Exception):  # a wrong password shows in whatever it decrypts to
        if sm2 := read_sm2_pkcs12(content, password):
            return SealSigner(*sm2)
    key = own = None
    with suppress(ValueError, UnsupportedAlgorithm):
        key, own, others = pkcs12.load_key_and_certificates(content, password.encode())
    if own is None or not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise Invalid(
            "pkcs12",
            "密钥文件无法读取，口令不对，或其中没有 SM2、RSA、ECDSA 密钥和证书。",
            "请检查文件和口令。",
            code="pkcs12_unreadable",
        )
    chain = [own, *others]
    return KeySigner(key, [Certificate.from_der(each.public_bytes(Encoding.DER)) for each in chain])


def _another_key() -> Invalid:
    return Invalid(
        "certificate",
        "证书不是这个密钥的。",
        "请换用与密钥配对的证书。",
        code="certificate_of_another_key",
    )
