"""A bad line: a proxy in front of a real server, with the weather that a test decides."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress
from typing import Literal

#: `fair` passes everything on; `slow` in small pieces with pauses; `cut` ends each connection after
#: some bytes, as its seed says; `busy` answers every request with 503 by itself; `silent` takes
#: whatever comes and says nothing, as a line does whose other end is gone.
Weather = Literal["fair", "slow", "cut", "busy", "silent"]

_PIECE, _PAUSE = 16 * 1024, 0.004
_AT_ONCE = 64 * 1024
_MOST_BEFORE_CUT = 200_000
_BODY = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_BODY), _BODY)
)


class Proxy:
    """Listens on `port` of 127.0.0.1, and passes on to a port there."""

    def __init__(self, target: int, *, seed: int = 1) -> None:
        self._target = target
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._weather: Weather = "fair"
        #: How many connections the weather has ended, or answered by itself.
        self.spoiled = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, name="proxy", daemon=True)
        self._thread.start()

    def turn(self, weather: Weather) -> None:
        """From here on the weather is this; connections that stand meet it too.

        After silence they are ended: what was said in it is lost.
        """
        with self._lock:
            before, self._weather = self._weather, weather
        if before == "silent" and weather != "silent":
            self._end_all()

    def close(self) -> None:
        """Listen no more, and end every connection."""
        # A thread that waits in `accept` does not notice that its socket is closed.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self._end_all()

    # ---- inside

    def _end_all(self) -> None:
        with self._lock:
            ending = list(self._open)
        for each in ending:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            if self._weather == "busy":
                self._answer_busy(near)
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 10)
            except OSError:
                return
            far.settimeout(None)
            with far:
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        left = [self._chance.randrange(_MOST_BEFORE_CUT)]
        with self._lock:
            self._open |= {near, far}
        there = threading.Thread(target=self._pump, args=(near, far, left), daemon=True)
        there.start()
        self._pump(far, near, left)
        there.join()
        with self._lock:
            self._open -= {near, far}

    def _pump(self, source: socket.socket, target: socket.socket, left: list[int]) -> None:
        try:
            while piece := source.recv(_PIECE if self._weather == "slow" else _AT_ONCE):
                if self._weather == "silent":
                    continue
                if self._weather == "slow":
                    time.sleep(_PAUSE)
                if self._weather == "busy" or self._cuts(piece, left):
                    break
                target.sendall(piece)
        except OSError:
            pass
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _cuts(self, piece: bytes, left: list[int]) -> bool:
        if self._weather != "cut":
            return False
        left[0] -= len(piece)
        if left[0] < 0:
            self._count()
        return left[0] < 0

    def _answer_busy(self, near: socket.socket) -> None:
        self._count()
        with suppress(OSError):
            near.settimeout(5)
            near.recv(_AT_ONCE)
            near.sendall(_BUSY)
            # What is still on its way in is read, else its sender hears of a reset instead.
            near.shutdown(socket.SHUT_WR)
            while near.recv(_AT_ONCE):
                pass

    def _count(self) -> None:
        with self._lock:
            self.spoiled += 1
