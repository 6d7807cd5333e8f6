"""The words on the first page of a PDF, read by a process of its own.

A PDF comes from anywhere, and the library that reads it is written in C: it may crash, loop or eat
memory. Only the child does, which has little memory, little time, and gives back a few words
(`first_page_reader`). Where the operating system can fork, a child costs a few milliseconds: it is
forked from a process that has the library loaded, and has never seen a file.
"""

from __future__ import annotations

import atexit
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import BinaryIO

from shared.inspection import first_page_reader
from shared.inspection.first_page_reader import DONE, MOST_SECONDS

_CHUNK = 1024 * 1024
#: A child ends itself by then; this is for one that does not.
_PATIENCE = MOST_SECONDS + 1.0
_COMMAND = ("-I", first_page_reader.__file__)


def pdf_words(stream: BinaryIO) -> str:
    """The words of the first page, its upper part first; empty where they cannot be had.

    Raises OSError when no process can be started.
    """
    if not _may_have_words(stream):
        return ""
    with tempfile.TemporaryFile() as copy:
        file = _real_file(stream, copy)
        place = os.lseek(file, 0, os.SEEK_CUR)
        try:
            said = _readers.read(file) if hasattr(os, "fork") else _read_once(file)
        finally:
            # The child shares our place in the file; our buffers rely on it.
            os.lseek(file, place, os.SEEK_SET)
    return said.removesuffix(DONE).decode("utf-8", "replace") if said.endswith(DONE) else ""


def _read_once(file: int) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, *_COMMAND],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return b""
    return done.stdout


class _Readers:
    """The process that forks the children, begun when it is first needed, and again if it died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._door: socket.socket | None = None
        self._owner = 0

    def read(self, file: int) -> bytes:
        """What a child says of a file; empty when it did not end well or in time."""
        answer, theirs = os.pipe()
        try:
            try:
                self._ask(file, theirs)
            finally:
                os.close(theirs)
            return _all_of(answer)
        finally:
            os.close(answer)

    def close(self) -> None:
        """End the process; the next file begins another."""
        with self._lock:
            self._close()

    def _ask(self, file: int, theirs: int) -> None:
        with self._lock:
            for again in (True, False):
                try:
                    socket.send_fds(self._open(), [b"f"], [file, theirs])
                    return
                except (BrokenPipeError, ConnectionResetError):
                    self._close()
                    if not again:
                        raise

    def _open(self) -> socket.socket:
        if self._owner != os.getpid():  # forked from who began it: its answers are not for us
            self._door, self._process, self._owner = None, None, os.getpid()
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


_readers = _Readers()
atexit.register(_readers.close)


def _all_of(answer: int) -> bytes:
    """What comes through a pipe until its other end is closed, within a child's time."""
    said, end = b"", time.monotonic() + _PATIENCE
    while select.select([answer], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(answer, _CHUNK)
        if not piece:
            return said
        said += piece
    return b""


def _may_have_words(stream: BinaryIO) -> bool:
    """Whether a font is named, or objects are packed so that one cannot see it from outside.

    A scan without recognised text has neither, and needs no process.
    """
    stream.seek(0)
    before = b""
    while piece := stream.read(_CHUNK):
        window = before + piece
        if b"/Font" in window or b"/ObjStm" in window:
            return True
        before = window[-8:]
    return False


def _real_file(stream: BinaryIO, copy: BinaryIO) -> int:
    """A file of the operating system with the bytes of the stream: itself, or a copy."""
    try:
        file = stream.fileno()
    except OSError:
        stream.seek(0)
        while piece := stream.read(_CHUNK):
            copy.write(piece)
        copy.flush()
        return copy.fileno()
    if stream.writable():
        stream.flush()
    return file
