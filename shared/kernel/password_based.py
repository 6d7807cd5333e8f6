"""What a password hides in key files: PBES2 (RFC 8018), and the way of PKCS #12 (RFC 7292).

Written is PBKDF2 with HMAC-SHA-256 and AES-256, read are also SM3, SM4 and the triple DES of older
programs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from shared.kernel.der import element, elements

_ROUNDS = 600_000
_MOST_ROUNDS = 10_000_000
_MOST_SLOW_ROUNDS = 1_000_000
#: OIDs of PBES2, PBKDF2, HMAC-SHA-256, AES-256-CBC, PBE with SHA and triple DES.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
_AES256 = bytes.fromhex("060960864801650304012a")
_PBE_DES = bytes.fromhex("060a2a864886f70d010c0103")

_PRFS: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("06082a864886f70d0207"): hashes.SHA1(),  # noqa: S303 - of older programs
    bytes.fromhex("06082a864886f70d0209"): hashes.SHA256(),
    bytes.fromhex("060a2a811ccf550183110302"): hashes.SM3(),
}
_CIPHERS: dict[bytes, tuple[Callable[[bytes], Any], int]] = {
    bytes.fromhex("0609608648016503040102"): (algorithms.AES, 16),
    _AES256: (algorithms.AES, 32),
    bytes.fromhex("06082a811ccf55016802"): (algorithms.SM4, 16),
}


class Use(IntEnum):
    """What a key made for PKCS #12 is for (RFC 7292, B.3): triple DES, its start, a MAC."""

    KEY = 1
    IV = 2
    MAC = 3


def hide(plain: bytes, password: str) -> tuple[bytes, bytes]:
    """The plain bytes encrypted: AlgorithmIdentifier in DER, and what it makes of them."""
    salt, iv = os.urandom(16), os.urandom(16)
    key = PBKDF2HMAC(hashes.SHA256(), 32, salt, _ROUNDS).derive(password.encode())
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    hidden = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    rounds = element(0x02, _ROUNDS.to_bytes(3, "big"))
    derivation = element(0x30, element(0x04, salt) + rounds + _HMAC_SHA256)
    scheme = element(0x30, _PBKDF2 + derivation) + element(0x30, _AES256 + element(0x04, iv))
    return element(0x30, _PBES2 + element(0x30, scheme)), hidden


def reveal(algorithm: bytes, hidden: bytes, password: str) -> bytes:
    """What was encrypted; `algorithm` is the content of its AlgorithmIdentifier.

    Raises ValueError (or KeyError, IndexError) for another scheme, a wrong password or odd bytes.
    """
    (_, _, scheme), (_, parameters, _) = elements(algorithm)
    if scheme == _PBES2:
        cipher = _of_pbes2(parameters, password)
    elif scheme == _PBE_DES:
        (_, salt, _), (_, rounds, _) = elements(parameters)
        key, iv = (pkcs12_key(password, salt, _number(rounds), use) for use in (Use.KEY, Use.IV))
        cipher = Cipher(TripleDES(key), modes.CBC(iv))
    else:
        raise ValueError("another scheme")
    opener = cipher.decryptor()
    unpadder = padding.PKCS7(64 if scheme == _PBE_DES else 128).unpadder()
    return unpadder.update(opener.update(hidden) + opener.finalize()) + unpadder.finalize()


def _of_pbes2(parameters: bytes, password: str) -> Cipher[Any]:
    (_, derivation, _), (_, encryption, _) = elements(parameters)
    (_, _, function), (_, said, _) = elements(derivation)
    if function != _PBKDF2:
        raise ValueError("another key derivation")
    salt, rounds, *rest = elements(said)
    prf = [each for tag, each, _whole in rest if tag == 0x30]
    digest = _PRFS[elements(prf[0])[0][2]] if prf else hashes.SHA1()  # noqa: S303 - the default
    (_, _, name), (_, iv, _) = elements(encryption)
    algorithm, size = _CIPHERS[name]
    if not 0 < _number(rounds[1]) <= _MOST_ROUNDS:
        raise ValueError("too many rounds")
    key = PBKDF2HMAC(digest, size, salt[1], _number(rounds[1])).derive(password.encode())
    return Cipher(algorithm(key), modes.CBC(iv))


def pkcs12_key(password: str, salt: bytes, rounds: int, use: Use, digest: str = "sha1") -> bytes:
    """A key made of a password as PKCS #12 does it (RFC 7292, B.2). Raises ValueError."""
    size = {Use.KEY: 24, Use.IV: 8, Use.MAC: hashlib.new(digest).digest_size}[use]
    if not 0 < rounds <= _MOST_SLOW_ROUNDS:
        raise ValueError("too many rounds")
    block = hashlib.new(digest).block_size

    def filled(text: bytes) -> bytes:
        whole = -(-len(text) // block) * block
        return (text * (whole // max(len(text), 1) + 1))[:whole]

    mixed = filled(salt) + filled(password.encode("utf-16-be") + b"\0\0")
    made = b""
    while len(made) < size:
        key = hashlib.new(digest, bytes([use]) * block + mixed).digest()
        for _ in range(rounds - 1):
            key = hashlib.new(digest, key).digest()
        made += key
        step = int.from_bytes(filled(key)[:block], "big") + 1
        parts = (mixed[at : at + block] for at in range(0, len(mixed), block))
        mixed = b"".join(
            ((int.from_bytes(part, "big") + step) % (1 << 8 * block)).to_bytes(block, "big")
            for part in parts
        )
    return made[:size]


def _number(content: bytes) -> int:
    return int.from_bytes(content, "big")
