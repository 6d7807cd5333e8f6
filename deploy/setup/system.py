"""The Debian packages that the tests need: a browser, and servers that they start privately."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from steps import Failed, run, say

#: Read by postgresql-common before it makes the first cluster.
_CLUSTERS = Path("/etc/postgresql-common/createcluster.conf")
LIST = Path(__file__).with_name("system-packages.txt")
#: What Debian asks before a package's installation starts its service; 101 means no.
_POLICY = Path("/usr/sbin/policy-rc.d")


def install_packages() -> None:
    """Install what is missing through apt-get where we may; otherwise say what is missing.

    Not an error: everything but the tests that need them runs without.
    """
    missing = _missing()
    if not missing:
        return
    names = " ".join(missing)
    as_root = _as_root()
    if as_root is None or not shutil.which("apt-get"):
        say(f"Some tests will fail until these Debian packages are installed: {names}")
        return
    say(f"Installing for the tests: {names} …")
    _make_no_cluster(as_root)
    with _no_services_started(as_root):
        try:
            _apt_get(as_root, "install", "--yes", "--no-install-recommends", *missing)
        except Failed:
            # The usual reason is an old list of packages.
            _apt_get(as_root, "update")
            _apt_get(as_root, "install", "--yes", "--no-install-recommends", *missing)


@contextlib.contextmanager
def _no_services_started(as_root: list[str]) -> Iterator[None]:
    """Tests start servers on ports of their own; the machine's should not begin to run for them."""
    if _POLICY.exists():
        yield  # the administrator has decided already
        return
    failing = "the services of the packages could not be kept from starting."
    script = f"printf '#!/bin/sh\\nexit 101\\n' > {_POLICY} && chmod 755 {_POLICY}"
    run(*as_root, "sh", "-c", script, failing=failing)
    try:
        yield
    finally:
        run(*as_root, "rm", "--force", _POLICY, failing=f"{_POLICY} could not be removed.")


def _make_no_cluster(as_root: list[str]) -> None:
    """Let PostgreSQL's package make no cluster, so that installing it starts no server.

    Only where nobody has configured anything: what an administrator wrote stays.
    """
    if not _CLUSTERS.exists():
        text = "create_main_cluster = false\n"
        subprocess.run([*as_root, "mkdir", "-p", _CLUSTERS.parent], check=True)
        subprocess.run(
            [*as_root, "tee", _CLUSTERS], input=text, text=True, stdout=subprocess.DEVNULL,
            check=True,
        )  # fmt: skip


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
        failing="apt-get could not install what the tests need; the lines above say why.",
    )
