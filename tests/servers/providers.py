"""Two identity providers, started privately: `oidc-provider` (Node.js) and `canaille` (Python)."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
_SECONDS_TO_START = 90
CLIENT, SECRET = "danglian", "made-up-for-this-run-and-long-enough"
PASSWORD = "correct horse battery staple"


class _Started:
    """A provider's process; `start` again after `stop` is the same service with other keys."""

    issuer: str
    _command: list[str]

    def __init__(self, folder: Path) -> None:
        self._log = folder / "provider.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                cwd=self._log.parent,
            )
        end = time.monotonic() + _SECONDS_TO_START
        while True:
            try:
                if requests.get(f"{self.issuer}/.well-known/openid-configuration", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass  # not listening yet
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < end, self.told()
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def told(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")


class OidcProvider(_Started):
    """The certified provider of npm. Any login and password will do; `people` have claims.

    `programs` are clients of their own, which ask for access tokens by client credentials.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        hub: str,
        people: dict[str, Any],
        programs: Sequence[str] = (),
    ) -> None:
        super().__init__(folder)
        self.issuer = f"http://127.0.0.1:{port}"
        client = {
            "client_id": CLIENT,
            "client_secret": SECRET,
            "redirect_uris": [f"{hub}/sso/back"],
            "post_logout_redirect_uris": [f"{hub}/sign-in"],
            "backchannel_logout_uri": f"{hub}/api/v1/sso/back-channel-logout",
            "backchannel_logout_session_required": True,
        }
        node = shutil.which("node")
        assert node is not None, "no Node.js: deploy/setup/system-packages.txt"
        assert (_ROOT / "node_modules/oidc-provider").is_dir(), "run: sh deploy/setup/run long"
        self._node = node
        self._told: dict[str, Any] = {
            "port": port, "client": client, "people": people,
            "programs": [
                {
                    "client_id": each, "client_secret": SECRET, "redirect_uris": [],
                    "response_types": [], "grant_types": ["client_credentials"],
                }
                for each in programs
            ],
        }  # fmt: skip
        self.set_clock()

    def set_clock(self, *, behind: int = 0) -> None:
        """From its next start on its clock is so many seconds behind."""
        told = json.dumps({**self._told, "behind": behind})
        self._command = [self._node, str(_HERE / "oidc_provider.mjs"), told]

    def access_token(self, program: str, resource: str) -> str:
        """What a program gets by client credentials, for a resource (RFC 8707)."""
        form = {"grant_type": "client_credentials", "scope": "records", "resource": resource}
        answer = requests.post(
            f"{self.issuer}/token", data=form, auth=(program, SECRET), timeout=20
        )
        assert answer.ok, answer.text
        token: str = answer.json()["access_token"]
        return token


class Canaille(_Started):
    """A provider in Python, in its own environment. It knows one person."""

    def __init__(self, folder: Path, port: int, hub: str, login: str, name: str) -> None:
        super().__init__(folder)
        self.issuer = f"http://127.0.0.1:{port}"
        python = _ROOT / ".venv/canaille/bin/python"
        assert python.exists(), "run: sh deploy/setup/run long"
        told = {
            "port": port, "hub": hub, "client": CLIENT, "secret": SECRET,
            "secret_key": SECRET, "login": login, "name": name, "password": PASSWORD,
        }  # fmt: skip
        self._command = [str(python), str(_HERE / "canaille_provider.py"), json.dumps(told)]
