"""Digests of much, computed beside the thread that reads it.

`hashlib` lets go of the interpreter while it digests, so one thread can take the dearer digest
while another reads on: SM3 costs up to five times what SHA-256 costs, which many processors know.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, BinaryIO

from shared.kernel.files import CHUNK, chunks

#: So many handfuls wait for a digest at most.
_MOST_WAITING = 2


@cache
def _threads() -> ThreadPoolExecutor:
    """As many as can compute at once; none of them waits for another."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="digest")


if hasattr(os, "register_at_fork"):  # a forked process has no threads but the one that forked
    os.register_at_fork(after_in_child=_threads.cache_clear)


class DigestAside:
    """A running digest that another thread computes, a handful of bytes at a time.

    It is used like one of `hashlib`. A few handfuls may wait, so that neither thread stands still
    for the other; then `update` waits. What is less than a handful in all is digested by whoever
    asks for the digest: to hand it over would cost more than it saves.
    """

    def __init__(self, digest: Any) -> None:
        self._digest = digest
        self._handful: list[bytes] = []
        self._size = 0
        self._waiting: deque[list[bytes]] = deque()
        self._turn = threading.Condition()
        self._running: Future[None] | None = None
        self._failed: BaseException | None = None

    def update(self, piece: bytes) -> None:
        """Take in the next bytes. They may not change any more."""
        self._handful.append(piece)
        self._size += len(piece)
        if self._size < CHUNK:
            return
        handful, self._handful, self._size = self._handful, [], 0
        with self._turn:
            while len(self._waiting) >= _MOST_WAITING:
                self._turn.wait()
            self._waiting.append(handful)
            if self._running is None:
                self._running = _threads().submit(self._take_in)

    def digest(self) -> bytes:
        """The digest of all that came."""
        with self._turn:
            while self._running is not None:
                self._turn.wait()
        if self._failed is not None:
            raise self._failed
        self._digest.update(b"".join(self._handful))
        self._handful, self._size = [], 0
        return bytes(self._digest.digest())

    def hexdigest(self) -> str:
        """The digest of all that came, as lower-case hex."""
        return self.digest().hex()

    def _take_in(self) -> None:
        """Digest what waits until nothing does; then give the thread to another digest."""
        while True:
            with self._turn:
                if not self._waiting:
                    self._running = None
                    self._turn.notify_all()
                    return
                handful = self._waiting.popleft()
                self._turn.notify_all()
            try:
                for piece in handful:  # not joined: to copy them costs as much as their SHA-256
                    self._digest.update(piece)
            except BaseException as error:
                with self._turn:  # whoever waits for the digest hears of it
                    self._failed, self._running = error, None
                    self._waiting.clear()
                    self._turn.notify_all()
                raise


def digests_of(stream: BinaryIO, names: Sequence[str]) -> tuple[list[str], int]:
    """The digests of a stream in lower-case hex, and its size, in one reading.

    `names` are those of `hashlib`. The first digest is computed here, the others aside.
    """
    first, *others = (hashlib.new(name) for name in names)
    running: list[Any] = [first, *map(DigestAside, others)]
    size = 0
    for piece in chunks(stream):
        for digest in reversed(running):  # those aside first
            digest.update(piece)
        size += len(piece)
    return [digest.hexdigest() for digest in running], size
