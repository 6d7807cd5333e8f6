"""An OCSP responder of the test's own: `openssl ocsp` behind a small HTTP server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class Responder:
    """Answers for one authority until `close`, from openssl's index of its certificates.

    `answers` changes what is sent: it takes the true answer, and None makes the service fail.
    """

    def __init__(self, folder: Path, root: x509.Certificate, key: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.answers: Callable[[bytes], bytes | None] = lambda answer: answer
        self.asked = 0
        self._index: list[str] = []
        (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "index.txt").write_text("")
        self.sign_with(root, key)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                answer = outer._answer(question)
                self.send_response(503 if answer is None else 200)
                self.send_header("Content-Type", "application/ocsp-response")
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
        return f"http://127.0.0.1:{self._server.server_port}/ocsp"

    def sign_with(self, certificate: x509.Certificate, key: Any) -> None:
        """Sign answers with this key."""
        (self.folder / "signer.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
        (self.folder / "signer.key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )

    def issued(self, certificate: x509.Certificate, *, revoked: datetime | None = None) -> None:
        """Know a certificate, as good or as revoked since a moment."""

        def date(moment: datetime) -> str:
            return moment.astimezone(UTC).strftime("%y%m%d%H%M%SZ")

        number = f"{certificate.serial_number:x}"
        number = number if len(number) % 2 == 0 else f"0{number}"
        fields = [
            "R" if revoked else "V", date(certificate.not_valid_after_utc),
            date(revoked) if revoked else "", number.upper(), "unknown", "/CN=it",
        ]  # fmt: skip
        self._index = [line for line in self._index if number.upper() not in line]
        self._index.append("\t".join(fields))
        (self.folder / "index.txt").write_text("\n".join(self._index) + "\n")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, question: bytes) -> bytes | None:
        self.asked += 1
        asked, answered = self.folder / "question.der", self.folder / "answer.der"
        asked.write_bytes(question)
        subprocess.run(
            ["openssl", "ocsp", "-index", self.folder / "index.txt", "-CA", self.folder / "ca.pem",
             "-rsigner", self.folder / "signer.pem", "-rkey", self.folder / "signer.key",
             "-reqin", asked, "-respout", answered, "-ndays", "1"],
            check=True, capture_output=True,
        )  # fmt: skip
        return self.answers(answered.read_bytes())
