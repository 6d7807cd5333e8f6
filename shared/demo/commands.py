"""Single commands: `danglian … --json`, each a process of its own, and what it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_CHILD = (sys.executable, "-m", "shared.demo.child")


class CommandFailed(Exception):
    """A command said no: its error as it stands in its JSON."""

    def __init__(self, arguments: Sequence[str], exit_code: int, error: Mapping[str, Any]) -> None:
        self.code = str(error.get("code") or "")
        self.exit_code = exit_code
        said = f"{error.get('problem') or ''}{error.get('remedy') or ''}"
        super().__init__(f"danglian {' '.join(arguments[:3])}：{said or f'退出码 {exit_code}'}")


class Stopped(Exception):
    """The demo is ending: no more commands."""


class Commands:
    """Runs commands one after the other; several of these work side by side.

    Where processes can be forked, a host process has the program loaded and forks for each
    command; elsewhere each command is started from nothing, which takes a second.
    """

    def __init__(self) -> None:
        self._host: subprocess.Popen[bytes] | None = None
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
            run = self._ask_host if hasattr(os, "fork") else self._start_anew
            code = run(asked, out, err)
            if self._stopped:
                raise Stopped
            return _answer(asked, code, out.read_bytes(), err.read_bytes())

    def stop(self) -> None:
        """End the host, and with it a command that is running."""
        self._stopped = True
        host = self._host
        if host is not None and host.stdin is not None and host.poll() is None:
            host.kill()

    def close(self) -> None:
        """Wait for the host's end."""
        self.stop()
        if self._host is not None:
            self._host.wait()
            for stream in (self._host.stdin, self._host.stdout):
                if stream is not None:
                    stream.close()
            self._host = None

    def _ask_host(self, asked: Sequence[str], out: Path, err: Path) -> int:
        host = self._running_host()
        assert host.stdin is not None  # noqa: S101 - both are pipes
        assert host.stdout is not None  # noqa: S101
        request = {"arguments": list(asked), "out": str(out), "err": str(err)}
        try:
            host.stdin.write(json.dumps(request).encode() + b"\n")
            host.stdin.flush()
            answer = host.stdout.readline()
        except OSError:
            answer = b""
        if not answer.strip():
            host.kill()
            host.wait()
            return -1
        return int(answer)

    def _running_host(self) -> subprocess.Popen[bytes]:
        if self._host is None or self._host.poll() is not None:
            self._host = subprocess.Popen(
                [*_CHILD, "--commands"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        return self._host

    def _start_anew(self, asked: Sequence[str], out: Path, err: Path) -> int:
        with out.open("wb") as said, err.open("wb") as logged:
            process = subprocess.Popen(
                [*_CHILD, *asked], stdin=subprocess.PIPE, stdout=said, stderr=logged
            )
            code = process.wait()
            if process.stdin is not None:
                process.stdin.close()
            return code


def _answer(asked: Sequence[str], code: int, said: bytes, logged: bytes) -> dict[str, Any]:
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
