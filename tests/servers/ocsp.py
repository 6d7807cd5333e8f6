"""An OCSP responder of the test's own: `openssl ocsp` behind a small HTTP server."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers.answering import Answering


class Responder(Answering):
    """Answers for one authority until `close`, from openssl's index of its certificates."""

    media_type = "application/ocsp-response"
    path = "ocsp"

    def __init__(self, folder: Path, root: x509.Certificate, key: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._index: list[str] = []
        (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "index.txt").write_text("")
        self.sign_with(root, key)
        super().__init__()

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

    def true_answer(self, question: bytes) -> bytes:
        """What `openssl ocsp` says."""
        asked, answered = self.folder / "question.der", self.folder / "answer.der"
        asked.write_bytes(question)
        subprocess.run(
            ["openssl", "ocsp", "-index", self.folder / "index.txt", "-CA", self.folder / "ca.pem",
             "-rsigner", self.folder / "signer.pem", "-rkey", self.folder / "signer.key",
             "-reqin", asked, "-respout", answered, "-ndays", "1"],
            check=True, capture_output=True,
        )  # fmt: skip
        return answered.read_bytes()
