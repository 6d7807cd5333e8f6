"""`python -m shared.demo.child …`: the command `danglian`, but it ends when its parent does.

The demo holds the other end of this process's standard input, and never closes it while it lives.
When the demo dies, even by kill -9, the system closes that end: reading returns nothing, and the
process asks itself to stop. So nothing is left behind, on every system, without process groups
and `prctl`. Where processes can be forked, one that has loaded the program forks instead: a child
then costs a tenth of a second, and ends likewise.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import parent_process
from multiprocessing.connection import Connection

from shared.command.main import danglian, main

#: How long a service may take to end after it was asked to.
_GRACE_SECONDS = 12.0
_FAILED = 70


def run_command(asked: Sequence[str], out: str, err: str, tell: Connection) -> None:
    """In a forked process: a command with its output into these files; tells its exit code."""
    _begin(out, err)
    try:
        danglian(list(asked), prog_name="danglian")
    except SystemExit as end:
        tell.send(end.code)


def run_service(asked: Sequence[str], log_file: str, environment: Mapping[str, str]) -> None:
    """In a forked process: a command that runs until it is stopped, with its output in its log."""
    _begin(log_file, log_file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[:] = ["danglian", *asked]
    main()


def _begin(out: str, err: str) -> None:
    os.setsid()  # Ctrl-C is the demo's alone
    _end_after(_demo_gone)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)


def _end_after(wait: Callable[[], None]) -> None:
    def end() -> None:
        wait()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(_GRACE_SECONDS)
        os._exit(_FAILED)

    threading.Thread(target=end, name="parent", daemon=True).start()


def _demo_gone() -> None:
    demo = parent_process()
    if demo is not None:
        demo.join()


def _input_closed() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass


if __name__ == "__main__":
    _end_after(_input_closed)
    sys.argv[0] = "danglian"
    main()
