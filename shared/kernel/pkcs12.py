"""SM2 keys with their certificates in PKCS #12 (RFC 7292), as openssl writes and reads them.

`cryptography` has RSA and ECDSA; it knows no SM2, so for that the container is put together here.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Sequence

from shared.kernel.certificates import Certificate
from shared.kernel.der import element, elements
from shared.kernel.key_files import plain_sm2, read_plain_sm2
from shared.kernel.keys import SigningKey
from shared.kernel.password_based import Use, hide, pkcs12_key, reveal

_MAC_ROUNDS = 100_000
#: OIDs: data, encryptedData, PKCS-8 shrouded key bag, certificate bag, X.509, SHA-256.
_DATA = bytes.fromhex("06092a864886f70d010701")
_ENCRYPTED = bytes.fromhex("06092a864886f70d010706")
_KEY_BAG = bytes.fromhex("060b2a864886f70d010c0a0102")
_CERTIFICATE_BAG = bytes.fromhex("060b2a864886f70d010c0a0103")
_X509 = bytes.fromhex("060a2a864886f70d01091601")
_SHA256 = bytes.fromhex("300d06096086480165030402010500")
_DIGESTS = {
    bytes.fromhex("06052b0e03021a"): "sha1",
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("06082a811ccf55018311"): "sm3",
}


def sm2_pkcs12(key: SigningKey, chain: Sequence[Certificate], password: str) -> bytes:
    """An SM2 key with its certificate and those of its issuers, encrypted."""
    bags = b"".join(_certificate_bag(each) for each in chain)
    algorithm, hidden = hide(element(0x30, bags), password)
    content = element(0x30, _DATA + algorithm + element(0x80, hidden))
    certificates = _ENCRYPTED + element(0xA0, element(0x30, element(0x02, b"\0") + content))
    algorithm, hidden = hide(plain_sm2(key), password)
    shrouded = element(0x30, algorithm + element(0x04, hidden))
    bag = element(0x30, element(0x30, _KEY_BAG + element(0xA0, shrouded)))
    keys = _DATA + element(0xA0, element(0x04, bag))
    safe = element(0x30, element(0x30, certificates) + element(0x30, keys))
    salt = os.urandom(16)
    mac = _mac("sha256", safe, password, salt, _MAC_ROUNDS)
    proof = element(0x30, _SHA256 + element(0x04, mac)) + element(0x04, salt)
    return element(
        0x30,
        element(0x02, b"\x03")
        + element(0x30, _DATA + element(0xA0, element(0x04, safe)))
        + element(0x30, proof + element(0x02, _MAC_ROUNDS.to_bytes(3, "big"))),
    )


def read_sm2_pkcs12(content: bytes, password: str) -> tuple[SigningKey, list[Certificate]] | None:
    """The SM2 key of a file with its certificates, its own first; None when it has another key.

    Raises ValueError, KeyError, IndexError or Invalid for a wrong password and odd bytes.
    """
    (_, whole, _), *_rest = elements(content)
    (_, _version, _), (_, data, _), (_, proof, _) = elements(whole)
    safe = _octets(data)
    (_, digest_info, _), (_, salt, _), *rounds = elements(proof)
    (_, algorithm, _), (_, said, _) = elements(digest_info)
    digest = _DIGESTS[elements(algorithm)[0][2]]
    times = int.from_bytes(rounds[0][1], "big") if rounds else 1
    if not hmac.compare_digest(_mac(digest, safe, password, salt, times), said):
        raise ValueError("wrong password")
    keys: list[SigningKey | None] = []
    certificates: list[Certificate] = []
    for kind, value in _bags(safe, password):
        if kind == _KEY_BAG:
            (_, algorithm, _), (_, hidden, _) = elements(value)
            keys.append(read_plain_sm2(reveal(algorithm, hidden, password)))
        elif kind == _CERTIFICATE_BAG:
            (_, _, kind_of), (_, inner, _) = elements(value)
            if kind_of == _X509:
                certificates.append(Certificate.from_der(elements(inner)[0][1]))
    key = keys[0]
    if key is None:
        return None
    own = [each for each in certificates if each.sm2_key == key.public]
    return key, [own[0], *(each for each in certificates if each not in own)]


def _certificate_bag(certificate: Certificate) -> bytes:
    value = element(0x30, _X509 + element(0xA0, element(0x04, certificate.der)))
    return element(0x30, _CERTIFICATE_BAG + element(0xA0, value))


def _bags(safe: bytes, password: str) -> Iterator[tuple[bytes, bytes]]:
    """Each bag: its kind, and the content of its value."""
    for _, info, _ in elements(elements(safe)[0][1]):
        (_, _, kind), (_, inner, _) = elements(info)
        if kind == _DATA:
            contents = elements(inner)[0][1]
        elif kind == _ENCRYPTED:
            (_, _version, _), (_, encrypted, _) = elements(elements(inner)[0][1])
            (_, _, _), (_, algorithm, _), (_, hidden, _) = elements(encrypted)
            contents = reveal(algorithm, hidden, password)
        else:
            raise ValueError("content of another kind")
        for _, bag, _ in elements(elements(contents)[0][1]):
            (_, _, name), (_, value, _), *_attributes = elements(bag)
            yield name, elements(value)[0][1]


def _octets(info: bytes) -> bytes:
    """What a ContentInfo of kind data holds."""
    (_, _, kind), (_, inner, _) = elements(info)
    if kind != _DATA:
        raise ValueError("content of another kind")
    return elements(inner)[0][1]


def _mac(digest: str, safe: bytes, password: str, salt: bytes, rounds: int) -> bytes:
    return hmac.digest(pkcs12_key(password, salt, rounds, Use.MAC, digest), safe, digest)
