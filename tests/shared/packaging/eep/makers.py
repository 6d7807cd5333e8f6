"""Packages to test with: a unit that seals its own, and certificates of every kind."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.kernel.certificates import Certificate, self_signed
from shared.packaging.eep import (
    KeySigner,
    Making,
    SealSigner,
    Trust,
    verify,
    write_modified,
    write_original,
)
from shared.packaging.eep.report import Report
from shared.records.record import Record
from tests.shared.packaging.samples import Unit

Dates = tuple[datetime, datetime]
NAME = "宜昌市财政局"
FROM, TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)
MADE = datetime(2024, 7, 1, 8, 0, 0, tzinfo=UTC)


def seal(unit: Unit) -> SealSigner:
    return SealSigner(unit.seal, (self_signed(unit.seal, NAME, FROM, TO),))


def trust(unit: Unit, **more: Any) -> Trust:
    return Trust(seals=[unit.seal.public], **more)


def making(*signers: Any, **more: Any) -> Making:
    return Making(NAME, signers, **{"time": MADE, **more})


def original(unit: Unit, record: Record, *signers: Any, **more: Any) -> io.BytesIO:
    stream = io.BytesIO()
    made = making(*(signers or (seal(unit),)), **more)
    write_original(record, unit.paths(record), stream, fonds=unit.fonds, making=made)
    return stream


def unsigned(unit: Unit, record: Record) -> io.BytesIO:
    stream = io.BytesIO()
    write_original(
        record, unit.paths(record), stream, fonds=unit.fonds, making=Making(NAME, time=MADE)
    )
    return stream


def modified(unit: Unit, former: io.BytesIO, record: Record, **more: Any) -> io.BytesIO:
    stream = io.BytesIO()
    made = making(seal(unit), **more)
    paths = unit.paths(record)
    write_modified(former, record, paths, stream, fonds=unit.fonds, making=made)
    return stream


def with_bytes(unit: Unit, record: Record) -> Record:
    """A random record, each of its files with some bytes that the unit has."""

    def filled(file: Any) -> Any:
        content = (file.sha256 * (file.size % 200))[: file.size % 9000].encode()
        made = unit.file(file.name, content)
        return replace(file, size=made.size, sha256=made.sha256)

    documents = tuple(
        replace(each, files=tuple(filled(file) for file in each.files)) for each in record.documents
    )
    return replace(record, fonds_id=unit.fonds.id, documents=documents)


def codes(report: Report) -> list[str]:
    return [each.code for each in report.findings]


def judged(content: bytes, unit: Unit) -> Report:
    return verify(io.BytesIO(content), trust=trust(unit))


def files_of(record: Record, unit: Unit) -> dict[tuple[int, str], bytes]:
    return {
        (place, file.name): (unit.folder / file.sha256).read_bytes()
        for place, document in enumerate(sorted(record.documents, key=lambda each: each.order), 1)
        for file in document.files
    }


def cut(content: bytes, name: str) -> bytes:
    """The signed bytes of the newest element, cut out and completed as `docs/packages.md` says."""
    begin, end = f"<{name}".encode(), f"</{name}>".encode()
    # A former package lies inside the signed object, and its signatures before the newest ones.
    first = content.index(begin) if name == "被签名对象" else content.rindex(begin)
    start = first + len(begin)
    stop = content.rindex(end) + len(end)
    namespace = b' xmlns="http://www.saac.gov.cn/standards/ERM/encapsulation"'
    return begin + namespace + content[start:stop]


class Authority:
    """A certificate authority of the tests' own, with RSA or ECDSA."""

    def __init__(self, name: str = "试验根证书") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(name)
        self.certificate = self._issue(self.name, self.key.public_key(), is_authority=True)

    def _issue(
        self,
        subject: Any,
        key: Any,
        *,
        is_authority: bool,
        dates: tuple[datetime, datetime] = (FROM, TO),
    ) -> Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(uuid.uuid4().int >> 1)
            .not_valid_before(dates[0])
            .not_valid_after(dates[1])
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return Certificate.from_der(made.public_bytes(Encoding.DER))

    def signer(
        self, key: Any = None, *, dates: tuple[datetime, datetime] = (FROM, TO)
    ) -> KeySigner:
        key = key or ec.generate_private_key(ec.SECP256R1())
        own = self._issue(_name("宜昌市档案馆"), key.public_key(), is_authority=False, dates=dates)
        return KeySigner(key, (own, self.certificate))

    def rsa_signer(self) -> KeySigner:
        return self.signer(rsa.generate_private_key(public_exponent=65537, key_size=2048))

    def revoking(self, certificate: Certificate) -> x509.CertificateRevocationList:
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.parsed.serial_number)
            .revocation_date(MADE)
            .build()
        )
        return (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(MADE)
            .next_update(MADE + timedelta(days=30))
            .add_revoked_certificate(revoked)
            .sign(self.key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
