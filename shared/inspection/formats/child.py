"""The program that looks into files of strangers; it does nothing else.

With `once` its standard input is a file, with the request before it in its arguments. With `serve`
its standard input is a socket over which other sockets come: for each it forks a child, to which
files are sent over that one. A child looks at the files of one record, one after the other, and
says behind each answer whether it goes on: it does not after a file that has upset its readers,
unless that was its first, nor with much more memory than it began with (`docs/decisions/0098`). The
libraries are loaded once.
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

from shared.inspection.formats.trouble import UPSETTING

#: What a child writes before an answer, and what behind: the second where it ends after it. Without
#: either the answer is not whole. A request ends like an answer.
BEGUN, DONE, LAST = b"\1", b"\0", b"\2"
#: On a busy PC a child may wait for its turn ten times as long as it computes.
PATIENCE = 10
_MOST_MEMORY = 1024**3
_MOST_REQUEST = 65536
#: How many files one child looks at, how much larger it may become, seconds of computing.
_MOST_IN_TURN, _MOST_GROWTH, _MOST_COMPUTING = 32, 128 * 1024**2, 600
#: So long nobody has come: the memory is given back.
_IDLE_SECONDS = 120.0
_MOST_FILES = 64
#: clone(2)
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000


def _own(file: int) -> BinaryIO:
    """The file with a place of its own: who asked shares that of the one that was sent."""
    path = Path(f"/proc/self/fd/{file}")
    return path.open("rb") if path.exists() else os.fdopen(file, "rb")


def _limit(seconds: int, *, alone: bool = True) -> None:
    """Bound what this process may use for a file, where the operating system can.

    One that looks at more than this file has seconds anew for each.
    """
    with suppress(ImportError):  # not on Windows: there the parent's clock alone bounds it
        import resource

        signal.alarm(seconds * PATIENCE)
        used = resource.getrusage(resource.RUSAGE_SELF)
        most = seconds if alone else _MOST_COMPUTING
        until = seconds if alone else min(most, int(used.ru_utime + used.ru_stime) + seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))
        for what, each in (
            (resource.RLIMIT_AS, _MOST_MEMORY),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_NOFILE, _MOST_FILES),
        ):
            resource.setrlimit(what, (each, each))


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


def _work(request: bytes, file: BinaryIO) -> tuple[bytes, bool, bool]:
    """The answer, whether it is a whole one, and whether nothing has upset what read the file."""
    asked = json.loads(request)
    _limit(asked["seconds"], alone=asked.get("alone", True))
    try:
        said = _answer(asked, file)
    except MemoryError:
        said = {"stopped": "memory"}
    troubles = {kind for kind, _problem, _where in said.get("troubles", ())}
    answer = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
    return answer, "stopped" not in said, not troubles & UPSETTING


def _look_in_turn(line: socket.socket) -> None:
    """Look at the files that come over a line until none comes, or one upsets a reader.

    The first may: who asks has a child of its own for it, and takes what follows for less sure.
    """
    memory = _memory()
    for turn in range(1, _MOST_IN_TURN + 1):
        request, places, _, _ = socket.recv_fds(line, _MOST_REQUEST, 1)
        if not places:
            return
        while not request.endswith(DONE):
            request += (more := line.recv(_MOST_REQUEST))
            if not more or len(request) > _MOST_REQUEST:
                return
        line.sendall(BEGUN)
        with _own(places[0]) as file:
            said, is_whole, is_calm = _work(request.removesuffix(DONE), file)
        if Path(f"/proc/self/fd/{places[0]}").exists():
            os.close(places[0])
        goes_on = is_whole and (is_calm or turn == 1) and turn < _MOST_IN_TURN
        goes_on = goes_on and _memory() - memory <= _MOST_GROWTH
        line.sendall(said + (DONE if goes_on else LAST))
        if not goes_on:
            return


def _memory() -> float:
    """How much memory this process has asked for; without end where nobody counts it."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return float("inf")


def _serve(door: socket.socket) -> None:
    from shared.inspection.formats.practice import practise

    practise()  # the libraries are loaded here, once, for all children
    _without_network()
    gc.freeze()  # a child collects nothing that it only inherited
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    # Ctrl-C is for who asks; that one's end is ours, and what it still reads is read whole.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while select.select([door], [], [], _IDLE_SECONDS)[0]:
        _, places, _, _ = socket.recv_fds(door, 1, 1)
        if not places:
            return  # who asked has ended
        if os.fork() == 0:
            try:
                door.close()
                _look_in_turn(socket.socket(fileno=places[0]))
            finally:
                os._exit(0)
        os.close(places[0])


def main(arguments: list[str]) -> None:
    """Serve, or answer the one request."""
    if arguments == ["serve"]:
        _serve(socket.socket(fileno=sys.stdin.fileno()))
        return
    sys.stdout.buffer.write(BEGUN)
    said, *_ = _work(arguments[1].encode(), sys.stdin.buffer)
    sys.stdout.buffer.write(said + LAST)
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
