"""Time stamps 时间戳 (RFC 3161), read and judged in Python alone.

A stamp proves that some bytes were there at its time. The first stamp of a receipt is over the
receipt's canonical bytes; each later one over these bytes followed by the bytes of all stamps
before it, one after the other. So a stamp whose authority has ended stays good as long as a later
one was made in time; and each is checked with `cat` and `openssl ts -verify`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from shared.kernel.der import elements
from shared.verifier import cms
from shared.verifier.certificates import (
    Authorities,
    Certificate,
    NotTrusted,
    moment,
    weak_at,
)
from shared.verifier.cms import Signer
from shared.verifier.signatures import NotChecked, digest_named, hashed_by, oid

_STAMP_INFO = "1.2.840.113549.1.9.16.1.4"
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
    _signer: Signer = field(repr=False)

    def check_over(self, message: bytes) -> str:
        """Check that the stamp is over the message and its signer's; returns the digest.

        Raises NotChecked, and ValueError for a stamp of something else, or that was altered.
        """
        return self.check_over_hashed(lambda digest: hashed_by(digest, message))

    def check_over_hashed(self, hashed: Callable[[str], bytes]) -> str:
        """As `check_over`, for a message whose digests `hashed` gives by name."""
        if hashed(self.digest) != self.imprint:
            raise ValueError("of something else")
        digest = self._signer.check_attributes(
            _STAMP_INFO, lambda digest: hashed_by(digest, self._info)
        )
        self._signer.check_names_certificate(required=True)
        return digest


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
    token = content
    if parts[0][0] == 0x30:
        # Granted, or granted with changes: both bring a token.
        if elements(parts[0][1])[0][1] not in (b"\x00", b"\x01"):
            raise ValueError("not granted")
        token = parts[1][2]
    data = cms.read(token)
    if data.kind != _STAMP_INFO or data.content is None:
        raise ValueError("no time stamp")
    if len(data.signers) != 1:
        raise ValueError("not one signer")
    signer = data.signers[0]
    said = elements(elements(data.content)[0][1])
    imprint = elements(said[2][1])
    return Token(
        at=moment(said[4]),
        policy=oid(said[1][1]),
        nonce=next((int.from_bytes(each[1], "big") for each in said[5:] if each[0] == 0x02), None),
        digest=digest_named(imprint[0][1]),
        imprint=imprint[1][1],
        certificates=data.certificates,
        signer=signer.certificate,
        _info=data.content,
        _signer=signer,
    )


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
