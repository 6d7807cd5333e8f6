"""X.509 certificates and lists of revoked ones (RFC 5280), read in Python alone.

A second reader beside `shared.kernel.certificates`: this one runs where nothing is installed.
Dates are judged as of a moment that the caller names, so that what has expired or was revoked
later still says what was true then.
"""

from __future__ import annotations

import base64
import binascii
import json
import pkgutil
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, cached_property
from typing import Protocol

from shared.kernel.der import elements
from shared.verifier.signatures import Key, NotChecked, oid

_PEM = re.compile(
    rb"-----BEGIN (CERTIFICATE|X509 CRL)-----([A-Za-z0-9+/=\s]+)-----END \1-----", re.ASCII
)
_COMMON_NAME = "2.5.4.3"
_BASIC, _KEY_USAGE, _EXTENDED = "2.5.29.19", "2.5.29.15", "2.5.29.37"
_POLICIES = "2.5.29.32"
_INVALID_SINCE = "2.5.29.24"
#: What is understood, or bars nothing here, when an issuer calls it critical.
_KNOWN_CRITICAL = {_BASIC, _KEY_USAGE, _EXTENDED, _POLICIES}
_KNOWN_CRITICAL_OF_LISTS = {"2.5.29.20", "2.5.29.35"}
_MOST_CHAIN = 8
_MOST_NAME = 100

_EVER = datetime.max.replace(tzinfo=UTC)

_Element = tuple[int, bytes, bytes]


class Reason(StrEnum):
    """Why a certificate does not count."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WEAK = "weak"


class NotTrusted(Exception):
    """A certificate does not lead to an authority that counts, or not at that moment; says why."""

    def __init__(self, why: str, reason: Reason = Reason.UNKNOWN) -> None:
        super().__init__(why)
        self.reason = reason


@dataclass(frozen=True)
class Certificate:
    """One certificate, by its DER bytes; whatever is read of it raises ValueError if it is none."""

    der: bytes

    @cached_property
    def _whole(self) -> list[_Element]:
        found = elements(self.der)
        parts = elements(found[0][1]) if len(found) == 1 else []
        if len(parts) != 3 or parts[2][1][:1] != b"\x00":
            raise ValueError("no certificate")
        return parts

    @cached_property
    def _body(self) -> list[_Element]:
        """Serial, algorithm, issuer, validity, subject, key and what follows."""
        parts = elements(self._whole[0][1])
        parts = parts[1:] if parts and parts[0][0] == 0xA0 else parts
        if len(parts) < 6:
            raise ValueError("no certificate")
        return parts

    @property
    def serial(self) -> bytes:
        """Its number, as the bytes of the integer."""
        return self._body[0][1]

    @property
    def issuer(self) -> bytes:
        """The name of who issued it, DER."""
        return self._body[2][2]

    @property
    def subject(self) -> bytes:
        """The name of its holder, DER."""
        return self._body[4][2]

    @cached_property
    def key(self) -> Key:
        """The public key of its holder."""
        return Key(self._body[5][2])

    @cached_property
    def name(self) -> str:
        """The common name of its holder, fit to be shown; any first name where there is none."""
        found = {}
        for _tag, names, _whole in elements(self._body[4][1]):
            for _kind, content, _all in elements(names):
                kind, value = elements(content)
                found[oid(kind[1])] = value[1].decode("utf-8", "replace")
        name = found.get(_COMMON_NAME) or next(iter(found.values()), "?")
        shown = (each if each.isprintable() else "?" for each in unicodedata.normalize("NFC", name))
        return "".join(shown)[:_MOST_NAME]

    @cached_property
    def dates(self) -> tuple[datetime, datetime]:
        """From when and until when it is valid."""
        begins, ends = elements(self._body[3][1])
        return moment(begins), moment(ends)

    @cached_property
    def extensions(self) -> dict[str, tuple[bool, bytes]]:
        """Its extensions: by OID whether it is critical, and the value."""
        found = next((part for part in self._body[6:] if part[0] == 0xA3), None)
        return {} if found is None else _extensions(elements(found[1])[0][1])

    @property
    def is_authority(self) -> bool:
        """Whether it may issue certificates (RFC 5280, 4.2.1.9 and 4.2.1.3)."""
        _critical, basic = self.extensions.get(_BASIC, (False, b"\x30\x00"))
        said = elements(elements(basic)[0][1])
        _critical, usage = self.extensions.get(_KEY_USAGE, (False, b""))
        signs = not usage or bool(elements(usage)[0][1][1] & 0x04)
        return bool(said) and said[0][0] == 0x01 and said[0][1] != b"\x00" and signs

    @property
    def may_sign(self) -> bool:
        """Whether its key is for signatures (RFC 5280, 4.2.1.3): digitalSignature, or consent."""
        _critical, usage = self.extensions.get(_KEY_USAGE, (False, b""))
        return not usage or bool(elements(usage)[0][1][1] & 0xC0)

    @property
    def extended_usage(self) -> tuple[bool, list[str]]:
        """What its key is for, by OID (RFC 5280, 4.2.1.12), and whether that is critical."""
        critical, usage = self.extensions.get(_EXTENDED, (False, b"\x30\x00"))
        return critical, [oid(each[1]) for each in elements(elements(usage)[0][1])]

    def check_issued_by(self, issuer: Certificate) -> str:
        """Check its signature; returns the digest. Raises NotChecked, ValueError."""
        return check_signed(self._whole, issuer.key)


@dataclass(frozen=True)
class RevocationList:
    """A list of revoked certificates 吊销列表 (RFC 5280, 5), by its DER bytes."""

    der: bytes

    @cached_property
    def _parts(self) -> list[_Element]:
        """Algorithm, issuer, dates and what follows."""
        parts = elements(elements(elements(self.der)[0][1])[0][1])
        return parts[1:] if parts[0][0] == 0x02 else parts

    @property
    def issuer(self) -> bytes:
        """The name of who issued it, DER."""
        return self._parts[1][2]

    @property
    def dates(self) -> tuple[datetime, datetime | None]:
        """When it was made, and when the next one was announced for."""
        made, following = self._parts[2], self._parts[3:4]
        is_said = bool(following) and following[0][0] in (0x17, 0x18)
        return moment(made), moment(following[0]) if is_said else None

    def covers(self, certificate: Certificate, issuer: Certificate, when: datetime) -> bool:
        """Whether the list is one for this certificate that was in force at a moment."""
        begins, ends = self.dates
        return self.issuer == certificate.issuer and begins <= when <= (ends or _EVER)

    def revoked_since(self, certificate: Certificate, issuer: Certificate) -> datetime | None:
        """Since when a certificate counts no more; None when the list says nothing of it.

        That is the day since which its key was in wrong hands, where the list names one. Raises
        NotChecked for a list that is not its issuer's, or that is one of a part only.
        """
        try:
            return self._since(certificate, issuer)
        except (ValueError, IndexError) as error:
            raise NotChecked("吊销列表不是签发机构的，或已损坏") from error

    def _since(self, certificate: Certificate, issuer: Certificate) -> datetime | None:
        whole, parts = elements(elements(self.der)[0][1]), self._parts
        if self.issuer != issuer.subject:
            return None
        check_signed(whole, issuer.key)
        for part in parts[2:]:
            if part[0] == 0xA0:
                said = _extensions(elements(part[1])[0][1])
                if {each for each, (is_critical, _) in said.items() if is_critical} - (
                    _KNOWN_CRITICAL_OF_LISTS
                ):
                    raise NotChecked("吊销列表只管一部分证书，这里不会用")
        listed = next((part for part in parts[2:] if part[0] == 0x30), None)
        for _tag, content, _whole in elements(listed[1]) if listed else []:
            entry = elements(content)
            if entry[0][1] == certificate.serial:
                said = _extensions(entry[2][1]) if len(entry) > 2 else {}
                since = [moment(entry[1])]
                if _INVALID_SINCE in said:
                    since.append(moment(elements(said[_INVALID_SINCE][1])[0]))
                return min(since)
        return None


class Revocations(Protocol):
    """What says of certificates whether they were revoked: a list, or a responder's answer."""

    @property
    def der(self) -> bytes:
        """Its bytes."""

    def covers(self, certificate: Certificate, issuer: Certificate, when: datetime) -> bool:
        """Whether it says anything of this certificate that counts at a moment."""

    def revoked_since(self, certificate: Certificate, issuer: Certificate) -> datetime | None:
        """Since when a certificate counts no more; None when it says nothing of that."""


@dataclass(frozen=True)
class Authorities:
    """Who counts: trusted roots 根证书, certificates on the way to them, and what is revoked."""

    trusted: Sequence[Certificate] = ()
    others: Sequence[Certificate] = ()
    revoked: Sequence[Revocations] = field(default=())

    def chain_of(
        self, certificate: Certificate, moment: datetime, more: Iterable[Certificate] = ()
    ) -> list[Certificate]:
        """The way from a certificate to a trusted one, all of it good at the moment.

        `more` are certificates that came along. Raises NotTrusted, NotChecked, ValueError.
        """
        chain = self._way(certificate, [*self.trusted, *self.others, *more])
        for each, issuer in zip(chain, [*chain[1:], chain[-1]], strict=True):
            begins, ends = each.dates
            if not begins <= moment <= ends:
                raise NotTrusted(
                    f"证书“{each.name}”在 {moment:%Y-%m-%d} 不在有效期内", Reason.EXPIRED
                )
            for listed in self.revoked:
                since = listed.revoked_since(each, issuer) if each != issuer else None
                if since is not None and since <= moment:
                    raise NotTrusted(
                        f"证书“{each.name}”自 {since:%Y-%m-%d} 起已吊销", Reason.REVOKED
                    )
            digest = each.check_issued_by(issuer) if each != issuer else None
            weak = weak_at(moment, each.key.algorithm, *([digest] if digest else []))
            if weak:
                raise NotTrusted(f"{weak} 在 {moment:%Y-%m-%d} 已不可靠", Reason.WEAK)
        return chain

    def _way(self, certificate: Certificate, known: Sequence[Certificate]) -> list[Certificate]:
        chain = [certificate]
        while chain[-1] not in self.trusted:
            if len(chain) == _MOST_CHAIN:
                raise NotTrusted("证书链太长")
            # Only its own issuer's key fits; more of the same name are tried one after the other.
            issuer = next((each for each in known if self._issued(chain[-1], each, chain)), None)
            if issuer is None:
                raise NotTrusted(f"不认识“{chain[-1].name}”的签发机构")
            chain.append(issuer)
        for each in chain:
            critical = {name for name, (is_critical, _) in each.extensions.items() if is_critical}
            if critical - _KNOWN_CRITICAL:
                raise NotChecked(f"证书“{each.name}”有这里不会判断的限制")
        return chain

    @staticmethod
    def _issued(certificate: Certificate, issuer: Certificate, chain: list[Certificate]) -> bool:
        if certificate.issuer != issuer.subject or issuer in chain or not issuer.is_authority:
            return False
        try:
            certificate.check_issued_by(issuer)
        except ValueError:
            return False
        return True

    def certificate_of(self, sm2_key: str) -> Certificate | None:
        """The certificate of a seal, by its public key in hex; None for none."""
        return next((each for each in self.others if (each.key.sm2 or b"").hex() == sm2_key), None)


@cache
def _trusted_until() -> dict[str, datetime | None]:
    said = json.loads(pkgutil.get_data(__package__ or "", "algorithms.json") or b"{}")
    days = {name: each["trusted_until"] for name, each in said["algorithms"].items()}
    return {
        name: None if day is None else datetime.fromisoformat(f"{day}T23:59:59+00:00")
        for name, day in days.items()
    }


def weak_at(moment: datetime, *algorithms: str) -> str | None:
    """The first of these algorithms that is not trusted (any more) at a moment; None for none."""
    for name in algorithms:
        ends = _trusted_until().get(name, datetime.min.replace(tzinfo=UTC))
        if ends is not None and moment > ends:
            return name
    return None


def trusted_until(*algorithms: str) -> datetime | None:
    """Until when all of these algorithms are trusted; None for no end that was announced."""
    return min((end for name in algorithms if (end := _trusted_until()[name])), default=None)


def read(content: bytes) -> tuple[list[Certificate], list[Revocations]]:
    """Certificates and revocation lists of a file: PEM, or one in DER. Raises ValueError.

    An answer of OCSP (always DER) is taken as a list is.
    """
    from shared.verifier import ocsp  # it reads certificates itself

    if ocsp.is_answer(content):
        answer = ocsp.StatusAnswer(content)
        _ = (answer.at, answer.singles)
        return [], [answer]
    found = [(kind, _decoded(text)) for kind, text in _PEM.findall(content)]
    if not found:
        try:
            inner = elements(elements(elements(content)[0][1])[0][1])
        except IndexError as error:
            raise ValueError("neither certificate nor list") from error
        # A certificate of our days begins with its version in [0], a list does not.
        found = [(b"CERTIFICATE" if inner[0][0] == 0xA0 else b"X509 CRL", content)]
    certificates = [Certificate(der) for kind, der in found if kind == b"CERTIFICATE"]
    for each in certificates:
        _ = (each.name, each.dates, each.extensions, each.is_authority, each.key)
    return certificates, [RevocationList(der) for kind, der in found if kind != b"CERTIFICATE"]


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error


def check_signed(whole: Sequence[_Element], key: Key) -> str:
    """Check a body, an algorithm and a signature of it, as certificates and lists are made of.

    Returns the digest. Raises ValueError when it is not this key's, NotChecked.
    """
    named, *parameters = elements(whole[1][1])
    said = parameters[0][2] if parameters else b""
    return key.verifies(oid(named[1]), None, whole[0][2], whole[2][1][1:], parameters=said)


def _extensions(content: bytes) -> dict[str, tuple[bool, bytes]]:
    found = {}
    for _tag, each, _whole in elements(content):
        parts = elements(each)
        found[oid(parts[0][1])] = (len(parts) == 3 and parts[1][1] != b"\x00", parts[-1][1])
    return found


def moment(part: _Element) -> datetime:
    """A UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5; with fractions, RFC 3161). ValueError."""
    tag, content, _whole = part
    text = content.decode("ascii")
    if tag == 0x17:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != 0x18:
        raise ValueError("no time")
    whole, _, fraction = text.removesuffix("Z").partition(".")
    if not (text.endswith("Z") and re.fullmatch(r"\d{14}", whole) and len(fraction) <= 6):
        raise ValueError("no time")
    found = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return found.replace(microsecond=int(fraction.ljust(6, "0"))) if fraction else found
