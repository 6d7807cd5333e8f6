"""The words on the first page of a PDF, read by a process of its own.

A PDF comes from anywhere, and the library that reads it is written in C: it may crash, loop or eat
memory. Only the child does, which has little memory, little time, and gives back a few words. Run
as a script this file is the child; nothing of the house is imported there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import BinaryIO, cast

_CHUNK = 1024 * 1024
_MOST_CHARACTERS = 1500
_MOST_MEMORY = 1024**3
_MOST_SECONDS = 10
#: The mark stands in the top left of the first page 首页左上角 (GB/T 9704-2012, 7.2.2).
_UPPER = 0.4


def pdf_words(stream: BinaryIO) -> str:
    """The words of the first page, its upper part first; empty where they cannot be had."""
    if not _may_have_words(stream):
        return ""
    with tempfile.TemporaryFile() as copy:
        file = _real_file(stream, copy)
        place = os.lseek(file, 0, os.SEEK_CUR)
        try:
            done = subprocess.run(
                [sys.executable, "-I", __file__],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""
        finally:
            # The child shares our place in the file; our buffers rely on it.
            os.lseek(file, place, os.SEEK_SET)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


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


def _limit() -> None:
    """Bound what this process may use, where the operating system can."""
    with suppress(ImportError):  # not on Windows: there the parent's clock alone bounds it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _words(file: BinaryIO) -> str:
    import pypdfium2

    file.seek(0)
    page = pypdfium2.PdfDocument(file)[0]
    text = page.get_textpage()
    if page.get_rotation():
        found = text.get_text_range()
    else:
        _left, bottom, _right, top = page.get_cropbox()
        middle = top - (top - bottom) * _UPPER
        found = "\n".join((text.get_text_bounded(bottom=middle), text.get_text_bounded(top=middle)))
    return cast(str, found)[:_MOST_CHARACTERS]


if __name__ == "__main__":
    _limit()
    sys.stdout.buffer.write(_words(sys.stdin.buffer).encode("utf-8", "replace"))
    sys.stdout.flush()
    os._exit(0)
