"""The plainest server that keeps what is PUT in a file, durably: `python -m … folder`."""

from __future__ import annotations

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_AT_ONCE = 256 * 1024


class _Keep(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        left = int(self.headers["Content-Length"])
        with (Path(sys.argv[1]) / self.path.strip("/")).open("wb") as file:
            while left:
                piece = self.rfile.read(min(_AT_ONCE, left))
                file.write(piece)
                left -= len(piece)
            file.flush()
            os.fsync(file.fileno())
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_about: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keep)
    print(server.server_port, flush=True)  # noqa: T201 - for who started it
    server.serve_forever()
