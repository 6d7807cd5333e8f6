"""`python -m shared.demo.child …`: the command `danglian`, but it ends when its parent does.

The demo holds the other end of this process's standard input, and never closes it while it lives.
When the demo dies, even by kill -9, the system closes that end: reading returns nothing, and the
process asks itself to stop. So nothing is left behind, on every system, without process groups
and `prctl`.

With `--commands` it runs many commands, one after the other, each in a fork of its own: what a
program loads before its first line of work is loaded once, and not two hundred times. A line on
standard input asks for a command, a line on standard output tells its exit code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from typing import Any

import click
from sqlalchemy.orm import configure_mappers

from shared.command import main
from shared.command.main import danglian

#: How long a service may take to end after it was asked to.
_GRACE_SECONDS = 12.0
_LOOK_SECONDS = 0.004
_FAILED = 70


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(_FAILED)


def _serve_commands() -> None:
    """Run what is asked for until the parent is gone."""
    context = click.Context(danglian)
    for name in danglian.list_commands(context):
        danglian.get_command(context, name)
    configure_mappers()  # what every command would do anew
    for line in iter(sys.stdin.buffer.readline, b""):
        code = _run_forked(json.loads(line))
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _run_forked(asked: dict[str, Any]) -> int:
    child = os.fork()
    if child == 0:
        _run_here(asked)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        # Nothing is asked while a command runs: what can be read now is the parent's end.
        if select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            os._exit(_FAILED)


def _run_here(asked: dict[str, Any]) -> None:
    """The forked process: standard files as asked, then the command, and no way back."""
    code = _FAILED
    try:
        wanted = (
            (0, os.devnull, os.O_RDONLY),
            (1, asked["out"], os.O_WRONLY),
            (2, asked["err"], os.O_WRONLY),
        )
        for number, path, mode in wanted:
            os.dup2(os.open(path, mode), number)
        danglian(asked["arguments"], prog_name="danglian")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    except BaseException:  # noqa: BLE001 - whatever it was, it must not go back into the loop
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["--commands"]:
        _serve_commands()
    else:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        sys.argv[0] = "danglian"
        main()
