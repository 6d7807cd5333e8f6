"""The Debian packages that the browser tests need."""

import os
import shutil
import subprocess
from pathlib import Path

from steps import Failed, run, say

LIST = Path(__file__).with_name("system-packages.txt")


def install_packages() -> None:
    """Install what is missing through apt-get where we may; otherwise say what is missing.

    Not an error: everything but the browser tests runs without.
    """
    missing = _missing()
    if not missing:
        return
    names = " ".join(missing)
    as_root = _as_root()
    if as_root is None or not shutil.which("apt-get"):
        say(f"The browser tests will fail until these Debian packages are installed: {names}")
        return
    say(f"Installing for the browser tests: {names} …")
    try:
        _apt_get(as_root, "install", "--yes", "--no-install-recommends", *missing)
    except Failed:
        # The usual reason is an old list of packages.
        _apt_get(as_root, "update")
        _apt_get(as_root, "install", "--yes", "--no-install-recommends", *missing)


def _missing() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return [name for name in lines if name and not _is_installed(name)]


def _is_installed(name: str) -> bool:
    if not shutil.which("dpkg-query"):
        return False
    status = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name],
        capture_output=True,
        text=True,
        check=False,
    )
    return status.stdout == "installed"


def _as_root() -> list[str] | None:
    """What to put before a command to run it as root, or None where we may not."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    if not shutil.which("sudo"):
        return None
    asks = subprocess.run([*sudo, "true"], capture_output=True, check=False).returncode
    return None if asks else sudo


def _apt_get(as_root: list[str], *arguments: str) -> None:
    run(
        *(*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", *arguments),
        failing="apt-get could not install what the browser tests need; the lines above say why.",
    )
