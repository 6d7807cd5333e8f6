"""Signatures of certificates and time stamps, checked in Python alone.

RSA with PKCS #1 v1.5 padding (RFC 8017, 8.2.2) or PSS (8.1.2), ECDSA on P-256 and P-384 (FIPS
186-5), SM2 with SM3. What cannot be checked here is said to be unchecked, never taken for good.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from shared.kernel.der import element, elements
from shared.verifier import sm2
from shared.verifier.curves import P256, P384, Curve, numbers_of
from shared.verifier.digests import digest as digest_of

_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_PSS, _MGF1 = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8"
_SM2_CURVE = "1.2.156.10197.1.301"
#: SM2 with SM3, and SM2 for signing, as GB/T 35275 has it beside the digest.
_SM2_SIGNATURES = {"1.2.156.10197.1.501", "1.2.156.10197.1.301.1"}
_CURVES: dict[str, tuple[str, Curve]] = {
    "1.2.840.10045.3.1.7": ("ecdsa-p256", P256),
    "1.3.132.0.34": ("ecdsa-p384", P384),
}
#: Digests by OID, with their names in `hashlib` and in `algorithms.json`.
DIGESTS = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.2.156.10197.1.401": "sm3",
}
#: Algorithms of signatures with the digest that they name; None for one that stands beside it.
_SIGNATURES = {
    _RSA: None,
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    _EC: None,
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
    **dict.fromkeys(_SM2_SIGNATURES, "sm3"),
}
_OID_OF = {name: oid for oid, name in DIGESTS.items()}
_MOST_RSA_BITS = 16384


class NotChecked(Exception):
    """This program cannot check it; says why, in words for people."""


def hashed_by(name: str, message: bytes) -> bytes:
    """The digest of a message. Raises NotChecked where this Python does not have it."""
    try:
        return digest_of(name, message)
    except ValueError as error:
        raise NotChecked(f"这台电脑的 Python 没有 {name.upper()}") from error


@dataclass(frozen=True)
class Key:
    """A public key (SubjectPublicKeyInfo, RFC 5280, 4.1.2.7), by its DER bytes."""

    der: bytes

    @property
    def sm2(self) -> bytes | None:
        """Its 64 bytes, x then y, where it is an SM2 key."""
        kind, curve, bits = self._parts()
        return bits[1:] if (kind, curve) == (_EC, _SM2_CURVE) and bits[:1] == b"\x04" else None

    @property
    def algorithm(self) -> str:
        """Its name as in `algorithms.json`, such as `rsa-3072`. Raises NotChecked, ValueError."""
        kind, curve, bits = self._parts()
        if kind in (_RSA, _PSS):
            size = self._rsa(bits)[0].bit_length()
            return "rsa-" + next(str(each) for each in (4096, 3072, 2048, 0) if size >= each)
        if kind == _EC and curve == _SM2_CURVE:
            return "sm2"
        if kind == _EC and curve in _CURVES:
            return _CURVES[curve][0]
        raise NotChecked(f"不认识这种密钥（{kind} {curve}）")

    def verifies(
        self,
        algorithm: str,
        digest: str | None,
        message: bytes,
        signature: bytes,
        *,
        parameters: bytes = b"",
    ) -> str:
        """Check a signature; returns the name of its digest.

        `algorithm` is the signature's OID, `parameters` what follows it (DER), `digest` the name of
        the digest that stands beside it. Raises NotChecked, and ValueError when the signature is
        not over the message by this key.
        """
        if algorithm == _PSS:
            return self._verifies_pss(_Pss.read(parameters), digest, message, signature)
        if algorithm not in _SIGNATURES:
            raise NotChecked(f"不认识这种签名算法（{algorithm}）")
        named = _SIGNATURES[algorithm] or digest
        if named is None or (digest is not None and digest != named):
            raise ValueError("two digests")
        if self._fits(algorithm, named, message, signature):
            return named
        raise ValueError("wrong signature")

    def _verifies_pss(self, pss: _Pss, digest: str | None, message: bytes, signature: bytes) -> str:
        kind, _curve, bits = self._parts()
        if digest not in (None, pss.digest):
            raise ValueError("two digests")
        if kind not in (_RSA, _PSS) or not pss.fits(*self._rsa(bits), message, signature):
            raise ValueError("wrong signature")
        return pss.digest

    def _fits(self, algorithm: str, digest: str, message: bytes, signature: bytes) -> bool:
        kind, curve, bits = self._parts()
        is_sm2 = curve == _SM2_CURVE and kind == _EC
        if is_sm2 or algorithm in _SM2_SIGNATURES:
            is_whole = is_sm2 and bits[:1] == b"\x04" and digest == "sm3"
            return is_whole and sm2.verifies(bits[1:], message, signature)
        is_rsa = algorithm.startswith("1.2.840.113549.1.1.")
        if is_rsa != (kind == _RSA):
            return False
        hashed = hashed_by(digest, message)
        if is_rsa:
            return _rsa_fits(*self._rsa(bits), digest, hashed, signature)
        if curve not in _CURVES:
            raise NotChecked(f"不认识这条椭圆曲线（{curve}）")
        return bits[:1] == b"\x04" and _ecdsa_fits(_CURVES[curve][1], bits[1:], hashed, signature)

    def _parts(self) -> tuple[str, str, bytes]:
        """The algorithm, its first parameter where that is an OID, and the bits of the key."""
        try:
            algorithm, bits = elements(elements(self.der)[0][1])
            named = elements(algorithm[1])
            curve = oid(named[1][1]) if len(named) > 1 and named[1][0] == 0x06 else ""
            if bits[0] != 0x03 or bits[1][:1] != b"\x00":
                raise ValueError("no key")
            return oid(named[0][1]), curve, bits[1][1:]
        except IndexError as error:
            raise ValueError("no key") from error

    @staticmethod
    def _rsa(bits: bytes) -> tuple[int, int]:
        modulus, exponent = (
            int.from_bytes(content, "big")
            for _tag, content, _whole in elements(elements(bits)[0][1])
        )
        if modulus.bit_length() > _MOST_RSA_BITS or exponent.bit_length() > 64 or modulus < 2:
            raise NotChecked("RSA 密钥太长")
        return modulus, exponent


def _rsa_fits(modulus: int, exponent: int, digest: str, hashed: bytes, signature: bytes) -> bool:
    """RFC 8017, 8.2.2: what was signed is made anew and compared whole."""
    size = (modulus.bit_length() + 7) // 8
    info = element(
        0x30,
        element(0x30, element(0x06, encoded_oid(_OID_OF[digest])) + element(0x05, b""))
        + element(0x04, hashed),
    )
    if len(signature) != size or size < len(info) + 11:
        return False
    value = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    wanted = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return hmac.compare_digest(value, wanted)


@dataclass(frozen=True)
class _Pss:
    """How a signature of RSA-PSS was made (RFC 4055, 3.1): digests, and bytes of salt."""

    digest: str = "sha1"
    mask_digest: str = "sha1"
    salt: int = 20

    @classmethod
    def read(cls, parameters: bytes) -> _Pss:
        """What the parameters say. Raises NotChecked, ValueError."""
        if not parameters:
            raise NotChecked("签名没有写明 RSA-PSS 的参数")
        try:
            said = {tag: content for tag, content, _ in elements(elements(parameters)[0][1])}
            found = {}
            if 0xA0 in said:
                found["digest"] = digest_named(elements(said[0xA0])[0][1])
            if 0xA1 in said:
                named, inner = elements(elements(said[0xA1])[0][1])
                if oid(named[1]) != _MGF1:
                    raise NotChecked("不认识 RSA-PSS 的掩码算法")
                found["mask_digest"] = digest_named(inner[1])
            salt = int.from_bytes(elements(said[0xA2])[0][1], "big") if 0xA2 in said else 20
            if 0xA3 in said and elements(said[0xA3])[0][1] != b"\x01":
                raise ValueError("another trailer")
        except IndexError as error:
            raise ValueError("no parameters") from error
        return cls(**found, salt=salt)

    def fits(self, modulus: int, exponent: int, message: bytes, signature: bytes) -> bool:
        """RFC 8017, 8.1.2 and 9.1.2."""
        bits = modulus.bit_length() - 1
        size, hashed = (bits + 7) // 8, hashed_by(self.digest, message)
        value = pow(int.from_bytes(signature, "big"), exponent, modulus)
        length = size - len(hashed) - 1
        if (
            len(signature) != (modulus.bit_length() + 7) // 8
            or value.bit_length() > bits
            or length < self.salt + 1
        ):
            return False
        block = value.to_bytes(size, "big")
        masked, proof, trailer = block[:length], block[length:-1], block[-1]
        mask = int.from_bytes(self._mask(proof, length), "big")
        # The bits that the modulus has no room for are nothing.
        plain = (int.from_bytes(masked, "big") ^ mask) & ((1 << bits - 8 * (size - length)) - 1)
        opened = plain.to_bytes(length, "big")
        at = length - self.salt - 1
        again = hashed_by(self.digest, bytes(8) + hashed + opened[at + 1 :])
        return (
            trailer == 0xBC
            and not any(opened[:at])
            and opened[at] == 1
            and hmac.compare_digest(again, proof)
        )

    def _mask(self, seed: bytes, length: int) -> bytes:
        """MGF1 (RFC 8017, B.2.1)."""
        made = b""
        while len(made) < length:
            step = len(made) // len(hashed_by(self.mask_digest, b""))
            made += hashed_by(self.mask_digest, seed + step.to_bytes(4, "big"))
        return made[:length]


def digest_named(algorithm: bytes) -> str:
    """The name of a digest, from the content of its AlgorithmIdentifier. Raises NotChecked."""
    named = oid(elements(algorithm)[0][1])
    if named not in DIGESTS:
        raise NotChecked(f"不认识这种摘要算法（{named}）")
    return DIGESTS[named]


def _ecdsa_fits(curve: Curve, key: bytes, hashed: bytes, signature: bytes) -> bool:
    point, numbers = curve.point(key), numbers_of(signature)
    if point is None or numbers is None:
        return False
    r, s = numbers
    if not (0 < r < curve.n and 0 < s < curve.n):
        return False
    e = int.from_bytes(hashed, "big") >> max(0, 8 * len(hashed) - curve.n.bit_length())
    inverse = pow(s, -1, curve.n)
    x = curve.x_of_sum(e * inverse % curve.n, r * inverse % curve.n, point)
    return x is not None and x % curve.n == r


def oid(content: bytes) -> str:
    """An object identifier in dots, from the bytes of its content. Raises ValueError."""
    if not content or content[-1] & 0x80 or len(content) > 64:
        raise ValueError("no object identifier")
    numbers, value = [], 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def encoded_oid(dotted: str) -> bytes:
    """The bytes of the content of an object identifier that is written in dots."""
    first, second, *rest = map(int, dotted.split("."))
    found = b""
    for number in (40 * first + second, *rest):
        piece = bytes([number & 0x7F])
        while number := number >> 7:
            piece = bytes([number & 0x7F | 0x80]) + piece
        found += piece
    return found
