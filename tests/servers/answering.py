"""A small HTTP server that puts each question to a program, and can be made to answer otherwise."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar


class Answering(ABC):
    """Serves until `close`.

    `answers` changes what is sent: it takes the true answer, and None makes the service fail.
    `status` is that of an answer; a program may set it for each. `headers` came with the question.
    """

    media_type: ClassVar[str]
    path: ClassVar[str]

    def __init__(self) -> None:
        self.answers: Callable[[bytes], bytes | None] = lambda answer: answer
        self.asked = 0
        self.status = 200
        self.headers: Message[str, str] = Message()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked += 1
                outer.headers = self.headers
                answer = outer.answers(outer.true_answer(question))
                self.send_response(503 if answer is None else outer.status)
                self.send_header("Content-Type", outer.media_type)
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @abstractmethod
    def true_answer(self, question: bytes) -> bytes:
        """What the program says."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{self.path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
