"""Private keys in files that other programs read: PKCS #8 in PEM, always encrypted.

`cryptography` writes and reads RSA and ECDSA; it knows no SM2, whose PKCS #8 (GM/T 0006,
RFC 5958, PBES2 of RFC 8018 with AES-256) is put together here.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from shared.kernel.der import element, elements
from shared.kernel.errors import Invalid
from shared.kernel.keys import PublicKey, SigningKey

PrivateKey = SigningKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_ROUNDS = 600_000
_MOST_ROUNDS = 10_000_000
#: AlgorithmIdentifier of a key on sm2p256v1; OIDs of PBES2, PBKDF2, HMAC-SHA-256, AES-256-CBC.
_SM2 = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES = bytes.fromhex("060960864801650304012a")
_LABEL = "ENCRYPTED PRIVATE KEY"


def key_pem(key: PrivateKey, password: str) -> bytes:
    """A private key as encrypted PKCS #8 in PEM."""
    if not isinstance(key, SigningKey):
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    return _pem(_encrypted(_plain(key), password))


def read_key_pem(content: bytes, password: str) -> PrivateKey:
    """Read an encrypted private key of `key_pem`, or of openssl. Raises Invalid."""
    try:
        key = _read_sm2(content, password)
        other = serialization.load_pem_private_key(content, password.encode()) if not key else None
    except Exception:  # noqa: BLE001 - a wrong password shows in whatever it decrypts to
        key = other = None
    if key is not None:
        return key
    if isinstance(other, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        return other
    raise Invalid(
        "key",
        "密钥文件无法读取，或口令不对。",
        "请检查文件和口令。",
        code="key_unreadable",
    )


def _plain(key: SigningKey) -> bytes:
    point = element(0xA1, element(0x03, b"\x00\x04" + key.public.point))
    inner = element(0x30, element(0x02, b"\x01") + element(0x04, key.secret) + point)
    return element(0x30, element(0x02, b"\x00") + _SM2 + element(0x04, inner))


def _encrypted(plain: bytes, password: str) -> bytes:
    salt, iv = os.urandom(16), os.urandom(16)
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(_derived(password, salt, _ROUNDS)), modes.CBC(iv)).encryptor()
    hidden = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    rounds = element(0x02, _ROUNDS.to_bytes(3, "big"))
    derivation = element(0x30, element(0x04, salt) + rounds + _HMAC_SHA256)
    scheme = element(0x30, _PBKDF2 + derivation) + element(0x30, _AES + element(0x04, iv))
    return element(0x30, element(0x30, _PBES2 + element(0x30, scheme)) + element(0x04, hidden))


def _derived(password: str, salt: bytes, rounds: int) -> bytes:
    return PBKDF2HMAC(hashes.SHA256(), 32, salt, rounds).derive(password.encode())


def _read_sm2(content: bytes, password: str) -> SigningKey | None:
    """The SM2 key; None for what is encrypted otherwise, or is another key."""
    (_, whole, _), *_rest = elements(_of_pem(content))
    (_, scheme, _), (_, hidden, _) = elements(whole)
    if not scheme.startswith(_PBES2):
        return None
    (_, derivation, _), (_, cipher, _) = elements(elements(scheme)[1][1])
    parameters = elements(elements(derivation)[1][1])
    if not cipher.startswith(_AES) or parameters[-1][2] != _HMAC_SHA256:
        return None
    rounds = int.from_bytes(parameters[1][1], "big")
    if not 0 < rounds <= _MOST_ROUNDS:
        return None
    iv = elements(cipher)[1][1]
    opener = Cipher(
        algorithms.AES(_derived(password, parameters[0][1], rounds)), modes.CBC(iv)
    ).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    plain = unpadder.update(opener.update(hidden) + opener.finalize()) + unpadder.finalize()
    (_, _version, _), (_, _kind, kind), (_, inner, _) = elements(elements(plain)[0][1])[:3]
    if kind != _SM2:
        return None
    parts = elements(elements(inner)[0][1])
    secret, point = parts[1][1], elements(parts[-1][1])[0][1][2:]
    return SigningKey(PublicKey(point), secret)


def _pem(der: bytes) -> bytes:
    text = b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", ""]).encode()


def _of_pem(content: bytes) -> bytes:
    begin, end = f"-----BEGIN {_LABEL}-----", f"-----END {_LABEL}-----"
    text = content.decode("ascii")
    return b64decode(text[text.index(begin) + len(begin) : text.index(end)])
