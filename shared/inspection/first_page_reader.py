"""The script that reads the first page of one PDF; nothing of the house is imported here.

With a file as its standard input it reads that one. With `serve` its standard input is a socket
over which files come: for each it forks a child, which reads this file alone and ends. So no file
meets anything that another one has touched, and the library is loaded once.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import BinaryIO, cast

#: What a child writes behind the words: without it the words are not whole.
DONE = b"\0"
MOST_SECONDS = 10
_MOST_CHARACTERS = 1500
_MOST_MEMORY = 1024**3
#: The mark stands in the top left of the first page 首页左上角 (GB/T 9704-2012, 7.2.2).
_UPPER = 0.4


def _limit() -> None:
    """Bound what this process may use, where the operating system can."""
    with suppress(ImportError):  # not on Windows: there the parent's clock alone bounds it
        import resource

        signal.alarm(MOST_SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
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


def _read(file: BinaryIO, answer: BinaryIO) -> None:
    _limit()
    answer.write(_words(file).encode("utf-8", "replace") + DONE)
    answer.flush()


def _serve(door: socket.socket) -> None:
    import pypdfium2  # noqa: F401 - loaded here, once, for all children

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    # Ctrl-C is for who asks; that one's end is ours, and what it still reads is read whole.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        _, places, _, _ = socket.recv_fds(door, 1, 2)
        if len(places) < 2:
            return  # who asked has ended
        if os.fork() == 0:
            try:
                door.close()
                _read(os.fdopen(places[0], "rb"), os.fdopen(places[1], "wb"))
            finally:
                os._exit(0)
        for place in places:
            os.close(place)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        _serve(socket.socket(fileno=sys.stdin.fileno()))
    else:
        _read(sys.stdin.buffer, sys.stdout.buffer)
    os._exit(0)
