"""A private clamd for tests: own folder and socket, one signature, gone when they are."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from shared.inspection.clamd import Clamd
from shared.kernel.errors import Unavailable

_SERVER = "clamd"
_PATIENCE = 120.0
#: The harmless file that every scanner is to find; in pieces, so that none finds this one.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "Danglian.Test.Eicar.UNOFFICIAL"
#: The most that it takes of one stream.
LIMIT = 1024 * 1024


class ClamAV:
    """One clamd, started at once."""

    def __init__(self) -> None:
        if not shutil.which(_SERVER):
            pytest.fail("没有 clamd：请安装 Debian 软件包 clamav-daemon。")
        self.folder = Path(tempfile.mkdtemp(prefix="dl-av-"))
        (self.folder / "signatures").mkdir()
        name = SIGNATURE.removesuffix(".UNOFFICIAL")
        row = f"{name}:0:*:{EICAR.hex()}\n"
        (self.folder / "signatures" / "test.ndb").write_text(row)
        (self.folder / "clamd.conf").write_text(
            f"LocalSocket {self.folder}/clamd.sock\n"
            f"DatabaseDirectory {self.folder}/signatures\n"
            f"StreamMaxLength {LIMIT}\nForeground yes\nAlertExceedsMax yes\n"
        )
        self.start()

    @property
    def address(self) -> str:
        """What the setting `clamd` is for it."""
        return f"unix:{self.folder}/clamd.sock"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "output").open("ab") as output:
            self._server = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", _SERVER, f"--config-file={self.folder}/clamd.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if time.monotonic() > deadline or self._server.poll() is not None:
                said = (self.folder / "output").read_text(errors="replace")[-3000:]
                raise AssertionError(f"clamd does not start: {said}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once."""
        self._server.kill()
        self._server.wait()

    def remove(self) -> None:
        """End it, and leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            Clamd(self.address).scanner()
        except Unavailable:
            return False
        return True
