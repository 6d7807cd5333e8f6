"""A time-stamping authority of the test's own: `openssl ts` behind a small HTTP server."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.servers.answering import Answering

POLICY = "1.2.3.4.1"
_CONFIG = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
certs = {folder}/ca.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = {ess}
"""


class Authority(Answering):
    """The authority, serving until `close`. Its certificate can be made anew."""

    media_type = "application/timestamp-reply"
    path = "tsa"

    def __init__(self, folder: Path, *, kind: str = "ecdsa", ess: str = "sha256") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._kind = folder, kind
        self._root_key = _key("ecdsa")
        self._root = certificate("试验时间戳根证书", self._root_key, self._root_key, days=7300)
        (folder / "ca.pem").write_bytes(self._root.public_bytes(Encoding.PEM))
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder, ess=ess))
        (folder / "serial").write_text("01\n")
        self.certify(days=3650)
        super().__init__()

    @property
    def root(self) -> Path:
        return self.folder / "ca.pem"

    def certify(self, *, days: int, usage: x509.ObjectIdentifier | None = None) -> None:
        """Give the service another key and certificate, which ends after so many days."""
        key = _key(self._kind)
        for_what = x509.ExtendedKeyUsage([usage or ExtendedKeyUsageOID.TIME_STAMPING])
        made = certificate(
            "试验时间戳服务", key, self._root_key, days=days, issuer=self._root, usage=for_what
        )
        (self.folder / "tsa.pem").write_bytes(made.public_bytes(Encoding.PEM))
        (self.folder / "tsa.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

    def true_answer(self, question: bytes) -> bytes:
        """What `openssl ts` says."""
        asked, answered = self.folder / "query.tsq", self.folder / "answer.tsr"
        asked.write_bytes(question)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", self.folder / "openssl.cnf", "-section", "it",
             "-queryfile", asked, "-out", answered],
            check=True, capture_output=True,
        )  # fmt: skip
        return answered.read_bytes()


def _key(kind: str) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def certificate(
    name: str,
    key: Any,
    signer: Any,
    *,
    days: int,
    issuer: x509.Certificate | None = None,
    usage: x509.ExtendedKeyUsage | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(signer, hashes.SHA256())
