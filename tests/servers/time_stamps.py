"""A time-stamping authority of the test's own: `openssl ts` behind a small HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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


class Authority:
    """The authority, serving until `close`. Its certificate can be made anew.

    `answers` changes what is sent: it takes the true answer, and None makes the service fail.
    """

    def __init__(self, folder: Path, *, kind: str = "ecdsa", ess: str = "sha256") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._kind = folder, kind
        self.answers: Callable[[bytes], bytes | None] = lambda answer: answer
        self.asked = 0
        self._root_key = _key("ecdsa")
        self._root = certificate("试验时间戳根证书", self._root_key, self._root_key, days=7300)
        (folder / "ca.pem").write_bytes(self._root.public_bytes(Encoding.PEM))
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder, ess=ess))
        (folder / "serial").write_text("01\n")
        self.certify(days=3650)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                query = self.rfile.read(int(self.headers["Content-Length"]))
                answer = outer._answer(query)
                self.send_response(503 if answer is None else 200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/tsa"

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

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, query: bytes) -> bytes | None:
        self.asked += 1
        asked, answered = self.folder / "query.tsq", self.folder / "answer.tsr"
        asked.write_bytes(query)
        subprocess.run(
            ["openssl", "ts", "-reply", "-config", self.folder / "openssl.cnf", "-section", "it",
             "-queryfile", asked, "-out", answered],
            check=True, capture_output=True,
        )  # fmt: skip
        return self.answers(answered.read_bytes())


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
