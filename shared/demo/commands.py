"""Single commands: `danglian … --json`, each a process of its own, and what it answers."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from shared.demo.child import run_command
from shared.demo.forks import FORKS

_CHILD = (sys.executable, "-m", "shared.demo.child")


class CommandFailed(Exception):
    """A command said no: its error as it stands in its JSON."""

    def __init__(
        self, arguments: Sequence[str], exit_code: int | None, error: Mapping[str, Any]
    ) -> None:
        self.code = str(error.get("code") or "")
        self.exit_code = exit_code
        said = f"{error.get('problem') or ''}{error.get('remedy') or ''}"
        super().__init__(f"danglian {' '.join(arguments[:3])}：{said or f'退出码 {exit_code}'}")


class Stopped(Exception):
    """The demo is ending: no more commands."""


class Commands:
    """Runs commands one after the other; several of these work side by side.

    Where processes can be forked, one process has the program loaded and forks for each command;
    elsewhere each command is started from nothing, which takes a second.
    """

    def __init__(self) -> None:
        self._process: BaseProcess | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def __call__(self, *arguments: str | Path) -> dict[str, Any]:
        """Run one command to its end. Raises CommandFailed with its error."""
        asked = [str(each) for each in arguments] + ["--json"]
        with self._lock, tempfile.TemporaryDirectory(prefix="danglian-demo-") as folder:
            if self._stopped:
                raise Stopped
            out, err = Path(folder) / "out", Path(folder) / "err"
            for path in (out, err):
                path.touch()
            run = self._fork if FORKS is not None else self._start_anew
            code = run(asked, out, err)
            if self._stopped:
                raise Stopped
            return _answer(asked, code, out.read_bytes(), err.read_bytes())

    def stop(self) -> None:
        """No more commands, and the one that is running ends."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Stop, and wait for that end."""
        self.stop()
        with self._lock:
            pass

    def _fork(self, asked: Sequence[str], out: Path, err: Path) -> int | None:
        assert FORKS is not None  # noqa: S101 - else this is not called
        hear, tell = FORKS.Pipe(duplex=False)
        process = FORKS.Process(target=run_command, args=(asked, str(out), str(err), tell))
        process.start()
        tell.close()
        self._process = process
        if self._stopped:
            process.kill()
        try:
            # Not by its exit code, which another thread that starts a process may take away.
            return int(hear.recv())
        except EOFError:
            return None  # it was killed
        finally:
            process.join()
            hear.close()
            self._process = None

    def _start_anew(self, asked: Sequence[str], out: Path, err: Path) -> int:
        with out.open("wb") as said, err.open("wb") as logged:
            process = subprocess.Popen(
                [*_CHILD, *asked], stdin=subprocess.PIPE, stdout=said, stderr=logged
            )
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            return code


def _answer(asked: Sequence[str], code: int | None, said: bytes, logged: bytes) -> dict[str, Any]:
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    try:
        answer = json.loads(lines[-1]) if lines else {}
    except ValueError:
        answer = {}
    if code == 0 and isinstance(answer, dict):
        return answer
    if not isinstance(answer, dict) or "problem" not in answer:
        answer = {"problem": logged.decode("utf-8", "replace")[-2000:]}
    raise CommandFailed(asked, code, answer)
