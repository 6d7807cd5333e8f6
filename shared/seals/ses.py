"""Values of electronic seals 电子签章 (SES_Signature): GB/T 38540-2020; before it GM/T 0031-2014.

Told apart by their shape: that of GM/T 0031 has the certificate inside of what is signed. What
was read is unproven until it is checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from shared.kernel.der import element, elements
from shared.verifier.certificates import Certificate, moment
from shared.verifier.signatures import DIGESTS, Key, NotChecked, hashed_by, oid

_INTEGER, _BITS, _OCTETS, _OID, _UTF8, _SEQUENCE = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x30
_IA5, _STAMP = 0x16, 0xA0
_TIMES = (0x17, 0x18)
_NEW, _OLD = "GB/T 38540", "GM/T 0031"
_MOST_CERTIFICATE = 64 * 1024
_VERSIONS = {_NEW: {4, 5}, _OLD: {1, 2, 3}}
_WRITTEN_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?Z")

_Element = tuple[int, bytes, bytes]


@dataclass(frozen=True)
class ESeal:
    """A seal 电子印章 (SESeal): picture, holders, dates, under the signature of who made it.

    `holders` are certificates, or digests of certificates where `holds_digests`.
    """

    der: bytes
    name: str
    holders: Sequence[bytes]
    holds_digests: bool
    dates: tuple[datetime, datetime]
    maker: Certificate
    algorithm: str
    signature: bytes
    _signed: Sequence[bytes]

    def check_made(self) -> str:
        """Check the maker's signature; returns the digest. Raises NotChecked, ValueError.

        It is over the seal's data (as ofdrw makes it), or these with certificate and algorithm
        (GM/T 0031, 6.2; GB/T 38540, 6.1).
        """
        return _made(self.maker.key, self.algorithm, tuple(self._signed), self.signature)

    def is_held_by(self, certificate: Certificate) -> bool:
        """Whether a certificate is one of its holders'."""
        if not self.holds_digests:
            return certificate.der in self.holders
        return any(
            hashed_by(name, certificate.der) in self.holders for name in set(DIGESTS.values())
        )


@lru_cache(maxsize=256)
def _made(key: Key, algorithm: str, forms: tuple[bytes, ...], signature: bytes) -> str:
    """The digest of a maker's signature over one of these; the letters of a unit bear one seal."""
    for signed in forms[:-1]:
        try:
            return key.verifies(algorithm, None, signed, signature)
        except ValueError:
            continue
    return key.verifies(algorithm, None, forms[-1], signature)


@dataclass(frozen=True)
class SealValue:
    """The value of a seal in a document (SES_Signature).

    `digest` is that of what the seal is set over; `stamp` an RFC 3161 time stamp of the signature.
    """

    form: str
    seal: ESeal
    signed_at: datetime | None
    digest: bytes
    certificate: Certificate
    algorithm: str
    signature: bytes
    signed: bytes
    stamp: bytes | None = None

    def check_signed(self) -> str:
        """Check the holder's signature; returns the digest. Raises NotChecked, ValueError."""
        return self.certificate.key.verifies(self.algorithm, None, self.signed, self.signature)


def read(content: bytes) -> SealValue:
    """The value of a seal. Raises ValueError for what is none, NotChecked for a form not known."""
    try:
        whole = elements(content)
        if len(whole) != 1 or whole[0][0] != _SEQUENCE:
            raise ValueError("more than a seal")
        parts = elements(whole[0][1])
        return _old(parts) if len(parts) == 2 else _new(parts)
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("no seal") from error


def _new(parts: list[_Element]) -> SealValue:
    """What is signed, certificate, algorithm, signature, [0] time stamp."""
    stamp = None
    if len(parts) == 5 and parts[4][0] == _STAMP:
        (inner,) = elements(parts[4][1])
        stamp = _bits(inner)
        parts = parts[:4]
    signed, certificate, algorithm, signature = _shaped(parts, _SEQUENCE, _OCTETS, _OID, _BITS)
    said = elements(signed[1])
    if len(said) > 5 and said[-1][0] == 0xA0:
        said = said[:-1]  # extDatas
    version, seal, time, digest, _property = said
    _check_version(version, _NEW)
    return SealValue(
        _NEW, _seal(seal), _time(time), _bits(digest), _certificate(certificate),
        oid(algorithm[1]), _bits(signature), signed[2], stamp,
    )  # fmt: skip


def _old(parts: list[_Element]) -> SealValue:
    """What is signed, with certificate and algorithm inside, signature."""
    signed, signature = _shaped(parts, _SEQUENCE, _BITS)
    version, seal, time, digest, _property, certificate, algorithm = elements(signed[1])
    _shaped([certificate, algorithm], _OCTETS, _OID)
    _check_version(version, _OLD)
    return SealValue(
        _OLD, _seal(seal), _time(time), _bits(digest), _certificate(certificate),
        oid(algorithm[1]), _bits(signature), signed[2],
    )  # fmt: skip


def _seal(part: _Element) -> ESeal:
    """SESeal: data, then certificate, algorithm and signature of the maker, enclosed or not."""
    _shaped([part], _SEQUENCE)
    info, *made = elements(part[1])
    if len(made) == 1:
        made = elements(made[0][1])
    elif len(made) == 4 and made[3][0] == _STAMP:
        made = made[:3]  # a time stamp of the seal (version 5)
    certificate, algorithm, signature = _shaped(made, _OCTETS, _OID, _BITS)
    header, _id, properties, *_picture = elements(info[1])
    if elements(header[1])[0][1] != b"ES":
        raise ValueError("no seal")
    kind, name, *rest = elements(properties[1])
    _shaped([kind, name], _INTEGER, _UTF8)
    holds_digests = rest[0][0] == _INTEGER and rest[0][1] == b"\x02"
    if rest[0][0] == _INTEGER:
        rest = rest[1:]
    holders, _made_at, begins, ends = rest
    return ESeal(
        der=part[2],
        name=name[1].decode("utf-8"),
        holders=list(_holders(holders, holds_digests=holds_digests)),
        holds_digests=holds_digests,
        dates=(moment(begins), moment(ends)),
        maker=_certificate(certificate),
        algorithm=oid(algorithm[1]),
        signature=_bits(signature),
        _signed=(info[2], element(_SEQUENCE, info[2] + certificate[2] + algorithm[2])),
    )


def _holders(part: _Element, *, holds_digests: bool) -> Iterator[bytes]:
    for tag, content, _whole in elements(part[1]):
        if holds_digests and tag == _SEQUENCE:
            yield elements(content)[1][1]
        elif tag == _OCTETS:
            yield content


def _certificate(part: _Element) -> Certificate:
    """A certificate that can be read in all that is asked of it later."""
    if len(part[1]) > _MOST_CERTIFICATE:
        raise ValueError("too long")
    found = Certificate(part[1])
    _ = (found.name, found.dates, found.extensions, found.is_authority, found.may_sign, found.key)
    return found


def _check_version(part: _Element, form: str) -> None:
    (number,) = _shaped([part], _INTEGER)
    if int.from_bytes(number[1], "big") not in _VERSIONS[form]:
        raise NotChecked("不认识这种版本的电子签章")


def _bits(part: _Element) -> bytes:
    """The bytes of a BIT STRING, or of an OCTET STRING, which some write in its place."""
    if part[0] == _OCTETS:
        return part[1]
    if part[0] != _BITS or part[1][:1] != b"\x00":
        raise ValueError("no bits")
    return part[1][1:]


def _time(part: _Element) -> datetime | None:
    """When a seal says that it was set; None for what is no time of ours (such as a time stamp)."""
    if part[0] in _TIMES:
        return moment(part)
    content = _bits(part)
    if content[:1] and content[0] in _TIMES:
        return moment(elements(content)[0])
    text = content[:40].decode("ascii", "replace")
    return datetime.fromisoformat(text) if _WRITTEN_TIME.fullmatch(text) else None


def _shaped(parts: list[_Element], *tags: int) -> list[_Element]:
    if tuple(tag for tag, _content, _whole in parts) != tags:
        raise ValueError("not so shaped")
    return parts
