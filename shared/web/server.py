"""The web server of a process: waitress in a thread, to be stopped from outside."""

from __future__ import annotations

import logging
import select
import socket
import tempfile
import threading
from typing import Any, BinaryIO, cast

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.receiver import FixedStreamReceiver
from waitress.server import TcpWSGIServer, create_server
from waitress.utilities import RequestEntityTooLarge

from shared.kernel.errors import Conflict, Invalid

log = logging.getLogger(__name__)

THREADS = 8
#: A file of 2 GiB and the form around it: more than any view takes (`accepts_upload`), so that
#: the application answers what is larger.
MOST_BYTES = 2 * 1024**3 + 16 * 1024**2
#: A larger body is kept on disk while it comes in.
_IN_MEMORY = 1024 * 1024
#: Taken from a connection at a time. Waitress's own 8 KiB make a part of an upload 128 rounds.
_AT_ONCE = 128 * 1024
_PATIENCE_SECONDS = 120


class _OnDisk:
    """A long body: goes to the disk as it comes, and nothing of it is copied or held in memory.

    In the place of waitress's own buffer, which begins in memory and seeks thrice for each piece.
    """

    def __init__(self) -> None:
        # Closed with the request. What comes is large, and needs no buffer of the file's own.
        self._file = cast(BinaryIO, tempfile.TemporaryFile(buffering=0))  # noqa: SIM115
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """What came next."""
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._size += len(data)

    def getfile(self) -> BinaryIO:
        """The body, to be read from its start."""
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Forget it."""
        self._file.close()


class _Parser(HTTPRequestParser):
    """Lets the application answer what is too large: by its declared length, and in Chinese.

    Nothing of such a body is read; the application, whose own limits are smaller, refuses the
    length that the request declares, and the connection ends.
    """

    def received(self, data: bytes) -> int:
        consumed = super().received(data)
        if isinstance(self.error, RequestEntityTooLarge):
            self.error = None
            self.expect_continue = False
            # A body in chunks declares no length: it has at least this one.
            least = {"CONTENT_LENGTH": str(MOST_BYTES)}
            self.headers = {**least, **self.headers, "CONNECTION": "close"}
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.content_length > _IN_MEMORY:
            self.body_rcv = FixedStreamReceiver(self.content_length, cast(Any, _OnDisk()))


class _Channel(HTTPChannel):
    parser_class = _Parser


class Server:
    """A running server; made by `serve`."""

    def __init__(self, application: Any, sock: socket.socket, host: str, threads: int) -> None:
        self.host = host
        self.port: int = sock.getsockname()[1]
        self._map: dict[Any, Any] = {}
        self._stopping = threading.Event()
        self._server = cast(
            "TcpWSGIServer",
            create_server(
                application,
                map=self._map,
                sockets=[sock],
                threads=threads,
                ident="",
                max_request_body_size=MOST_BYTES,
                inbuf_overflow=_IN_MEMORY,
                recv_bytes=_AT_ONCE,
                channel_timeout=_PATIENCE_SECONDS,
                connection_limit=500,
                backlog=256,
                clear_untrusted_proxy_headers=False,
            ),
        )
        self._server.channel_class = _Channel
        self._thread = threading.Thread(target=self._run, name=f"web-{self.port}", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::", ""} else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def _run(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1, use_poll=hasattr(select, "poll"), map=self._map, count=1)

    def stop(self, wait_seconds: int = 10) -> None:
        """Take no more requests, let those under way end, and close."""
        if self._stopping.is_set():
            return
        self._server.task_dispatcher.shutdown(timeout=wait_seconds)
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join(wait_seconds)
        wasyncore.close_all(self._map, ignore_all=True)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until it was stopped; True when it was."""
        return self._stopping.wait(seconds)


def serve(application: Any, host: str, port: int, *, threads: int = THREADS) -> Server:
    """Start to answer at host and port; port 0 takes a free one (see `Server.port`).

    Raises Invalid for an address that is not this machine's, Conflict for a port in use.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except OSError as error:
        raise Invalid(
            "host", f"监听地址“{host}”无法识别。", "请填写本机的 IP 地址，如 127.0.0.1。"
        ) from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise Conflict(
            f"不能在 {host}:{port} 上监听：{error.strerror}。",
            "端口可能已被占用，或地址不属于本机；请换一个端口或地址再启动。",
            code="port_in_use",
        ) from error
    server = Server(application, sock, host, threads)
    log.info("listening on %s", server.url)
    return server
