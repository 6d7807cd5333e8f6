"""Time stamps 时间戳 (RFC 3161), read and judged in Python alone.

A stamp proves that some bytes were there at its time. The first stamp of a receipt is over the
receipt's canonical bytes; each later one over these bytes followed by the bytes of all stamps
before it, one after the other. So a stamp whose authority has ended stays good as long as a later
one was made in time; and each is checked with `cat` and `openssl ts -verify`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.kernel.der import elements
from shared.verifier.certificates import (
    Authorities,
    Certificate,
    NotTrusted,
    digest_named,
    moment,
    weak_at,
)
from shared.verifier.signatures import NotChecked, hashed_by, oid

_SIGNED_DATA, _STAMP_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATES = {
    "1.2.840.113549.1.9.16.2.12": "sha1",
    "1.2.840.113549.1.9.16.2.47": "sha256",
}
_TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
MOST_BYTES = 1024 * 1024


class Standing(StrEnum):
    """What a stamp is worth."""

    VALID = "valid"
    ALTERED = "altered"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True)
class Token:
    """A time stamp as it was read; what it says is unproven until it is judged."""

    at: datetime
    policy: str
    nonce: int | None
    digest: str
    imprint: bytes
    certificates: list[Certificate]
    signer: Certificate
    _info: bytes = field(repr=False)
    _signer: list[tuple[int, bytes, bytes]] = field(repr=False)

    def check_over(self, message: bytes) -> str:
        """Check that the stamp is over the message and its signer's; returns the digest.

        Raises NotChecked, and ValueError for a stamp of something else, or that was altered.
        """
        if hashed_by(self.digest, message) != self.imprint:
            raise ValueError("of something else")
        digest = digest_named(self._signer[2][1])
        attributes = _attributes(self._signer)
        signed = attributes[_MESSAGE_DIGEST][1]
        if oid(attributes[_CONTENT_TYPE][1]) != _STAMP_INFO or signed != hashed_by(
            digest, self._info
        ):
            raise ValueError("not what was signed")
        self._check_names_signer(attributes)
        # What is signed are the attributes as the SET that they are, not as [0] (RFC 5652, 5.4).
        whole = b"\x31" + self._signer[3][2][1:]
        named, signature = oid(elements(self._signer[4][1])[0][1]), self._signer[5][1]
        return self.signer.key.verifies(named, digest, whole, signature)

    def _check_names_signer(self, attributes: dict[str, tuple[int, bytes, bytes]]) -> None:
        """ESSCertID and ESSCertIDv2 (RFC 5816): which certificate the signature is under."""
        named = [(attributes[each][1], name) for each, name in _SIGNING_CERTIFICATES.items()
                 if each in attributes]  # fmt: skip
        if not named:
            raise ValueError("no signing certificate")
        for value, usual in named:
            first = elements(elements(elements(value)[0][1])[0][1])
            digest = usual
            if first[0][0] == 0x30 and usual != "sha1":
                digest, first = digest_named(first[0][1]), first[1:]
            if first[0][1] != hashed_by(digest, self.signer.der):
                raise ValueError("another certificate")


@dataclass(frozen=True)
class Hold:
    """What a stamp rests on: until when its certificates are valid, and which algorithms."""

    ends_at: datetime
    algorithms: tuple[str, ...]


@dataclass(frozen=True)
class Stamp:
    """One stamp, judged: what it is worth, when and by whom it was made, and why not."""

    standing: Standing
    at: datetime | None = None
    by: str | None = None
    why: str = ""


def read(content: bytes) -> Token:
    """A stamp: a `TimeStampResp` (`.tsr`), or the token alone. Raises ValueError, NotChecked."""
    try:
        return _read(content)
    except (IndexError, KeyError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("no time stamp") from error


def status_of(response: bytes) -> tuple[int, str]:
    """What an authority answered (RFC 3161, 2.4.2): its status and words. Raises ValueError."""
    try:
        said = elements(elements(elements(response)[0][1])[0][1])
        words = elements(said[1][1]) if len(said) > 1 and said[1][0] == 0x30 else []
        text = " ".join(content.decode("utf-8", "replace") for _tag, content, _whole in words)
        return int.from_bytes(said[0][1], "big"), text
    except IndexError as error:
        raise ValueError("no response") from error


def _read(content: bytes) -> Token:
    if len(content) > MOST_BYTES:
        raise ValueError("too long")
    whole = elements(content)
    if len(whole) != 1:
        raise ValueError("more than a stamp")
    parts = elements(whole[0][1])
    if parts[0][0] == 0x30:
        # Granted, or granted with changes: both bring a token.
        if elements(parts[0][1])[0][1] not in (b"\x00", b"\x01"):
            raise ValueError("not granted")
        parts = elements(parts[1][1])
    if oid(parts[0][1]) != _SIGNED_DATA:
        raise ValueError("no signed data")
    _version, _digests, enclosed, *rest = elements(elements(parts[1][1])[0][1])
    kind, inner = elements(enclosed[1])
    info = elements(inner[1])[0]
    if oid(kind[1]) != _STAMP_INFO or info[0] != 0x04:
        raise ValueError("no time stamp")
    certificates = [
        Certificate(der)
        for tag, content, _ in rest if tag == 0xA0
        for kind_of, _content, der in elements(content) if kind_of == 0x30
    ]  # fmt: skip
    signers = elements(rest[-1][1])
    if len(signers) != 1:
        raise ValueError("not one signer")
    signer = elements(signers[0][1])
    said = elements(elements(info[1])[0][1])
    imprint = elements(said[2][1])
    return Token(
        at=moment(said[4]),
        policy=oid(said[1][1]),
        nonce=next((int.from_bytes(each[1], "big") for each in said[5:] if each[0] == 0x02), None),
        digest=digest_named(imprint[0][1]),
        imprint=imprint[1][1],
        certificates=certificates,
        signer=_signer_among(certificates, signer[1]),
        _info=info[1],
        _signer=signer,
    )


def _signer_among(
    certificates: Sequence[Certificate], said: tuple[int, bytes, bytes]
) -> Certificate:
    """The certificate that a signer names by issuer and number (RFC 5652, 5.3)."""
    if said[0] != 0x30:
        raise NotChecked("时间戳没有按签发机构和序号写明证书")
    issuer, number = elements(said[1])
    for each in certificates:
        if (each.issuer, each.serial) == (issuer[2], number[1]):
            return each
    raise NotChecked("时间戳里没有附上证书")


def _attributes(signer: Sequence[tuple[int, bytes, bytes]]) -> dict[str, tuple[int, bytes, bytes]]:
    """The signed attributes, each with its one value."""
    if signer[3][0] != 0xA0:
        raise ValueError("nothing signed")
    found = {}
    for _tag, content, _whole in elements(signer[3][1]):
        kind, values = elements(content)
        only = elements(values[1])
        if len(only) != 1 or oid(kind[1]) in found:
            raise ValueError("not one value")
        found[oid(kind[1])] = only[0]
    return found


def stamped(receipt: bytes, before: Sequence[bytes]) -> bytes:
    """What the stamp that comes after those `before` is over."""
    return b"".join((receipt, *before))


def judge_stamps(
    receipt: bytes, contents: Sequence[bytes], authorities: Authorities, now: datetime
) -> list[Stamp]:
    """What each stamp of a receipt is worth, the first one first.

    `receipt` are its canonical bytes. A stamp's certificates and algorithms are held against the
    moment when the next one took it in, as long as that counts itself; the last one's against now.
    """
    found: list[Stamp] = []
    until = now
    for at in range(len(contents) - 1, -1, -1):
        message = stamped(receipt, contents[:at])
        judged = _judge(contents[at], message, authorities, until)
        found.insert(0, judged)
        until = judged.at if judged.standing is Standing.VALID and judged.at else now
    return found


def _judge(content: bytes, message: bytes, authorities: Authorities, until: datetime) -> Stamp:
    token = None
    try:
        token = read(content)
        digest = token.check_over(message)
        if token.at > until:
            # Rather is a borrowed PC's clock wrong than an authority's.
            why = "它的时间还没有到：请核对这台电脑的时钟"
            return Stamp(Standing.UNVERIFIABLE, token.at, token.signer.name, why)
        check_trusted(token, digest, authorities, until)
    except (NotTrusted, NotChecked) as error:
        at, by = (token.at, token.signer.name) if token else (None, None)
        return Stamp(Standing.UNVERIFIABLE, at, by, str(error))
    except (ValueError, IndexError, KeyError):
        return Stamp(Standing.ALTERED, why="时间戳不是对这份回执的，或已被改动")
    return Stamp(Standing.VALID, token.at, token.signer.name)


def check_trusted(token: Token, digest: str, authorities: Authorities, until: datetime) -> Hold:
    """Check that a stamp's signer may stamp, from when it did until that moment.

    Returns on what that rests. Raises NotTrusted, NotChecked, ValueError.
    """
    critical, usage = token.signer.extended_usage
    if not critical or usage != [_TIME_STAMPING]:
        raise NotTrusted(f"“{token.signer.name}”的证书不是时间戳专用的")
    chain = authorities.chain_of(token.signer, token.at, token.certificates)
    authorities.chain_of(token.signer, until, token.certificates)
    names = (digest, token.digest)
    if weak := weak_at(until, *names):
        raise NotTrusted(f"{weak} 在 {until:%Y-%m-%d} 已不可靠")
    algorithms = {*names, *(each.key.algorithm for each in chain)}
    return Hold(min(each.dates[1] for each in chain), tuple(sorted(algorithms)))
