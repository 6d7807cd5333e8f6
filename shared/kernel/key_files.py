"""Private keys in files that other programs read: PKCS #8 in PEM, always encrypted.

`cryptography` writes and reads RSA and ECDSA; it knows no SM2, whose PKCS #8 (GM/T 0006, RFC 5958)
is put together here.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.kernel.der import element, elements
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, SigningKey
from shared.kernel.password_based import hide, reveal

PrivateKey = SigningKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

#: AlgorithmIdentifier of a key on sm2p256v1.
_SM2 = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_LABEL = "ENCRYPTED PRIVATE KEY"


def key_pem(key: PrivateKey, password: str) -> bytes:
    """A private key as encrypted PKCS #8 in PEM."""
    if not isinstance(key, SigningKey):
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    algorithm, hidden = hide(plain_sm2(key), password)
    return _pem(element(0x30, algorithm + element(0x04, hidden)))


def read_key_pem(content: bytes, password: str) -> PrivateKey:
    """Read an encrypted private key of `key_pem`, or of openssl. Raises Invalid."""
    key = other = None
    with suppress(Exception):  # a wrong password shows in whatever it decrypts to
        key = _read_sm2(content, password)
    if key is not None:
        return key
    with suppress(Exception):
        other = serialization.load_pem_private_key(content, password.encode())
    if isinstance(other, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        return other
    raise Invalid(
        "key",
        "密钥文件无法读取，或口令不对。",
        "请检查文件和口令。",
        code="key_unreadable",
    )


def plain_sm2(key: SigningKey) -> bytes:
    """A PrivateKeyInfo of an SM2 key, not encrypted."""
    point = element(0xA1, element(0x03, b"\x00\x04" + key.public.point))
    inner = element(0x30, element(0x02, b"\x01") + element(0x04, key.secret) + point)
    return element(0x30, element(0x02, b"\x00") + _SM2 + element(0x04, inner))


def read_plain_sm2(plain: bytes) -> SigningKey | None:
    """The key of a PrivateKeyInfo that is not encrypted; None for another than an SM2 key."""
    (_, _version, _), (_, _kind, kind), (_, inner, _) = elements(elements(plain)[0][1])[:3]
    if kind != _SM2:
        return None
    parts = elements(elements(inner)[0][1])
    secret, point = parts[1][1], elements(parts[-1][1])[0][1][2:]
    return SigningKey(PublicKey(point), secret)


def _read_sm2(content: bytes, password: str) -> SigningKey | None:
    """The SM2 key; None for another key."""
    (_, whole, _), *_rest = elements(_of_pem(content))
    (_, algorithm, _), (_, hidden, _) = elements(whole)
    return read_plain_sm2(reveal(algorithm, hidden, password))


def _pem(der: bytes) -> bytes:
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", ""]).encode()


def _of_pem(content: bytes) -> bytes:
    begin, end = f"-----BEGIN {_LABEL}-----", f"-----END {_LABEL}-----"
    text = content.decode("ascii")
    return b64decode(text[text.index(begin) + len(begin) : text.index(end)])
