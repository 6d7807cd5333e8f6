"""Runs are unpacked and read ahead of their turn, by a second process.

Half of what a hub does to a record needs no database: unpacking, digesting, reading it with every
rule. Python does one thing at a time in a process, so a second one does that for the next run
while the first applies the one before (`docs/performance.md`).

Nothing is decided there and nothing kept: what it cannot read, or not in time, is read in its turn
as ever. It ends with the process that started it, because then its questions end.
"""

from __future__ import annotations

import logging
import signal
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import IO

import orjson

from shared.kernel.collector import calm_collector
from shared.kernel.errors import DanglianError
from shared.messaging.entry import Entry, Reader
from shared.messaging.envelope import Message
from shared.messaging.run import Run, unpack_run

log = logging.getLogger(__name__)

#: What a hundred records are, compressed; fewer are read sooner than they are handed over.
_WORTH_BYTES = 8 * 1024
#: One run that the process reads, and one that it finds when it is done.
_UNDER_WAY = 2
#: A run takes it a tenth of a second. One that takes so long has got stuck.
_PATIENCE_SECONDS = 30.0
#: So long nothing is read ahead when the process has died.
_REST_SECONDS = 60.0
#: So long it waits for a question before it ends, to be started again with the next.
_IDLE_SECONDS = 600.0
_LENGTH = struct.Struct(">I")
_READY, _UNREAD = b"ready", b"unread"


def is_worth_reading(body: bytes) -> bool:
    """Whether a message, or the run in it, is large enough to be read by another process."""
    return len(body) >= _WORTH_BYTES


class Coming:
    """A run that shall be read ahead."""

    def __init__(self, ahead: Ahead, *, after: int, last: int, body: bytes) -> None:
        self.question = b"%d %d " % (after, last) + body
        self.answer: Future[Run | None] = Future()
        self.after = after
        self._ahead = ahead

    def run(self) -> Run | None:
        """The run, now that its turn has come; None when it has to be read here."""
        if self.answer.cancel():
            self.question = b""
            return None  # it was not begun
        try:
            return self.answer.result(_PATIENCE_SECONDS)
        except TimeoutError:
            self._ahead.kill()
            return None


class Ahead:
    """The second process, `python -m module …`, which is there while there are runs worth it.

    May be used by many threads.
    """

    def __init__(self, module: str, *words: str) -> None:
        self._command = [sys.executable, "-m", module, *words]
        self._asked: SimpleQueue[Coming | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._live, name="ahead", daemon=True)
        self._lock = threading.Lock()
        self._ending = threading.Event()
        #: The one that runs now; None before the first.
        self.process: subprocess.Popen[bytes] | None = None

    def read(self, message: Message) -> Coming | None:
        """Begin to read the run in a message whose signature is good; None when not worth it."""
        if message.header.kind != "run" or not is_worth_reading(message.body):
            return None
        header = message.header
        return self._ask(after=header.after, last=header.last, body=message.body)

    def prepare(self) -> None:
        """Have the process there, which takes a third of a second: much is about to come."""
        self._ask(after=0, last=0, body=b"")  # no run, as it will answer

    def _ask(self, *, after: int, last: int, body: bytes) -> Coming:
        with self._lock:
            if self._thread.ident is None:
                self._thread.start()
        coming = Coming(self, after=after, last=last, body=body)
        self._asked.put(coming)
        return coming

    def kill(self) -> None:
        """End a process that has got stuck."""
        if self.process is not None:
            self.process.kill()

    def close(self) -> None:
        """End the process and the thread that talks to it."""
        self._ending.set()
        self._asked.put(None)
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_SECONDS)

    # ---- in the thread

    def _live(self) -> None:
        while not self._ending.is_set():
            first = self._next(wait=True)
            if first is None:
                continue
            under_way: deque[Coming] = deque()
            try:
                with self._started() as self.process:
                    self._talk(self.process, first, under_way)
            except (OSError, EOFError) as error:
                log.warning("the process that reads ahead has ended: %r", error)
                self._ending.wait(_REST_SECONDS)
            finally:
                for coming in under_way:
                    coming.answer.set_result(None)

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _talk(
        self, process: subprocess.Popen[bytes], first: Coming, under_way: deque[Coming]
    ) -> None:
        """Ask and take in answers while there is something to ask.

        Raises OSError or EOFError when the process ends before.
        """
        questions, answers = process.stdin, process.stdout
        assert questions is not None  # noqa: S101 - it was started so
        assert answers is not None  # noqa: S101 - it was started so
        _must_read(answers)
        coming: Coming | None = first
        while coming is not None or under_way:
            if coming is not None and coming.answer.set_running_or_notify_cancel():
                under_way.append(coming)
                _write(questions, coming.question)
            no_more = self._ending.is_set() or self._asked.empty()
            if len(under_way) == _UNDER_WAY or (under_way and no_more):
                next_one = under_way[0]
                next_one.answer.set_result(_opened(_must_read(answers), next_one.after))
                under_way.popleft()
            coming = None
            # The word that it ends may have been taken already: another does not come.
            if len(under_way) < _UNDER_WAY and not self._ending.is_set():
                coming = self._next(wait=not under_way)

    def _next(self, *, wait: bool) -> Coming | None:
        """What was asked next; None when nothing is, or nothing will be any more."""
        try:
            return self._asked.get(block=wait, timeout=_IDLE_SECONDS)
        except Empty:
            return None


def serve(readers: Mapping[str, Reader]) -> None:
    """The second process: answer the questions on standard input until they end."""
    # Who ends the first process from the keyboard ends this one by its last question.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calm_collector()
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(BrokenPipeError), ThreadPoolExecutor(1) as thread:
        _write(answers, _READY)
        coming = thread.submit(_read, questions)
        while (question := coming.result()) is not None:
            coming = thread.submit(_read, questions)
            _write(answers, _answer(question, readers))


def _answer(question: bytes, readers: Mapping[str, Reader]) -> bytes:
    """A run as JSON, when every entry can be read."""
    after, last, body = question.split(b" ", 2)
    try:
        run = unpack_run(body, after=int(after), last=int(last))
        if run.too_large or any(entry.kind not in readers for entry in run.entries):
            return _UNREAD
        entries = [(each.kind, each.subject, readers[each.kind](each.body)) for each in run.entries]
    except DanglianError:
        return _UNREAD
    return orjson.dumps((run.after_digest, run.digests, entries))


def _opened(answer: bytes, after: int) -> Run | None:
    if answer == _UNREAD:
        return None
    after_digest, digests, read = orjson.loads(answer)
    entries = (
        Entry(seq, kind, subject, {}, values)
        for seq, (kind, subject, values) in enumerate(read, after + 1)
    )
    return Run(after, after_digest, tuple(entries), tuple(digests))


def _write(stream: IO[bytes], frame: bytes) -> None:
    stream.write(_LENGTH.pack(len(frame)) + frame)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """The next frame; None at the end."""
    length = stream.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(length)
    frame = stream.read(size)
    return frame if len(frame) == size else None


def _must_read(stream: IO[bytes]) -> bytes:
    frame = _read(stream)
    if frame is None:
        raise EOFError("no answer")
    return frame
