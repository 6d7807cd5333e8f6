"""What the steps of setting up share: where things are, what is done already, running a program."""

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
REQUIREMENTS = ROOT / "requirements"


class Failed(Exception):
    """A step could not be done; the message is one sentence for the person at the terminal."""


def say(text: str) -> None:
    """Tell the person at the terminal what is being done."""
    sys.stderr.write(f"{text}\n")  # whole, for another step may speak at the same time
    sys.stderr.flush()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Hold the checkout's set-up, so that two at the same time wait for each other."""
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class Step:
    """One step, done once for the files (and values) that it depends on."""

    def __init__(self, name: str, inputs: list[Path], *values: str) -> None:
        self._stamp = VENV / ".done" / name
        digest = hashlib.sha256("\n".join(values).encode())
        for path in inputs:
            digest.update(b"\0" + path.read_bytes())
        self._key = digest.hexdigest()

    def is_done(self) -> bool:
        return self._stamp.is_file() and self._stamp.read_text() == self._key

    def done(self) -> None:
        self._stamp.parent.mkdir(parents=True, exist_ok=True)
        self._stamp.write_text(self._key)


def run(
    *command: str | Path,
    failing: str,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    at_most: float | None = None,
    tries: int = 1,
) -> None:
    """Run a program; show what it said only if it fails, with the sentence that explains it.

    One that is not through after `at_most` seconds is stopped and started again, `tries` in all.
    """
    while True:
        tries -= 1
        try:
            result = subprocess.run(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=at_most,
            )
        except subprocess.TimeoutExpired as late:
            if tries > 0:
                continue
            say((late.stdout or b"").decode(errors="replace"))
            raise Failed(failing) from late
        if result.returncode:
            say(result.stdout.decode(errors="replace"))
            raise Failed(failing)
        return
