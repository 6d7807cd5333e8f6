"""The program that looks into files of strangers; it does nothing else.

With `once` its standard input is a file, with the request before it in its arguments. With `serve`
its standard input is a socket over which files come, each with a pipe for the request and one for
the answer: for each it forks a child, which looks at this file alone and ends. So no file meets
anything that another one has touched, and the libraries are loaded once.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

#: What a child writes before anything else, and what behind: without it the answer is not whole.
BEGUN, DONE = b"\1", b"\0"
#: On a busy PC a child may wait for its turn ten times as long as it computes.
PATIENCE = 10
_MOST_MEMORY = 1024**3
_MOST_REQUEST = 65536
#: So long nobody has come: the memory is given back.
_IDLE_SECONDS = 120.0
_MOST_FILES = 64
#: clone(2)
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000


def _own(file: int) -> BinaryIO:
    """The file with a place of its own: who asked shares that of the one that was sent."""
    path = Path(f"/proc/self/fd/{file}")
    return path.open("rb") if path.exists() else os.fdopen(file, "rb")


def _limit(seconds: int) -> None:
    """Bound what this process may use, where the operating system can."""
    with suppress(ImportError):  # not on Windows: there the parent's clock alone bounds it
        import resource

        signal.alarm(seconds * PATIENCE)
        for what, most in (
            (resource.RLIMIT_AS, _MOST_MEMORY),
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, _MOST_FILES),
        ):
            resource.setrlimit(what, (most, most))


def _without_network() -> None:
    """Leave the network, where the kernel lets an ordinary process do so."""
    with suppress(OSError, AttributeError):
        import ctypes

        libc = ctypes.CDLL(None)
        if libc.unshare(_NEW_NET) != 0:
            libc.unshare(_NEW_USER | _NEW_NET)


def _answer(request: Mapping[str, Any], file: BinaryIO) -> dict[str, Any]:
    if request["verb"] == "decode":
        from shared.inspection.formats.decoding import decode

        return decode(file, request["program"], request["demuxer"])
    from shared.inspection.formats.identification import identify
    from shared.inspection.formats.looking import examine, mark_of

    if request["verb"] == "mark":
        kind = identify(file)
        return {"mark": str(mark_of(kind, file)) if kind else "wordless"}
    questions = {str(name): tuple(each) for name, each in request["questions"].items()}
    return examine(file, questions, request["seconds"] / 2).to_wire()


def _work(request: bytes, file: BinaryIO, answer: BinaryIO) -> None:
    asked = json.loads(request)
    _limit(asked["seconds"])
    try:
        said = _answer(asked, file)
    except MemoryError:
        said = {"stopped": "memory"}
    answer.write(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + DONE)
    answer.flush()


def _serve(door: socket.socket) -> None:
    import shared.inspection.formats.looking  # noqa: F401 - loaded here, once, for all children

    _without_network()
    gc.freeze()  # a child collects nothing that it only inherited
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    # Ctrl-C is for who asks; that one's end is ours, and what it still reads is read whole.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while select.select([door], [], [], _IDLE_SECONDS)[0]:
        _, places, _, _ = socket.recv_fds(door, 1, 3)
        if len(places) < 3:
            return  # who asked has ended
        if os.fork() == 0:
            try:
                door.close()
                file, request, answer = places
                os.write(answer, BEGUN)
                _work(os.read(request, _MOST_REQUEST), _own(file), os.fdopen(answer, "wb"))
            finally:
                os._exit(0)
        for place in places:
            os.close(place)


def main(arguments: list[str]) -> None:
    """Serve, or answer the one request."""
    if arguments == ["serve"]:
        _serve(socket.socket(fileno=sys.stdin.fileno()))
        return
    sys.stdout.buffer.write(BEGUN)
    _work(arguments[1].encode(), sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
