"""The one place in which files of strangers are looked into: a process of its own for each record.

A file comes from anywhere, and the libraries that read it are written in C: they may crash, loop or
eat memory. Only the child does (`child.py`), which has little memory, little time, no network,
writes no file and gives back a few facts. Where the operating system can fork, a child costs some
milliseconds: it is forked from a process that has the libraries loaded, and has never seen a file.
Doors have a child for each file; the files of a record may share one (`Series`).
A file whose child does not answer is one that could not be examined; it has never passed.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, BinaryIO

from shared.inspection.formats.child import BEGUN, DONE, LAST, PATIENCE
from shared.inspection.formats.examination import Examination, Mark, Questions
from shared.inspection.formats.identification import identify
from shared.inspection.formats.trouble import UPSETTING
from shared.kernel.errors import Unavailable

_CHUNK = 1024 * 1024
_MOST_ANSWER = 256 * 1024
_COMMAND = ("-I", "-m", "shared.inspection.formats.child")
#: Seconds of computing that a door, and the inspection of a small file, may take; and one more
#: for each of these bytes, up to the most.
_AT_THE_DOOR, _AT_LEAST, _AT_MOST = 10, 20, 300
_BYTES_A_SECOND = 4 * 1024 * 1024
#: Those of decoding: an old PC takes up to twice as long as the sound or film itself.
_FOR_DECODING, _TIMES, _MOST_FOR_DECODING = 60, 2, 3600
#: A child ends itself by then; this is for one that does not.
_SLACK = 2.0
_DIED = "检测该文件的程序意外终止或超过了时间、内存限制，文件未能检测"
_UNAVAILABLE = ("暂时不能检查电子文件的内容。", "请稍候再试；如仍不行，请联系系统管理员。")


class NoAnswer(Exception):
    """The child that looked at a file died, took too long, or said what nobody understands."""


class Series:
    """Looks into the files of one record by one child, as long as nothing in them upsets it.

    A record passes whole or not at all, so its files may meet what another of them has touched;
    those of two records never do. What would count against a file is always seen by a child that
    has seen no other: where one that has says so, the file is looked into once more.
    Belongs to one thread.

    Attributes:
        is_sure: whether the child that has answered last had met nothing damaged before: only then
            is its praise worth remembering.
    """

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self._child = _Child()
        self.is_sure = True

    def __enter__(self) -> Series:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def examine(self, stream: BinaryIO, questions: Questions | None = None) -> Examination:
        """Look into a file, and for the questions into its text.

        A file that ends its child has the trouble `unexamined`. Raises Unavailable when no process
        can be started.
        """
        size = stream.seek(0, 2)
        seconds = min(_AT_MOST, _AT_LEAST + size // _BYTES_A_SECOND)
        asked = {"verb": "examine", "questions": dict(questions or {}), "alone": self._alone}
        found = self._examined(asked, stream, seconds)
        if self._child.had_seen_others and _is_upsetting(found):
            self._child.close()
            found = self._examined(asked, stream, seconds)
        self.is_sure = not self._child.has_seen_damage
        self._child.has_seen_damage |= _is_upsetting(found)
        return found

    def _examined(self, asked: Mapping[str, Any], stream: BinaryIO, seconds: int) -> Examination:
        try:
            return Examination.from_wire(_ask(asked, stream, seconds, self._child))
        except (NoAnswer, LookupError, TypeError, ValueError):
            return Examination.impossible(identify(stream), _DIED)


def _is_upsetting(found: Examination) -> bool:
    return any(each.kind in UPSETTING for each in found.troubles)


def examine(stream: BinaryIO, questions: Questions | None = None) -> Examination:
    """Look into a file by a child that sees no other, as `Series.examine` does."""
    with Series(alone=True) as series:
        return series.examine(stream, questions)


def mark_on_first_page(stream: BinaryIO) -> Mark:
    """Whether a file's first page bears a mark of classification; quicker than `examine`.

    Raises NoAnswer for a file that ends its child, and Unavailable when no process can be started.
    """
    with closing(_Child()) as child:
        return Mark(_ask({"verb": "mark"}, stream, _AT_THE_DOOR, child)["mark"])


def decode(stream: BinaryIO, program: str, demuxer: str, length: float) -> dict[str, Any]:
    """What a program says that decodes a sound or film of some seconds (`decoding.decode`).

    Raises NoAnswer where it goes on for too long, and Unavailable when no process can be started.
    """
    size = stream.seek(0, 2)
    seconds = _FOR_DECODING + int(length * _TIMES) + size // _BYTES_A_SECOND
    asked = {"verb": "decode", "program": program, "demuxer": demuxer}
    with closing(_Child()) as child:
        answer = _ask(asked, stream, min(_MOST_FOR_DECODING, seconds), child)
    if not isinstance(answer.get("ended"), int) or "seconds" not in answer or "said" not in answer:
        raise NoAnswer
    return answer


def _ask(
    request: Mapping[str, Any], stream: BinaryIO, seconds: int, child: _Child
) -> dict[str, Any]:
    sent = json.dumps({**request, "seconds": seconds}).encode()
    patience = seconds * PATIENCE + _SLACK
    try:
        with _real_file(stream) as file:
            place = os.lseek(file, 0, os.SEEK_CUR)
            try:
                with _turns:
                    if not hasattr(os, "fork"):
                        said = _ask_once(sent, file, patience)
                    else:
                        said = child.ask(sent, file, patience)
            finally:
                os.lseek(file, place, os.SEEK_SET)  # our buffers rely on it
    except OSError as error:
        raise Unavailable(*_UNAVAILABLE) from error
    return _understood(said)


def _understood(said: bytes) -> dict[str, Any]:
    """A whole answer; raises NoAnswer for any other."""
    if not said.endswith((DONE, LAST)):
        raise NoAnswer
    answer = json.loads(said.removeprefix(BEGUN)[:-1])
    if not isinstance(answer, dict) or "stopped" in answer:
        raise NoAnswer
    return answer


def _ask_once(request: bytes, file: int, patience: float) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    try:
        done = subprocess.run(
            [sys.executable, *_COMMAND, "once", request.decode()],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout[:_MOST_ANSWER]


class _Child:
    """The line to a child: one is forked when there is a file, and when the last one has ended.

    Attributes:
        had_seen_others: whether the one that has just answered had looked at another file before.
        has_seen_damage: whether the one that is there has met a damaged file.
    """

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._seen = 0
        self.had_seen_others = False
        self.has_seen_damage = False

    def ask(self, request: bytes, file: int, patience: float) -> bytes:
        """What a child says of a file; not whole when it did not end well or in time."""
        for _ in range(3):
            self.had_seen_others = self._seen > 0
            said = self._told(request, file, patience)
            if not said.endswith(DONE):
                self.close()
            if said:
                break
            # Not even begun: child or server had just ended, of idleness or by a blow.
        return said

    def close(self) -> None:
        """Let the child end."""
        if self._line is not None:
            self._line.close()
        self._line, self._seen, self.has_seen_damage = None, 0, False

    def _told(self, request: bytes, file: int, patience: float) -> bytes:
        if self._line is None:
            self._line = _server.fork()
        try:
            whole = request + DONE
            self._line.sendall(whole[socket.send_fds(self._line, [whole], [file]) :])
            self._seen += 1
            return _all_of(self._line, patience)
        except (BrokenPipeError, ConnectionResetError):
            return b""


class _Server:
    """The process that forks the children: begun when it is first needed, again if it has ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._owner = 0

    def fork(self) -> socket.socket:
        """The line to a new child."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._send(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return ours

    def close(self) -> None:
        """End the process; the next file begins another."""
        with self._lock:
            self._close()

    def _send(self, place: int) -> None:
        with self._lock:
            for again in (True, False):
                try:
                    socket.send_fds(self._open(), [b"f"], [place])
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self._close()
                    if not again:
                        raise

    def _open(self) -> socket.socket:
        if self._owner != os.getpid():  # forked from who began it: its answers are not for us
            self._door, self._process, self._owner = None, None, os.getpid()
        if self._process is not None and self._process.poll() is not None:
            self._close()
        if self._door is None:
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    self._process = subprocess.Popen(
                        [sys.executable, *_COMMAND, "serve"],
                        stdin=theirs.fileno(),
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                except BaseException:
                    ours.close()
                    raise
            self._door = ours
        return self._door

    def _close(self) -> None:
        if self._door is not None:
            self._door.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._door = self._process = None


_server = _Server()
atexit.register(_server.close)
#: As many children at once as there are processors: an old PC has little memory.
_turns = threading.BoundedSemaphore(os.cpu_count() or 1)


def _all_of(line: socket.socket, patience: float) -> bytes:
    """What comes over a line until an answer is whole, or nothing more comes in a child's time."""
    said, end = b"", time.monotonic() + patience
    while select.select([line], [], [], max(0.0, end - time.monotonic()))[0]:
        try:
            piece = line.recv(_CHUNK)
        except ConnectionResetError:
            return said
        said += piece
        if not piece or said.endswith((DONE, LAST)) or len(said) > _MOST_ANSWER:
            return said[:_MOST_ANSWER]
    return said or BEGUN


@contextmanager
def _real_file(stream: BinaryIO) -> Iterator[int]:
    """A file of the operating system with the bytes of the stream: itself, or a copy."""
    try:
        file = stream.fileno()
    except OSError:
        with tempfile.TemporaryFile() as copy:
            stream.seek(0)
            while piece := stream.read(_CHUNK):
                copy.write(piece)
            copy.flush()
            yield copy.fileno()
        return
    if stream.writable():
        stream.flush()
    yield file
