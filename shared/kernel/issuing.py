"""Making keys with their certificates: an authority of one's own for tests, units, archives."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from shared.kernel.certificates import Certificate, certified, sm2_authority
from shared.kernel.errors import Invalid
from shared.kernel.key_files import PrivateKey
from shared.kernel.keys import SigningKey
from shared.kernel.pkcs12 import sm2_pkcs12

_RSA_BITS = 3072


def make_authority(
    kind: str, name: str, valid_from: datetime, valid_to: datetime
) -> tuple[PrivateKey, Certificate]:
    """A new authority with its root certificate; `kind` is `sm2`, `rsa` or `ecdsa`.

    Raises Invalid for a name that no certificate can hold.
    """
    _check_name(name)
    if kind == "sm2":
        key = SigningKey.generate()
        return key, sm2_authority(key, name, valid_from, valid_to)
    root = _new_key(is_rsa=kind == "rsa")
    dates = (valid_from, valid_to)
    return root, _built(root, _name(name), root.public_key(), _name(name), dates, is_authority=True)


def issue(
    authority: PrivateKey, issuer: Certificate, name: str, valid_from: datetime, valid_to: datetime
) -> tuple[PrivateKey, Certificate]:
    """A new key of the authority's kind, with the certificate that the authority gives it.

    Raises Invalid when the key is not the issuer's, the issuer is no authority, or the certificate
    would outlive it.
    """
    _check_name(name)
    own = issuer.sm2_key or issuer.parsed.public_key()
    theirs = authority.public if isinstance(authority, SigningKey) else authority.public_key()
    if not issuer.is_authority or own != theirs:
        raise Invalid(
            "authority",
            "这不是签发机构，或密钥和证书不配对。",
            "请用 danglian keys authority 建立的目录。",
            code="no_authority",
        )
    if not (issuer.is_valid_at(valid_from) and issuer.is_valid_at(valid_to)):
        raise Invalid(
            "days",
            "证书的有效期超出了签发机构自己的有效期。",
            "请把 --days 改小，或新建签发机构。",
            code="outlives_authority",
        )
    if isinstance(authority, SigningKey):
        seal = SigningKey.generate()
        return seal, certified(
            authority, issuer, seal.public, name=name, dates=(valid_from, valid_to)
        )
    key = _new_key(is_rsa=isinstance(authority, rsa.RSAPrivateKey))
    subject, dates = issuer.parsed.subject, (valid_from, valid_to)
    return key, _built(authority, subject, key.public_key(), _name(name), dates, is_authority=False)


def certificate_pem(certificate: Certificate) -> bytes:
    """A certificate in PEM."""
    return certificate.parsed.public_bytes(Encoding.PEM)


def pkcs12_of(key: PrivateKey, chain: list[Certificate], password: str) -> bytes:
    """A key with its certificates as encrypted PKCS #12."""
    if isinstance(key, SigningKey):
        return sm2_pkcs12(key, chain, password)
    return serialize_key_and_certificates(
        chain[0].name.encode(),
        key,
        chain[0].parsed,
        [each.parsed for each in chain[1:]],
        BestAvailableEncryption(password.encode()),
    )


def _new_key(*, is_rsa: bool) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if is_rsa:
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def _check_name(name: str) -> None:
    if not 1 <= len(name.strip()) <= 64 or not name.isprintable():
        raise Invalid(
            "name",
            "名称应为 1 到 64 个字符，不含控制字符。",
            "请换一个名称。",
            code="bad_holder_name",
        )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _built(
    signer: Any,
    issuer: x509.Name,
    key: Any,
    holder: x509.Name,
    dates: tuple[datetime, datetime],
    *,
    is_authority: bool,
) -> Certificate:
    made = (
        x509.CertificateBuilder()
        .subject_name(holder)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates[0])
        .not_valid_after(dates[1])
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )
    return Certificate.from_der(made.public_bytes(Encoding.DER))
