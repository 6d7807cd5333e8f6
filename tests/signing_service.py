"""A signing service of its own process, as a device's maker might bring it: three ways to ask it.

`python -m tests.signing_service KEY` answers one request on its standard input; with `--port 0` or
`--socket PATH` it serves HTTP, and says on its first line that it does. KEY is a PEM of
`danglian keys` with the password PASSWORD.
"""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from shared.kernel.key_files import PrivateKey, read_key_pem
from shared.kernel.keys import SigningKey

PASSWORD = "sealed by it"


def command(key: Path) -> str:
    """The command line that answers one request."""
    return f"{sys.executable} -m tests.signing_service {key}"


@contextmanager
def serving(key: Path, socket: Path | None = None) -> Iterator[str]:
    """A server in a process of its own; its address as the setting takes it."""
    where = ["--socket", str(socket)] if socket else ["--port", "0"]
    words = [sys.executable, "-m", "tests.signing_service", str(key), *where]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _answered(key: PrivateKey, request: dict[str, Any]) -> dict[str, str]:
    if request["do"] == "public_key" and isinstance(key, SigningKey):
        return {"public_key": key.public.hex}
    digest = bytes.fromhex(request["digest"])
    if digest == bytes(32):
        return {"error": "请先插好印章设备"}
    if isinstance(key, SigningKey):
        return {"signature": key.sign_digest(digest).hex()}
    sha256 = Prehashed(hashes.SHA256())
    if isinstance(key, rsa.RSAPrivateKey):
        return {"signature": key.sign(digest, padding.PKCS1v15(), sha256).hex()}
    return {"signature": key.sign(digest, ec.ECDSA(sha256)).hex()}


def _main() -> None:
    path, *where = sys.argv[1:]
    key = read_key_pem(Path(path).read_bytes(), PASSWORD)
    if not where:
        sys.stdout.write(json.dumps(_answered(key, json.load(sys.stdin))))
        return

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(_answered(key, request)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

        def address_string(self) -> str:
            return ""

    class Server(socketserver.UnixStreamServer):
        pass

    if where[0] == "--socket":
        server: socketserver.BaseServer = Server(where[1], Handler)
        address = f"unix:{where[1]}"
    else:
        server = HTTPServer(("127.0.0.1", int(where[1])), Handler)
        address = f"http://127.0.0.1:{server.server_address[1]}/sign"
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _main()
