"""Signed data 签名数据 (CMS, RFC 5652; GB/T 35275 with its own names), read in Python alone.

It is what time stamps are made of, and the signatures inside PDF and OFD documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.kernel.der import elements
from shared.verifier.certificates import Certificate
from shared.verifier.signatures import NotChecked, digest_named, hashed_by, oid

_Element = tuple[int, bytes, bytes]

#: signedData, by RFC 5652 and by GB/T 35275.
_SIGNED_DATA = {"1.2.840.113549.1.7.2", "1.2.156.10197.6.1.4.2.2"}
#: Plain content, by either.
DATA = frozenset({"1.2.840.113549.1.7.1", "1.2.156.10197.6.1.4.2.1"})
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATES = {
    "1.2.840.113549.1.9.16.2.12": "sha1",
    "1.2.840.113549.1.9.16.2.47": "sha256",
}
_KEY_IDENTIFIER = "2.5.29.14"
_MOST_SIGNERS, _MOST_CERTIFICATES = 16, 32
#: Of one certificate, in bytes: whoever brings along more wants to tire the reader.
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True)
class Signer:
    """One who signed; what he says is unproven until it is checked.

    `attributes` are signed, `unsigned` are not; each by OID with its one value.
    """

    certificate: Certificate
    digest: str
    algorithm: str
    signature: bytes
    attributes: Mapping[str, _Element]
    unsigned: Mapping[str, _Element]
    _signed: bytes = field(repr=False)
    _parameters: bytes = field(repr=False)

    @property
    def signing_time(self) -> _Element | None:
        """When he says that he signed."""
        return self.attributes.get(_SIGNING_TIME)

    def check_attributes(self, kind: str, hashed: Callable[[str], bytes]) -> str:
        """Check that the attributes are over the content and signed; returns the digest.

        `hashed` gives the content's digest by name. Raises NotChecked, ValueError.
        """
        if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= set(self.attributes):
            raise ValueError("nothing signed")
        said = oid(self.attributes[_CONTENT_TYPE][1])
        if said != kind or self.attributes[_MESSAGE_DIGEST][1] != hashed(self.digest):
            raise ValueError("not what was signed")
        return self.check_message(self._signed)

    def check_message(self, message: bytes) -> str:
        """Check the signature over these bytes; returns the digest. NotChecked, ValueError."""
        return self.certificate.key.verifies(
            self.algorithm, self.digest, message, self.signature, parameters=self._parameters
        )

    def check_names_certificate(self, *, required: bool) -> None:
        """ESSCertID and ESSCertIDv2 (RFC 5816): which certificate the signature is under."""
        named = [(self.attributes[each][1], name) for each, name in _SIGNING_CERTIFICATES.items()
                 if each in self.attributes]  # fmt: skip
        if required and not named:
            raise ValueError("no signing certificate")
        for value, usual in named:
            first = elements(elements(elements(value)[0][1])[0][1])
            digest = usual
            if first[0][0] == 0x30 and usual != "sha1":
                digest, first = digest_named(first[0][1]), first[1:]
            if first[0][1] != hashed_by(digest, self.certificate.der):
                raise ValueError("another certificate")


@dataclass(frozen=True)
class SignedData:
    """What was signed (None where that stands elsewhere), of which kind, and by whom."""

    kind: str
    content: bytes | None
    certificates: list[Certificate]
    signers: list[Signer]


def read(content: bytes) -> SignedData:
    """Signed data in DER. Raises ValueError, NotChecked."""
    try:
        return _read(content)
    except (IndexError, KeyError, OverflowError) as error:
        raise ValueError("no signed data") from error


def _read(content: bytes) -> SignedData:
    if content[1:2] == b"\x80":
        raise NotChecked("签名数据不是 DER 写法")
    whole = elements(content)
    if len(whole) != 1 or whole[0][0] != 0x30:
        raise ValueError("more than signed data")
    named, inside = elements(whole[0][1])
    if oid(named[1]) not in _SIGNED_DATA or inside[0] != 0xA0:
        raise ValueError("no signed data")
    _version, _digests, enclosed, *rest = elements(elements(inside[1])[0][1])
    kind, *inner = elements(enclosed[1])
    held = elements(inner[0][1])[0] if inner else None
    if held is not None and held[0] != 0x04:
        raise ValueError("not in an octet string")
    certificates = [
        Certificate(der)
        for tag, parts, _ in rest if tag == 0xA0
        for kind_of, _content, der in elements(parts) if kind_of == 0x30
    ]  # fmt: skip
    if len(certificates) > _MOST_CERTIFICATES or any(
        len(each.der) > _MOST_BYTES for each in certificates
    ):
        raise NotChecked("附上的证书太多或太长")
    signers = elements(rest[-1][1])
    if rest[-1][0] != 0x31 or not 0 < len(signers) <= _MOST_SIGNERS:
        raise ValueError("no signers")
    return SignedData(
        oid(kind[1]),
        None if held is None else held[1],
        certificates,
        [_signer(each[1], certificates) for each in signers],
    )


def _signer(content: bytes, certificates: Sequence[Certificate]) -> Signer:
    parts = iter(elements(content))
    _version, said, digest = next(parts), next(parts), next(parts)
    attributes: dict[str, _Element] = {}
    signed = b""
    following = next(parts)
    if following[0] == 0xA0:
        attributes = dict(_attributes(following[1]))
        # What is signed are the attributes as the SET that they are, not as [0] (RFC 5652, 5.4).
        signed = b"\x31" + following[2][1:]
        following = next(parts)
    algorithm, signature = following, next(parts)
    if signature[0] != 0x04:
        raise ValueError("no signature")
    unsigned = next(parts, None)
    if next(parts, None) is not None or (unsigned is not None and unsigned[0] != 0xA1):
        raise ValueError("more than a signer")
    return Signer(
        _named_certificate(certificates, said),
        digest_named(digest[1]),
        oid(elements(algorithm[1])[0][1]),
        signature[1],
        attributes,
        {} if unsigned is None else dict(_attributes(unsigned[1])),
        signed,
        b"".join(whole for _tag, _content, whole in elements(algorithm[1])[1:]),
    )


def _named_certificate(certificates: Sequence[Certificate], said: _Element) -> Certificate:
    """The certificate that a signer names by issuer and number, or by its key (RFC 5652, 5.3)."""
    for each in certificates:
        if said[0] == 0x30:
            issuer, number = elements(said[1])
            if (each.issuer, each.serial) == (issuer[2], number[1]):
                return each
        elif said[0] == 0x80:
            _critical, named = each.extensions.get(_KEY_IDENTIFIER, (False, b""))
            if named and elements(named)[0][1] == said[1]:
                return each
        else:
            raise ValueError("no name of a certificate")
    raise NotChecked("里面没有附上签名人的证书")


def _attributes(content: bytes) -> Iterator[tuple[str, _Element]]:
    """Attributes, each with its one value. Raises ValueError."""
    seen = set()
    for _tag, each, _whole in elements(content):
        kind, values = elements(each)
        only = elements(values[1])
        name = oid(kind[1])
        if len(only) != 1 or name in seen:
            raise ValueError("not one value")
        seen.add(name)
        yield name, only[0]
